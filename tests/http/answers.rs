//! What a real server answers, and what of it is good.

use super::nginx::{LARGE, Web};
use crate::check::records::check_on;
use crate::check::records::expect_mismatch;
use crate::support::process::run;

#[test]
fn an_answer_has_its_status_its_type_and_its_times() {
    let web = Web::new();
    web.host.hosts_file("127.0.0.1 localhost\n::1 localhost\n");
    let checked = check_on(&web.host, &["http://localhost/asked"]).expect_code(0);
    assert_eq!(checked.results.len(), 2, "{checked:?}");
    for result in &checked.results {
        assert_eq!(result["state"], "open", "{result}");
        let http = &result["http"];
        assert_eq!(http["status"], 200, "{result}");
        assert_eq!(http["version"], "HTTP/1.1", "{result}");
        assert_eq!(http["content_type"], "text/plain", "{result}");
        assert!(http["body_bytes"].as_u64() > Some(0), "{result}");
        let phases = [
            "namelookup_us",
            "connect_us",
            "pretransfer_us",
            "starttransfer_us",
            "total_us",
        ];
        let times: Vec<_> = phases.iter().map(|it| http[it].as_u64()).collect();
        assert!(times.iter().all(Option::is_some), "{result}");
        assert!(times.is_sorted(), "{result}");
        assert_eq!(http.get("appconnect_us"), None, "{result}");
        assert!(result["first_byte_us"].as_u64() <= result["total_us"].as_u64());
        assert_eq!(result.get("seen"), None, "{result}");
    }
}

#[test]
fn what_is_sent_is_what_was_asked_for() {
    let web = Web::new();
    for (target, expected) in [
        (
            "127.0.0.1/asked?a=%20&b[]='c'",
            r"^GET /asked\?a=%20&b\[\]='c' host=127\.0\.0\.1 ",
        ),
        ("127.0.0.1:8080/asked", r" host=127\.0\.0\.1:8080 "),
        ("[::1]/asked", r" host=\[::1\] "),
        ("[::1]:8080/asked", r" host=\[::1\]:8080 "),
        (
            "localhost/asked",
            r" host=localhost agent=netkit/\d+\.\d+\.\d+ accept=\*/\* mine= ",
        ),
    ] {
        let target = format!("http://{target}");
        check_on(&web.host, &[&target, "--expect", expected]).expect_code(0);
    }
    let headers = [
        "--header",
        "X-Mine: a  b",
        "--header",
        "Host: virtual",
        "--method",
        "PUT",
    ];
    let expected = ["--expect", "^PUT /asked host=virtual .* mine=a  b "];
    let arguments = [["http://127.0.0.1/asked"].as_slice(), &headers, &expected].concat();
    check_on(&web.host, &arguments).expect_code(0);
}

#[test]
fn statuses_are_good_or_bad_as_one_says() {
    let web = Web::new();
    let found = expect_mismatch(
        check_on(&web.host, &["http://127.0.0.1/"]),
        "404 Not Found, expected 200-399",
    );
    assert_eq!(found["http"]["status"], 404, "{found}");
    assert_eq!(found["seen"], "nothing here\\n", "{found}");
    check_on(&web.host, &["http://127.0.0.1/", "--status", "404"]).expect_code(0);
    check_on(
        &web.host,
        &["http://127.0.0.1/broken", "--status", "2xx,500-503"],
    )
    .expect_code(0);
    expect_mismatch(
        check_on(&web.host, &["http://127.0.0.1/asked", "--status", "404"]),
        "200 OK, expected 404",
    );
}

#[test]
fn headers_are_expected_by_name_and_value() {
    let web = Web::new();
    let check = |expected: &str| {
        check_on(
            &web.host,
            &["http://127.0.0.1/asked", "--expect-header", expected],
        )
    };
    check("content-type: ^text/plain$").expect_code(0);
    check("X-Two: two").expect_code(0);
    expect_mismatch(
        check("X-Two: three"),
        "`x-two` is `one, two`, which `three` does not match",
    );
    expect_mismatch(check("X-Three: ."), "it sent no header `x-three`");
}

