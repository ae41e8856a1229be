//! wget, curl, a browser, and netkit's own check.

use super::site::{CONTENT, Site};
use crate::check::records::check;
use crate::support::PATIENCE;
use crate::support::browser::load;
use crate::support::process::{Output, finish};
use std::fs;
use std::process::Command;

/// Bytes that no compression and no mistake of order leaves the same.
fn large() -> Vec<u8> {
    (0..5_000_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn tool(name: &str, site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(site.beside());
    command.env("HOME", site.beside()).env("LC_ALL", "C");
    finish(command, b"", PATIENCE)
}

#[test]
fn wget_fetches_resumes_and_keeps_what_is_new() {
    let site = Site::new();
    let large = large();
    site.write("large", &large);
    let fetched = site.beside().join("large");
    let url = site.url("large");
    tool("wget", &site, &["-nv", &url]).expect_code(0);
    assert!(fs::read(&fetched).expect("a file") == large);
    fs::write(&fetched, &large[..7_654_321]).expect("a file");
    let resumed = tool("wget", &site, &["-c", &url]).expect_code(0);
    assert!(
        resumed.stderr.contains("206 Partial Content"),
        "{resumed:?}"
    );
    assert!(fs::read(&fetched).expect("a file") == large);
    let again = tool("wget", &site, &["-c", &url]).expect_code(0);
    assert!(again.stderr.contains("416"), "{again:?}");
    fs::remove_file(&fetched).expect("a file");
    tool("wget", &site, &["-N", &url]).expect_code(0);
    let kept = tool("wget", &site, &["-N", &url]).expect_code(0);
    assert!(kept.stderr.contains("304 Not Modified"), "{kept:?}");
}

#[test]
fn wget_mirrors_a_tree_by_its_listings() {
    let site = Site::new();
    site.write("tree/a b/c & d.txt", "deep");
    site.write("tree/100%.txt", "percent");
    let arguments = [
        "-nv",
        "-r",
        "-np",
        "-nH",
        "-P",
        "mirror",
        &site.url("tree/"),
    ];
    tool("wget", &site, &arguments).expect_code(0);
    let mirror = site.beside().join("mirror/tree");
    assert_eq!(
        fs::read_to_string(mirror.join("a b/c & d.txt")).expect("a file"),
        "deep"
    );
    assert_eq!(
        fs::read_to_string(mirror.join("100%.txt")).expect("a file"),
        "percent"
    );
}

#[test]
fn curl_takes_parts_resumes_and_asks_for_what_is_new() {
    let site = Site::new();
    let large = large();
    site.write("large", &large);
    let url = site.url("large");
    let part = tool("curl", &site, &["-sS", "-r", "2-4", &site.url("a.txt")]).expect_code(0);
    assert_eq!(part.stdout, "234");
    let file = site.beside().join("copy");
    fs::write(&file, &large[..12_345_678]).expect("a file");
    tool("curl", &site, &["-sS", "-C", "-", "-o", "copy", &url]).expect_code(0);
    assert!(fs::read(&file).expect("a file") == large);
    let status = [
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %{size_download}",
    ];
    let asked = |more: &[&str]| {
        tool("curl", &site, &[&status, more].concat())
            .expect_code(0)
            .stdout
    };
    let whole = format!("200 {}", large.len());
    assert_eq!(asked(&["--etag-save", "tag", &url]), whole);
    assert_eq!(asked(&["--etag-compare", "tag", &url]), "304 0");
    assert_eq!(asked(&["-z", "copy", &url]), "304 0");
    assert_eq!(asked(&["-z", "1 Jan 1994", &url]), whole);
    assert_eq!(asked(&["-I", &url]), "200 0");
    assert_eq!(asked(&["-L", &site.url("")]).split(' ').next(), Some("200"));
    assert!(asked(&["--path-as-is", &site.url("../secret")]).starts_with("400 "));
    assert!(asked(&["--path-as-is", &site.url("%2e%2e/secret")]).starts_with("400 "));
    fs::write(site.beside().join("body"), &large[..4_000_000]).expect("a file");
    // What is refused is not read, and the answer arrives all the same.
    assert!(asked(&["-H", "Expect:", "--data-binary", "@body", &url]).starts_with("405 "));
}

#[test]
fn a_browser_shows_the_listing_and_follows_its_links() {
    let site = Site::new();
    let name = "<img src=x onerror=document.title='owned'> ä&amp;.txt";
    site.write(&format!("list/{name}"), "what it holds");
    let page = load(&site.url("list/"));
    assert!(page.contains("<h1>/list/</h1>"), "{page}");
    assert!(
        !page.contains("<img") && !page.contains("<title>owned"),
        "{page}"
    );
    let (_, rest) = page.split_once("<a href=\"./").expect("a link");
    let (link, rest) = rest.split_once('"').expect("its end");
    assert!(rest.starts_with(">&lt;img "), "{rest}");
    let followed = load(&site.url(&format!("list/{link}")));
    assert!(followed.contains("what it holds"), "{followed}");
}

#[test]
fn netkit_checks_it() {
    let site = Site::new();
    site.write("health", "{\"ready\": true}");
    let url = site.url("health");
    let arguments = [&url, "--status", "200", "--expect", "\"ready\": *true"];
    check(&arguments).expect_code(0);
    check(&[&site.url("nowhere"), "--status", "404"]).expect_code(0);
    let url = site.url("a.txt");
    let checked = check(&[&url, "--expect-header", "content-type: ^text/plain"]).expect_code(0);
    assert_eq!(checked.only()["http"]["body_bytes"], CONTENT.len());
}
