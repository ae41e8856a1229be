//! What is said of wrong plans, and that none does harm.

use proptest::prelude::*;

use super::*;

fn errors(text: &str) -> String {
    let plan = read("p", text, &Settings::default());
    plan.err().map_or(String::new(), |it| it.to_string())
}

/// The word that the carets of the only mistake point at, and what is said.
#[track_caller]
pub(super) fn mistake(text: &str) -> (String, String) {
    let errors = errors(text);
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!((lines.len(), lines[4]), (5, "1 mistake"), "{errors}");
    let start = lines[3].find('^').unwrap();
    let count = lines[3].trim().len();
    let word = lines[2].chars().skip(start).take(count).collect();
    let said = lines[1].split_once(": ").unwrap().1;
    (word, said.into())
}

/// As [`mistake`], of a line beside a target.
#[track_caller]
fn mistake_in(line: &str) -> (String, String) {
    mistake(&format!("[[check]]\ntarget = \"web:1\"\n{line}\n"))
}

#[test]
fn a_wrong_target_is_pointed_at_within_its_string() {
    let word = |line: &str| mistake(&format!("[[check]]\n{line}")).0;
    assert_eq!(word("target = \"web:80x\""), "80x");
    assert_eq!(word("target = 'web:80x'"), "80x");
    assert_eq!(word("target = '''web:80x'''"), "80x");
    assert_eq!(word("target = ['web:1', 'web:2=ope']"), "ope");
    assert_eq!(word("target = \"ü\\u003a80x\""), "\"ü\\u003a80x\"");
    assert_eq!(
        word("target = '{host}:80x'\nhosts = ['a', 'web[1-9]']"),
        "80x"
    );
    assert_eq!(word("target = '{host}:80'"), "{host}");
    assert_eq!(word("target = 'a:80'\nname = 'to {host}'"), "{host}");
}

#[test]
fn a_default_may_be_for_some_of_the_checks_only() {
    let text = "[defaults]\nmin_days = 5\n[[check]]\ntarget = ['web:1', 'tls://web:1']";
    assert_eq!(errors(text), "");
}

#[test]
fn wrong_keys_and_values_are_pointed_at() {
    let of = |line: &str, word: &str, said: &str| {
        let mistake = mistake_in(line);
        assert_eq!(mistake.0, word, "{mistake:?}");
        assert!(mistake.1.contains(said), "{mistake:?}");
    };
    of("timout = '2s'", "timout", "hint: `timeout`");
    of("nmae = 'x'", "nmae", "hint: `name`");
    of(
        "nothing_like_it = 'x'",
        "nothing_like_it",
        "a key of a check",
    );
    of("timeout = 5", "5", "`5s` or `5ms`");
    of(
        "min_days = 5",
        "5",
        "`--min-days` is for tls and https, not for tcp",
    );
    of("timeout = '5s '\nany = 'yes'", "'yes'", "`true` or `false`");
    of("retries = 99_999", "99_999", "0..=1000");
    of("retries = true", "true", "not a truth value");
    of("retries = 1.5", "1.5", "not a fraction");
    of("retries = 1979-05-27", "1979-05-27", "not a date");
    of("retries = [1]", "[1]", "not an array");
    of(
        "retries = 0xffffffffffffffff",
        "0xffffffffffffffff",
        "64 bits",
    );
    of("close = 'soon'", "'soon'", "fin, rst");
    of(
        "state = 'shut'",
        "'shut'",
        "open, closed, filtered, down, any",
    );
    of("name = ''", "''", "a name");
    of("name = \"a\\nb\"", "\"a\\nb\"", "one line");
    of("tags = [1]", "1", "not a whole number");
    of("tags = []", "[]", "not nothing");
    of("send = 'x'\nsteps = []", "send", "not both");
    of("steps = [{send = 'x', read = 5}]", "{", "one step");
    of("steps = [{any = true}]", "any", "one step");
    of("ipv4 = true\nipv6 = true", "true", "not both");
    of(
        "max-connect = '1s'\nmax_connect = '1s'",
        "max_connect",
        "once",
    );
    of("[checks]", "checks", "`[[check]]`");
    of("[defaults]\nname = 'x'", "name", "in a `[[check]]` only");
    of(
        "[defaults]\nretries = 'x'\n[[check]]\ntarget = 'b:1'",
        "'x'",
        "N of",
    );
}

