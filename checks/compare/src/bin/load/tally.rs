//! What a window counted.

use std::time::Instant;

use netkit_compare::samples::Samples;
use serde_json::{Value, json};

use crate::window::Span;

/// Counts since the window was opened; mismatches and errors since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    operations: u64,
    bytes: u64,
    latencies: Samples,
    /// Pieces that were not what had been sent.
    pub(crate) mismatches: u64,
    /// Connections that failed or were closed.
    pub(crate) errors: u64,
}

impl Tally {
    /// Forgets what the warm-up counted.
    pub(crate) fn open(&mut self) {
        (self.operations, self.bytes) = (0, 0);
        self.latencies = Samples::default();
    }

    /// An operation begun at `start` is done.
    pub(crate) fn operation(&mut self, start: Instant, end: Instant) {
        self.operations += 1;
        let took = end.saturating_duration_since(start);
        self.latencies.push(took.as_secs_f64() * 1e6);
    }

    /// So many bytes came back; they were to be `expected`.
    pub(crate) fn received(&mut self, bytes: &[u8], expected: &[u8]) {
        self.compared(bytes.len(), bytes == expected);
    }

    /// So many bytes came back and have been compared already.
    pub(crate) fn compared(&mut self, count: usize, right: bool) {
        self.bytes += count as u64;
        self.mismatches += u64::from(!right);
    }

    /// The line that is printed.
    pub(crate) fn outcome(&self, mode: &str, span: Span) -> Value {
        let seconds = span.elapsed.as_secs_f64();
        json!({
            "mode": mode,
            "seconds": seconds,
            "operations": self.operations,
            "rate": self.operations as f64 / seconds,
            "bytes": self.bytes,
            "mb_per_second": self.bytes as f64 / seconds / 1e6,
            "cpu_us": span.cpu.map(|it| it.as_secs_f64() * 1e6),
            "load_busy": span.own_cpu.as_secs_f64() / seconds,
            "waited_share": span.waited.as_secs_f64() / seconds,
            "p50_us": self.latencies.quantile(0.5),
            "p90_us": self.latencies.quantile(0.9),
            "p99_us": self.latencies.quantile(0.99),
            "mismatches": self.mismatches,
            "errors": self.errors,
        })
    }
}
