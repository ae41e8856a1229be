//! Links the unwinder into the program instead of loading it with each start.
//!
//! `libgcc_s.so`, which Rust's programs load on Linux, takes a tenth of the time of a whole check
//! of one port. Where the C compiler has no archive of it, nothing changes.

use std::path::Path;
use std::process::Command;

/// The unwinder as an archive; GCC installs it beside its other parts.
const ARCHIVE: &str = "libgcc_eh.a";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |key: &str| std::env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let is_native = std::env::var("HOST").ok() == std::env::var("TARGET").ok();
    if is_native && target("OS") == "linux" && target("ENV") == "gnu" {
        link_archive();
    }
}

fn link_archive() {
    let asked = Command::new("cc")
        .arg(format!("-print-file-name={ARCHIVE}"))
        .output();
    let Ok(answer) = asked else { return };
    let path = String::from_utf8_lossy(&answer.stdout);
    // The bare name comes back where there is none.
    let folder = Path::new(path.trim())
        .parent()
        .filter(|it| it.is_absolute());
    if let Some(folder) = folder {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
