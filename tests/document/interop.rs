//! A client and a server that were written from the description of the protocol alone, in Python.

use super::{Client, Site};
use crate::support::PATIENCE;
use crate::support::process::{Process, finish, run};
use std::process::Command;

const CLIENT: &str = include_str!("client.py");
const SERVER: &str = include_str!("server.py");

fn python(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(["-u", "-c", program]).args(arguments);
    command
}

#[test]
fn their_client_speaks_to_our_server() {
    let site = Site::with("what was there\n");
    let server = site.serve(&[]);
    let port = server.port().to_string();
    let listening = Process::start(python(CLIENT, &[&port, "3"]));
    let first = listening.stdout.wait_for_line("updated", PATIENCE);
    assert_eq!(first, "Document updated: 'what was there\\n'");
    let mut ours = Client::connect(&server);
    assert_eq!(ours.hear(), "what was there\n");
    ours.say("gr\u{fc}n");
    listening
        .stdout
        .wait_for_line("Document updated: 'gr\u{fc}n'", PATIENCE);
    let speaking = python(CLIENT, &[&port, "1", "typed", "and more"]);
    let output = finish(speaking, b"", PATIENCE).expect_code(0);
    let shown = "Document updated: 'what was there\\ngr\u{fc}n'\n";
    assert_eq!(output.stdout, shown);
    listening
        .stdout
        .wait_for_line("Document updated: 'typed'", PATIENCE);
    assert_eq!(ours.hear_bytes(13), "typedand more");
    assert_eq!(site.text(), "what was there\ngr\u{fc}ntypedand more");
}

#[test]
fn our_client_speaks_to_their_server() {
    let server = Process::start(python(SERVER, &["2"]));
    let port = server.stdout.wait_for_line("", PATIENCE);
    let target = format!("localhost:{port}");
    let output = run(&["probe", "document", "-4", &target], b"one\ntwo\n").expect_code(0);
    assert_eq!(output.stdout, "Document updated: begin\n");
    let output = run(&["probe", "document", "-4", &target, "--history"], b"").expect_code(0);
    assert_eq!(output.stdout, "beginone\ntwo\n");
}
