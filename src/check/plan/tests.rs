//! What plans mean.

mod wrong;

use std::path::Path;
use std::time::Duration;

use super::grammar::Grammar;
use super::mistakes::Mistakes;
use super::table::WORDS;
use super::tree::{Node, Value};
use super::*;
use crate::finding::Expected;

use wrong::mistake;

#[track_caller]
fn planned(text: &str) -> Vec<Planned> {
    let plan = read("folder/plan.toml", text, &Settings::default());
    plan.unwrap_or_else(|errors| panic!("{errors}"))
}

/// The only check of a plan with this one line beside the target.
#[track_caller]
fn with(line: &str) -> Planned {
    of("web:1", line)
}

fn of(target: &str, line: &str) -> Planned {
    let mut all = planned(&format!("[[check]]\ntarget = \"{target}\"\n{line}\n"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn sentences(plan: &[Planned]) -> Vec<String> {
    plan.iter().map(|it| it.check.sentence()).collect()
}

#[test]
fn every_option_of_a_check_is_a_key() {
    let mut grammar = Grammar::new(&WORDS);
    let samples = [
        "5s", "7", "fin", "rst", "smtp", "ntp", "x: y", "both", "text",
    ];
    let samples = samples.map(|it| Value::Text(it.into())).into_iter();
    let samples: Vec<Node<'_>> = [Value::Flag(true)]
        .into_iter()
        .chain(samples)
        .map(|value| Node::new(0..0, value))
        .collect();
    let base = Settings::default();
    let options = grammar.names();
    assert!(options.len() > 15, "{options:?}");
    for option in options {
        let mut reads = |sample: &Node<'_>| {
            let mut mistakes = Mistakes::default();
            let given = grammar.give(&option, sample, Path::new(""), &mut mistakes);
            let given: Vec<_> = given.iter().collect();
            let changed = grammar.settings(&base, &given);
            changed.is_ok_and(|settings| settings != base)
        };
        assert!(samples.iter().any(&mut reads), "{option}");
        assert_eq!(grammar.option(&option.replace('-', "_")), Some(option));
    }
}

#[test]
fn values_are_what_the_command_line_makes_of_them() {
    let settings = |line: &str| with(line).check.settings;
    assert_eq!(settings("timeout = '5s'").timeout, Duration::from_secs(5));
    assert_eq!(settings("retries = 2").retries, 2);
    assert_eq!(settings("retries = 0x1_0").retries, 16);
    assert!(settings("any = true").any);
    assert!(settings("ipv6 = true").families.only_v6);
    let ask = |line: &str| of("https://web", line).check.settings.ask.clone();
    assert_eq!(ask("min_days = 14").tls.min_days, Some(14));
    let headers = ask("header = ['a: b', '-c: d']").http.header;
    assert_eq!(headers, ["a: b", "-c: d"]);
    let common = Duration::from_millis(200);
    for key in ["max-connect", "max_connect"] {
        let line = format!("{key} = \"200ms\"");
        assert_eq!(settings(&line).max_connect, Some(common));
    }
}

#[test]
fn certificates_are_found_beside_the_plan() {
    // As a default it is not read: the only check has no use for it.
    let text = |ca: &str| format!("[defaults]\nca = '{ca}'\n[[check]]\ntarget = 'web:1'");
    let ca = |mut plan: Vec<Planned>| plan.remove(0).check.settings.ask.tls.ca.clone().unwrap();
    let file = |it: &str| ca(planned(&text(it)));
    assert_eq!(file("x/ca.pem"), Path::new("folder/x/ca.pem"));
    assert_eq!(file("/x/ca.pem"), Path::new("/x/ca.pem"));
    let plan = read(STDIN, &text("ca.pem"), &Settings::default());
    assert_eq!(ca(plan.ok().unwrap()), Path::new("ca.pem"));
}

#[test]
fn a_conversation_keeps_the_order_of_the_text() {
    let steps = |line: &str| with(line).check.settings.ask.script.steps.clone();
    let expected = steps("steps = [{expect = 'b'}, {send = 'a'}, {expect = 'd'}, {read = 5}]");
    assert_eq!(expected.len(), 4);
    assert_eq!(steps("expect = 'b'\nsend = 'a'").as_slice(), &expected[..2]);
    assert_ne!(steps("send = 'a'\nexpect = 'b'").as_slice(), &expected[..2]);
    assert_eq!(steps("send = ['a', 'b']").len(), 2);
}

#[test]
fn defaults_hold_where_a_check_says_nothing() {
    let plan = "
        [[check]]
        target = 'web:1'
        timeout = '7s'
        any = false
        send = 'x'
        [[check]]
        target = 'web:2'
        [defaults]
        timeout = '5s'
        any = true
        ipv4 = true
        expect = 'y'
        send = 'z'";
    let plan = planned(plan);
    let settings: Vec<&Settings> = plan.iter().map(|it| it.check.settings.as_ref()).collect();
    assert_eq!(settings[0].timeout, Duration::from_secs(7));
    assert_eq!(settings[1].timeout, Duration::from_secs(5));
    assert_eq!((settings[0].any, settings[1].any), (false, true));
    assert!(settings.iter().all(|it| it.families.only_v4));
    let steps = |index: usize| settings[index].ask.script.steps.len();
    assert_eq!((steps(0), steps(1)), (1, 2));
}

#[test]
fn the_command_line_holds_where_a_plan_says_nothing() {
    let base = Settings {
        any: true,
        timeout: Duration::from_secs(9),
        retries: 3,
        ..Settings::default()
    };
    let plan = "[[check]]\ntarget = 'web:1'\nretries = 1\nany = false";
    let settings = read("p", plan, &base)
        .ok()
        .unwrap()
        .remove(0)
        .check
        .settings;
    let expected = (Duration::from_secs(9), 1, false);
    assert_eq!((settings.timeout, settings.retries, settings.any), expected);
}

#[test]
fn a_switch_that_is_off_is_in_nobodys_way() {
    let settings = with("ipv4 = false\nipv6 = true").check.settings;
    assert!(settings.families.only_v6 && !settings.families.only_v4);
    let mut base = Settings::default();
    base.families.only_v6 = true;
    let plan = |line: &str| format!("[[check]]\ntarget = 'web:1'\n{line}");
    assert!(read("p", &plan("ipv4 = true"), &base).is_err());
    assert!(read("p", &plan("ipv4 = true\nipv6 = false"), &base).is_ok());
}

#[test]
fn a_template_is_a_check_for_each_host() {
    let plan = planned(
        "[[check]]
        name = 'ssh of {host}'
        target = ['{host}:22', 'tcp://{host}:2222=closed']
        hosts = ['web[1-2]', 'db', '::1', '[fd00::1]', 'web2', '10.0.0.0/31']",
    );
    let shown = |it: &Planned| {
        let Check { name, target, .. } = &it.check;
        let host = target.hosts.iter().next().unwrap();
        format!("{}, {}", name.as_deref().unwrap(), target.all_of(&host))
    };
    let shown: Vec<String> = plan.iter().map(shown).collect();
    let hosts = [
        "web1", "web2", "db", "::1", "fd00::1", "10.0.0.0", "10.0.0.1",
    ];
    let expected = hosts.iter().flat_map(|host| {
        let place = template::bracketed(host);
        [22, 2222].map(|port| format!("ssh of {host}, {place}:{port}"))
    });
    assert_eq!(shown, expected.collect::<Vec<_>>());
    assert_eq!(plan[1].check.target.expected, Expected::Closed);
}

#[test]
fn tags_are_kept() {
    let tags = |line: &str| with(line).tags.to_vec();
    assert_eq!(tags("tags = ['a', 'b']"), ["a", "b"]);
    assert_eq!(tags("tags = 'a'"), ["a"]);
    let tagged = |only: &[&str]| {
        let only: Vec<String> = only.iter().map(ToString::to_string).collect();
        with("tags = ['a', 'b']").is_tagged(&only)
    };
    assert!(tagged(&[]) && tagged(&["x", "b"]) && !tagged(&["x"]));
}

#[test]
fn a_state_stands_in_the_target_or_beside_it() {
    let state = |target: &str, line: &str| {
        let plan = format!("[[check]]\ntarget = '{target}'\n{line}");
        planned(&plan).remove(0).check.target.expected
    };
    assert_eq!(state("web:1=down", ""), Expected::Down);
    assert_eq!(state("web:1", "state = 'down'"), Expected::Down);
    let both = mistake("[[check]]\ntarget = 'web:1=down'\nstate = 'down'");
    assert_eq!(both.0, "state");
}

#[test]
fn a_name_is_used_once() {
    let plan = "[[check]]\nname = 'a'\ntarget = 'web:1'\n";
    let mistake = mistake(&format!("{plan}{plan}"));
    assert_eq!(mistake.0, "'a'");
    let both = "[[check]]\nname = 'a'\ntarget = ['web:1', 'web:2']";
    assert_eq!(planned(both).len(), 2);
}

/// The same plan twice; JSON has no literal strings, dates or underscores.
const TOML: &str = r#"
[defaults]
timeout = "2s"
retries = 1

[[check]]
name = "web {host}"
target = ["{host}:80,443", "{host}:22=filtered"]
hosts = ["web[1-3]", "10.0.0.0/30", "::1"]
tags = ["web"]
any = true

[[check]]
target = "db:5432"
state = "closed"
max-connect = "200ms"
steps = [{send = "a\n"}, {expect = "^b"}, {read = 5}]

[[check]]
target = "https://web"
header = ["a: b", "c: d"]
"#;

const JSON: &str = r#"{
  "check": [
    {
      "name": "web {host}",
      "target": ["{host}:80,443", "{host}:22=filtered"],
      "hosts": ["web[1-3]", "10.0.0.0/30", "::1"],
      "tags": ["web"],
      "any": true
    },
    {
      "target": "db:5432",
      "state": "closed",
      "max_connect": "200ms",
      "steps": [{"send": "a\n"}, {"expect": "^b"}, {"read": 5}]
    },
    {
      "target": "https://web",
      "header": ["a: b", "c: d"]
    }
  ],
  "defaults": {"timeout": "2s", "retries": 1}
}"#;

#[test]
fn toml_and_json_mean_the_same() {
    let (toml, json) = (planned(TOML), planned(JSON));
    assert_eq!(sentences(&toml), sentences(&json));
    assert_eq!(toml.len(), 18);
    for (toml, json) in toml.iter().zip(&json) {
        assert_eq!(toml.check.settings, json.check.settings);
        assert_eq!(toml.check.target, json.check.target);
        assert_eq!(toml.tags, json.tags);
    }
}
