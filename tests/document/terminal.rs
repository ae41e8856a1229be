//! The client on a terminal: what comes does not garble what is being typed, and the terminal is
//! given back as it was.

use super::Site;
use crate::support::PATIENCE;
use crate::support::process::finish;
use std::process::Command;

const TERMINAL: &str = include_str!("terminal.py");

#[test]
fn what_comes_and_what_is_typed_share_a_terminal() {
    let site = Site::new();
    let server = site.serve(&[]);
    let mut command = Command::new("python3");
    let port = server.port().to_string();
    command.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_netkit"), &port]);
    let output = finish(command, b"", PATIENCE).expect_code(0);
    assert_eq!(output.stdout, "as it should be\n", "{output:#?}");
    assert_eq!(site.text(), "from afar\x1b[31m\nhelo gr\u{fc}n\nmore");
}
