//! What netkit is to reach, and whether it does.

use crate::table::{NOTHING, Table, figure};

/// A bound for a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    /// Smaller is better.
    AtMost(f64),
    /// Larger is better.
    AtLeast(f64),
}

/// All goals of a comparison, with what was measured.
#[derive(Debug, Default)]
pub(crate) struct Goals {
    goals: Vec<Goal>,
}

#[derive(Debug)]
struct Goal {
    area: String,
    what: String,
    bound: Bound,
    measured: Option<f64>,
}

impl Goals {
    /// Adds a goal; without a measured figure it is not judged.
    pub(crate) fn add(&mut self, area: &str, what: &str, bound: Bound, measured: Option<f64>) {
        self.goals.push(Goal {
            area: area.to_owned(),
            what: what.to_owned(),
            bound,
            measured,
        });
    }

    /// Whether none was missed.
    pub(crate) fn all_reached(&self) -> bool {
        self.goals.iter().all(|goal| goal.reached() != Some(false))
    }

    /// The goals beside what was measured; those without a figure only if
    /// `all` were to be measured.
    pub(crate) fn table(&self, all: bool) -> String {
        let columns = ["area", "goal", "bound", "measured", "reached"];
        let mut table = Table::new("goals", &columns);
        let shown = |goal: &&Goal| all || goal.measured.is_some();
        for goal in self.goals.iter().filter(shown) {
            table.row(goal.cells());
        }
        table.text()
    }
}

impl Goal {
    fn reached(&self) -> Option<bool> {
        let measured = self.measured?;
        Some(match self.bound {
            Bound::AtMost(bound) => measured <= bound,
            Bound::AtLeast(bound) => measured >= bound,
        })
    }

    fn cells(&self) -> Vec<String> {
        let bound = match self.bound {
            Bound::AtMost(bound) => format!("≤ {}", figure(bound)),
            Bound::AtLeast(bound) => format!("≥ {}", figure(bound)),
        };
        let reached = match self.reached() {
            Some(true) => "yes",
            Some(false) => "NO",
            None => NOTHING,
        };
        let measured = self.measured.map_or_else(|| NOTHING.to_owned(), figure);
        let (area, what) = (self.area.clone(), self.what.clone());
        vec![area, what, bound, measured, reached.to_owned()]
    }
}
