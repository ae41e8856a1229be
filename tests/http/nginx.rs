//! nginx on a host of its own, with answers that say what it was asked.

use crate::support::namespace::Host;
use crate::support::process::Process;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Bytes of `/large`.
pub(super) const LARGE: usize = 3 << 20;

const LOCATIONS: &str = r#"
    default_type text/plain;
    location / { return 404 "nothing here\n"; }
    location /asked {
        add_header X-Two one always; add_header X-Two two always;
        return 200 "$request_method $request_uri host=$http_host agent=$http_user_agent accept=$http_accept mine=$http_x_mine secret=$http_authorization\n";
    }
    location /large { }
    location /broken { return 503 "out of order\n"; }
    location /moved { return 301 /asked?moved; }
    location /loop { return 302 /loop; }
    location /posted { return 303 /asked; }
    location /other { return 302 http://other.test:8080/asked; }
    location /nowhere { return 302 http://nowhere.test/; }
    location /closed { return 302 http://$host:9/; }
    location /file { return 302 file:///etc/passwd; }
"#;

/// A host with nginx on ports 80 and 8080, and with TLS on 443; `other.test` is another name of
/// it.
pub(super) struct Web {
    pub(super) host: Host,
    // The order matters: the server goes before its folder.
    _server: Process,
    _folder: TempDir,
}

impl Web {
    pub(super) fn new() -> Self {
        Self::on(Host::new())
    }

    /// The same on `host`, which has its hosts file already.
    pub(super) fn on(host: Host) -> Self {
        let folder = TempDir::new().expect("cannot make a temporary folder");
        write_files(folder.path());
        let mut command = Command::new("/usr/sbin/nginx");
        command
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        let server = Process::start(host.enter(&command));
        let ready = [
            "check",
            "-q",
            "--wait",
            "20s",
            "127.0.0.1:80,8080,443",
            "[::1]:80,8080",
        ];
        host.run(&ready).expect_code(0);
        Self {
            host,
            _server: server,
            _folder: folder,
        }
    }
}

fn write_files(folder: &Path) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let certified = certified.expect("cannot make a certificate");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("cannot write a file");
    };
    write("certificate.pem", &certified.cert.pem());
    write("key.pem", &certified.signing_key.serialize_pem());
    let needle = "needle";
    let large = "x".repeat(LARGE - needle.len()) + needle;
    write("large", &large);
    let root = folder.display();
    write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; user root; pid nginx.pid;
             events {{ worker_connections 4096; }}
             http {{
                 access_log off; root {root};
                 client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                 uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                 server {{
                     listen 80 backlog=4096; listen [::]:80; listen 8080; listen [::]:8080;
                     {LOCATIONS}
                 }}
                 server {{
                     listen 443 ssl;
                     ssl_certificate certificate.pem; ssl_certificate_key key.pem;
                     {LOCATIONS}
                 }}
             }}"
        ),
    );
}
