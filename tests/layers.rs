//! The arrows of `src/lib.rs`: each module uses only what lies below it, and files stay readable.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from top to bottom; those on one line do not use each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["doctor", "nc"],
    &["check", "connect", "listen", "report"],
    &["serve"],
    &["probe"],
    &["transfer"],
    &["files", "stream"],
    &["net"],
    &["reactor", "protocol"],
    &["finding", "units"],
];

/// What a module may not use although it lies below: these import nothing of ours at all.
const LEAVES: &[&str] = &["finding", "units", "protocol"];

/// Crates with one owner: only these modules name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("mio", &["reactor", "net"]),
    ("socket2", &["net"]),
    (
        "clap",
        &[
            "cli", "doctor", "check", "connect", "listen", "report", "serve", "probe", "transfer",
            "net",
        ],
    ),
    ("indicatif", &["report"]),
    ("futures_rustls", &["net"]),
    ("rustls_native_certs", &["net"]),
    ("webpki_roots", &["net"]),
    ("x509_parser", &["net"]),
    ("hyper", &["net", "probe", "serve"]),
    ("rustix", &["files", "net"]),
    ("landlock", &["serve"]),
    ("domain", &["protocol"]),
    ("ipnet", &["check", "listen"]),
    ("quick_junit", &["report"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    (
        "anyhow",
        &[
            "cli", "doctor", "check", "connect", "listen", "serve", "probe", "transfer",
        ],
    ),
];

/// A file longer than this holds more than one idea.
const LONGEST_FILE: usize = 450;

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

#[test]
fn every_module_uses_only_those_below() {
    let layer = |name: &str| LAYERS.iter().position(|layer| layer.contains(&name));
    for source in sources() {
        let Some(own) = layer(&source.module) else {
            assert!(
                ["lib", "bin"].contains(&source.module.as_str()),
                "{}",
                source.module
            );
            continue;
        };
        for used in ours(&source.text) {
            if used == source.module {
                continue;
            }
            let path = source.path.display();
            let below = layer(&used).is_some_and(|it| it > own);
            assert!(below, "{path} uses crate::{used}, which is not below it");
            let leaf = LEAVES.contains(&source.module.as_str());
            assert!(!leaf, "{path} is of a leaf and uses crate::{used}");
        }
    }
}

#[test]
fn every_module_has_its_place() {
    for source in sources() {
        let known = LAYERS.concat().contains(&source.module.as_str());
        let root = ["lib", "bin"].contains(&source.module.as_str());
        assert!(known || root, "{} has no layer", source.path.display());
    }
}

#[test]
fn crates_are_named_by_their_owners_alone() {
    for source in sources() {
        for (name, owners) in OWNERS {
            let uses = source.text.lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//") && line.contains(&format!("{name}::"))
            });
            let owner = owners.contains(&source.module.as_str());
            assert!(!uses || owner, "{} names {name}", source.path.display());
        }
    }
}

#[test]
fn files_stay_readable() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(
            lines <= LONGEST_FILE,
            "{} has {lines} lines",
            source.path.display()
        );
        assert!(
            source.text.starts_with("//!"),
            "{} says not what it is for",
            source.path.display()
        );
    }
}

/// The modules of ours that a text names.
fn ours(text: &str) -> Vec<String> {
    let words = |rest: &str| {
        rest.chars()
            .take_while(|it| it.is_alphanumeric() || *it == '_')
            .collect::<String>()
    };
    let mut names = Vec::new();
    for line in text.lines().filter(|it| !it.trim_start().starts_with("//")) {
        for (at, found) in line.match_indices("crate::") {
            let rest = &line[at + found.len()..];
            match rest.strip_prefix('{') {
                Some(list) => names.extend(list.split(',').map(|it| words(it.trim()))),
                None => names.push(words(rest)),
            }
        }
    }
    names.retain(|it| !it.is_empty());
    names
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let inside = path.strip_prefix(&root).unwrap().with_extension("");
                let module = inside.iter().next().unwrap().to_str().unwrap().to_owned();
                let text = fs::read_to_string(&path).unwrap();
                sources.push(Source { path, module, text });
            }
        }
    }
    assert!(
        sources.len() > 20,
        "the sources are where they are expected"
    );
    sources
}
