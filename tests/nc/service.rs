//! The connectivity check of the file service's document, on hosts with its addresses.

use super::Netcat;
use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::{Process, send_signal};
use std::io::Write;
use std::process::Command;
use std::time::Duration;

const SERVER: &str = "172.31.16.124";

#[test]
fn a_line_crosses_from_the_client_to_the_first_server() {
    for (server, client) in [
        (Netcat::Ours, Netcat::Ours),
        (Netcat::Debian, Netcat::Ours),
        (Netcat::Ours, Netcat::Debian),
    ] {
        let (near, far) = (Host::new(), Host::new());
        near.link(&far, &["172.31.34.27/16"], &["172.31.16.124/16"]);
        near.hosts_file_alone();
        far.hosts_file_alone();
        let listen = server.command(&["-v", "-l", "-p", "5002"]);
        let mut listening = Process::start(far.enter(&listen));
        listening.stderr.wait_for_line("Listening", PATIENCE);
        let words = client.command(&[SERVER, "5002"]);
        let mut pipe = Command::new("sh");
        pipe.args([
            "-c",
            "echo 'hello from CLIENT to SERVER1' | exec \"$@\"",
            "sh",
        ]);
        pipe.arg(words.get_program()).args(words.get_args());
        let mut sending = Process::start(near.enter(&pipe));
        let said = "hello from CLIENT to SERVER1";
        assert_eq!(listening.stdout.wait_for_line(said, PATIENCE), said);
        // Both stay, as neither was told to end; the server's input is its operator's.
        let mut operator = listening.take_stdin();
        operator.write_all(b"hello back\n").unwrap();
        sending.stdout.wait_for_line("hello back", PATIENCE);
        assert!(sending.exits(Duration::ZERO).is_none(), "{client:?}");
        send_signal(listening.id(), "INT");
        listening.wait_for_exit(PATIENCE);
        assert!(sending.wait_for_exit(PATIENCE).success(), "{client:?}");
    }
}
