//! `--exec`: programs that talk to the other end, well-behaved ones and others.

use super::{ANY_PORT, LONG, Listener, connecting, noise, record};
use crate::support::client::{connect, expect_bytes, expect_end, reset, round_trip};
use crate::support::process::{Process, finish, netkit, netkit_through, send_signal};
use crate::support::usage::descriptors;
use crate::support::{PATIENCE, becomes_true, peer};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::thread::JoinHandle;
use tempfile::TempDir;

/// More than pipes and sockets hold.
const MUCH: usize = 16 << 20;

/// `netkit listen -k -v --sh-exec LINE`.
fn for_each(line: &str) -> Listener {
    Listener::start(&["-k", "-v", "--sh-exec", line])
}

/// Sends `bytes` and finishes; returns all that comes.
#[track_caller]
fn ask(listener: &Listener, bytes: &'static [u8]) -> Vec<u8> {
    let stream = connect(listener.address);
    send(&stream, bytes);
    rest(&stream)
}

fn send(stream: &TcpStream, bytes: &'static [u8]) -> JoinHandle<()> {
    let mut stream = stream.try_clone().expect("cannot clone a socket");
    std::thread::spawn(move || {
        drop(stream.write_all(bytes));
        drop(stream.shutdown(Shutdown::Write));
    })
}

#[track_caller]
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut came = Vec::new();
    stream.set_read_timeout(Some(LONG)).expect("no timeout");
    stream.read_to_end(&mut came).expect("no end");
    came
}

/// A FIFO, by its path, that whoever reads waits for until something is written to it.
struct Fifo {
    path: String,
    /// Both ends, so that to write never waits.
    file: File,
    _folder: TempDir,
}

impl Fifo {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fifo").display().to_string();
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.is_ok_and(|it| it.success()), "no FIFO");
        let file = File::options().read(true).write(true).open(&path);
        Self {
            path,
            file: file.expect("cannot open a FIFO"),
            _folder: folder,
        }
    }

    fn say(&self, line: &str) {
        (&self.file)
            .write_all(line.as_bytes())
            .expect("cannot write");
    }
}

/// The numbers of the processes that this one has started and not yet buried.
fn children(id: u32) -> String {
    let path = format!("/proc/{id}/task/{id}/children");
    fs::read_to_string(path).expect("the process is gone")
}

#[track_caller]
fn expect_no_children(listener: &mut Listener) {
    listener.expect_running();
    let id = listener.process.id();
    let gone = becomes_true(PATIENCE, || children(id).is_empty());
    assert!(gone, "children are left: {}", children(id));
}

#[test]
fn what_it_says_after_the_end_of_its_input_comes_whole() {
    let mut listener = for_each("cat >/dev/null; head -c 16777216 /dev/zero");
    let came = ask(&listener, b"finished");
    assert_eq!(came.len(), MUCH);
    assert!(came.iter().all(|it| *it == 0));
    let mut echo = for_each("cat");
    assert!(ask(&echo, noise(MUCH)) == noise(MUCH));
    expect_no_children(&mut listener);
    expect_no_children(&mut echo);
}

#[test]
fn clients_of_other_makes_get_all_of_it() {
    let listener = for_each("cat >/dev/null; head -c 1000000 /dev/zero");
    let (host, port) = (listener.address.ip(), listener.address.port());
    for line in [
        format!("nc.openbsd -N {host} {port}"),
        format!("ncat {host} {port}"),
        format!("socat -t 60 - TCP:{host}:{port}"),
        format!("busybox nc {host} {port}"),
    ] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {line}")]);
        let output = finish(command, b"finished", PATIENCE).expect_code(0);
        assert_eq!(output.stdout.len(), 1_000_000, "{line}");
    }
}

#[test]
fn one_that_stops_reading_is_still_heard_to_its_end() {
    let fifo = Fifo::new();
    let mut listener = for_each(&format!(
        "exec <&-; echo begun; read word <{}; echo $word; head -c 1000000 /dev/zero",
        fifo.path
    ));
    let stream = connect(listener.address);
    expect_bytes(&stream, b"begun\n");
    // More than can be under way: netkit has met the closed pipe when all is sent.
    let sent = send(&stream, noise(MUCH)).join();
    sent.expect("a thread that ends");
    fifo.say("on\n");
    let came = rest(&stream);
    assert_eq!(came.len(), "on\n".len() + 1_000_000);
    expect_no_children(&mut listener);
}

