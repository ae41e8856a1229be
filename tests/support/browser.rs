//! A real browser.

use super::PATIENCE;
use super::process::finish;
use std::process::Command;
use tempfile::TempDir;

/// The document at `url` as headless Chromium has it after it was loaded.
pub(crate) fn load(url: &str) -> String {
    let profile = TempDir::new().expect("a folder");
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
    ]);
    command.args([
        "--no-first-run",
        "--disable-background-networking",
        "--disable-sync",
    ]);
    command.args([
        "--disable-component-update",
        "--disable-dev-shm-usage",
        "--dump-dom",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(url);
    finish(command, b"", 4 * PATIENCE).expect_code(0).stdout
}
