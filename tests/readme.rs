//! Every command of the README, run as it is written, on a host where its names and addresses
//! exist.

use std::process::Command;
use std::time::Duration;

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Process, finish};

const README: &str = include_str!("../README.md");

/// The commands of the README's shell blocks, and what becomes of each here.
const COMMANDS: &[(&str, Run)] = &[
    (
        "cargo run --release -- doctor",
        Run::As("netkit doctor", ""),
    ),
    ("./checks/test.sh", Run::IsThisTest),
    ("netkit check 172.31.34.27:5001", Run::Succeeds),
    (
        "netkit check localhost:8000-8010,9000 '[::1]:443'",
        Run::Succeeds,
    ),
    (
        "netkit check --wait 60s db:5432 cache:6379 web:80,443",
        Run::Succeeds,
    ),
    ("netkit echo-server --port 12345", Run::Serves),
    (
        "netkit echo --host ip6-localhost",
        Run::As("netkit echo --host ip6-localhost", "hi\nexit\n"),
    ),
    (
        "printf 'hello\\n' | netkit echo --host localhost",
        Run::Succeeds,
    ),
    (
        "netkit echo --host localhost -c 100 -i 10ms --size 1KiB",
        Run::Succeeds,
    ),
];

#[derive(Clone, Copy)]
enum Run {
    /// Exit status 0, as written.
    Succeeds,
    /// Exit status 0, so written and with this input.
    As(&'static str, &'static str),
    /// It goes on until it is ended.
    Serves,
    /// What runs this test.
    IsThisTest,
}

/// Listens on every port that the README's commands expect open, and says so.
const LISTENER: &str = "
import socket, sys
held = []
for place in sys.argv[1:]:
    host, _, port = place.rpartition(':')
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    listener = socket.socket(family)
    listener.bind((host, int(port)))
    listener.listen()
    held.append(listener)
print('listening', flush=True)
sys.stdin.read()
";

/// A host with the names and addresses of the README.
fn readme_host() -> (Host, Process) {
    let host = Host::new();
    host.hosts_file("127.0.0.1 localhost\n127.0.0.2 db\n127.0.0.3 cache\n127.0.0.4 web\n");
    host.shell("ip address add 172.31.34.27/32 dev lo; ip address add 10.0.0.9/32 dev lo");
    host.firewall("input", "ip daddr 10.0.0.9 drop");
    host.firewall(
        "input",
        "tcp dport 8001 ip6 daddr ::1 reject with icmpv6 admin-prohibited",
    );
    let mut places: Vec<String> = ["172.31.34.27:5001", "127.0.0.1:9000", "::1:443"]
        .into_iter()
        .chain([
            "127.0.0.2:5432",
            "127.0.0.3:6379",
            "127.0.0.4:80",
            "127.0.0.4:443",
        ])
        .chain(["127.0.0.1:5432", "::1:8002"])
        .map(str::to_owned)
        .collect();
    places.extend((8000..=8010).map(|port| format!("127.0.0.1:{port}")));
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    let listener = Process::start(host.python(LISTENER, &places));
    listener.stdout.wait_for_line("listening", PATIENCE);
    (host, listener)
}

fn shell(host: &Host, line: &str) -> Command {
    let netkit = std::path::Path::new(env!("CARGO_BIN_EXE_netkit"));
    let folder = netkit.parent().unwrap().display();
    let mut command = Command::new("sh");
    command.args(["-ec", &format!("PATH={folder}:$PATH; {line}")]);
    host.enter(&command)
}

/// The lines of all fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}");
    let mut lines = Vec::new();
    let mut inside = false;
    for line in README.lines() {
        match line.starts_with("```") {
            true => inside = line == fence,
            false if inside => lines.push(line),
            false => {}
        }
    }
    lines
}

#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let (host, _listener) = readme_host();
    let mut servers: Vec<Process> = Vec::new();
    let mut seen = 0;
    for line in blocks("sh") {
        let known = COMMANDS.iter().find(|(command, _)| *command == line);
        let Some((_, run)) = known else {
            panic!("`{line}` stands in the README and nobody knows what it should do");
        };
        seen += 1;
        match run {
            Run::Succeeds => drop(finish(shell(&host, line), b"", PATIENCE).expect_code(0)),
            Run::As(line, input) => {
                finish(shell(&host, line), input.as_bytes(), PATIENCE).expect_code(0);
            }
            Run::Serves => {
                let server = Process::start(shell(&host, &format!("exec {line}")));
                server.stdout.wait_for_line("listening", PATIENCE);
                servers.push(server);
            }
            Run::IsThisTest => {
                let script = std::fs::read_to_string(line).expect("the script is there");
                assert!(script.contains("cargo test"), "{line}");
            }
        }
    }
    assert_eq!(seen, COMMANDS.len());
}

#[test]
fn the_first_example_prints_what_the_readme_shows() {
    let (host, _listener) = readme_host();
    let mut lines = blocks("console").into_iter();
    let command = lines
        .next()
        .and_then(|line| line.strip_prefix("$ "))
        .unwrap();
    // The summary goes to standard error.
    let lines = lines.filter(|line| !line.contains(" checked: "));
    let mut shown: Vec<String> = lines.map(without_time).collect();
    let printed = finish(shell(&host, command), b"", Duration::from_secs(30)).expect_code(1);
    let mut printed: Vec<String> = printed.stdout.lines().map(without_time).collect();
    // Each line comes the moment it is known.
    printed.sort();
    shown.sort();
    assert_eq!(printed, shown);
}

/// A line of `check` without its time and without the number of repeated SYNs, which depends on the
/// kernel's version.
fn without_time(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    words.drain(2..4);
    words.retain(|word| word.trim_start_matches('(').parse::<u32>().is_err());
    words.join(" ")
}
