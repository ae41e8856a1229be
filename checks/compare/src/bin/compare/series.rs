//! Times of several tools with the same task.

use std::error::Error;

use netkit_compare::samples::Samples;

use crate::command::Tool;
use crate::options::Options;
use crate::placement::{Placement, quiet_moment};
use crate::table::{NOTHING, Table, figure, spread};

/// Times of several tools with the same task.
pub(crate) struct Series {
    rows: Vec<Row>,
}

/// What one of them took.
pub(crate) struct Row {
    name: &'static str,
    label: String,
    elapsed_ms: Samples,
    cpu_ms: Samples,
    /// The most memory that it has had, if that could be read.
    pub(crate) peak_mebibytes: Option<f64>,
}

impl Series {
    /// Runs them in turn; who begins changes from round to round.
    pub(crate) fn measure(
        options: &Options,
        placement: Placement,
        tools: &[Tool],
        rounds: usize,
    ) -> Result<Self, Box<dyn Error>> {
        placement.as_measured()?;
        let mut rows: Vec<Row> = tools.iter().map(Row::new).collect();
        for round in 0..rounds {
            quiet_moment(options.patience());
            for place in 0..tools.len() {
                let place = (place + round) % tools.len();
                let cost = tools[place].time()?;
                rows[place]
                    .elapsed_ms
                    .push(cost.elapsed.as_secs_f64() * 1e3);
                rows[place].cpu_ms.push(cost.cpu.as_secs_f64() * 1e3);
            }
        }
        placement.as_load()?;
        Ok(Self { rows })
    }

    /// What the tool of that name took.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The median of one, divided by that of another.
    pub(crate) fn ratio(&self, name: &str, base: &str) -> Option<f64> {
        let of = |name| self.row(name)?.elapsed_ms.median();
        Some(of(name)? / of(base)?)
    }

    /// The same of CPU time.
    fn cpu_ratio(&self, name: &str, base: &str) -> Option<f64> {
        let of = |name| self.row(name)?.cpu_ms.median();
        Some(of(name)? / of(base)?)
    }

    /// As a table; each one divided by `base`.
    pub(crate) fn table(&self, title: &str, base: &str) -> String {
        let over = format!("÷ {base}");
        let columns = ["tool", "ms", &over, "CPU ms", &over, "peak MiB"];
        let mut table = Table::new(title, &columns);
        let known = |value: Option<f64>| value.map_or_else(|| NOTHING.to_owned(), figure);
        for row in &self.rows {
            table.row(vec![
                row.label.clone(),
                spread(&row.elapsed_ms),
                known(self.ratio(row.name, base)),
                spread(&row.cpu_ms),
                known(self.cpu_ratio(row.name, base)),
                known(row.peak_mebibytes),
            ]);
        }
        table.text()
    }
}

impl Row {
    fn new(tool: &Tool) -> Self {
        let peak = tool.is_whole().then(|| tool.peak()).and_then(|peak| {
            let failed = |error: &_| {
                crate::note(&format!("cannot read the memory of {}: {error}", tool.name));
            };
            peak.inspect_err(failed).ok()
        });
        Self {
            name: tool.name,
            label: tool.label(),
            elapsed_ms: Samples::default(),
            cpu_ms: Samples::default(),
            peak_mebibytes: peak.map(|it| it as f64 / 1_048_576.0),
        }
    }
}
