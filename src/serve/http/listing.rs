//! The page of a directory that has no `index.html`: its names in order, each
//! a link.
//!
//! Names that begin with a dot are shown, as they are served; what is neither a
//! file nor a directory is not. A link is shown wherever it leads.

use std::fmt::Write as _;
use std::io;

use httpdate::fmt_http_date;

use crate::files::{Entry, Kind, Root};
use crate::protocol::http::path::encode;

/// Names on a page; what is beyond is said to be left out.
const MOST_NAMES: usize = 10_000;

const STYLE: &str = include_str!("listing.css");

/// Makes the page of `directory`, which stands at `path`; it reads the disk.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn page(directory: &Root, path: &[u8]) -> io::Result<String> {
    let found = directory.entries(MOST_NAMES)?;
    let mut place = String::from("/");
    if !path.is_empty() {
        place = format!("/{}/", escape(path));
    }
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{place}</title>\n<style>\n{STYLE}</style>\n<h1>{place}</h1>\n<table>\n"
    );
    if !path.is_empty() {
        page.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for entry in &found.entries {
        row(&mut page, entry);
    }
    page.push_str("</table>\n");
    if found.more {
        let _ = writeln!(
            page,
            "<p>Only {MOST_NAMES} names are shown, there are more."
        );
    }
    Ok(page)
}

fn row(page: &mut String, entry: &Entry) {
    let slash = match entry.kind {
        Kind::Directory => "/",
        Kind::File | Kind::Link => "",
        Kind::Other => return,
    };
    let (name, link) = (escape(&entry.name), encode(&entry.name));
    // With `./` a name is a path whatever it begins with (RFC 3986, section 4.2).
    let _ = write!(
        page,
        "<tr><td><a href=\"./{link}{slash}\">{name}{slash}</a><td>"
    );
    if entry.kind == Kind::File {
        let _ = write!(page, "{} bytes", entry.length);
    }
    let date = super::answer::http_date(entry.modified).map(fmt_http_date);
    let _ = writeln!(page, "<td>{}", date.unwrap_or_default());
}

/// A name as text of a page: what is no text shows as such.
fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            it if it.is_control() => text.push(char::REPLACEMENT_CHARACTER),
            it => text.push(it),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn listed(names: &[&str], path: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "12345").unwrap();
        }
        fs::create_dir(folder.path().join("inner")).unwrap();
        page(&Root::open(folder.path()).unwrap(), path).unwrap()
    }

    #[test]
    fn names_are_text_and_links_are_encoded() {
        let page = listed(&["<b>&\"'.txt", "a b", ".hidden", "javascript:x"], b"x/<y>");
        for expected in [
            "<h1>/x/&lt;y&gt;/</h1>",
            "<a href=\"./%3Cb%3E%26%22%27.txt\">&lt;b&gt;&amp;&quot;&#39;.txt</a><td>5 bytes",
            "<a href=\"./a%20b\">a b</a>",
            "<a href=\"./.hidden\">.hidden</a>",
            "<a href=\"./javascript%3Ax\">",
            "<a href=\"./inner/\">inner/</a>",
            "<a href=\"../\">../</a>",
        ] {
            assert!(page.contains(expected), "{expected} in {page}");
        }
        let root = listed(&[], b"");
        assert!(
            root.contains("<h1>/</h1>") && !root.contains("../"),
            "{root}"
        );
    }

    #[test]
    fn only_so_many_names_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=MOST_NAMES {
            fs::write(folder.path().join(format!("{number}")), "").unwrap();
        }
        let page = page(&Root::open(folder.path()).unwrap(), b"").unwrap();
        assert_eq!(page.matches("<a href").count(), MOST_NAMES);
        assert!(page.contains("Only 10000 names are shown"));
    }
}
