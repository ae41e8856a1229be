//! What is wrong with a plan: all of it at once, each with its place.

use std::fmt;

use super::tree::Place;

/// More mistakes than this are counted, not told.
const MOST_TOLD: usize = 1000;

/// A line is shown so many characters before a culprit, and after where it
/// begins.
const MARGIN: usize = 60;

/// A plan that cannot be understood: every mistake, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanErrors {
    source: String,
    told: Vec<Told>,
    more: usize,
}

/// A mistake as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    line: usize,
    /// In characters, from 1.
    column: usize,
    expected: String,
    excerpt: String,
    /// How far in the excerpt the carets stand.
    indent: usize,
    carets: usize,
}

/// The mistakes found so far.
#[derive(Default)]
pub(super) struct Mistakes {
    found: Vec<Mistake>,
    more: usize,
}

#[derive(PartialEq, Eq)]
struct Mistake {
    place: Place,
    expected: String,
    of_syntax: bool,
}

impl Mistakes {
    /// Something that is well written and makes no sense.
    pub(super) fn add(&mut self, place: Place, expected: impl Into<String>) {
        self.push(Mistake {
            place,
            expected: expected.into(),
            of_syntax: false,
        });
    }

    /// Something that is not even well written.
    pub(super) fn add_syntax(&mut self, place: Place, expected: impl Into<String>) {
        self.push(Mistake {
            place,
            expected: expected.into(),
            of_syntax: true,
        });
    }

    /// Whether there are so many that no more are told.
    pub(super) fn are_enough(&self) -> bool {
        self.found.len() >= MOST_TOLD
    }

    /// Whether something in `place` is not well written, so that what seems to
    /// be missing there may only be hidden.
    pub(super) fn are_of_syntax_in(&self, place: &Place) -> bool {
        let syntax = self.found.iter().filter(|it| it.of_syntax);
        syntax.into_iter().any(|it| place.contains(&it.place.start))
    }

    /// Defaults are wrong for many checks: the same is told once.
    fn push(&mut self, mistake: Mistake) {
        if self.are_enough() {
            self.more += 1;
        } else if !self.found.contains(&mistake) {
            self.found.push(mistake);
        }
    }

    /// Nothing if there are none.
    ///
    /// # Errors
    /// All of them; `source` is the name of the plan, `text` the whole of it.
    pub(super) fn into_result(self, source: &str, text: &str) -> Result<(), PlanErrors> {
        if self.found.is_empty() {
            return Ok(());
        }
        Err(PlanErrors {
            source: source.into(),
            told: tell(self.found, text),
            more: self.more,
        })
    }
}

/// Sorts them, and finds line and column of each in one pass.
fn tell(mut mistakes: Vec<Mistake>, text: &str) -> Vec<Told> {
    mistakes.sort_by_key(|it| (it.place.start, it.place.end));
    let (mut line, mut start_of_line, mut at) = (1, 0, 0);
    let mut column = 1;
    let mut told: Vec<(bool, Told)> = Vec::new();
    for mistake in mistakes {
        let start = boundary(text, mistake.place.start);
        let passed = &text[at..start];
        match passed.rfind('\n') {
            Some(end_of_line) => {
                line += passed.matches('\n').count();
                start_of_line = at + end_of_line + 1;
                column = 1 + text[start_of_line..start].chars().count();
            }
            None => column += passed.chars().count(),
        }
        at = start;
        let culprit = start..boundary(text, mistake.place.end).max(start);
        let (excerpt, indent, carets) = show(text, start_of_line, culprit);
        let of_syntax = mistake.of_syntax;
        let mistake = Told {
            line,
            column,
            expected: mistake.expected,
            excerpt,
            indent,
            carets,
        };
        told.push((of_syntax, mistake));
    }
    // What a badly written line seems to mean is no mistake of its own.
    let badly_written = told.iter().filter(|(of_syntax, _)| *of_syntax);
    let badly_written: Vec<usize> = badly_written.map(|(_, it)| it.line).collect();
    told.retain(|(of_syntax, it)| *of_syntax || badly_written.binary_search(&it.line).is_err());
    told.into_iter().map(|(_, it)| it).collect()
}

