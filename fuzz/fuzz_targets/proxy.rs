//! Answers of proxies and the PROXY header: nobody is asked for 0 bytes or for more than a limit,
//! a header reads back, no URL shows its password, and nothing panics.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use netkit::net::proxy::Proxy;
use netkit::protocol::proxy::header::{Header, Version};
use netkit::protocol::proxy::{Reading, Target, http, socks4, socks5};

/// More is missing of nothing that is read here.
const LONGEST: usize = 4096;

fn check<T, E: Debug>(bytes: &[u8], read: impl Fn(&[u8]) -> Result<Reading<T>, E>) {
    for length in 0..=bytes.len() {
        match read(&bytes[..length]) {
            Ok(Reading::Missing(missing)) => assert!((1..=LONGEST).contains(&missing)),
            Ok(Reading::Whole(_)) | Err(_) => return,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes, socks4::reply);
    check(bytes, |it| socks5::method(it, true));
    check(bytes, socks5::authenticated);
    check(bytes, socks5::reply);
    check(bytes, http::answer);
    check(bytes, Header::decode);
    if let Ok(Reading::Whole(header)) = Header::decode(bytes) {
        for version in [Version::V1, Version::V2] {
            let again = Header::decode(&header.encode(version));
            assert_eq!(again, Ok(Reading::Whole(header)));
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Target::new(text, 1).map(|it| (socks5::request(&it), it.to_string()));
        let shown = match format!("socks5://{text}:PASSWORD@{text}").parse::<Proxy>() {
            Ok(proxy) => format!("{proxy} {proxy:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(text.contains("PASSWORD") || !shown.contains("PASSWORD"));
    }
});
