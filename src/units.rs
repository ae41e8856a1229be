//! Durations and sizes as people write and read them. A leaf.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// Moments further away than this cannot be computed with on every system.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Reads a duration such as `300ms`, `2s` or `1m 30s`.
///
/// # Errors
/// Says what was expected; a bare number is refused with a hint, and so is `M`,
/// which means months.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.trim() != "0" && text.trim().parse::<f64>().is_ok() {
        return Err(format!(
            "a duration needs its unit: `{text}s` or `{text}ms`"
        ));
    }
    if text.contains('M') {
        return Err("`M` means months: minutes are `m` or `min`".into());
    }
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error} (expected a duration such as 300ms, 2s or 1m)"))?;
    match duration <= LONGEST {
        true => Ok(duration),
        false => Err("a duration is at most 100 years".into()),
    }
}

/// As [`parse_duration`], where none at all makes no sense.
///
/// # Errors
/// As [`parse_duration`], and for 0.
pub fn parse_positive_duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("a time of 0 would leave time for nothing".into()),
        duration => Ok(duration),
    }
}

/// Reads a size in bytes: `1000`, `64k` (64,000) or `64KiB` (65,536).
///
/// # Errors
/// Says what was expected.
pub fn parse_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit: usize = match &text[digits.len()..] {
        "" | "B" => 1,
        "k" | "kB" => 1_000,
        "M" | "MB" => 1_000_000,
        "K" | "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        other => return Err(format!("`{other}` is no unit: use k, M, KiB or MiB")),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| format!("`{text}` is no size (expected such as 1000, 64k or 64KiB)"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| format!("`{text}` is too large"))
}

/// A limit as it was asked for, such as `3s`, or what was left of it, to the
/// millisecond.
#[must_use]
pub fn limit(limit: Duration) -> humantime::FormattedDuration {
    let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis))
}

/// A duration with three significant digits: `0.061 ms`, `1.24 ms`, `2.00 s`.
#[derive(Debug, Clone, Copy)]
pub struct Latency(pub Duration);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In integers: a report of many thousand lines is made of these.
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX - 500);
        let micros = (nanos + 500) / 1_000;
        let (thousandths, unit) = match micros {
            ..999_500 => (micros, "ms"),
            _ => ((micros + 500) / 1_000, "s"),
        };
        let (digits, fraction) = match thousandths {
            0..1_000 => (3, thousandths),
            1_000..9_995 => (2, (thousandths + 5) / 10),
            9_995..99_950 => (1, (thousandths + 50) / 100),
            _ => (0, (thousandths + 500) / 1_000),
        };
        let one = 10_u64.pow(digits);
        let mut buffer = itoa::Buffer::new();
        f.write_str(buffer.format(fraction / one))?;
        if digits > 0 {
            let rest = buffer.format(fraction % one);
            f.write_str(".")?;
            f.write_str(&"00"[..(digits as usize).saturating_sub(rest.len())])?;
            f.write_str(rest)?;
        }
        f.write_str(" ")?;
        f.write_str(unit)
    }
}

/// Parts of a sentence: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn enumerate(mut parts: Vec<String>) -> String {
    let last = parts.pop().unwrap_or_default();
    match parts.is_empty() {
        true => last,
        false => format!("{} and {last}", parts.join(", ")),
    }
}

/// Bytes as hexadecimal digits, as sha256sum(1) writes them.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert!(parse_duration("5").unwrap_err().contains("`5s` or `5ms`"));
        assert!(parse_duration("5M").unwrap_err().contains("months"));
        assert!(parse_duration("soon").is_err());
        assert!(parse_duration("101y").unwrap_err().contains("100 years"));
        assert!(parse_positive_duration("0").is_err());
    }

    #[test]
    fn sizes_know_decimal_and_binary_units() {
        assert_eq!(parse_size("64k"), Ok(64_000));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        assert_eq!(parse_size("7"), Ok(7));
        assert!(parse_size("7x").is_err());
        assert!(parse_size("-1").is_err());
        assert!(parse_size("99999999999999999999M").is_err());
    }

    #[test]
    fn latencies_keep_three_digits() {
        let shown = |micros| Latency(Duration::from_micros(micros)).to_string();
        assert_eq!(shown(61), "0.061 ms");
        assert_eq!(shown(1_240), "1.24 ms");
        assert_eq!(shown(0), "0.000 ms");
        assert_eq!(shown(9_994), "9.99 ms");
        assert_eq!(shown(9_996), "10.0 ms");
        assert_eq!(shown(12_340), "12.3 ms");
        assert_eq!(shown(99_960), "100 ms");
        assert_eq!(shown(3_723_000_000), "3723 s");
        assert_eq!(shown(999_600), "1.00 s");
        assert_eq!(shown(2_000_000), "2.00 s");
    }
}