#[test]
fn bodies_are_held_against_what_is_expected() {
    let web = Web::new();
    let check = |arguments: &[&str]| {
        let target = ["http://127.0.0.1/asked"];
        check_on(&web.host, &[&target, arguments].concat())
    };
    check(&["--expect", "^GET", "--expect", "agent", "--reject", "error"]).expect_code(0);
    let found = expect_mismatch(check(&["--expect", "healthy"]), "nothing matches `healthy`");
    assert!(
        found["seen"]
            .as_str()
            .is_some_and(|it| it.starts_with("GET ")),
        "{found}"
    );
    expect_mismatch(
        check(&["--reject", "netkit"]),
        "`netkit` matches, and must not",
    );
}

#[test]
fn a_head_has_no_body() {
    let web = Web::new();
    let arguments = ["http://127.0.0.1/large", "--method", "HEAD"];
    let checked = check_on(&web.host, &arguments).expect_code(0);
    assert_eq!(checked.only()["http"]["body_bytes"], 0, "{checked:?}");
}

#[test]
fn a_large_body_is_read_whole_and_judged_as_far_as_its_limit() {
    let web = Web::new();
    let checked = check_on(&web.host, &["http://127.0.0.1/large"]).expect_code(0);
    assert_eq!(checked.only()["http"]["body_bytes"], LARGE, "{checked:?}");
    let arguments = ["http://127.0.0.1/large", "--expect", "needle"];
    let found = expect_mismatch(check_on(&web.host, &arguments), "nothing matches `needle`");
    let read = found["http"]["body_bytes"].as_u64().expect("a size");
    assert!((1 << 20..LARGE as u64).contains(&read), "{found}");
    // Nor does a word pass that may stand in what was not looked at.
    let arguments = ["http://127.0.0.1/large", "--reject", "needle"];
    expect_mismatch(
        check_on(&web.host, &arguments),
        "--reject cannot look at all of it",
    );
}

#[test]
fn a_port_that_wants_tls_is_told_by_what_it_says() {
    let web = Web::new();
    let checked = check_on(&web.host, &["http://127.0.0.1:443/asked"]);
    let found = expect_mismatch(checked, "400 Bad Request, expected 200-399");
    assert_eq!(
        found["hint"], "it expects TLS: ask it with `https://`",
        "{found}"
    );
}

#[test]
fn the_line_of_a_bad_answer_says_why() {
    let web = Web::new();
    let output = web.host.run(&["check", "http://127.0.0.1/"]).expect_code(1);
    let line = output.stdout.lines().next().expect("a line");
    assert!(line.starts_with("mismatch    127.0.0.1:80 "), "{output:?}");
    assert!(line.contains("(http://127.0.0.1:80/)"), "{output:?}");
    assert!(
        line.contains("   404 Not Found, expected 200-399   seen: nothing here"),
        "{output:?}"
    );
}

#[test]
fn settings_that_make_no_sense_are_refused_before_anything_is_sent() {
    for (option, value, culprit) in [
        ("--status", "20", "`20` is no status"),
        ("--method", "head", "`head` is not a method"),
        ("--header", "X-Mine", "`X-Mine` is not `NAME: VALUE`"),
        (
            "--expect-header",
            "X-Mine: (",
            "`(` is not a regular expression",
        ),
        ("--send", "x", "`--send` has no place in http"),
    ] {
        let output = run(&["check", "http://127.0.0.1:9/", option, value], b"").expect_code(2);
        let said = format!("netkit: cannot check `http://127.0.0.1:9/`: {culprit}");
        assert!(output.stderr.contains(&said), "{output:?}");
        assert_eq!(output.stdout, "", "{output:?}");
    }
    let output = run(&["check", "http://127.0.0.1:9/<b>"], b"").expect_code(2);
    let said = "`<` cannot stand in a path (hint: write it as `%3C`)";
    assert!(output.stderr.contains(said), "{output:?}");
}
