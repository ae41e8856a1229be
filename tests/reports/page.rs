//! The page, in a real browser.

use super::{Checks, check_of_hostile};
use crate::support::PATIENCE;
use crate::support::process::finish;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// The document as headless Chromium has it after it was loaded.
fn loaded(page: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("page.html");
    fs::write(&path, page).expect("a file");
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
    command.arg(format!(
        "--user-data-dir={}",
        folder.path().join("profile").display()
    ));
    command.arg(format!("file://{}", path.display()));
    finish(command, b"", 4 * PATIENCE).expect_code(0).stdout
}

#[test]
fn it_shows_a_row_and_a_bar_a_result() {
    let page = Checks::new().run(&["-o", "html"]).stdout;
    let shown = loaded(&page);
    assert_eq!(shown.matches("<tr><td class=\"state").count(), 3, "{shown}");
    assert_eq!(shown.matches("role=\"img\"").count(), 3, "{shown}");
    assert!(shown.contains("<b class=\"bad\">1</b>not"), "{shown}");
    for outside in ["http://", "https://", "<script", "<link", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside} in {page}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn what_a_server_sends_stays_text() {
    let hostile =
        "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>\n";
    let shown = loaded(&check_of_hostile("html", hostile).stdout);
    assert!(!shown.contains("<title>owned</title>"), "{shown}");
    assert!(!shown.contains("<img"), "{shown}");
}
