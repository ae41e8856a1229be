//! `http://` from outside: what a real server answers, where it sends on to, and what servers do
//! that misbehave.

/// Statuses, headers, bodies and times.
mod answers;

/// Servers that dribble, flood, cut, reset, or speak something else.
mod hostile;

/// A name with a thousand addresses.
mod many;

/// The real server that these tests ask.
mod nginx;

/// Redirects: shown, followed, endless, and those that lead astray.
mod redirects;

use crate::check::records::Checked;
use serde_json::Value;

/// The only result, which must be a mismatch whose reason contains `words`.
#[track_caller]
fn expect_mismatch(checked: Checked, words: &str) -> Value {
    let result = checked.expect_code(1).only().clone();
    assert_eq!(result["state"], "mismatch", "{result}");
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains(words), "no `{words}` in {result}");
    result
}
