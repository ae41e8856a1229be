//! UDP both ways, with netcats of other makes and with datagrams of every size.

use super::interop::{THERE, words};
use super::{Listener, connecting, record};
use crate::support::namespace::Host;
use crate::support::process::{Process, finish, netkit, send_signal};
use crate::support::{PATIENCE, becomes_true, peer};
use std::io::Write;
use std::net::UdpSocket;

#[test]
fn datagrams_go_to_socat_and_come_back() {
    let host = Host::new();
    let line = "socat -t 60 UDP-RECVFROM:9000,bind=127.0.0.1,fork EXEC:cat";
    let _other = Process::start(host.enter(&words(line)));
    let bound = || host.shell("cat /proc/net/udp").contains(":2328 ");
    assert!(becomes_true(PATIENCE, bound), "socat does not listen");
    let arguments = ["connect", "-u", THERE, "-o", "ndjson"];
    let output = finish(host.netkit(&arguments), b"ping", PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "ping", "{output:?}");
    let record = record(&output.stderr);
    assert_eq!(
        (&record["sent_bytes"], &record["received_bytes"]),
        (&4.into(), &4.into())
    );
}

#[test]
fn datagrams_come_from_netcats_and_are_answered() {
    let mut listener = Listener::start(&["-u"]);
    let (host, port) = (listener.address.ip(), listener.address.port());
    let mut input = listener.process.take_stdin();
    for (number, line) in [
        format!("nc.openbsd -u {host} {port}"),
        format!("nc.traditional -u {host} {port}"),
        format!("ncat -u {host} {port}"),
        format!("socat - UDP:{host}:{port}"),
    ]
    .iter()
    .enumerate()
    {
        let mut other = Process::start(words(line));
        let mut into_other = other.take_stdin();
        let (question, answer) = (format!("{line}\n"), format!("answer {number}\n"));
        drop(into_other.write_all(question.as_bytes()));
        listener.process.stdout.wait_for_line(line, PATIENCE);
        drop(input.write_all(answer.as_bytes()));
        other.stdout.wait_for_line(answer.trim(), PATIENCE);
    }
}

#[test]
fn whoever_sends_a_datagram_is_heard_and_answered() {
    let mut listener = Listener::start(&["-u"]);
    let output = listener.process.stdout.clone();
    let clients = [(); 2].map(|()| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(listener.address).expect("cannot connect");
        socket.set_read_timeout(Some(PATIENCE)).expect("no timeout");
        socket
    });
    for (number, client) in clients.iter().enumerate() {
        // An empty one is not the end of anything.
        client.send(b"").expect("cannot send");
        let line = format!("client {number}\n");
        client.send(line.as_bytes()).expect("cannot send");
        output.wait_for_line(line.trim(), PATIENCE);
    }
    let mut input = listener.process.take_stdin();
    input.write_all(b"to both\n").expect("cannot write");
    for client in &clients {
        let mut answer = [0; 100];
        let count = client.recv(&mut answer).expect("no answer");
        assert_eq!(&answer[..count], b"to both\n");
    }
    let longest = vec![b'x'; 65_507];
    clients[0].send(&longest).expect("cannot send");
    output.wait_for_text(&"x".repeat(65_507), PATIENCE);
    drop(input);
    listener.expect_running();
    send_signal(listener.process.id(), "TERM");
    listener.end().expect_code(0);
}

#[test]
fn an_empty_answer_is_not_the_end() {
    let address = peer::datagrams(|_, _| vec![b"one ".to_vec(), Vec::new(), b"two".to_vec()]);
    let output = finish(connecting(address, &["-u"]), b"question", PATIENCE);
    assert_eq!(output.expect_code(0).stdout, "one two");
}

#[test]
fn a_port_that_nobody_listens_on_is_told() {
    let host = Host::new();
    let arguments = ["connect", "-u", THERE];
    let mut netkit = Process::start(host.netkit(&arguments));
    let mut input = netkit.take_stdin();
    let ended = becomes_true(PATIENCE, || {
        drop(input.write_all(b"anybody?\n"));
        netkit.exits(std::time::Duration::ZERO).is_some()
    });
    assert!(ended, "it goes on sending to nobody");
    let output = netkit.end(PATIENCE).expect_code(1);
    let words = format!("{THERE} refused what was sent: nothing listens there");
    assert!(output.stderr.contains(&words), "{output:?}");
}

