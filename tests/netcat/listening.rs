//! `netkit listen`: one client, many of them, and those that are not wanted.

use super::{ANY_PORT, LONG, Listener, noise};
use crate::support::client::{answers, connect, expect_bytes, expect_end, finish, reset};
use crate::support::process::{Process, netkit, run, send_signal};
use crate::support::usage::{descriptors, resident_bytes};
use crate::support::{PATIENCE, becomes_true};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::ChildStdin;
use std::time::Duration;

/// Connects from another address of this machine.
#[track_caller]
fn connect_from(source: [u8; 4], address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let source: SocketAddr = (source, 0).into();
    socket.bind(&source.into()).expect("cannot bind");
    socket.connect(&address.into()).expect("cannot connect");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("no timeout");
    stream
}

#[track_caller]
fn expect_reset(mut stream: &TcpStream) {
    let ended = stream.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(ended, Err(ErrorKind::ConnectionReset));
}

/// The next line that comes over a connection.
#[track_caller]
fn line(stream: &TcpStream) -> String {
    let mut line = String::new();
    let mut reader = BufReader::with_capacity(1, stream);
    reader.read_line(&mut line).expect("no line");
    line
}

fn say(mut stream: &TcpStream, words: &str) {
    stream.write_all(words.as_bytes()).expect("cannot send");
}

/// Waits until the listener passes on what it reads to all of these: each has been sent a line
/// `begin`, and whatever comes after it is still to be read.
#[track_caller]
fn wait_until_joined(input: &mut ChildStdin, clients: &[&TcpStream]) {
    for client in clients {
        let joined = becomes_true(PATIENCE, || {
            input.write_all(b"?\n").expect("cannot write");
            answers(client, Duration::from_millis(20))
        });
        assert!(joined, "a client is not spoken to");
    }
    input.write_all(b"begin\n").expect("cannot write");
    for client in clients {
        while line(client) != "begin\n" {}
    }
}

#[test]
fn it_serves_one_client_and_takes_no_other() {
    let mut listener = Listener::start(&["-v"]);
    let client = connect(listener.address);
    listener.wait_for_log(" connected");
    let second = TcpStream::connect(listener.address).map_err(|error| error.kind());
    assert_eq!(second.err(), Some(ErrorKind::ConnectionRefused));
    say(&client, "only me\n");
    drop(listener.process.take_stdin());
    finish(&client);
    assert_eq!(listener.end().expect_code(0).stdout, "only me\n");
}

#[test]
fn fifty_at_once_are_all_heard_and_all_spoken_to() {
    let mut listener = Listener::start(&["-k"]);
    let clients: Vec<TcpStream> = (0..50).map(|_| connect(listener.address)).collect();
    let long = "x".repeat(10_000);
    for (number, client) in clients.iter().enumerate() {
        say(client, &format!("{number} {long}\n"));
    }
    let output = listener.process.stdout.clone();
    let lines = output.wait_for_lines(&long, 50, PATIENCE);
    for number in 0..50 {
        let expected = format!("{number} {long}");
        assert!(lines.contains(&expected), "no whole line of {number}");
    }
    let mut input = listener.process.take_stdin();
    input.write_all(b"to all of you\n").expect("cannot write");
    for client in &clients {
        expect_bytes(client, b"to all of you\n");
    }
    drop(input);
    clients.iter().for_each(expect_end);
    listener.expect_running();
    let late = connect(listener.address);
    say(&late, "late\n");
    expect_end(&late);
    output.wait_for_line("late", PATIENCE);
    drop((clients, late));
    send_signal(listener.process.id(), "TERM");
    listener.end().expect_code(0);
}

#[test]
fn a_thousand_one_after_another_leave_no_descriptor_behind() {
    let mut listener = Listener::start(&["-k"]);
    finish_or_reset(&listener, 0);
    let closed =
        |listener: &Listener| becomes_true(PATIENCE, || descriptors(listener.process.id()) <= 20);
    assert!(closed(&listener), "descriptors are left open at once");
    (0..1000).for_each(|number| finish_or_reset(&listener, number));
    assert!(closed(&listener), "descriptors are left open");
    listener.expect_running();
}

/// A client that comes and goes, every third with a reset, be it accepted by then or not.
fn finish_or_reset(listener: &Listener, number: usize) {
    let client = connect(listener.address);
    match number % 3 {
        0 => reset(client),
        1 => drop(client),
        _ => say(&client, "short\n"),
    }
}

