//! Five members on hosts of their own: the leader is killed, cut off by a firewall, and healed;
//! each file from each member before, meanwhile and after.

use super::member_words;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{finish, send_signal};
use crate::support::server::Server;
use std::fs;
use tempfile::TempDir;

const COUNT: usize = 5;

/// Five hosts with a cable each to a router, and a member on each.
struct Scene {
    router: Host,
    hosts: Vec<Host>,
    folder: TempDir,
    members: Vec<Option<Server>>,
}

fn address(id: usize) -> String {
    format!("10.0.{id}.2:{}", 3680 + id)
}

impl Scene {
    fn new() -> Self {
        let router = Host::new();
        router.forward_packets();
        let hosts: Vec<Host> = (1..=COUNT).map(|_| Host::new()).collect();
        for (id, host) in (1..).zip(&hosts) {
            let (near, far) = (format!("10.0.{id}.1/24"), format!("10.0.{id}.2/24"));
            router.link(host, &[&near], &[&far]);
            host.shell(&format!("ip route add default via 10.0.{id}.1"));
        }
        let folder = TempDir::new().expect("a temporary folder");
        let mut scene = Self {
            router,
            hosts,
            folder,
            members: (0..COUNT).map(|_| None).collect(),
        };
        for id in 1..=COUNT {
            let root = scene.folder.path().join(format!("{id}/files"));
            fs::create_dir_all(&root).expect("a root");
            fs::write(root.join(format!("file{id}")), format!("content {id}")).expect("a file");
            scene.start(id);
        }
        scene.wait_for(1, 1..=COUNT);
        scene
    }

    fn start(&mut self, id: usize) {
        let members = (1..=COUNT).map(|id| format!("{id}={}", address(id)));
        let members = members.collect::<Vec<_>>().join(",");
        let folder = self.folder.path().join(id.to_string());
        let (root, log) = (folder.join("files"), folder.join("peer_files.log"));
        let words = member_words(id, &members, &root, &log, &[]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.members[id - 1] = Some(Server::of(self.hosts[id - 1].netkit(&words)));
    }

    /// Waits until each of these members sees who leads, and each other as up.
    #[track_caller]
    fn wait_for(&self, leader: usize, seen_by: std::ops::RangeInclusive<usize>) {
        for id in seen_by.clone() {
            let target = format!("cluster://{}", address(id));
            let mut words: Vec<String> = ["check", &target, "--wait", "30s", "--interval", "50ms"]
                .map(String::from)
                .into();
            words.extend(["--expect".into(), format!("^leader {leader} ")]);
            for other in seen_by.clone() {
                words.extend(["--expect".into(), format!("^member {other} .* up$")]);
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let check = self.hosts[id - 1].netkit(&words);
            finish(check, b"", 2 * PATIENCE).expect_code(0);
        }
    }

    /// Gets each file of these members from each of them, asked on its own host.
    #[track_caller]
    fn get_all(&self, members: std::ops::RangeInclusive<usize>) {
        for (asked, holder) in members
            .clone()
            .flat_map(|asked| members.clone().map(move |holder| (asked, holder)))
        {
            let (target, name) = (address(asked), format!("file{holder}"));
            let words = ["probe", "cluster", &target, "get", &name, "--wait", "30s"];
            let get = self.hosts[asked - 1].netkit(&words);
            let output = finish(get, b"", 2 * PATIENCE).expect_code(0);
            assert_eq!(output.stdout, format!("content {holder}"), "{asked}");
        }
    }
}

#[test]
fn the_leader_is_killed_and_comes_back() {
    let mut scene = Scene::new();
    scene.get_all(1..=COUNT);
    let leader = scene.members[0].take().expect("the leader");
    send_signal(leader.id(), "KILL");
    // Nobody knows it yet: what is asked for meanwhile comes as soon as it does.
    scene.get_all(2..=COUNT);
    drop(leader);
    scene.wait_for(2, 2..=COUNT);
    scene.get_all(2..=COUNT);
    let words = [
        "probe",
        "cluster",
        &address(4),
        "get",
        "file1",
        "--exit-detail",
    ];
    scene.hosts[3].run(&words).expect_code(17);
    scene.start(1);
    scene.wait_for(1, 1..=COUNT);
    scene.get_all(1..=COUNT);
}

#[test]
fn the_leader_is_cut_off_and_healed() {
    let scene = Scene::new();
    scene.router.nft(
        "table inet cut { chain forward { type filter hook forward priority 0\n\
         ip saddr 10.0.1.2 drop\nip daddr 10.0.1.2 drop\n}\n}",
    );
    scene.get_all(2..=COUNT);
    scene.wait_for(2, 2..=COUNT);
    // Each part of a divided network has a leader, which this is not the tool to prevent.
    scene.wait_for(1, 1..=1);
    scene.get_all(1..=1);
    scene.get_all(2..=COUNT);
    scene.router.shell("nft delete table inet cut");
    scene.wait_for(1, 1..=COUNT);
    scene.get_all(1..=COUNT);
}

#[test]
fn two_parts_of_a_network_agree_each_for_itself() {
    let scene = Scene::new();
    let parted = "ip saddr { 10.0.1.2, 10.0.2.2 } ip daddr { 10.0.3.2, 10.0.4.2, 10.0.5.2 } drop\n\
                  ip daddr { 10.0.1.2, 10.0.2.2 } ip saddr { 10.0.3.2, 10.0.4.2, 10.0.5.2 } drop";
    scene.router.nft(&format!(
        "table inet cut {{ chain forward {{ type filter hook forward priority 0\n{parted}\n}}\n}}"
    ));
    scene.wait_for(1, 1..=2);
    scene.wait_for(3, 3..=COUNT);
    scene.get_all(3..=COUNT);
    scene.router.shell("nft delete table inet cut");
    scene.wait_for(1, 1..=COUNT);
}

#[test]
fn a_way_that_only_one_direction_can_open_makes_no_second_leader() {
    let scene = Scene::new();
    // Of member 1, nobody can open a connection to it: it opens them itself.
    scene.hosts[0].firewall("input", "iifname link0 tcp flags & (syn | ack) == syn drop");
    // So long that what was answered before does not count any more.
    for id in 2..=COUNT {
        let log = scene.members[id - 1].as_ref().expect("a member").log();
        log.wait_for_lines("member 1 is there", 8, PATIENCE);
        let before = log.count_lines_with("member 1 is there");
        log.wait_for_lines("member 1 is there", before + 8, PATIENCE);
    }
    scene.wait_for(1, 1..=1);
    for id in 2..=COUNT {
        let target = address(id);
        let output = scene.hosts[id - 1].run(&["probe", "cluster", &target, "leader"]);
        assert_eq!(output.expect_code(0).stdout, "leader 1 10.0.1.2:3681\n");
    }
}
