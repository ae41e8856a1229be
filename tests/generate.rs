//! `netkit generate`: completion scripts, asked in the shells that they are for, and man pages.

use crate::support::PATIENCE;
use crate::support::process::{finish, run};
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// Asks a bash that has sourced the script `$1` what could follow the other words.
const ASK_BASH: &str = "
set -eu
source \"$1\"
shift
COMP_WORDS=(\"$@\")
COMP_CWORD=$(($# - 1))
_netkit netkit \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
printf '%s\\n' \"${COMPREPLY[@]}\"
";

/// The same for fish, which is asked for a command line.
const ASK_FISH: &str = "source $argv[1]; complete --do-complete \"$argv[2]\"";

/// What lint says of whoever made the pages, not of what they say: its paragraphs are too long,
/// and there is no date.
const STYLE: [&str; 2] = ["skipping paragraph macro", "missing date"];

/// netkit's completion script, in a file of its own.
fn script(folder: &TempDir, shell: &str) -> String {
    let output = run(&["generate", "completions", shell], b"").expect_code(0);
    let path = folder.path().join(shell);
    fs::write(&path, output.stdout).expect("cannot write the script");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// What bash offers for the last of `words`.
fn bash_offers(script: &str, words: &[&str]) -> Vec<String> {
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", ASK_BASH, "bash", script]);
    let output = finish(with(command, words), b"", PATIENCE).expect_code(0);
    assert_eq!(output.stderr, "");
    output.stdout.lines().map(str::to_owned).collect()
}

/// What fish offers for the end of `line`, without what it says about it.
fn fish_offers(script: &str, line: &str) -> Vec<String> {
    let mut command = Command::new("fish");
    command.args(["--no-config", "-c", ASK_FISH, script, line]);
    let output = finish(command, b"", PATIENCE).expect_code(0);
    let words = output.stdout.lines().filter_map(|it| it.split('\t').next());
    words.map(str::to_owned).collect()
}

fn with(mut command: Command, words: &[&str]) -> Command {
    command.args(words);
    command
}

/// The verbs of `netkit --help`.
fn verbs() -> Vec<String> {
    listed(&["--help"], "Verbs:")
}

/// The words that help lists under a title.
fn listed(arguments: &[&str], title: &str) -> Vec<String> {
    let help = run(arguments, b"").expect_code(0).stdout;
    let lines = help.lines().skip_while(|it| *it != title).skip(1);
    let words = lines.map_while(|it| it.split_whitespace().next());
    words.map(str::to_owned).collect()
}

/// All verbs as they are typed, and the protocols behind `serve` and `probe`.
fn commands() -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for verb in verbs() {
        let services = listed(&[&verb, "--help"], "Services:");
        if services.is_empty() {
            commands.push(vec![verb]);
        } else {
            commands.extend(services.into_iter().map(|name| vec![verb.clone(), name]));
        }
    }
    commands
}

/// The long options that the help of a command shows.
fn options(command: &[String]) -> Vec<String> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    let help = run(&[&words[..], &["--help"]].concat(), b"").expect_code(0);
    let lines = help.stdout.lines().map(str::trim_start);
    let mut options: Vec<String> = lines
        .filter(|it| it.starts_with('-'))
        .filter_map(|it| it.split_whitespace().find(|it| it.starts_with("--")))
        .map(|it| it.trim_end_matches('.').to_owned())
        .collect();
    options.sort();
    options
}

#[test]
fn bash_completes_every_verb_and_every_option() {
    let folder = TempDir::new().expect("cannot make a folder");
    let script = script(&folder, "bash");
    let offered = bash_offers(&script, &["netkit", ""]);
    for verb in verbs() {
        assert!(offered.contains(&verb), "{verb} is not in {offered:?}");
    }
    let commands = commands();
    assert!(commands.contains(&vec!["serve".into(), "echo".into()]));
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let mut offered = bash_offers(&script, &[&["netkit"], &words[..], &["--"]].concat());
        offered.sort();
        assert_eq!(offered, options(&command), "{command:?}");
        let is_netcat = command == ["nc"];
        assert!(
            is_netcat || offered.contains(&"--verbose".into()),
            "{command:?}"
        );
    }
}

#[test]
fn bash_completes_values() {
    let folder = TempDir::new().expect("cannot make a folder");
    let script = script(&folder, "bash");
    let formats = bash_offers(&script, &["netkit", "check", "--format", ""]);
    assert!(formats.contains(&"ndjson".into()), "{formats:?}");
    let shells = bash_offers(&script, &["netkit", "generate", "completions", "f"]);
    assert_eq!(shells, ["fish"]);
    let protocols = bash_offers(&script, &["netkit", "serve", "e"]);
    assert_eq!(protocols, ["echo"]);
}

#[test]
fn fish_completes_every_verb_and_every_option() {
    let folder = TempDir::new().expect("cannot make a folder");
    let script = script(&folder, "fish");
    let mut command = Command::new("fish");
    command.args(["--no-execute", &script]);
    let output = finish(command, b"", PATIENCE).expect_code(0);
    assert_eq!(output.stderr, "");
    let offered = fish_offers(&script, "netkit ");
    for verb in verbs() {
        assert!(offered.contains(&verb), "{verb} is not in {offered:?}");
    }
    for command in commands() {
        let mut offered = fish_offers(&script, &format!("netkit {} --", command.join(" ")));
        offered.sort();
        assert_eq!(offered, options(&command), "{command:?}");
    }
}

#[test]
fn the_script_of_every_shell_knows_every_verb() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["generate", "completions", shell], b"").expect_code(0);
        for verb in verbs() {
            assert!(output.stdout.contains(&verb), "{shell} knows no {verb}");
        }
        let again = run(&["generate", "completions", shell], b"").expect_code(0);
        assert_eq!(output.stdout, again.stdout, "{shell}: not the same again");
    }
    run(&["generate", "completions", "tcsh"], b"").expect_code(2);
    run(&["generate"], b"").expect_code(2);
}