#[test]
fn a_client_that_has_finished_is_sent_what_waits_for_it_and_let_go() {
    let mut listener = Listener::start(&["-k", "-v"]);
    let [one, other] = [(); 2].map(|()| connect(listener.address));
    let mut input = listener.process.take_stdin();
    wait_until_joined(&mut input, &[&one, &other]);
    let long = "x".repeat(900_000);
    input.write_all(long.as_bytes()).expect("cannot write");
    // It is passed on to all in turn, to the last one last.
    expect_bytes(&other, long.as_bytes());
    one.shutdown(Shutdown::Write).expect("cannot half-close");
    expect_bytes(&one, long.as_bytes());
    expect_end(&one);
    listener.wait_for_log(", fin");
}

#[test]
fn what_one_says_is_brokered_to_all_others() {
    let mut listener = Listener::start(&["--broker", "-v", "--grace", "0s"]);
    let [a, b, c] = [(); 3].map(|()| connect(listener.address));
    let mut input = listener.process.take_stdin();
    wait_until_joined(&mut input, &[&a, &b, &c]);
    say(&a, "from a\n");
    assert_eq!(line(&b), "from a\n");
    assert_eq!(line(&c), "from a\n");
    say(&b, "from b\n");
    // Nothing of its own came back before it.
    assert_eq!(line(&a), "from b\n");
    input.write_all(b"from the host\n").expect("cannot write");
    for client in [&a, &b] {
        assert_eq!(line(client), "from the host\n");
    }
    send_signal(listener.process.id(), "TERM");
    let output = listener.end().expect_code(0);
    assert_eq!(output.stdout, "");
    // Those that are cut off are counted as well.
    let cut = output.stderr.matches(": 7 bytes received").count();
    assert_eq!(cut, 2, "{output:?}");
}

#[test]
fn a_chat_tells_who_speaks_who_comes_and_who_goes() {
    let listener = Listener::start(&["--chat"]);
    let a = connect(listener.address);
    assert!(line(&a).ends_with(" is connected as <user1>.\n"));
    let b = connect(listener.address);
    let own = b.local_addr().expect("an address");
    let announced = format!("<announce> {own} is connected as <user2>.\n");
    assert_eq!(line(&a), announced);
    assert_eq!(line(&b), announced);
    say(&a, "good ");
    say(&b, "morning\n");
    assert_eq!(line(&a), "<user2> morning\n");
    say(&a, "evening\n");
    assert_eq!(line(&b), "<user1> good evening\n");
    drop(a);
    assert_eq!(line(&b), "<announce> <user1> is gone.\n");
}

#[test]
fn a_client_that_never_reads_is_dropped_while_others_go_on() {
    const MUCH: usize = 32 << 20;
    let mut listener = Listener::start(&["--broker", "-v"]);
    let [speaker, hearer, deaf] = [(); 3].map(|()| connect(listener.address));
    let mut input = listener.process.take_stdin();
    wait_until_joined(&mut input, &[&speaker, &hearer, &deaf]);
    let sending = std::thread::spawn(move || {
        speaker.set_write_timeout(Some(LONG)).expect("no timeout");
        (&speaker).write_all(noise(MUCH)).expect("cannot send");
        speaker
    });
    let mut came = vec![0; MUCH];
    hearer.set_read_timeout(Some(LONG)).expect("no timeout");
    (&hearer).read_exact(&mut came).expect("no whole message");
    assert!(came == noise(MUCH), "other bytes than were sent");
    listener.wait_for_log("took nothing of what was sent: dropped");
    let resident = resident_bytes(listener.process.id());
    assert!(resident < MUCH as u64, "{resident} bytes of memory");
    say(
        &sending.join().expect("a thread that ends"),
        "still there?\n",
    );
    assert_eq!(line(&hearer), "still there?\n");
}

#[test]
fn networks_are_admitted_or_not() {
    for (options, stranger, friend) in [
        (
            &["--allow", "127.0.0.2"][..],
            [127, 0, 0, 1],
            [127, 0, 0, 2],
        ),
        (&["--deny", "127.0.0.0/31"], [127, 0, 0, 1], [127, 0, 0, 2]),
        (
            &["--allow", "127.0.0.0/8", "--deny", "127.0.0.4/30"],
            [127, 0, 0, 5],
            [127, 0, 0, 8],
        ),
    ] {
        for keep in [&[][..], &["-k"]] {
            let listener = Listener::start(&[options, keep, &["-v"]].concat());
            expect_reset(&connect_from(stranger, listener.address));
            listener.wait_for_log("is not admitted (--allow, --deny)");
            say(&connect_from(friend, listener.address), "a friend\n");
            listener.process.stdout.wait_for_line("a friend", PATIENCE);
        }
    }
    let output = run(&["listen", "0", "--allow", "here"], b"").expect_code(2);
    assert!(output.stderr.contains("`here` is no network"), "{output:?}");
}