#[test]
fn one_that_closes_its_output_still_gets_all_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    let line = format!(
        "exec >&-; cat >'{0}.part'; mv '{0}.part' '{0}'",
        file.display()
    );
    let mut listener = for_each(&line);
    let stream = connect(listener.address);
    expect_end(&stream);
    send(&stream, noise(MUCH));
    assert!(becomes_true(LONG, || file.exists()), "no file");
    assert!(fs::read(&file).expect("a file") == noise(MUCH));
    expect_no_children(&mut listener);
}

#[test]
fn what_is_forked_off_is_heard_when_its_parent_has_ended() {
    let fifo = Fifo::new();
    let mut listener = for_each(&format!(
        "(read word <{}; echo $word) & echo parent",
        fifo.path
    ));
    let stream = connect(listener.address);
    send(&stream, b"");
    expect_bytes(&stream, b"parent\n");
    fifo.say("child\n");
    assert_eq!(rest(&stream), b"child\n");
    expect_no_children(&mut listener);
}

#[test]
fn one_that_ignores_the_end_of_its_input_ends_with_the_connection() {
    let mut listener = for_each("exec yes");
    for _ in 0..5 {
        let stream = connect(listener.address);
        stream.shutdown(Shutdown::Write).expect("cannot half-close");
        expect_bytes(&stream, b"y\ny\n");
        reset(stream);
    }
    expect_no_children(&mut listener);
}

#[test]
fn a_hundred_of_them_leave_nothing_behind() {
    let mut listener = for_each("cat");
    let id = listener.process.id();
    let open = descriptors(id);
    let streams: Vec<TcpStream> = (0..100).map(|_| connect(listener.address)).collect();
    for stream in &streams {
        round_trip(stream, b"all at once");
    }
    for (number, stream) in streams.into_iter().enumerate() {
        match number % 2 {
            0 => reset(stream),
            _ => drop(stream),
        }
    }
    expect_no_children(&mut listener);
    let closed = becomes_true(PATIENCE, || descriptors(id) == open);
    assert!(closed, "descriptors are left open");
}

#[test]
fn it_inherits_neither_a_socket_nor_what_belongs_to_another_program() {
    let listener = for_each("ls -l /proc/$$/fd; cat");
    let first = connect(listener.address);
    let others: Vec<String> = open_files(&first)[..2].to_vec();
    assert!(
        others.iter().all(|it| it.starts_with("pipe:")),
        "{others:?}"
    );
    let second = connect(listener.address);
    for file in open_files(&second) {
        let is_own = !file.starts_with("socket:") && !file.starts_with("anon_inode:");
        assert!(is_own && !others.contains(&file), "it has {file}");
    }
}

/// The open files of a program that lists them, by their numbers from 0 on.
fn open_files(stream: &TcpStream) -> Vec<String> {
    let listing = said_before_the_answer(stream);
    let files = listing.lines().filter_map(|it| it.split_once(" -> "));
    files.map(|(_, file)| file.to_owned()).collect()
}

/// What a program said before it sent a word back.
fn said_before_the_answer(mut stream: &TcpStream) -> String {
    stream.write_all(b"END").expect("cannot send");
    let mut came = Vec::new();
    while !came.ends_with(b"END") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("no answer");
        came.push(byte[0]);
    }
    String::from_utf8(came).expect("text")
}

#[test]
fn it_is_told_between_whom_it_stands() {
    let listener = for_each("env | grep ^NETKIT_ | sort");
    let stream = connect(listener.address);
    let own = stream.local_addr().expect("an address").port();
    send(&stream, b"");
    let came = String::from_utf8(rest(&stream)).expect("text");
    let expected = format!(
        "NETKIT_LOCAL_ADDR=127.0.0.1\nNETKIT_LOCAL_PORT={}\n\
         NETKIT_REMOTE_ADDR=127.0.0.1\nNETKIT_REMOTE_PORT={own}\n",
        listener.address.port()
    );
    assert_eq!(came, expected);
}