#[test]
fn every_command_has_a_man_page_with_its_options_and_examples() {
    let folder = TempDir::new().expect("cannot make a folder");
    let below = folder.path().join("share/man1");
    let path = below.to_str().expect("a path in UTF-8");
    let output = run(&["generate", "man", path], b"").expect_code(0);
    let mut written: Vec<String> = fs::read_dir(&below)
        .expect("the folder was made")
        .map(|it| it.expect("an entry").path().display().to_string())
        .collect();
    written.sort();
    let mut told: Vec<&str> = output.stdout.lines().collect();
    told.sort_unstable();
    assert_eq!(written, told);
    for page in &written {
        expect_clean(page);
    }
    expect_examples(&["check", "--help"], &format!("{path}/netkit-check.1"));
    let whole = fs::read_to_string(below.join("netkit.1")).expect("netkit.1");
    for verb in verbs() {
        let verb = verb.replace('-', "\\-");
        assert!(whole.contains(&verb), "netkit.1 has no {verb}");
    }
    for command in commands() {
        let page = below.join(format!("netkit-{}.1", command.join("-")));
        let page = fs::read_to_string(&page).unwrap_or_else(|why| panic!("{page:?}: {why}"));
        for option in options(&command) {
            let option = option.replace('-', "\\-");
            assert!(page.contains(&option), "{command:?} has no {option}");
        }
    }
}

/// Fails the test where mandoc finds anything that a reader could see.
#[track_caller]
fn expect_clean(page: &str) {
    let mut command = Command::new("mandoc");
    command.args(["-T", "lint", "-W", "warning", page]);
    let said = finish(command, b"", PATIENCE);
    let mut complaints = said.stdout.lines().chain(said.stderr.lines());
    let bad = complaints.find(|line| !STYLE.iter().any(|it| line.contains(it)));
    assert_eq!(bad, None);
}

/// Fails the test unless the page, as mandoc shows it, has the examples that help shows.
#[track_caller]
fn expect_examples(help: &[&str], page: &str) {
    let help = run(help, b"").expect_code(0).stdout;
    let examples: Vec<&str> = help
        .lines()
        .skip_while(|it| *it != "Examples:")
        .skip(1)
        .collect();
    assert!(!examples.is_empty(), "{help}");
    let mut command = Command::new("mandoc");
    command.args(["-T", "utf8", "-O", "width=120", page]);
    let shown = finish(command, b"", PATIENCE).expect_code(0).stdout;
    for example in examples {
        assert!(shown.contains(example.trim()), "no `{example}` in {shown}");
    }
}

#[test]
fn pages_that_cannot_be_written_are_an_error() {
    let file = tempfile::NamedTempFile::new().expect("cannot make a file");
    let path = file.path().to_str().expect("a path in UTF-8");
    let output = run(&["generate", "man", path], b"").expect_code(1);
    assert!(
        output.stderr.starts_with("netkit: cannot make `"),
        "{output:?}"
    );
    assert_eq!(output.stdout, "");
}
