//! The plans in `checks/`, each on a host where it passes.

use crate::check::records::{Checked, finished};
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Process, netkit};
use crate::support::server::Server;
use std::fs;
use std::path::{Path, PathBuf};

/// Every plan that is shipped.
const PLANS: [&str; 5] = [
    "echo.toml",
    "file-service.toml",
    "firewall.toml",
    "small-services.toml",
    "web.toml",
];

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("checks")
        .join(name)
}

/// The results of a plan on `host`, where all of it is as expected.
#[track_caller]
fn passed(host: &Host, name: &str) -> Checked {
    let plan = shipped(name);
    let plan = plan.to_str().expect("a path in UTF-8");
    finished(host.netkit(&["check", "-o", "ndjson", "--plan", plan])).expect_code(0)
}

/// Listens on every address and port of its arguments.
const LISTENER: &str = "
import socket, sys
held = []
for place in sys.argv[1:]:
    host, _, port = place.rpartition(':')
    held.append(socket.create_server((host, int(port))))
print('listening', flush=True)
sys.stdin.read()
";

/// A web server that sends everybody from http to https; the certificate and its key are in its
/// arguments.
const WEB: &str = "
import http.server, ssl, sys, threading
class Redirect(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(301)
        self.send_header('Location', 'https://localhost' + self.path)
        self.end_headers()
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = b'<!doctype html><html>hello</html>' if self.path == '/' else b'no such page'
        self.send_response(200 if self.path == '/' else 404)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(page)))
        self.end_headers()
        self.wfile.write(page)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
plain = http.server.ThreadingHTTPServer(('127.0.0.1', 80), Redirect)
secure = http.server.ThreadingHTTPServer(('127.0.0.1', 443), Site)
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
for server in (plain, secure):
    threading.Thread(target=server.serve_forever, daemon=True).start()
print('listening', flush=True)
sys.stdin.read()
";

#[test]
fn every_shipped_plan_is_known_here() {
    let files = fs::read_dir(shipped("")).expect("the folder of the plans");
    let paths = files.map(|it| it.expect("a file").path());
    let plans = paths.filter(|it| it.extension().is_some_and(|it| it == "toml"));
    let mut names: Vec<_> = plans
        .filter_map(|it| Some(it.file_name()?.to_owned()))
        .collect();
    names.sort();
    assert_eq!(names, PLANS);
}

#[test]
fn every_shipped_plan_explains_itself() {
    for name in PLANS {
        let text = fs::read_to_string(shipped(name)).expect("a plan");
        let mut command = netkit(&["check", "--explain"]);
        command.arg(shipped(name));
        let output = crate::support::process::finish(command, b"", PATIENCE).expect_code(0);
        // A sentence for each check at least; those of templates have more.
        let checks = text.lines().filter(|it| *it == "[[check]]").count();
        let sentences = output.stdout.lines();
        assert!(sentences.clone().count() >= checks, "{output:?}");
        for sentence in sentences {
            assert!(sentence.contains("), is "), "{sentence}");
            assert!(!sentence.contains("{host}"), "{sentence}");
        }
    }
}

#[test]
fn the_echo_plan_passes_beside_an_echo_server() {
    let host = Host::new();
    let _server = Server::of(host.netkit(&["echo-server", "--port", "12345"]));
    let checked = passed(&host, "echo.toml");
    assert_eq!(checked.results.len(), 6, "{checked:?}");
}

#[test]
fn the_web_plan_passes_beside_a_web_server() {
    let host = Host::new();
    host.hosts_file("127.0.0.1 localhost\n");
    let names = vec![String::from("localhost")];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let certificate = super::plan(made.cert.pem());
    let key = super::plan(made.signing_key.serialize_pem());
    let arguments = [super::path(&certificate), super::path(&key)];
    let web = Process::start(host.python(WEB, &arguments));
    web.stdout.wait_for_line("listening", PATIENCE);
    let plan = shipped("web.toml");
    let plan = plan.to_str().expect("a path in UTF-8");
    // The certificate is trusted here as a user's system trusts real ones.
    let mut command = host.netkit(&["check", "-o", "ndjson", "--plan", plan]);
    command.env("SSL_CERT_FILE", certificate.path());
    let checked = finished(command).expect_code(0);
    assert_eq!(checked.results.len(), 8, "{checked:?}");
}

#[test]
fn the_firewall_plan_passes_behind_such_a_firewall() {
    let host = Host::new();
    host.hosts_file(
        "127.0.1.1 gateway.example.net\n127.0.1.2 web1.example.net\n\
         127.0.1.3 web2.example.net\n127.0.1.4 db.example.net\n",
    );
    host.firewall("input", "ip daddr 127.0.1.4 drop");
    let places = [
        "127.0.1.1:22",
        "127.0.1.2:22",
        "127.0.1.2:80",
        "127.0.1.2:443",
        "127.0.1.3:22",
        "127.0.1.3:80",
        "127.0.1.3:443",
        "127.0.1.4:5432",
    ];
    let listener = Process::start(host.python(LISTENER, &places));
    listener.stdout.wait_for_line("listening", PATIENCE);
    let checked = passed(&host, "firewall.toml");
    assert_eq!(checked.results.len(), 13, "{checked:?}");
    let names = checked.results.iter().filter_map(|it| it["name"].as_str());
    let databases = "the databases of db.example.net are out of reach";
    assert_eq!(names.filter(|it| *it == databases).count(), 3);
}

#[test]
fn the_plan_of_the_small_services_passes_beside_them() {
    let host = Host::new();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(folder.path().join("files")).expect("a folder");
    let (text, files, accounts) = (path("text"), path("files"), path("accounts"));
    let mut servers = vec![Server::of(
        host.netkit(&["serve", "document", "--file", &text]),
    )];
    for id in ["1", "2"] {
        let log = path(&format!("log{id}"));
        let own = [
            "--id",
            id,
            "--members",
            "2",
            "--root",
            &files,
            "--peer-log",
            &log,
        ];
        let cluster = [&["serve", "cluster", "--heartbeat", "200ms"], &own[..]].concat();
        servers.push(Server::of(host.netkit(&cluster)));
    }
    for id in ["1", "2", "3", "4"] {
        let root = path(&format!("shard{id}"));
        let shard = ["serve", "shard", "--id", id, "--root", &root];
        servers.push(Server::of(host.netkit(&shard)));
    }
    let shards = "localhost,localhost,localhost,localhost";
    let store = ["serve", "store", "--root", &accounts, "--shards", shards];
    servers.push(Server::of(host.netkit(&store)));
    let members = "cluster://127.0.0.1:3681-3682";
    let all_up = [
        "--expect",
        "^member 1 .* up$",
        "--expect",
        "^member 2 .* up$",
    ];
    let waiting = [&["check", "-q", "--wait", "20s", members], &all_up[..]].concat();
    host.run(&waiting).expect_code(0);
    let checked = passed(&host, "small-services.toml");
    assert_eq!(checked.results.len(), 10, "{checked:?}");
}
