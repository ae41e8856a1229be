//! `{host}` in a target or a name: one check for each of its hosts.

use std::borrow::Cow;

use super::tree::Place;

/// What stands for the host.
pub(super) const HOST: &str = "{host}";

/// A host as a target has it: an IPv6 address in brackets.
pub(super) fn bracketed(host: &str) -> Cow<'_, str> {
    match host.contains(':') {
        true => format!("[{host}]").into(),
        false => host.into(),
    }
}

/// Where in the template a part of the filled text came from; what came from
/// the host, of `length` bytes, came from all of [`HOST`].
pub(super) fn origin(template: &str, length: usize, part: &Place) -> Place {
    let start = origin_of(template, length, part.start, 0);
    let end = origin_of(template, length, part.end, HOST.len());
    start..end.max(start)
}

/// Where a place came from, and `within` a [`HOST`] if it came from the middle
/// of one.
fn origin_of(template: &str, length: usize, place: usize, within: usize) -> usize {
    let (mut filled, mut at) = (0, 0);
    for (host, _) in template.match_indices(HOST) {
        let text = host - at;
        if place <= filled + text {
            break;
        }
        filled += text;
        at = host;
        if place < filled + length {
            return at + within;
        }
        filled += length;
        at += HOST.len();
    }
    (at + place - filled).min(template.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_text(template: &'static str, host: &str, part: &str) -> &'static str {
        let filled = template.replace(HOST, host);
        let start = filled.find(part).unwrap();
        &template[origin(template, host.len(), &(start..start + part.len()))]
    }

    #[test]
    fn each_part_is_found_where_it_came_from() {
        for host in ["w", "a.long.name.example.org", "[fd00::1]"] {
            assert_eq!(origin_text("x://{host}:80x/{host}", host, "80x"), "80x");
            assert_eq!(origin_text("x://{host}:80x/{host}", host, "x://"), "x://");
            assert_eq!(origin_text("x://{host}:80x/{host}", host, host), "{host}");
            assert_eq!(origin_text("{host}{host}:q", host, "q"), "q");
        }
        assert_eq!(origin_text("{host}:1", "a b", " "), "{host}");
    }

    #[test]
    fn only_an_ipv6_address_needs_brackets() {
        assert_eq!(bracketed("fd00::1"), "[fd00::1]");
        assert_eq!(bracketed("web1"), "web1");
    }
}
