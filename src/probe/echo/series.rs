//! The times of a series.

use std::time::Duration;

use anyhow::Context;
use hdrhistogram::Histogram;

use crate::finding::{Latency, RoundTrips};

/// Counts messages and their round-trip times, to three digits each.
pub(super) struct Series {
    lost: u64,
    times: Histogram<u64>,
}

impl Series {
    pub(super) fn new() -> anyhow::Result<Self> {
        let times = Histogram::new(3).context("cannot make a histogram")?;
        Ok(Self { lost: 0, times })
    }

    /// A message that did not come back.
    pub(super) fn lose(&mut self) {
        self.lost += 1;
    }

    /// A message that came back after this time.
    pub(super) fn receive(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // It grows as it has to; only a time of centuries would not fit.
        let _ = self.times.record(nanoseconds);
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// What they come to; the caller adds whose they are.
    #[expect(clippy::cast_precision_loss, reason = "percent of a count")]
    pub(super) fn latency(&self) -> Latency {
        let (lost, count) = (self.lost, self.lost + self.times.len());
        Latency {
            count,
            lost,
            loss_pct: tenths(100.0 * lost as f64 / count.max(1) as f64),
            times: (!self.times.is_empty()).then(|| self.times()),
            ..Latency::default()
        }
    }

    fn times(&self) -> RoundTrips {
        let quantile = |share| micros(self.times.value_at_quantile(share));
        RoundTrips {
            min_us: micros(self.times.min()),
            mean_us: tenths(self.times.mean() / 1e3),
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            max_us: micros(self.times.max()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "three digits are kept anyway")]
fn micros(nanoseconds: u64) -> f64 {
    tenths(nanoseconds as f64 / 1e3)
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
