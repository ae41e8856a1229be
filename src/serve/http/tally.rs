//! What was served since the start: how often each file, how many bytes, with
//! which statuses.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Files that are counted on their own; those that are asked for later share
/// one count.
const MOST_FILES: usize = 10_000;

/// The counts of a site.
#[derive(Default)]
pub(super) struct Tally {
    files: RefCell<HashMap<String, u64>>,
    other_files: Cell<u64>,
    statuses: RefCell<BTreeMap<u16, u64>>,
    sent: Cell<u64>,
    connections: Cell<usize>,
}

/// A connection that is counted as open until it is dropped.
pub(super) struct Open<'a>(&'a Tally);

impl Tally {
    /// Counts a request for a file that exists, and says how many there were.
    pub(super) fn count_file(&self, name: &str) -> u64 {
        let mut files = self.files.borrow_mut();
        if let Some(count) = files.get_mut(name) {
            *count += 1;
            return *count;
        }
        if files.len() == MOST_FILES {
            self.other_files.set(self.other_files.get() + 1);
            return self.other_files.get();
        }
        files.insert(name.to_owned(), 1);
        1
    }

    /// Counts an answer.
    pub(super) fn count_status(&self, status: u16) {
        *self.statuses.borrow_mut().entry(status).or_default() += 1;
    }

    /// Counts bytes of a file or page that were promised to a client.
    pub(super) fn count_bytes(&self, bytes: u64) {
        self.sent.set(self.sent.get().saturating_add(bytes));
    }

    /// Counts a connection.
    pub(super) fn open(&self) -> Open<'_> {
        self.connections.set(self.connections.get() + 1);
        Open(self)
    }

    /// All of it in Prometheus' text format, version 0.0.4.
    pub(super) fn metrics(&self) -> String {
        let mut text = String::new();
        begin(&mut text, "requests_total", "counter", "Answers by status.");
        for (status, count) in &*self.statuses.borrow() {
            let _ = writeln!(
                text,
                "netkit_http_requests_total{{status=\"{status}\"}} {count}"
            );
        }
        let help = "Bytes of bodies begun to be sent.";
        begin(&mut text, "body_bytes_total", "counter", help);
        let _ = writeln!(text, "netkit_http_body_bytes_total {}", self.sent.get());
        let help = "Connections that are open.";
        begin(&mut text, "connections", "gauge", help);
        let _ = writeln!(text, "netkit_http_connections {}", self.connections.get());
        let help =
            "Requests for each file; without a path, for all that came too late to be told apart.";
        begin(&mut text, "file_requests_total", "counter", help);
        let files = self.files.borrow();
        let mut files: Vec<_> = files.iter().collect();
        files.sort();
        for (name, count) in files {
            let name = label(name);
            let _ = writeln!(
                text,
                "netkit_http_file_requests_total{{path=\"/{name}\"}} {count}"
            );
        }
        if self.other_files.get() > 0 {
            let count = self.other_files.get();
            let _ = writeln!(text, "netkit_http_file_requests_total {count}");
        }
        text
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}

fn begin(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP netkit_http_{name} {help}");
    let _ = writeln!(text, "# TYPE netkit_http_{name} {kind}");
}

/// A label's value with what the format wants escaped.
fn label(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_limit_files_share_a_count() {
        let tally = Tally::default();
        for number in 0..MOST_FILES {
            assert_eq!(tally.count_file(&number.to_string()), 1);
        }
        assert_eq!(tally.count_file("7"), 2);
        assert_eq!(tally.count_file("late"), 1);
        assert_eq!(tally.count_file("later"), 2);
        assert_eq!(tally.files.borrow().len(), MOST_FILES);
        assert!(
            tally
                .metrics()
                .ends_with("\nnetkit_http_file_requests_total 2\n")
        );
    }

    #[test]
    fn labels_are_escaped() {
        let tally = Tally::default();
        tally.count_file("a \"b\"\\\nc");
        let line = "netkit_http_file_requests_total{path=\"/a \\\"b\\\"\\\\\\nc\"} 1\n";
        assert!(tally.metrics().ends_with(line), "{}", tally.metrics());
    }

    #[test]
    fn connections_are_counted_while_they_are_open() {
        let tally = Tally::default();
        let open = tally.open();
        assert!(tally.metrics().contains("netkit_http_connections 1\n"));
        drop(open);
        assert!(tally.metrics().contains("netkit_http_connections 0\n"));
    }
}
