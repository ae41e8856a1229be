//! Tables and figures for people.

use std::fmt::Write;

use netkit_compare::samples::Samples;

/// A table that reads well as it is and as Markdown.
#[derive(Debug)]
pub(crate) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

/// What stands where nothing was measured.
pub(crate) const NOTHING: &str = "–";

impl Table {
    /// A table with these columns.
    pub(crate) fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            rows: vec![columns.iter().map(|it| (*it).to_owned()).collect()],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The whole table; the first column on the left, figures on the right.
    pub(crate) fn text(&self) -> String {
        let widths = self.widths();
        let mut text = format!("\n**{}**\n\n", self.title);
        for (index, row) in self.rows.iter().enumerate() {
            text.push_str(&line(row, &widths));
            if index == 0 {
                text.push_str(&rule(&widths));
            }
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cells = |column| self.rows.iter().filter_map(move |row| row.get(column));
        (0..columns)
            .map(|column| {
                cells(column)
                    .map(|it| it.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect()
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
        let _ = match column {
            0 => write!(text, "| {cell:<width$} "),
            _ => write!(text, "| {cell:>width$} "),
        };
    }
    text + "|\n"
}

fn rule(widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, width) in widths.iter().enumerate() {
        let end = if column == 0 { "-" } else { ":" };
        // A string takes everything.
        let _ = write!(text, "|-{:-<width$}{end}", "");
    }
    text + "|\n"
}

/// A figure with about three digits; `k` from ten thousand on.
pub(crate) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100_000.0 => format!("{:.0}k", value / 1000.0),
        size if size >= 10_000.0 => format!("{:.1}k", value / 1000.0),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `median (least–most)`.
pub(crate) fn spread(samples: &Samples) -> String {
    let (Some(median), Some(least), Some(most)) =
        (samples.median(), samples.least(), samples.most())
    else {
        return NOTHING.to_owned();
    };
    if samples.count() == 1 {
        return figure(median);
    }
    format!("{} ({}–{})", figure(median), figure(least), figure(most))
}

/// The median alone.
pub(crate) fn middle(samples: &Samples) -> String {
    samples.median().map_or_else(|| NOTHING.to_owned(), figure)
}
