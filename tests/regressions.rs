//! What was broken once. Each test is named after what must happen.

use crate::check::records::{check, check_on, finished, records};
use crate::check::waiting::start;
use crate::support::client::{connect, round_trip};
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::{Process, finish, netkit, netkit_through, run, send_signal};
use crate::support::server::Server;
use crate::support::usage::processor_time;
use crate::support::{PATIENCE, becomes_true};
use std::process::Command;
use std::time::{Duration, Instant};

/// A black hole at 192.0.2.0/24: packets leave and nobody answers.
fn host_with_black_hole() -> Host {
    let host = Host::new();
    host.shell("ip address add 192.0.2.254/24 dev lo");
    host.firewall("input", "ip daddr 192.0.2.0/25 drop");
    host
}

#[test]
fn a_connection_to_itself_is_not_open_through_the_wildcard_either() {
    let host = Host::new();
    // So few ephemeral ports that a check meets its own source port soon.
    host.sysctl("net/ipv4/ip_local_port_range", "40000 40100");
    for _ in 0..4 {
        for target in [
            "0.0.0.0:40000-40100",
            "[::]:40000-40100",
            "127.0.0.1:40000-40100",
        ] {
            let checked = check_on(&host, &[&format!("{target}=closed")]).expect_code(0);
            assert_eq!(checked.summary["by_state"]["refused"], 101, "{target}");
        }
    }
}

#[test]
fn an_interval_of_zero_leaves_turns_to_others() {
    let (_held, one) = peer::refusing();
    let (_other_held, other) = peer::refusing();
    let (one, other) = (one.to_string(), other.to_string());
    let mut check = Process::start(netkit(&[
        "check",
        "-o",
        "ndjson",
        "--wait",
        "20s",
        "--interval",
        "0",
        &one,
        &other,
    ]));
    check.stdout.wait_for_line(&one, PATIENCE);
    check.stdout.wait_for_line(&other, PATIENCE);
    send_signal(check.id(), "INT");
    assert_eq!(check.wait_for_exit(PATIENCE).code(), Some(130));
}

#[test]
fn a_standard_error_that_is_full_changes_no_verdict() {
    let (_held, refused) = peer::refusing();
    let netkit = env!("CARGO_BIN_EXE_netkit");
    let line = format!("exec {netkit} check {refused} {refused} --wait 50ms 2>/dev/full");
    let mut command = Command::new("sh");
    command.args(["-c", &line]);
    let output = finish(command, b"", PATIENCE).expect_code(124);
    assert_eq!(output.stdout.lines().count(), 2, "{output:?}");
}

#[test]
fn a_time_without_end_is_refused() {
    for option in ["--timeout", "--wait"] {
        let output = run(&["check", option, "400000000000y", "127.0.0.1:1"], b"").expect_code(2);
        assert!(output.stderr.contains("100 years"), "{}", output.stderr);
    }
    let output = run(&["echo-server", "--idle-timeout", "0"], b"").expect_code(2);
    assert!(output.stderr.contains("time of 0"), "{}", output.stderr);
}