#[test]
fn words_are_split_as_the_shell_does_and_nothing_is_expanded() {
    let listener = Listener::start(&["-k", "--exec", r#"printf '%s|' "a b" $HOME 'c*'"#]);
    assert_eq!(ask(&listener, b""), b"a b|$HOME|c*|");
}

#[test]
fn a_missing_program_is_told_and_the_listener_stays() {
    let mut listener = Listener::start(&["-k", "--exec", "/nowhere/program"]);
    for number in 1..=3 {
        let mut stream = connect(listener.address);
        let ended = stream.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(ended, Err(ErrorKind::ConnectionReset));
        let words = "cannot run `/nowhere/program`: No such file or directory";
        let log = &listener.process.stderr;
        log.wait_for_lines(words, number, PATIENCE);
    }
    listener.expect_running();
}

#[test]
fn a_bad_end_of_it_is_logged() {
    let listener = for_each("exit 7");
    ask(&listener, b"");
    listener.wait_for_log("its program ended with exit status: 7");
}

#[test]
fn the_end_of_the_listener_is_the_end_of_its_programs() {
    let mut listener = Listener::start(&[
        "-k",
        "--grace",
        "0s",
        "--sh-exec",
        "echo $$; exec tail -f /dev/null",
    ]);
    let mut stream = connect(listener.address);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(&mut stream), &mut line)
        .expect("no number");
    let id = line.trim();
    assert!(fs::exists(format!("/proc/{id}")).is_ok_and(|it| it));
    send_signal(listener.process.id(), "TERM");
    listener.end().expect_code(0);
    // Whoever buries orphans here may take its time.
    let gone = becomes_true(PATIENCE, || {
        fs::read_to_string(format!("/proc/{id}/stat")).map_or(true, |it| it.contains(") Z "))
    });
    assert!(gone, "{id} still runs");
}

#[test]
fn it_can_stand_at_the_connecting_end_too() {
    let address = peer::tcp(|mut stream| {
        drop(stream.write_all(b"echo this\n"));
        expect_bytes(&stream, b"echo this\n");
        drop(stream.write_all(b"right"));
    });
    let mut netkit = Process::start(connecting(address, &["--exec", "cat", "-v"]));
    let output = netkit.end(PATIENCE).expect_code(0);
    assert!(output.stderr.contains("15 bytes received"), "{output:?}");
}

#[test]
fn a_bad_end_of_it_is_a_failure_where_it_is_the_only_one() {
    let listener = Listener::start(&["--recv-only"]);
    let arguments = ["--sh-exec", "echo half; exit 3", "-o", "ndjson"];
    let output = finish(connecting(listener.address, &arguments), b"", PATIENCE).expect_code(1);
    let record = record(&output.stderr);
    let story = record["story"].as_str().unwrap_or_default();
    assert!(
        story.starts_with("the program ended with exit status: 3"),
        "{record}"
    );
}

#[test]
fn a_program_is_for_this_machine_unless_it_is_said_otherwise() {
    for more in [&["-k"][..], &[]] {
        let arguments = [&["listen", "0", "--exec", "cat"], more].concat();
        let listener = Listener::of(netkit(&arguments));
        assert!(listener.address.ip().is_loopback(), "{}", listener.address);
    }
    let listener = Listener::of(netkit(&["listen", "0.0.0.0:0", "--exec", "cat", "-k"]));
    assert!(listener.address.ip().is_unspecified());
}

#[test]
fn without_descriptors_for_more_programs_clients_wait() {
    let limit = ["prlimit", "--nofile=32:32"];
    let arguments = ["listen", ANY_PORT, "-k", "--exec", "cat"];
    let listener = Listener::of(netkit_through(&limit, &arguments));
    let clients: Vec<TcpStream> = (0..20).map(|_| connect(listener.address)).collect();
    for client in clients {
        let sending = send(&client, b"all of it");
        assert_eq!(rest(&client), b"all of it");
        sending.join().expect("a thread that ends");
    }
}