/// The nearest place not after `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    let mut places = (0..=at.min(text.len())).rev();
    places
        .find(|it| text.is_char_boundary(*it))
        .unwrap_or_default()
}

/// The line around a culprit, how far in it the culprit stands, and how long it
/// is on that line.
fn show(text: &str, start_of_line: usize, culprit: Place) -> (String, usize, usize) {
    let before = &text[start_of_line..culprit.start];
    let mut places = before.char_indices().rev();
    let cut = places.nth(MARGIN - 1).map_or(0, |(at, _)| at);
    let mut after = text[culprit.start..].chars().take_while(|it| *it != '\n');
    let shown: String = after.by_ref().take(MARGIN).collect();
    let carets = shown.len().min(culprit.len());
    let carets = shown[..boundary(&shown, carets)].trim_end().chars().count();
    let left = if cut > 0 { "…" } else { "" };
    let right = if after.next().is_some() { "…" } else { "" };
    let lead = visible(&before[cut..]);
    let excerpt = format!("{left}{lead}{}{right}", visible(&shown));
    let indent = left.chars().count() + lead.chars().count();
    (excerpt.trim_end().into(), indent, carets.max(1))
}

/// As wide as it has characters: nothing in it moves the carets.
fn visible(text: &str) -> String {
    let characters = text.chars().map(|it| match it {
        '\t' | '\r' => ' ',
        it if it.is_control() => '\u{fffd}',
        it => it,
    });
    characters.collect()
}

impl PlanErrors {
    /// How many mistakes there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.told.len() + self.more
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, told, more } = self;
        writeln!(f, "wrong plan `{source}`:")?;
        for mistake in told {
            let Told {
                line,
                column,
                expected,
                excerpt,
                indent,
                carets,
            } = mistake;
            writeln!(f, "{source}:{line}:{column}: {expected}")?;
            writeln!(f, "  {excerpt}")?;
            writeln!(f, "  {:indent$}{:^>carets$}", "", "")?;
        }
        match (self.count(), more) {
            (1, _) => write!(f, "1 mistake"),
            (count, 0) => write!(f, "{count} mistakes"),
            (count, more) => write!(f, "{count} mistakes, {more} of them not shown"),
        }
    }
}

impl std::error::Error for PlanErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, places: &[Place]) -> String {
        let mut mistakes = Mistakes::default();
        for place in places {
            mistakes.add(place.clone(), "expected more");
        }
        let errors = mistakes.into_result("p", text).unwrap_err();
        errors.to_string()
    }

    #[test]
    fn places_are_in_lines_and_characters() {
        let text = "ä\n\tüü = 5\n";
        let expected = "wrong plan `p`:\np:1:1: expected more\n  ä\n  ^\n\
                        p:2:4: expected more\n   üü = 5\n     ^^^^\n\
                        p:3:1: expected more\n  \n  ^\n3 mistakes";
        let places = [text.len()..text.len(), 0..2, 8..12];
        assert_eq!(told(text, &places), expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_culprit() {
        let text = format!("{}bad{}", "x".repeat(10_000), "y".repeat(10_000));
        let told = told(&text, std::slice::from_ref(&(10_000..10_003)));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[1], "p:1:10001: expected more");
        let carets = lines[3].find('^').unwrap();
        let shown: String = lines[2].chars().skip(carets).take(3).collect();
        assert_eq!((shown.as_str(), lines[2].chars().count()), ("bad", 124));
    }

    #[test]
    fn a_place_outside_or_within_a_character_does_no_harm() {
        for place in [1..1, 1..2, 5..900, 900..901, 0..usize::MAX] {
            assert!(told("äöü", &[place]).ends_with("1 mistake"));
        }
    }

    #[test]
    fn more_than_a_thousand_are_counted() {
        let text = "x".repeat(1002);
        let places: Vec<Place> = (0..1002).map(|at| at..at + 1).collect();
        let told = told(&text, &places);
        assert!(told.ends_with("1002 mistakes, 2 of them not shown"));
        assert_eq!(told.matches("p:1:").count(), MOST_TOLD);
    }
}
