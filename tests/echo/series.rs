//! `netkit echo -c`: the measured series, for people and for machines.

use crate::support::peer;
use crate::support::process::{Output, run};
use crate::support::server::Server;
use serde_json::Value;
use std::net::SocketAddr;

#[test]
fn a_series_ends_with_its_summary() {
    let server = Server::echo(&[]);
    let output = series(server.ipv4(), 20, &[]).expect_code(0);
    for word in ["min", "mean", "p50", "p90", "p99", "max", "lost"] {
        assert!(output.stdout.contains(word), "no `{word}` in {output:?}");
    }
    assert!(output.stdout.contains("20"), "{output:?}");
}

#[test]
fn messages_of_every_size_are_verified() {
    let server = Server::echo(&[]);
    for size in ["1", "8", "1k", "64KiB", "3000000"] {
        let output = series(server.ipv4(), 3, &["--size", size, "-o", "ndjson"]).expect_code(0);
        assert_eq!(latency(&output)["lost"], 0, "{output:?}");
    }
}

#[test]
fn ndjson_has_the_attempts_and_the_latency() {
    let server = Server::echo(&[]);
    let output = series(server.ipv6(), 50, &["-o", "ndjson"]).expect_code(0);
    let records = records(&output);
    let attempt = records
        .iter()
        .find(|record| record["type"] == "attempt")
        .expect("an attempt");
    assert_eq!(attempt["state"], "open");
    assert_eq!(attempt["winner"], true);
    assert_eq!(attempt["address"], server.ipv6().to_string());
    check_latency(&latency(&output), 50, 0);
}

#[test]
fn json_is_one_document() {
    let server = Server::echo(&[]);
    let output = series(server.ipv4(), 10, &["-o", "json"]).expect_code(0);
    let document: Value = serde_json::from_str(&output.stdout)
        .unwrap_or_else(|error| panic!("{error} in {output:?}"));
    assert_eq!(document["schema"], "netkit/1");
    let results = document["results"].as_array().expect("a list of results");
    let latency = results
        .iter()
        .find(|record| record["type"] == "latency")
        .expect("a latency record");
    check_latency(latency, 10, 0);
}

#[test]
fn a_series_over_udp_counts_what_is_lost() {
    let peer = peer::lossy_udp(|number| number % 4 == 1);
    let output = series(peer, 20, &["--udp", "--timeout", "500ms", "-o", "ndjson"]).expect_code(1);
    let latency = latency(&output);
    check_latency(&latency, 20, 5);
    assert_eq!(latency["loss_pct"].as_f64(), Some(25.0));
    assert!(output.stderr.contains("lost"), "{output:?}");
}

#[test]
fn a_series_over_udp_without_loss_succeeds() {
    let server = Server::echo(&["--udp"]);
    for address in [server.ipv4(), server.ipv6()] {
        let output = series(address, 50, &["--udp", "-o", "ndjson"]).expect_code(0);
        check_latency(&latency(&output), 50, 0);
    }
}

#[test]
fn a_series_over_udp_where_all_is_lost_has_no_times() {
    let peer = peer::lossy_udp(|_| true);
    let output = series(peer, 3, &["--udp", "--timeout", "50ms", "-o", "ndjson"]).expect_code(1);
    let latency = latency(&output);
    assert_eq!(latency["lost"], 3, "{output:?}");
    assert_eq!(latency["loss_pct"].as_f64(), Some(100.0));
    assert!(
        latency.get("min_us").is_none(),
        "unknown is absent: {latency}"
    );
}

#[test]
fn a_wrong_byte_in_a_series_fails_it() {
    let peer = peer::tcp(|mut stream| {
        use std::io::{Read, Write};
        let mut buffer = [0; 4_096];
        let mut total = 0;
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if (total..total + count).contains(&1_000) {
                buffer[1_000 - total] ^= 0x20;
            }
            total += count;
            drop(stream.write_all(&buffer[..count]));
        }
    });
    series(peer, 100, &[])
        .expect_code(1)
        .expect_stderr_with_any(&["wrong", "differ", "mismatch"]);
}

#[test]
fn the_summary_comes_also_when_the_server_breaks_off() {
    let peer = peer::tcp(|mut stream| {
        use std::io::{Read, Write};
        let mut message = [0; 64];
        for _ in 0..3 {
            drop(stream.read_exact(&mut message));
            drop(stream.write_all(&message));
        }
    });
    let output = series(peer, 100, &["--size", "64", "-o", "ndjson"]).expect_code(1);
    let latency = latency(&output);
    assert_eq!(
        latency["count"]
            .as_u64()
            .zip(latency["lost"].as_u64())
            .map(|(all, lost)| all - lost),
        Some(3),
        "{latency}"
    );
}

#[test]
fn a_series_paces_itself() {
    let server = Server::echo(&[]);
    let start = std::time::Instant::now();
    series_at(server.ipv4(), 6, "50ms", &[]).expect_code(0);
    let took = start.elapsed();
    assert!(took.as_millis() >= 250, "6 messages at 50 ms took {took:?}");
}

#[test]
fn a_size_that_cannot_be_measured_is_a_usage_error() {
    let server = Server::echo(&[]);
    for options in [
        &["--size", "0"][..],
        &["--size", "65MiB"],
        &["--udp", "--size", "65508"],
    ] {
        let output = series(server.ipv4(), 1, options).expect_code(2);
        assert!(output.stderr.contains("bytes"), "{}", output.stderr);
    }
}

#[test]
fn over_udp_too_the_addresses_tried_are_told() {
    let server = Server::echo(&["--udp"]);
    let answered = records(&series(server.ipv4(), 1, &["--udp", "-o", "ndjson"]).expect_code(0));
    assert_eq!(answered[0]["type"], "attempt", "{answered:?}");
    assert_eq!(answered[0]["winner"], true, "{answered:?}");
    let free = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let refused = records(&series(address, 1, &["--udp", "-o", "ndjson"]).expect_code(1));
    assert_eq!(refused[0]["state"], "refused", "{refused:?}");
    assert_eq!(refused[0]["winner"], false, "{refused:?}");
}

fn series(address: SocketAddr, count: u32, options: &[&str]) -> Output {
    series_at(address, count, "1ms", options)
}

fn series_at(address: SocketAddr, count: u32, interval: &str, options: &[&str]) -> Output {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let count = count.to_string();
    let fixed = [
        "echo", "--host", &host, "--port", &port, "-c", &count, "-i", interval,
    ];
    run(&[&fixed, options].concat(), b"")
}

fn records(output: &Output) -> Vec<Value> {
    output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn latency(output: &Output) -> Value {
    records(output)
        .into_iter()
        .find(|record| record["type"] == "latency")
        .unwrap_or_else(|| panic!("no latency record in {output:?}"))
}

#[track_caller]
fn check_latency(record: &Value, count: u64, lost: u64) {
    assert_eq!(record["count"], count, "{record}");
    assert_eq!(record["lost"], lost, "{record}");
    let times: Vec<f64> = ["min_us", "p50_us", "p90_us", "p99_us", "max_us"]
        .iter()
        .map(|key| {
            record[key]
                .as_f64()
                .unwrap_or_else(|| panic!("no {key} in {record}"))
        })
        .collect();
    assert!(times[0] > 0.0 && times.is_sorted(), "{record}");
    let mean = record["mean_us"].as_f64().expect("a mean");
    assert!(mean >= times[0] && mean <= times[4], "{record}");
}