#[test]
fn those_above_the_limit_wait_for_their_turn() {
    let listener = Listener::start(&["-k", "--max-connections", "1"]);
    let first = connect(listener.address);
    say(&first, "first\n");
    let output = &listener.process.stdout;
    output.wait_for_line("first", PATIENCE);
    let second = connect(listener.address);
    say(&second, "second\n");
    say(&first, "first again\n");
    output.wait_for_line("first again", PATIENCE);
    drop(first);
    output.wait_for_line("second", PATIENCE);
    assert_eq!(output.lines(), ["first", "first again", "second"]);
}

#[test]
fn what_stands_where_a_unix_socket_is_to_be_is_never_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "precious").expect("cannot write");
    let live = folder.path().join("live");
    let other = UnixListener::bind(&live).expect("cannot listen");
    for path in [&file, &live] {
        let target = format!("unix://{}", path.display());
        let output = run(&["listen", &target], b"").expect_code(1);
        let words = format!(
            "cannot listen on `{}`: Address already in use",
            path.display()
        );
        assert!(output.stderr.contains(&words), "{output:?}");
        assert!(output.stderr.contains("(hint: "), "{output:?}");
    }
    assert_eq!(fs::read(&file).expect("a file"), b"precious");
    drop(UnixStream::connect(&live).expect("the socket works no more"));
    drop(other);
    let path = "x".repeat(108);
    let output = run(&["listen", &format!("unix:///{path}")], b"").expect_code(1);
    assert!(
        output.stderr.contains("109 bytes, 107 at most"),
        "{output:?}"
    );
}

#[test]
fn a_port_in_use_is_told() {
    let listener = Listener::start(&[]);
    for more in [&[][..], &["-k"]] {
        let target = listener.target();
        let arguments = [&["listen", &target], more].concat();
        let output = run(&arguments, b"").expect_code(1);
        assert_eq!(output.stdout, "", "{output:?}");
        output.expect_stderr_with_any(&["in use"]);
    }
}

#[test]
fn a_script_is_told_the_port_by_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("port");
    let name = file.to_str().expect("a path");
    let mut process = Process::start(netkit(&["listen", ANY_PORT, "--port-file", name]));
    assert!(becomes_true(PATIENCE, || file.exists()), "no file");
    let text = fs::read_to_string(&file).expect("a file");
    let port = text.strip_suffix('\n').expect("a line").parse::<u16>();
    let client = connect(([127, 0, 0, 1], port.expect("a port")).into());
    drop(process.take_stdin());
    finish(&client);
    process.end(PATIENCE).expect_code(0);
}

#[test]
fn the_file_of_a_unix_socket_goes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let target = format!("unix://{}", path.display());
    for _ in 0..2 {
        let process = Process::start(netkit(&["listen", &target, "--recv-only"]));
        process.stderr.wait_for_line("listening listen ", PATIENCE);
        let mut client = UnixStream::connect(&path).expect("cannot connect");
        client.write_all(b"hello\n").expect("cannot send");
        drop(client);
        process.stdout.wait_for_line("hello", PATIENCE);
        let mut process = process;
        process.wait_for_exit(PATIENCE);
        assert!(!path.exists(), "it is still there");
    }
    let mut process = Process::start(netkit(&["listen", &target]));
    process.stderr.wait_for_line("listening listen ", PATIENCE);
    assert!(path.exists(), "no socket");
    send_signal(process.id(), "TERM");
    process.end(PATIENCE).expect_code(143);
    assert!(!path.exists(), "it is still there");
}

#[test]
fn the_last_words_in_a_chat_need_no_end_of_the_line() {
    let listener = Listener::start(&["--chat"]);
    let hearer = connect(listener.address);
    line(&hearer);
    let speaker = connect(listener.address);
    line(&hearer);
    say(&speaker, "whole\npartial\x1b[2J");
    speaker.shutdown(Shutdown::Write).expect("it is connected");
    assert_eq!(line(&hearer), "<user2> whole\n");
    assert_eq!(line(&hearer), "<user2> partial\\x1b[2J\n");
    assert_eq!(line(&hearer), "<announce> <user2> is gone.\n");
}
