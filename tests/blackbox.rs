//! The same targets asked by the Prometheus blackbox exporter and by `netkit check`: one verdict,
//! wherever the exporter has one, and why where it differs.

use crate::support::PATIENCE;
use crate::support::certificates::{Certificates, VALID, authority};
use crate::support::namespace::Host;
use crate::support::process::{Process, finish};
use crate::support::server::Server;
use std::fs;
use std::path::Path;

const ASK: &str = include_str!("blackbox/ask.py");

/// What is asked of whom: the exporter's module and target, and what `netkit check` is given.
struct Question {
    module: &'static str,
    target: &'static str,
    check: &'static str,
}

const fn ask(module: &'static str, target: &'static str, check: &'static str) -> Question {
    Question {
        module,
        target,
        check,
    }
}

/// Both must come to the same verdict on these.
const SAME: &[Question] = &[
    ask("connect", "127.0.0.1:80", "127.0.0.1:80"),
    ask("connect", "[::1]:80", "[::1]:80"),
    ask("connect", "both.test:80", "both.test:80"),
    ask("connect", "127.0.0.1:9", "127.0.0.1:9"),
    ask("connect", "127.0.0.1:81", "127.0.0.1:81 --timeout 2s"),
    ask("connect", "127.0.0.1:82", "127.0.0.1:82"),
    ask("connect", "nowhere.test:80", "nowhere.test:80"),
    ask("ssh", "127.0.0.1:22", "127.0.0.1:22 --expect ^SSH-2.0-"),
    ask(
        "smtp",
        "127.0.0.1:22",
        "127.0.0.1:22 --expect ^220 --timeout 2s",
    ),
    ask(
        "echo",
        "127.0.0.1:12345",
        "127.0.0.1:12345 --send hello --expect ^hello",
    ),
    ask("tls", "good.test:443", "tls://good.test:443 --ca CA_FILE"),
    ask("tls", "good.test:8443", "tls://good.test:8443 --ca CA_FILE"),
    ask("tls", "good.test:8444", "tls://good.test:8444 --ca CA_FILE"),
    ask("tls", "good.test:8445", "tls://good.test:8445 --ca CA_FILE"),
    ask("tls", "127.0.0.1:80", "tls://127.0.0.1:80 --ca CA_FILE"),
    ask("http", "http://127.0.0.1/ok", "http://127.0.0.1/ok"),
    ask(
        "http",
        "http://127.0.0.1/missing",
        "http://127.0.0.1/missing",
    ),
    ask(
        "http",
        "http://127.0.0.1/moved",
        "http://127.0.0.1/moved --follow",
    ),
    ask(
        "http_created",
        "http://127.0.0.1/ok",
        "http://127.0.0.1/ok --status 201",
    ),
    ask(
        "http_ready",
        "http://127.0.0.1/ok",
        "http://127.0.0.1/ok --expect ready",
    ),
    ask(
        "http_broken",
        "http://127.0.0.1/ok",
        "http://127.0.0.1/ok --expect broken",
    ),
    ask(
        "http_no_ready",
        "http://127.0.0.1/ok",
        "http://127.0.0.1/ok --reject ready",
    ),
    ask(
        "http_type",
        "http://127.0.0.1/ok",
        "http://127.0.0.1/ok --expect-header Content-Type:text/plain",
    ),
    ask(
        "https",
        "https://good.test/ok",
        "https://good.test/ok --ca CA_FILE",
    ),
    ask(
        "https",
        "https://good.test:8445/",
        "https://good.test:8445/ --ca CA_FILE",
    ),
    ask(
        "dns_known",
        "127.0.0.1",
        "dns://127.0.0.1/known.test?type=A",
    ),
    ask(
        "dns_unknown",
        "127.0.0.1",
        "dns://127.0.0.1/unknown.test?type=A",
    ),
    ask(
        "dns_tcp",
        "127.0.0.1",
        "dns://127.0.0.1/known.test?type=A&over=tcp",
    ),
    ask(
        "dns_answer",
        "127.0.0.1",
        "dns://127.0.0.1/known.test?type=A --expect 10.1.2.3",
    ),
    ask(
        "dns_known",
        "127.0.0.9:54",
        "dns://127.0.0.9:54/known.test?type=A --timeout 2s",
    ),
];

/// Where the exporter comes to another verdict: it says yes, netkit no.
const LENIENT: &[(Question, &str)] = &[(
    ask("connect_ipv4", "half.test:12346", "half.test:12346"),
    "the exporter asks one address of a name, netkit each of them: one is refused",
)];

/// Where netkit says yes and the exporter no.
const STRICT: &[(Question, &str)] = &[
    (
        ask("connect", "half.test:12346", "half.test:12346 --any"),
        "the exporter asks the IPv6 address alone; `--any` is content with one that answers",
    ),
    (
        ask("connect", "127.0.0.1:9", "127.0.0.1:9=closed"),
        "a closed port can be what is wanted, which the exporter has no word for",
    ),
];

