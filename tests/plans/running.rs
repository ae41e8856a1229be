//! What a plan's checks do: names, tags, templates, options.

use super::{path, plan, wrong};
use crate::check::records::{Checked, check, check_on};
use crate::support::namespace::Host;
use crate::support::peer;
use crate::support::process::run;
use crate::support::server::Server;

/// A plan of an open and a refused target, and what keeps them so.
fn open_and_closed() -> (Server, socket2::Socket, String) {
    let server = Server::echo(&["--host", "127.0.0.1"]);
    let (held, refused) = peer::refusing();
    let text = format!(
        "[[check]]
        name = 'is open'
        target = '{}'
        tags = ['up', 'all']
        [[check]]
        name = 'is closed'
        target = '{refused}'
        state = 'closed'
        tags = ['all']",
        server.ipv4()
    );
    (server, held, text)
}

#[test]
fn results_have_the_names_of_their_checks() {
    let (_server, _held, text) = open_and_closed();
    let file = plan(text);
    let checked = check(&["--plan", path(&file)]).expect_code(0);
    let named = |name: &str| checked.results.iter().find(|it| it["name"] == name);
    for (name, state) in [("is open", "open"), ("is closed", "refused")] {
        let result = named(name).unwrap_or_else(|| panic!("no {name}: {checked:?}"));
        assert_eq!(result["state"], state, "{result}");
    }
    assert_eq!(checked.results.len(), 2, "{checked:?}");
}

#[test]
fn a_plan_is_checked_beside_targets() {
    let (server, _held, text) = open_and_closed();
    let (file, target) = (plan(text), server.ipv4().to_string());
    let checked = check(&["--plan", path(&file), &format!("{target}=closed")]);
    assert_eq!(checked.results.len(), 3, "{checked:?}");
    checked.expect_code(1);
}

#[test]
fn only_what_has_the_tag_is_checked() {
    let (_server, _held, text) = open_and_closed();
    let file = plan(text);
    let names = |only: &[&str], code: i32| -> Vec<String> {
        let mut arguments = vec!["--plan", path(&file)];
        arguments.extend(only.iter().flat_map(|tag| ["--only", tag]));
        let checked = check(&arguments).expect_code(code);
        let names = checked.results.iter().map(|it| it["name"].to_string());
        names.collect()
    };
    assert_eq!(names(&["up"], 0), ["\"is open\""]);
    assert_eq!(names(&["all"], 0).len(), 2);
    assert_eq!(names(&["up", "all"], 0).len(), 2);
}

#[test]
fn a_plan_comes_on_standard_input_too() {
    let (_held, refused) = peer::refusing();
    let json = format!("{{\"check\": [{{\"target\": \"{refused}\", \"state\": \"closed\"}}]}}");
    let toml = format!("[[check]]\ntarget = '{refused}=closed'\n");
    for text in [json, toml] {
        let output = run(&["check", "-o", "ndjson", "--plan", "-"], text.as_bytes());
        let checked = Checked::of(output).expect_code(0);
        assert_eq!(checked.only()["state"], "refused");
    }
}

#[test]
fn each_check_has_its_own_options() {
    let host = Host::new();
    host.hosts_file("::1 both.test\n127.0.0.1 both.test\n");
    host.firewall("input", "tcp dport 22 drop");
    let _server = Server::of(host.netkit(&["echo-server", "--port", "8080", "-4"]));
    let file = plan(
        "[defaults]
        timeout = '200ms'
        [[check]]
        name = 'silent'
        target = '127.0.0.1:22=filtered'
        [[check]]
        name = 'one is enough'
        target = 'both.test:8080'
        any = true
        [[check]]
        name = 'one family'
        target = 'both.test:8080'
        ipv4 = true
        timeout = '20s'
        [[check]]
        name = 'tried again'
        target = '127.0.0.1:9'
        retries = 2
        [[check]]
        name = 'not tried again'
        target = '127.0.0.1:9'
        [[check]]
        name = 'of {host}'
        hosts = ['127.0.0.[2-4]']
        target = '{host}:9=closed'",
    );
    let checked = check_on(&host, &["--plan", path(&file), "--interval", "1ms"]).expect_code(1);
    let of = |name: &str| -> Vec<_> {
        let results = checked.results.iter();
        results.filter(|it| it["name"] == name).collect()
    };
    let reason = of("silent")[0]["reason"].as_str();
    assert!(reason.is_some_and(|it| it.contains("200ms")), "{checked:?}");
    assert_eq!(of("one is enough").len(), 2, "{checked:?}");
    assert!(of("one is enough").iter().all(|it| it["ok"] == true));
    assert_eq!(of("one family").len(), 1, "{checked:?}");
    assert_eq!(of("tried again")[0]["attempts"], 3, "{checked:?}");
    assert_eq!(of("not tried again")[0]["attempts"], 1, "{checked:?}");
    for last in 2..=4 {
        let result = of(&format!("of 127.0.0.{last}"));
        assert_eq!(result[0]["address"], format!("127.0.0.{last}:9"));
    }
}