#[test]
fn more_than_one_thing_may_be_badly_written() {
    let bad = "[[check]]\ntarget = web\n[[check]]\nname = 'a'\n\
               [[check]]\ntarget = \"web:1\nany = 5\n";
    let errors = errors(bad);
    let places = [
        "p:2:10: expected literal string: string values must be quoted",
        "p:3:1: expected a `target`",
        "p:6:16: expected `\"`: invalid basic string",
        "p:7:7: expected `true` or `false`, not a whole number",
    ];
    for place in places {
        assert!(errors.contains(&format!("\n{place}")), "{place}: {errors}");
    }
    assert!(errors.ends_with("4 mistakes"), "{errors}");
}

#[test]
fn what_bad_writing_hides_is_not_missed() {
    assert_eq!(mistake("[[check]]\n= 'web:1'\nany = true").0, "=");
}

#[test]
fn json_is_strict() {
    for (wrong, at) in [
        (
            "{\"check\": [],}",
            "1:13: expected other JSON: trailing commas",
        ),
        ("{} // x", "1:4: expected other JSON: comments"),
        ("{check: []}", "1:2: expected string for object property"),
        ("{\"a\": 1 \"b\": 2}", "1:8: expected comma"),
        ("{", "1:1: expected other JSON: unterminated object"),
    ] {
        let errors = errors(wrong);
        assert!(errors.contains(&format!("\np:{at}")), "{errors}");
    }
    assert!(planned(" \n{}").is_empty());
    assert!(planned("\u{feff}{\"check\": []}").is_empty());
}

#[test]
fn a_deep_plan_ends_cleanly() {
    let deep = |open: &str| open.repeat(100_000);
    for text in [
        format!("check = {}", deep("[")),
        format!("check = {}", deep("{a = ")),
        format!("a{} = 1", deep(".a")),
        format!("[a{}]", deep(".a")),
        format!("{{\"check\": {}", deep("[")),
        deep("{\"check\": "),
    ] {
        assert!(!errors(&text).is_empty());
    }
}

#[test]
fn templates_make_a_limited_number_of_checks() {
    let plan =
        |hosts: &str, target: &str| format!("[[check]]\nhosts = ['{hosts}']\ntarget = {target}\n");
    assert_eq!(planned(&plan("w[1-65536]", "'{host}:1'")).len(), 65_536);
    let too_many = plan("w[1-999999999]", "'{host}:1'");
    assert_eq!(mistake(&too_many).0, "'w[1-999999999]'");
    let too_many = plan("w[1-40000]", "['{host}:1', '{host}:2']");
    assert_eq!(mistake(&too_many).0, "['{host}:1', '{host}:2']");
    let twice = plan("w[1-40000]", "'{host}:1'").repeat(2);
    assert_eq!(mistake(&twice).0, "'w[1-40000]'");
}

#[test]
fn what_many_hosts_copy_is_short() {
    let plan = |name: &str, host: &str, target: &str| {
        format!("[[check]]\nname = '{name}'\nhosts = '{host}[1-3]'\ntarget = '{target}'\n")
    };
    let long = |most: usize| "x".repeat(most);
    for wrong in [
        plan(&format!("{}{{host}}", long(1100)), "w", "{host}:1"),
        plan(&"{host}".repeat(500), "w", "{host}:1"),
        plan("a", &long(300), "{host}:1"),
        plan("a", "w", &format!("{{host}}:1{}", long(1100))),
    ] {
        let errors = errors(&wrong);
        assert!(errors.contains(": expected at most "), "{errors}");
    }
    assert!(errors(&plan(&long(1100), "w", "{host}:1")).is_empty());
}

#[test]
fn defaults_are_small() {
    let plan = |size: usize| format!("[defaults]\nsend = '{}'\n", "x".repeat(size));
    assert!(errors(&plan(4000)).is_empty());
    assert_eq!(mistake(&plan(5000)).0, "[defaults]");
}

#[test]
fn a_long_text_tells_its_first_wrong_word_only() {
    let wrong = "=\n".repeat(300 << 10);
    assert!(errors(&wrong).ends_with("1 mistake"));
    assert!(errors(&wrong[..200]).ends_with("100 mistakes"));
}

proptest! {
    #[test]
    fn nothing_panics(text: String) {
        errors(&text);
        errors(&format!("{{{text}"));
    }

    #[test]
    fn nothing_like_a_plan_panics(
        changes in prop::collection::vec((0_usize..600, 0_usize..20, "[a-z0-9{}\\[\\]=:,\"'.\n\\\\ü\u{feff}-]{0,4}"), 1..8),
        is_json: bool,
    ) {
        let mut text: Vec<char> = if is_json { JSON } else { TOML }.chars().collect();
        for (at, length, new) in changes {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, new.chars());
        }
        errors(&text.into_iter().collect::<String>());
    }
}
