//! The page, in a real browser.

use super::{Checks, check_of_hostile};
use crate::support::browser::load;
use std::fs;
use tempfile::TempDir;

/// The document as a browser has it.
fn loaded(page: &str) -> String {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("page.html");
    fs::write(&path, page).expect("a file");
    load(&format!("file://{}", path.display()))
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
