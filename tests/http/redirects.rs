//! Redirects: shown unless asked to follow, and never followed for ever.

use super::nginx::Web;
use crate::check::records::expect_mismatch;
use crate::check::records::{Checked, check_on};
use crate::support::namespace::Host;

/// A host whose `other.test` is itself.
fn web() -> Web {
    let host = Host::new();
    host.hosts_file("127.0.0.1 localhost other.test\n::1 localhost\n");
    host.resolv_conf("");
    Web::on(host)
}

fn follow(web: &Web, path: &str, more: &[&str]) -> Checked {
    let target = format!("http://127.0.0.1{path}");
    check_on(&web.host, &[&[target.as_str(), "--follow"], more].concat())
}

#[test]
fn a_redirect_is_shown_and_not_followed() {
    let web = web();
    let checked = check_on(&web.host, &["http://127.0.0.1/moved"]).expect_code(0);
    let http = &checked.only()["http"];
    assert_eq!(http["status"], 301, "{checked:?}");
    let location = http["location"].as_str().expect("a place");
    assert!(location.ends_with("/asked?moved"), "{checked:?}");
    assert_eq!(http.get("followed"), None, "{checked:?}");
}

#[test]
fn a_redirect_that_is_followed_is_judged_by_the_last_answer() {
    let web = web();
    let checked = follow(&web, "/moved", &["--expect", "^GET /asked"]).expect_code(0);
    let http = &checked.only()["http"];
    assert_eq!(http["status"], 200, "{checked:?}");
    assert_eq!(
        http["followed"],
        serde_json::json!(["http://127.0.0.1/asked?moved"])
    );
    assert_eq!(http.get("location"), None, "{checked:?}");
    let posted = ["--method", "POST", "--expect", "^GET /asked "];
    follow(&web, "/posted", &posted).expect_code(0);
    expect_mismatch(
        follow(&web, "/moved", &["--status", "301"]),
        "200 OK, expected 301",
    );
}

#[test]
fn a_loop_ends_after_ten() {
    let web = web();
    let found = expect_mismatch(
        follow(&web, "/loop", &[]),
        "redirect not followed: there are more than 10",
    );
    let followed = found["http"]["followed"].as_array().expect("a list");
    assert_eq!(followed.len(), 10, "{found}");
    assert_eq!(found["http"]["status"], 302, "{found}");
}

#[test]
fn another_host_is_looked_up_and_gets_no_secrets() {
    let web = web();
    let secret = [
        "--header",
        "Authorization: open sesame",
        "--header",
        "X-Mine: all",
    ];
    let expected = ["--expect", "host=other.test:8080 .* mine=all secret=\\s*$"];
    let checked = follow(&web, "/other", &[secret.as_slice(), &expected].concat());
    let checked = checked.expect_code(0);
    let followed = &checked.only()["http"]["followed"];
    assert_eq!(
        *followed,
        serde_json::json!(["http://other.test:8080/asked"])
    );
    let kept = ["--expect", "secret=open sesame\\s*$"];
    follow(&web, "/moved", &[secret.as_slice(), &kept].concat()).expect_code(0);
}

#[test]
fn a_redirect_that_leads_nowhere_is_no_state_of_the_one_who_sent_it() {
    let web = web();
    expect_mismatch(
        follow(&web, "/closed", &[]),
        "redirected to `http://127.0.0.1:9/`: nothing listens there",
    );
    let found = expect_mismatch(
        follow(&web, "/nowhere", &[]),
        "redirected to `http://nowhere.test/`: cannot resolve `nowhere.test`",
    );
    assert_eq!(found["http"]["status"], 302, "{found}");
    expect_mismatch(
        follow(&web, "/file", &[]),
        "redirect not followed: `file` is neither http nor https",
    );
}