/// A host with web, name, echo and greeting servers, a firewall, and the exporter.
struct Site {
    host: Host,
    certificates: Certificates,
    _programs: Vec<Process>,
    _servers: Vec<Server>,
}

impl Site {
    fn new() -> Self {
        let host = Host::new();
        let certificates = make_certificates();
        host.hosts_file("127.0.0.1 good.test both.test half.test\n::1 both.test half.test\n");
        host.resolv_conf("");
        host.firewall(
            "input",
            "tcp dport 81 drop\ntcp dport 82 reject with icmpx admin-prohibited\nudp dport 54 drop",
        );
        let servers = vec![
            Server::of(host.netkit(&["echo-server", "--port", "12345"])),
            Server::of(host.netkit(&["echo-server", "--port", "12346", "--host", "127.0.0.1"])),
        ];
        let site = Self {
            _programs: start_programs(&host, certificates.folder()),
            _servers: servers,
            host,
            certificates,
        };
        site.wait_for("127.0.0.1:80,443,22,53,9115");
        site
    }

    fn wait_for(&self, targets: &str) {
        let arguments = ["check", "--wait", "20s", "--interval", "20ms", targets];
        self.host.run(&arguments).expect_code(0);
    }

    /// The exporter's verdicts.
    fn exporter(&self, questions: &[&Question]) -> Vec<bool> {
        let lines = questions
            .iter()
            .map(|it| format!("{} {}\n", it.module, it.target));
        let input: String = lines.collect();
        let command = self.host.python(ASK, &[]);
        let output = finish(command, input.as_bytes(), 5 * PATIENCE).expect_code(0);
        output.stdout.lines().map(|it| it == "1").collect()
    }

    /// netkit's verdict.
    fn netkit(&self, question: &Question) -> bool {
        let ca = self.certificates.ca();
        let words = question.check.replace("CA_FILE", &ca);
        let arguments: Vec<&str> = ["check", "-o", "ndjson"]
            .into_iter()
            .chain(words.split(' '))
            .collect();
        let output = self.host.run(&arguments);
        match output.status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => panic!("{words}: {output:#?}"),
        }
    }
}

/// A certificate of each kind of server.
fn make_certificates() -> Certificates {
    let certificates = Certificates::new();
    certificates.make("good", "good.test", VALID);
    certificates.make("expired", "good.test", (2000, 2001));
    certificates.make("other", "other.test", VALID);
    certificates.make_by(&authority("stranger"), "stranger", "good.test", VALID, &[]);
    certificates
}

fn start_programs(host: &Host, folder: &Path) -> Vec<Process> {
    let path = folder.to_str().expect("a path");
    let file = |name: &str, text: &str| {
        let ca = folder.join("ca.pem");
        let text = text
            .replace("FOLDER", path)
            .replace("CA_FILE", ca.to_str().expect("a path"));
        fs::write(folder.join(name), text).expect("a file");
    };
    file("nginx.conf", include_str!("blackbox/nginx.conf"));
    file("modules.yml", include_str!("blackbox/modules.yml"));
    let start = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args([
            "-ec",
            &format!("cd {path}; PATH=$PATH:/usr/sbin; exec {script}"),
        ]);
        Process::start(host.enter(&command))
    };
    vec![
        start("nginx -c \"$PWD/nginx.conf\" -g 'user root;'"),
        start(
            "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
               --user= --pid-file= --listen-address=127.0.0.1 --bind-interfaces \
               --address=/known.test/10.1.2.3",
        ),
        start("socat TCP-LISTEN:22,fork,reuseaddr SYSTEM:'echo SSH-2.0-test; cat'"),
        start(
            "prometheus-blackbox-exporter --config.file=modules.yml --web.listen-address=127.0.0.1:9115",
        ),
    ]
}

#[test]
fn both_come_to_the_same_verdict() {
    let site = Site::new();
    let exporter = site.exporter(&SAME.iter().collect::<Vec<_>>());
    assert_eq!(exporter.len(), SAME.len());
    assert!(exporter.contains(&true) && exporter.contains(&false));
    for (question, verdict) in SAME.iter().zip(exporter) {
        let Question {
            module,
            target,
            check,
        } = question;
        assert_eq!(site.netkit(question), verdict, "{module} {target}, {check}");
    }
}

#[test]
fn where_they_differ_it_is_for_a_reason() {
    let site = Site::new();
    for (cases, netkit_says) in [(LENIENT, false), (STRICT, true)] {
        for (question, reason) in cases {
            assert_eq!(
                site.netkit(question),
                netkit_says,
                "{}: {reason}",
                question.check
            );
            assert_eq!(
                site.exporter(&[question]),
                [!netkit_says],
                "{}: {reason}",
                question.check
            );
        }
    }
}
