//! Every command of the README, run as it is written, on a host where its names and addresses
//! exist.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::certificates::{Certificates, VALID};
use crate::support::namespace::Host;
use crate::support::process::{Process, finish};
use crate::support::text::Text;
use crate::support::{PATIENCE, becomes_true};

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
    (
        "netkit check '127.0.0.[8-11]:ssh,https=closed' 10.0.0.8/30:22=filtered",
        Run::Succeeds,
    ),
    ("netkit check web:22 --expect '^SSH-2.0-'", Run::Succeeds),
    (
        "netkit check http://web:8080/health --status 200 --expect '\"ready\": *true'",
        Run::Succeeds,
    ),
    (
        "netkit check tls://web:8443 --ca authority.pem --min-days 14",
        Run::Succeeds,
    ),
    (
        "netkit check 'dns://127.0.0.1/db.example?type=A' --expect '10\\.0\\.0\\.5'",
        Run::Succeeds,
    ),
    (
        "netkit probe raw 172.31.34.27:5001 --send 'GET file1.txt\\n'",
        Run::Succeeds,
    ),
    (
        "netkit check --wait 60s --stable 1s db:5432 -- echo 'all there'",
        Run::Succeeds,
    ),
    ("netkit check --explain checks/firewall.toml", Run::Succeeds),
    ("netkit check --plan checks/echo.toml", Run::Succeeds),
    (
        "netkit serve peer --host localhost --root copies",
        Run::Serves,
    ),
    (
        "netkit serve coordinator --host localhost --peer localhost --root files -v",
        Run::Serves,
    ),
    (
        "netkit probe coordinator localhost file1.txt",
        Run::Succeeds,
    ),
    (
        "netkit probe coordinator localhost file1.txt --diff",
        Run::Succeeds,
    ),
    (
        "netkit check coordinator://localhost/file1.txt --copies both",
        Run::Succeeds,
    ),
    (
        "netkit check --explain checks/file-service.toml",
        Run::Succeeds,
    ),
    (
        "netkit serve listing --host localhost --root files",
        Run::Serves,
    ),
    ("netkit probe listing localhost", Run::Succeeds),
    ("netkit serve document --file notes.txt", Run::Serves),
    (
        "printf 'one line\\n' | netkit probe document localhost",
        Run::Succeeds,
    ),
    ("netkit probe document localhost --history", Run::Succeeds),
    (
        "netkit check document://localhost --expect 'one line'",
        Run::Succeeds,
    ),
    (
        "netkit serve shard --id 1 --root shard1 --backup-every 1h -v",
        Run::Serves,
    ),
    ("netkit check shard://localhost", Run::Succeeds),
    (
        "netkit serve cluster --id 1 --members 2 --root files",
        Run::Serves,
    ),
    (
        "netkit serve cluster --id 2 --members 2 --root copies",
        Run::Serves,
    ),
    (
        "netkit probe cluster localhost leader --wait 10s",
        Run::Succeeds,
    ),
    ("netkit probe cluster localhost members", Run::Succeeds),
    (
        "netkit probe cluster localhost:3682 get hello.txt --wait 10s",
        Run::Succeeds,
    ),
    (
        "netkit check cluster://127.0.0.1:3682 --wait 10s --expect '^member 1 .* up$'",
        Run::Succeeds,
    ),
    ("netkit serve shard --id 2 --root shard2", Run::Serves),
    ("netkit serve shard --id 3 --root shard3", Run::Serves),
    ("netkit serve shard --id 4 --root shard4", Run::Serves),
    (
        "netkit serve store --shards localhost,localhost,localhost,localhost -v",
        Run::Serves,
    ),
    (
        "netkit probe store localhost --user alice --password-file secret --create put \
         files/hello.txt docs/",
        Run::Succeeds,
    ),
    (
        "netkit probe store localhost --user alice --password-file secret ls",
        Run::Succeeds,
    ),
    (
        "netkit probe store localhost --user alice --password-file secret get docs/hello.txt \
         --output copy.txt",
        Run::Succeeds,
    ),
    (
        "netkit probe store localhost --user alice --password-file secret status",
        Run::Succeeds,
    ),
    (
        "netkit probe store localhost --user alice --password-file secret repair",
        Run::Succeeds,
    ),
    ("netkit check store://localhost", Run::Succeeds),
    ("netkit listen --recv-only 9100 > copy", Run::Serves),
    (
        "netkit connect localhost:9100 < files/hello.txt",
        Run::Succeeds,
    ),
    ("netkit listen -k 9101 --exec cat", Run::Serves),
    (
        "printf 'hello\\n' | netkit connect localhost 9101 --crlf --expect-bytes 7",
        Run::Succeeds,
    ),
    ("netkit nc -zv web 22", Run::Succeeds),
    ("netkit nc --explain -- -q 1 -l -p 9000", Run::Succeeds),
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
    ("netkit serve http --root files --port 8088 -v", Run::Serves),
    (
        "netkit check http://localhost:8088/hello.txt --status 200 --expect hello",
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

/// Serves every port that the README's commands expect open, and says so.
const SERVERS: &str = include_str!("readme/servers.py");

/// A host with the names, addresses and servers of the README, and the folder in which its
/// commands run.
struct Site {
    host: Host,
    certificates: Certificates,
    _servers: [Process; 2],
}

impl Site {
    fn new() -> Self {
        let host = Host::new();
        host.hosts_file("127.0.0.1 localhost\n127.0.0.2 db\n127.0.0.3 cache\n127.0.0.4 web\n");
        host.shell("ip address add 172.31.34.27/32 dev lo; ip route add local 10.0.0.8/30 dev lo");
        host.firewall("input", "ip daddr 10.0.0.8/30 drop");
        host.firewall(
            "input",
            "tcp dport 8001 ip6 daddr ::1 reject with icmpv6 admin-prohibited",
        );
        let certificates = Certificates::new();
        certificates.make("web", "web", VALID);
        let folder = certificates.folder();
        fs::rename(folder.join("ca.pem"), folder.join("authority.pem")).expect("a file");
        let checks = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks");
        std::os::unix::fs::symlink(checks, folder.join("checks")).expect("a link");
        for (side, content) in [("files", "one\n"), ("copies", "two\n")] {
            fs::create_dir(folder.join(side)).expect("a folder");
            fs::write(folder.join(side).join("file1.txt"), content).expect("a file");
        }
        fs::write(folder.join("files/hello.txt"), "hello\n").expect("a file");
        fs::write(folder.join("secret"), "wonderland\n").expect("a file");
        let servers = [
            host.python(SERVERS, &[folder.to_str().expect("a path")]),
            host.enter(&name_server()),
        ];
        let servers = servers.map(Process::start);
        servers[0].stdout.wait_for_line("listening", PATIENCE);
        let wait = ["check", "--wait", "20s", "--interval", "20ms"];
        let question = "dns://127.0.0.1/db.example";
        host.run(&[&wait[..], &[question]].concat()).expect_code(0);
        Self {
            host,
            certificates,
            _servers: servers,
        }
    }

    /// The command of a line of the README.
    fn shell(&self, line: &str) -> Command {
        let netkit = Path::new(env!("CARGO_BIN_EXE_netkit"));
        let programs = netkit.parent().expect("a folder").display();
        let folder = self.certificates.folder().display();
        let mut command = Command::new("sh");
        command.args([
            "-ec",
            &format!("PATH={programs}:$PATH; cd {folder}; {line}"),
        ]);
        self.host.enter(&command)
    }
}

fn name_server() -> Command {
    let mut command = Command::new("/usr/sbin/dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
    ]);
    command.args([
        "--user=",
        "--pid-file=",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
    ]);
    command.arg("--address=/db.example/10.0.0.5");
    command
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
    let site = Site::new();
    let mut servers: Vec<Process> = Vec::new();
    let mut seen = 0;
    for line in blocks("sh") {
        let known = COMMANDS.iter().find(|(command, _)| *command == line);
        let Some((_, run)) = known else {
            panic!("`{line}` stands in the README and nobody knows what it should do");
        };
        seen += 1;
        match run {
            Run::Succeeds => drop(finish(site.shell(line), b"", PATIENCE).expect_code(0)),
            Run::As(line, input) => {
                finish(site.shell(line), input.as_bytes(), PATIENCE).expect_code(0);
            }
            Run::Serves => {
                let server = Process::start(site.shell(&format!("exec {line}")));
                // Where standard output is the peer's, the other stream says it.
                let outputs = [&server.stdout, &server.stderr];
                let listens = || outputs.iter().any(|it| it.so_far().contains("listening"));
                let said = || outputs.map(Text::so_far);
                assert!(becomes_true(PATIENCE, listens), "{line}: {:?}", said());
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
fn the_job_of_the_readme_keeps_its_report() {
    let site = Site::new();
    let steps = blocks("yaml").into_iter();
    let commands = steps.filter_map(|line| line.trim_start().strip_prefix("- run: "));
    let commands: Vec<&str> = commands.collect();
    let [command] = commands[..] else {
        panic!("one command, not {commands:?}");
    };
    finish(site.shell(command), b"", PATIENCE).expect_code(0);
    let report = site.certificates.path("r.xml");
    let report = fs::read_to_string(report).expect("a report");
    assert!(report.contains("failures=\"0\""), "{report}");
    assert_eq!(report.matches("<testcase ").count(), 2, "{report}");
    assert_eq!(blocks("yaml").len(), 10);
}

#[test]
fn the_first_example_prints_what_the_readme_shows() {
    let site = Site::new();
    let mut lines = blocks("console").into_iter();
    let command = lines
        .next()
        .and_then(|line| line.strip_prefix("$ "))
        .unwrap();
    // The summary goes to standard error.
    let lines = lines.filter(|line| !line.contains(" checked: "));
    let mut shown: Vec<String> = lines.map(without_time).collect();
    let printed = finish(site.shell(command), b"", Duration::from_secs(30)).expect_code(1);
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
