//! Certificates: good, expired, for somebody else, by a stranger, incomplete, pinned.

use super::{TlsServer, reason};
use crate::check::records::check;
use crate::support::certificates::{Certificates, VALID, authority, authority_below};
use crate::support::process::run;

/// The reason for which a certificate that `make` writes as `leaf` is refused.
#[track_caller]
fn refused(make: impl FnOnce(&Certificates), arguments: &[&str]) -> String {
    let certificates = Certificates::new();
    make(&certificates);
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let ca = certificates.ca();
    let checked = server
        .check(&[&["--ca", &ca], arguments].concat())
        .expect_code(1);
    // What it is stands beside what is wrong with it.
    assert!(checked.only()["tls"]["version"].is_string(), "{checked:?}");
    reason(&checked, "tls")
}

#[test]
fn a_good_one_is_shown() {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let checked = server.check(&["--ca", &certificates.ca()]).expect_code(0);
    let tls = &checked.only()["tls"];
    assert_eq!(tls["version"], "TLSv1.3");
    assert!(
        tls["cipher"]
            .as_str()
            .is_some_and(|it| it.starts_with("TLS_")),
        "{tls}"
    );
    assert_eq!(tls["subject"], "CN=localhost");
    assert_eq!(tls["issuer"], "CN=known authority");
    assert_eq!(tls["san"], serde_json::json!(["localhost"]));
    assert_eq!(tls["not_after"], "2100-01-01T00:00:00Z");
    assert!(tls["days_left"].as_i64() > Some(20_000), "{tls}");
    assert_eq!(tls["chain"], serde_json::json!(["CN=localhost"]));
    assert!(checked.only()["tls_us"].is_u64(), "{checked:?}");
}

#[test]
fn an_expired_one_says_since_when() {
    let reason = refused(|it| it.make("leaf", "localhost", (2000, 2001)), &[]);
    let days = reason.strip_prefix("the certificate expired on 2001-01-01 (");
    let days = days.and_then(|it| it.strip_suffix(" days ago)"));
    assert!(days.is_some_and(|it| it.parse::<u32>().is_ok()), "{reason}");
}

#[test]
fn one_of_the_future_says_from_when() {
    let reason = refused(|it| it.make("leaf", "localhost", (2099, 2100)), &[]);
    assert_eq!(reason, "the certificate is not valid before 2099-01-01");
}

#[test]
fn one_for_somebody_else_says_for_whom() {
    let reason = refused(|it| it.make("leaf", "other.test", VALID), &[]);
    assert_eq!(
        reason,
        "the certificate is for other.test, not for localhost"
    );
    let reason = refused(
        |it| it.make("leaf", "localhost", VALID),
        &["--sni", "other.test"],
    );
    assert_eq!(
        reason,
        "the certificate is for localhost, not for other.test"
    );
}

#[test]
fn one_by_a_stranger_says_by_whom() {
    let by_a_stranger = |it: &Certificates| {
        let stranger = authority("stranger");
        it.make_by(&stranger, "leaf", "localhost", VALID, &[stranger.pem()]);
    };
    assert_eq!(refused(by_a_stranger, &[]), "unknown issuer `CN=stranger`");
}

#[test]
fn an_incomplete_chain_is_told_from_a_stranger() {
    let reason = refused(
        |it| {
            let between = authority_below(&it.authority, "between");
            it.make_by(&between, "leaf", "localhost", VALID, &[]);
        },
        &[],
    );
    assert_eq!(
        reason,
        "unknown issuer `CN=between`, whose certificate the server did not send"
    );
}

#[test]
fn a_complete_chain_is_good_and_shown() {
    let certificates = Certificates::new();
    let between = authority_below(&certificates.authority, "between");
    certificates.make_by(&between, "leaf", "localhost", VALID, &[between.pem()]);
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let checked = server.check(&["--ca", &certificates.ca()]).expect_code(0);
    let chain = &checked.only()["tls"]["chain"];
    assert_eq!(chain, &serde_json::json!(["CN=localhost", "CN=between"]));
}

#[test]
fn one_that_signed_itself_is_trusted_once_it_is_given() {
    for is_ca in [false, true] {
        let certificates = Certificates::new();
        certificates.make_self_signed("leaf", "localhost", is_ca);
        certificates.make_self_signed("again", "localhost", is_ca);
        let server = TlsServer::start(&certificates, "leaf", &[]);
        let strange = server.check(&[]).expect_code(1);
        let why = reason(&strange, "tls");
        assert_eq!(why, "unknown issuer: `CN=localhost` signed itself");
        let pin = certificates.path("leaf.pem");
        server
            .check(&["--ca", pin.to_str().expect("a path")])
            .expect_code(0);
        // Another of the same name is another.
        let pin = certificates.path("again.pem");
        server
            .check(&["--ca", pin.to_str().expect("a path")])
            .expect_code(1);
    }
}

#[test]
fn the_name_of_a_given_one_still_counts() {
    let certificates = Certificates::new();
    certificates.make_self_signed("leaf", "other.test", true);
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let pin = certificates.path("leaf.pem");
    let pin = pin.to_str().expect("a path");
    let checked = server.check(&["--ca", pin]).expect_code(1);
    assert!(reason(&checked, "tls").contains("is for other.test, not for localhost"));
    server
        .check(&["--ca", pin, "--sni", "other.test"])
        .expect_code(0);
}

#[test]
fn an_address_needs_a_certificate_for_the_address() {
    let certificates = Certificates::new();
    certificates.make("leaf", "127.0.0.1", VALID);
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let ca = certificates.ca();
    check(&[&format!("tls://127.0.0.1:{}", server.port), "--ca", &ca]).expect_code(0);
    let checked = server.check(&["--ca", &ca]).expect_code(1);
    assert!(reason(&checked, "tls").contains("is for 127.0.0.1, not for localhost"));
}

#[test]
fn days_left_can_be_too_few() {
    let certificates = Certificates::new();
    certificates.make("leaf", "localhost", VALID);
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let ca = certificates.ca();
    server
        .check(&["--ca", &ca, "--min-days", "14"])
        .expect_code(0);
    let checked = server
        .check(&["--ca", &ca, "--min-days", "40000"])
        .expect_code(1);
    let why = reason(&checked, "tls");
    assert!(why.ends_with("--min-days asks for 40000"), "{why}");
}

#[test]
fn anything_is_good_if_asked_for() {
    let certificates = Certificates::new();
    certificates.make("leaf", "other.test", (2000, 2001));
    let server = TlsServer::start(&certificates, "leaf", &[]);
    let checked = server.check(&["--insecure"]).expect_code(0);
    assert_eq!(checked.only()["tls"]["not_after"], "2001-01-01T00:00:00Z");
}

#[test]
fn wrong_settings_are_refused_before_anything_is_sent() {
    let certificates = Certificates::new();
    std::fs::write(certificates.path("empty.pem"), "nothing").expect("a file");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(certificates.path("garbage.pem"), garbage).expect("a file");
    for name in ["missing.pem", "empty.pem", "garbage.pem"] {
        let path = certificates.path(name);
        let path = path.to_str().expect("a path");
        let output = run(&["check", "tls://localhost:1", "--ca", path], b"").expect_code(2);
        assert!(output.stderr.contains(&format!("`{path}`")), "{output:?}");
    }
    let output = run(&["check", "tls://localhost:1", "--sni", "a b"], b"").expect_code(2);
    assert!(output.stderr.contains("`a b`"), "{output:?}");
    let both = [
        "check",
        "tls://localhost:1",
        "--insecure",
        "--ca",
        &certificates.ca(),
    ];
    run(&both, b"").expect_code(2);
}
