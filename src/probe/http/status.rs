//! Which statuses are good ones: `200`, `2xx,404` or `200-299`.

use std::fmt;
use std::ops::RangeInclusive;

/// What is expected where nothing else is said.
const USUAL: &str = "200-399";

/// A list of statuses and ranges of them.
#[derive(Debug, Clone)]
pub(super) struct Statuses {
    text: String,
    ranges: Vec<RangeInclusive<u16>>,
}

impl Statuses {
    /// Reads a list; without one, 200 to 399.
    ///
    /// # Errors
    /// Names the part that is none, in a sentence.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.unwrap_or(USUAL);
        let ranges = text.split(',').map(|part| {
            range(part.trim()).ok_or_else(|| {
                format!("`{part}` is no status (hint: such as `200`, `2xx` or `200-299`)")
            })
        });
        Ok(Self {
            ranges: ranges.collect::<Result<_, _>>()?,
            text: text.into(),
        })
    }

    /// Whether `status` is one of them.
    pub(super) fn contain(&self, status: u16) -> bool {
        self.ranges.iter().any(|it| it.contains(&status))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn range(part: &str) -> Option<RangeInclusive<u16>> {
    let class = part.strip_suffix("xx").or_else(|| part.strip_suffix("XX"));
    if let Some(class) = class {
        let class: u16 = class.parse().ok().filter(|it| (1..=9).contains(it))?;
        return Some(class * 100..=class * 100 + 99);
    }
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (status(first)?, status(last)?);
    (first <= last).then_some(first..=last)
}

fn status(digits: &str) -> Option<u16> {
    let three = digits.len() == 3 && digits.bytes().all(|it| it.is_ascii_digit());
    digits.parse().ok().filter(|it| three && *it >= 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_classes_and_ranges() {
        let statuses = Statuses::parse(Some("2xx,404, 500-503")).unwrap();
        for good in [200, 299, 404, 500, 503] {
            assert!(statuses.contain(good), "{good}");
        }
        for bad in [199, 300, 403, 405, 504] {
            assert!(!statuses.contain(bad), "{bad}");
        }
        let usual = Statuses::parse(None).unwrap();
        assert!(usual.contain(200) && usual.contain(399) && !usual.contain(400));
    }

    #[test]
    fn what_is_no_status_is_named() {
        for wrong in [
            "", "20", "2x", "xx", "0xx", "299-200", "200-", "+20", "1000", "099",
        ] {
            let error = Statuses::parse(Some(&format!("200,{wrong}"))).unwrap_err();
            assert!(
                error.starts_with(&format!("`{wrong}` is no status")),
                "{error}"
            );
        }
    }
}
