//! The documented scenario: CLIENT, SERVER1 and SERVER2 on hosts of their own.

use super::Side;
use crate::check::records::{Checked, finished};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::send_signal;
use crate::support::server::Server;
use std::fs::File;
use std::path::Path;

const SERVER1: &str = "172.31.34.27";
const SERVER2: &str = "172.31.16.124";

/// Three hosts, each with a cable to each, and the two services.
struct Scene {
    client: Host,
    _one: (Host, Side),
    two: (Host, Side),
    coordinator: Server,
    peer: Server,
}

impl Scene {
    fn new(peer_options: &[&str]) -> Self {
        let (client, one, two) = (Host::new(), Host::new(), Host::new());
        one.shell(&format!("ip address add {SERVER1}/32 dev lo"));
        two.shell(&format!("ip address add {SERVER2}/32 dev lo"));
        client.link(&one, &["10.1.0.1/24"], &["10.1.0.2/24"]);
        client.link(&two, &["10.2.0.1/24"], &["10.2.0.2/24"]);
        one.link(&two, &["10.3.0.1/24"], &["10.3.0.2/24"]);
        client.shell(&format!("ip route add {SERVER1} via 10.1.0.2"));
        client.shell(&format!("ip route add {SERVER2} via 10.2.0.2"));
        one.shell(&format!("ip route add {SERVER2} via 10.3.0.2"));
        one.give_up_on_neighbours_early("link1");
        let files = Side::new(&[
            ("same.txt", b"x"),
            ("differs.txt", b"1"),
            ("only1.txt", b"1"),
        ]);
        let copies = Side::new(&[("same.txt", b"x"), ("differs.txt", b"2")]);
        let serve = |host: &Host, side: &Side, more: &[&str]| {
            let root = side.root();
            let root = root.to_str().expect("a path in UTF-8");
            Server::of(host.netkit(&[&["serve"], more, &["--root", root]].concat()))
        };
        let peer = serve(&two, &copies, &[&["peer", "-v"], peer_options].concat());
        let options = [
            "coordinator",
            "--peer",
            SERVER2,
            "--peer-timeout",
            "2s",
            "-v",
        ];
        let coordinator = serve(&one, &files, &options);
        Self {
            client,
            _one: (one, files),
            two: (two, copies),
            coordinator,
            peer,
        }
    }

    /// A check from the client.
    fn check(&self, arguments: &[&str]) -> Checked {
        let arguments = [&["check", "-o", "ndjson"], arguments].concat();
        finished(self.client.netkit(&arguments))
    }

    /// What the client has of a file while SERVER2 does not answer.
    #[track_caller]
    fn expect_own_copies(&self, cause: &str) {
        let same = format!("coordinator://{SERVER1}/same.txt");
        let differs = format!("coordinator://{SERVER1}/differs.txt");
        let options = ["--copies", "one", "--timeout", "10s"];
        self.check(&[&[same.as_str(), &differs], &options[..]].concat())
            .expect_code(0);
        let line = self
            .coordinator
            .wait_for_log("is taken not to have same.txt");
        assert!(line.contains(cause), "no `{cause}` in {line}");
    }
}

#[test]
fn the_shipped_plan_passes_in_the_documented_scenario() {
    let scene = Scene::new(&[]);
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/file-service.toml");
    let plan = plan.to_str().expect("a path in UTF-8");
    let checked = scene.check(&["--plan", plan]).expect_code(0);
    assert_eq!(checked.results.len(), 8, "{checked:?}");
    for decision in [
        "GET same.txt: Both matched → sent ONE",
        "GET differs.txt: Versions differ → sent BOTH",
        "GET only1.txt: Only SERVER1 had it → sent ONE",
        "GET missing.txt: Not found on either",
    ] {
        scene.coordinator.wait_for_log(decision);
    }
    let arguments = [
        "probe",
        "coordinator",
        SERVER1,
        "differs.txt",
        "--require-match",
    ];
    let output = scene.client.run(&arguments).expect_code(1);
    assert!(
        output.stdout.contains("--- SERVER2 version ---"),
        "{output:?}"
    );
}

#[test]
fn server2_is_unplugged() {
    let scene = Scene::new(&[]);
    scene.two.0.shell("ip link set link1 down");
    scene.expect_own_copies("cannot connect");
}

#[test]
fn server2_is_behind_a_firewall() {
    let scene = Scene::new(&[]);
    scene.two.0.firewall("input", "tcp dport 5002 drop");
    scene.expect_own_copies("no answer");
}

#[test]
fn server2_is_killed_in_mid_file() {
    let scene = Scene::new(&["-v"]);
    let length = 64 << 20;
    for name in ["same.txt", "differs.txt"] {
        let file = File::create(scene.two.1.root().join(name)).expect("a file");
        file.set_len(length).expect("a large file");
    }
    // So slow that it cannot be done before it is killed.
    let slow = "tc qdisc add dev link1 root tbf rate 20mbit burst 32kb latency 50ms";
    scene.two.0.shell(slow);
    let target = format!("coordinator://{SERVER1}/same.txt");
    let arguments = [
        "check",
        "-o",
        "ndjson",
        "--copies",
        "one",
        "--timeout",
        "20s",
        &target,
    ];
    let mut check = crate::support::process::Process::start(scene.client.netkit(&arguments));
    scene.peer.wait_for_log(" sent ");
    send_signal(scene.peer.id(), "KILL");
    Checked::of(check.end(2 * PATIENCE)).expect_code(0);
    let line = scene
        .coordinator
        .wait_for_log("is taken not to have same.txt");
    assert!(
        line.contains("closed after") || line.contains("reset"),
        "{line}"
    );
    scene
        .coordinator
        .wait_for_log("GET same.txt: Only SERVER1 had it → sent ONE");
}
