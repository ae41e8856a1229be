//! The peers' programs: found, installed, or named as missing.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program and the Debian package that it comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// Its names, the best first.
    names: &'static [&'static str],
    package: &'static str,
}

/// ncat.
pub(crate) const NCAT: Program = Program {
    names: &["ncat"],
    package: "ncat",
};
/// socat.
pub(crate) const SOCAT: Program = Program {
    names: &["socat"],
    package: "socat",
};
/// OpenBSD's netcat.
pub(crate) const NC: Program = Program {
    names: &["nc.openbsd", "nc"],
    package: "netcat-openbsd",
};
/// nmap.
pub(crate) const NMAP: Program = Program {
    names: &["nmap"],
    package: "nmap",
};
/// Python 3.
pub(crate) const PYTHON: Program = Program {
    names: &["python3"],
    package: "python3",
};

impl Program {
    /// Where it is. What is missing is installed, where that is possible;
    /// otherwise it is said which package is missing, and the row is left out.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let found = self.look().or_else(|| {
            install(self.package);
            self.look()
        });
        if found.is_none() {
            let (name, package) = (self.names[0], self.package);
            crate::note(&format!(
                "{name} is left out: install the package `{package}`"
            ));
        }
        found
    }

    fn look(self) -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        self.names.iter().find_map(|name| {
            env::split_paths(&path)
                .map(|directory| directory.join(name))
                .find(|file| file.is_file())
        })
    }
}

fn install(package: &str) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let apt = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let wanted = ["install", "-y", "-q", "--no-install-recommends", package];
    // The lists of a fresh machine or container are empty.
    let _ = apt(&wanted) || (apt(&["update", "-q"]) && apt(&wanted));
}