#[test]
fn the_command_line_holds_where_the_plan_says_nothing() {
    let (_held, refused) = peer::refusing();
    let file = plan(format!(
        "[[check]]\nname = 'a'\ntarget = '{refused}'\n\
         [[check]]\nname = 'b'\ntarget = '{refused}'\nretries = 1\n"
    ));
    let options = ["--retries", "2", "--interval", "1ms"];
    let checked = check(&[&options[..], &["--plan", path(&file)]].concat()).expect_code(1);
    for (name, attempts) in [("a", 3), ("b", 2)] {
        let result = checked.results.iter().find(|it| it["name"] == name);
        let result = result.unwrap_or_else(|| panic!("{checked:?}"));
        assert_eq!(result["attempts"], attempts, "{result}");
    }
}

#[test]
fn an_empty_plan_is_nothing_to_check() {
    for text in ["", "# nothing yet\n", "{}", "{\"check\": []}", "check = []"] {
        let file = plan(text);
        run(&["check", "--plan", path(&file)], b"").expect_code(3);
        run(&["check", "--allow-empty", "--plan", path(&file)], b"").expect_code(0);
    }
}

#[test]
fn explain_says_it_in_words_and_sends_nothing() {
    let listener = wrong::listen();
    let address = listener.local_addr().expect("an address");
    let port = address.port();
    let file = plan(format!(
        "[[check]]
        name = 'the coordinator of {{host}}'
        hosts = ['127.83.17.[6-6]']
        target = '{{host}}:{port}'
        timeout = '2s'
        retries = 1"
    ));
    let target = format!("{address}=closed");
    let output = run(&["check", "--explain", "--plan", path(&file), &target], b"").expect_code(0);
    let expected = format!(
        "127.83.17.6, port {port} (tcp), is closed: says that nothing listens there, within 3s\n\
         the coordinator of 127.83.17.6: 127.83.17.6, port {port} (tcp), is open: \
         accepts a connection, within 2s, tried again once at most\n"
    );
    assert_eq!(output.stdout, expected);
    wrong::assert_untouched(&listener);
}

#[test]
fn targets_are_explained_by_a_flag_behind_them() {
    let output = run(&["check", "127.0.0.1:9", "--explain"], b"").expect_code(0);
    let sentence = "127.0.0.1, port 9 (tcp), is open: accepts a connection, within 3s\n";
    assert_eq!(output.stdout, sentence);
    let asked = [
        "http://127.0.0.1:9/a",
        "--follow",
        "--expect-header",
        "Server: x",
    ];
    let body = ["--expect", "ok", "--reject", "error", "--explain"];
    let output = run(&[&["check"], &asked[..], &body].concat(), b"").expect_code(0);
    let sentence = "127.0.0.1, port 9 (http), is open: answers `GET /a`, after redirects if there \
                    are any, with 200-399, a header `server` that matches x, a body with a match \
                    for ok and a body with no match for error, within 3s\n";
    assert_eq!(output.stdout, sentence);
    let tls = [
        "check",
        "tls://127.0.0.1:25",
        "--starttls",
        "smtp",
        "--insecure",
        "--explain",
    ];
    let output = run(&tls, b"").expect_code(0);
    let sentence = "127.0.0.1, port 25 (tls), is open: agrees on TLS, begun as smtp does, with any \
                    certificate, within 3s\n";
    assert_eq!(output.stdout, sentence);
    let output = run(&["check", "--explain", "127.0.0.1:9"], b"").expect_code(2);
    assert!(
        output.stderr.contains("put --explain behind them"),
        "{output:?}"
    );
}