#[test]
fn a_server_that_waits_for_a_name_can_be_ended() {
    let host = host_with_black_hole();
    host.resolv_conf("nameserver 192.0.2.1\n");
    let mut server = Process::start(host.netkit(&["echo-server", "--host", "slow.test"]));
    // It has asked: its socket stands in the table.
    let asked = || host.shell("cat /proc/net/udp").contains(":0035 ");
    assert!(becomes_true(PATIENCE, asked), "the name was not looked up");
    send_signal(server.id(), "INT");
    assert_eq!(server.wait_for_exit(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn lines_that_are_interrupted_leave_a_whole_document() {
    let server = Server::echo(&[]);
    let port = server.port().to_string();
    let options = ["echo", "--host", "127.0.0.1", "-o", "json", "--port", &port];
    let mut client = Process::start(netkit(&options));
    client.stdout.wait_for_text("\"attempt\"", PATIENCE);
    send_signal(client.id(), "INT");
    assert_eq!(client.wait_for_exit(PATIENCE).code(), Some(130));
    let (stdout, _) = client.stdout.wait_for_end(PATIENCE);
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("a whole document");
    assert_eq!(document["results"][0]["type"], "attempt");
}

#[test]
fn a_series_can_be_interrupted_while_it_waits_for_the_servers_end() {
    let (keep, kept) = std::sync::mpsc::channel();
    let address = peer::tcp(move |stream| {
        // Echoes, and does not close when the client has finished.
        let _ = std::io::copy(&mut &stream, &mut &stream);
        let _ = keep.send(stream);
    });
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let options = ["echo", "--host", &host, "-c", "1", "--timeout", "1h", "-v"];
    let mut client = Process::start(netkit(&[&options[..], &["--port", &port]].concat()));
    client.stdout.wait_for_line("64 bytes", PATIENCE);
    let _open = kept
        .recv_timeout(PATIENCE)
        .expect("the client has finished");
    send_signal(client.id(), "INT");
    assert_eq!(
        client.wait_for_exit(Duration::from_secs(5)).code(),
        Some(130)
    );
}

#[test]
fn silence_cut_short_is_no_proof_of_a_filter() {
    let host = host_with_black_hole();
    let options = ["--wait", "50ms", "--timeout", "10s", "192.0.2.1:1=filtered"];
    let checked = check_on(&host, &options).expect_code(124);
    assert_eq!(checked.only()["state"], "filtered");
    assert_eq!(checked.only()["ok"], false);
    let options = ["--timeout", "50ms", "192.0.2.1:1=filtered"];
    check_on(&host, &options).expect_code(0);
}

#[test]
fn an_address_that_is_silent_holds_up_no_other() {
    let host = host_with_black_hole();
    host.hosts_file("192.0.2.1 name.test\n192.0.2.200 name.test\n");
    let started = Instant::now();
    let check = start(&host, &["--timeout", "15s", "name.test:8080"]);
    check.stdout.wait_for_line("\"to\":\"refused\"", PATIENCE);
    let _server = Server::of(host.netkit(&["echo-server", "--port", "8080"]));
    check.stdout.wait_for_line("\"state\":\"open\"", PATIENCE);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "it waited for the silent one"
    );
}

#[test]
fn a_receive_that_always_fails_does_not_spin() {
    // The tracer as a grandchild: the server itself is ours to end.
    let wrapper = ["strace", "-D", "-f", "-o", "/dev/null"];
    let inject = ["-e", "trace=recvmsg", "-e", "inject=recvmsg:error=ENOMEM"];
    let arguments = ["echo-server", "--port", "0", "--udp"];
    let server = Server::through(&[&wrapper[..], &inject].concat(), &arguments);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.send_to(b"x", server.ipv4()).expect("it is sent");
    server.wait_for_log("cannot receive");
    let before = processor_time(server.id());
    let window = Some(Duration::from_secs(1));
    socket.set_read_timeout(window).expect("a socket");
    assert!(
        socket.recv(&mut [0; 8]).is_err(),
        "it was received after all"
    );
    let used = processor_time(server.id()).saturating_sub(before);
    assert!(used < Duration::from_millis(200), "{used:?} in a second");
}

#[test]
fn without_any_descriptor_a_check_says_so_at_once() {
    let started = Instant::now();
    let wrapper = ["prlimit", "--nofile=7:7"];
    let options = ["check", "-o", "ndjson", "--timeout", "10s", "127.0.0.1:1-5"];
    let checked = finished(netkit_through(&wrapper, &options)).expect_code(4);
    assert_eq!(checked.summary["unknown"], 5);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_server_that_cannot_say_where_it_listens_ends() {
    let netkit = env!("CARGO_BIN_EXE_netkit");
    let mut command = Command::new("sh");
    let line = format!("exec {netkit} echo-server --port 0 >/dev/full");
    command.args(["-c", &line]);
    let output = finish(command, b"", PATIENCE).expect_code(4);
    assert!(
        output.stderr.contains("cannot write the results"),
        "{output:?}"
    );
}

#[test]
fn a_link_local_address_needs_its_interface() {
    let host = Host::new();
    let other = Host::new();
    host.link(&other, &["10.0.0.1/24"], &["10.0.0.2/24"]);
    let text = |target| host.run(&["check", target]).expect_code(1).stdout;
    assert!(
        text("[fe80::1]:22").contains("[fe80::1%eth0]"),
        "{}",
        text("[fe80::1]:22")
    );
    assert!(text("[fe80::1%nope]:22").contains("no interface `nope`"));
}

#[test]
fn the_word_exit_in_the_middle_of_a_long_line_is_sent() {
    let server = Server::echo(&["-v"]);
    let port = server.port().to_string();
    let input = format!("{}exit\nmore\n", "a".repeat(64 * 1024));
    let options = ["echo", "--host", "127.0.0.1", "--port", &port];
    run(&options, input.as_bytes()).expect_code(0);
    let line = server.wait_for_log("closed");
    assert!(
        line.contains(&format!("{} bytes received", input.len())),
        "{line}"
    );
}

#[test]
fn a_lost_line_over_udp_is_said_so_and_the_next_is_sent() {
    let address = peer::lossy_udp(|number| number == 0);
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let options = [
        "echo",
        "--udp",
        "--host",
        &host,
        "--timeout",
        "300ms",
        "--port",
        &port,
    ];
    let output = run(&options, b"first\nsecond\n").expect_code(1);
    let lines: Vec<_> = output.stdout.lines().collect();
    assert!(lines[0].ends_with("no echo within 300ms"), "{output:?}");
    assert!(lines[1].ends_with("second"), "{output:?}");
    assert!(output.stderr.contains("1 lines were lost"), "{output:?}");
}

#[test]
fn a_name_that_appears_is_a_change() {
    let host = Host::new();
    host.hosts_file("");
    host.resolv_conf("");
    let check = start(&host, &["late.test:8080"]);
    check
        .stdout
        .wait_for_line("\"to\":\"unresolved\"", PATIENCE);
    let _server = Server::of(host.netkit(&["echo-server", "--port", "8080"]));
    host.hosts_file("127.0.0.1 late.test\n");
    check.stdout.wait_for_line("\"summary\"", PATIENCE);
    let told = records(&check.stdout.so_far());
    let change = told.iter().find(|it| it["to"] == "open");
    assert_eq!(
        change.expect("a transition")["from"],
        "unresolved",
        "{told:?}"
    );
}

#[test]
fn the_built_in_names_have_no_case_and_may_end_in_a_dot() {
    let server = Server::echo(&["--host", "127.0.0.1"]);
    for name in ["localhost.", "LocalHost"] {
        let target = format!("{name}:{}", server.ipv4().port());
        let checked = check(&["-4", &target]).expect_code(0);
        assert_eq!(checked.only()["state"], "open");
    }
}

#[test]
fn a_crowd_that_does_not_read_leaves_room_for_who_does() {
    let server = Server::echo(&[]);
    let idle: Vec<_> = (0..80).map(|_| connect(server.ipv4())).collect();
    for mut client in &idle {
        client.set_nonblocking(true).expect("a socket");
        // As much as the kernel takes: the server is stuck with the rest.
        while std::io::Write::write(&mut client, &[0; 8192]).is_ok() {}
    }
    let reader = connect(server.ipv4());
    round_trip(&reader, &vec![7; 1 << 20]);
}