#[test]
fn what_only_sends_leaves_when_all_is_sent() {
    let socket = UdpSocket::bind((peer::HOST, 0)).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("no timeout");
    let address = socket.local_addr().expect("an address");
    finish(
        connecting(address, &["-u", "--send-only"]),
        b"a word",
        PATIENCE,
    )
    .expect_code(0);
    let mut word = [0; 100];
    let count = socket.recv(&mut word).expect("no datagram");
    assert_eq!(&word[..count], b"a word");
}

#[test]
fn no_datagram_is_longer_than_what_fits_into_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, vec![b'x'; 70_000]).expect("cannot write");
    let (tell, told) = std::sync::mpsc::channel();
    let address = peer::datagrams(move |_, datagram| {
        tell.send(datagram.len()).ok();
        Vec::new()
    });
    let target = format!("udp://{address}");
    let line = format!("exec \"$@\" <'{}'", file.display());
    let mut shell = std::process::Command::new("sh");
    let command = netkit(&["connect", &target, "--send-only"]);
    shell.args(["-c", &line, "sh"]).arg(command.get_program());
    shell.args(command.get_args());
    finish(shell, b"", PATIENCE).expect_code(0);
    let mut came = 0;
    while came < 70_000 {
        let length = told.recv_timeout(PATIENCE).expect("a datagram");
        assert!(length <= 65_507, "{length} bytes");
        came += length;
    }
    assert_eq!(came, 70_000);
}

#[test]
fn datagrams_go_to_a_unix_socket_and_are_answered() {
    let folder = tempfile::TempDir::new().expect("cannot make a temporary folder");
    let path = folder.path().join("socket");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("cannot bind");
    socket.set_read_timeout(Some(PATIENCE)).expect("no timeout");
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let (count, from) = socket.recv_from(&mut buffer).expect("nothing came");
        let answered = socket.send_to_addr(&buffer[..count], &from);
        answered.expect("the sender has a name");
    });
    let target = format!("unix://{}", path.display());
    let command = netkit(&["connect", "-u", &target, "-o", "ndjson"]);
    let output = finish(command, b"ping", PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "ping", "{output:?}");
    let left = std::fs::read_dir(folder.path())
        .expect("it is there")
        .count();
    assert_eq!(left, 1, "the client leaves no file");
    drop(std::fs::remove_file(&path));
    let output = finish(netkit(&["connect", "-u", &target]), b"ping", PATIENCE).expect_code(1);
    assert!(
        output.stderr.contains("there is no such socket"),
        "{output:?}"
    );
}

#[test]
fn datagrams_of_a_unix_socket_reach_socat() {
    let folder = tempfile::TempDir::new().expect("cannot make a temporary folder");
    let path = folder.path().join("socket");
    let line = format!("socat -u UNIX-RECV:{} -", path.display());
    let other = Process::start(words(&line));
    assert!(
        becomes_true(PATIENCE, || path.exists()),
        "socat does not listen"
    );
    let target = format!("unix://{}", path.display());
    let command = netkit(&["connect", "-u", &target, "--send-only"]);
    finish(command, b"hello\n", PATIENCE).expect_code(0);
    other.stdout.wait_for_line("hello", PATIENCE);
}

#[test]
fn they_come_from_the_address_and_port_that_are_asked_for() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("no timeout");
    let address = socket.local_addr().expect("an address");
    let own = UdpSocket::bind("127.0.0.9:0").expect("a socket");
    let port = own.local_addr().expect("an address").port();
    drop(own);
    let source = ["--source", "127.0.0.9", "--source-port", &port.to_string()].map(str::to_owned);
    let mut arguments = vec!["-u", "--send-only"];
    arguments.extend(source.iter().map(String::as_str));
    finish(connecting(address, &arguments), b"hello", PATIENCE).expect_code(0);
    let (_, from) = socket.recv_from(&mut [0; 16]).expect("nothing came");
    assert_eq!(from.to_string(), format!("127.0.0.9:{port}"));
}

#[test]
fn a_refusal_amid_many_datagrams_is_told() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    drop(socket);
    let output = finish(connecting(address, &["-u"]), &vec![b'x'; 70_000], PATIENCE).expect_code(1);
    assert!(
        output.stderr.contains("refused what was sent"),
        "{output:?}"
    );
}
