//! Numbers as netcat reads them, and its words for what is none: those of
//! strtonum(3).

use std::time::Duration;

/// A whole number from `least` to `most`.
///
/// # Errors
/// `invalid`, `too small` or `too large`.
pub(super) fn whole(text: &str, least: i64, most: i64) -> Result<i64, &'static str> {
    let digits = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let (negative, digits) = match digits.strip_prefix(['-', '+']) {
        Some(rest) => (digits.starts_with('-'), rest),
        None => (false, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err("invalid");
    }
    // Beyond the type is beyond every bound as well.
    let number = digits.parse::<i64>().unwrap_or(i64::MAX);
    let number = if negative { -number } else { number };
    match number {
        _ if number < least => Err("too small"),
        _ if number > most => Err("too large"),
        _ => Ok(number),
    }
}

/// Seconds, also with a fraction unless `whole_only`.
///
/// # Errors
/// As of [`whole`].
pub(super) fn seconds(text: &str, most: i64, whole_only: bool) -> Result<Duration, &'static str> {
    let fraction = text.split_once('.').filter(|_| !whole_only);
    let Some((before, after)) = fraction.filter(|(_, after)| !after.is_empty()) else {
        let number = whole(text, 0, most)?;
        return Ok(Duration::from_secs(number.unsigned_abs()));
    };
    if !after.bytes().all(|it| it.is_ascii_digit()) {
        return Err("invalid");
    }
    let whole = whole(if before.is_empty() { "0" } else { before }, 0, most)?;
    let nanos: String = after.chars().chain("000000000".chars()).take(9).collect();
    let nanos = nanos.parse().map_err(|_| "invalid")?;
    Ok(Duration::new(whole.unsigned_abs(), nanos))
}

/// The value of the traffic class that `-T` asks for: a name of RFC 1349, a code
/// point (RFC 2474, RFC 2597, RFC 3246), or a number, hexadecimal with `0x`.
pub(super) fn traffic_class(text: &str) -> Option<u8> {
    const NAMES: [(&str, u8); 8] = [
        ("critical", 0xa0),
        ("inetcontrol", 0xc0),
        ("lowcost", 0x02),
        ("lowdelay", 0x10),
        ("netcontrol", 0xe0),
        ("reliability", 0x04),
        ("throughput", 0x08),
        ("ef", 0xb8),
    ];
    if let Some((_, value)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    if let Some(class) = text.strip_prefix("cs").and_then(single_digit) {
        return (class <= 7).then_some(class << 5);
    }
    if let Some(point) = text.strip_prefix("af") {
        let (class, drop) = point.split_at_checked(1)?;
        let (class, drop) = (single_digit(class)?, single_digit(drop)?);
        let known = (1..=4).contains(&class) && (1..=3).contains(&drop);
        return known.then_some(class << 5 | drop << 3);
    }
    match text.strip_prefix("0x") {
        // What is no digit ends the number, as with strtol(3).
        Some(digits) => {
            let end = digits.find(|it: char| !it.is_ascii_hexdigit());
            match &digits[..end.unwrap_or(digits.len())] {
                "" => Some(0),
                digits => u8::from_str_radix(digits, 16).ok(),
            }
        }
        None => u8::try_from(whole(text, 0, 255).ok()?).ok(),
    }
}

fn single_digit(text: &str) -> Option<u8> {
    text.parse().ok().filter(|_| text.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_strtonum() {
        assert_eq!(whole("22", 1, 65_535), Ok(22));
        assert_eq!(whole(" +022", 1, 65_535), Ok(22));
        assert_eq!(whole("-1", 0, 9), Err("too small"));
        assert_eq!(whole("10", 0, 9), Err("too large"));
        assert_eq!(whole("99999999999999999999", 0, 9), Err("too large"));
        assert_eq!(whole("-99999999999999999999", -5, 9), Err("too small"));
        for text in ["", "x", "1x", "1 ", "1.5", "--1", "+"] {
            assert_eq!(whole(text, 0, 9), Err("invalid"), "{text:?}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(seconds("1.5", 9, false), Ok(Duration::from_millis(1_500)));
        assert_eq!(seconds(".25", 9, false), Ok(Duration::from_millis(250)));
        assert_eq!(seconds("2", 9, false), Ok(Duration::from_secs(2)));
        assert_eq!(
            seconds("0.0000000019", 9, false),
            Ok(Duration::from_nanos(1))
        );
        assert_eq!(seconds("1.5", 9, true), Err("invalid"));
        for text in ["1.", "1.x", "x.1", ".", "1.5s"] {
            assert_eq!(seconds(text, 9, false), Err("invalid"), "{text:?}");
        }
        assert_eq!(seconds("10.5", 9, false), Err("too large"));
    }

    #[test]
    fn traffic_classes_have_names_and_numbers() {
        for (text, expected) in [
            ("lowdelay", 0x10),
            ("critical", 0xa0),
            ("ef", 0xb8),
            ("cs1", 0x20),
            ("cs7", 0xe0),
            ("af11", 0x28),
            ("af43", 0x98),
            ("0x1f", 0x1f),
            ("0xzz", 0),
            ("16", 16),
        ] {
            assert_eq!(traffic_class(text), Some(expected), "{text}");
        }
        for text in [
            "bogus", "EF", "256", "0x1ff", "-1", "cs8", "af44", "af1", "", "csé",
        ] {
            assert_eq!(traffic_class(text), None, "{text}");
        }
    }
}
