//! The peers' programs: found, installed, or named as missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::options::Options;

/// A program and what it comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program {
    /// Its names, the best first.
    names: &'static [&'static str],
    package: &'static str,
    /// Whether that is a crate and not a Debian package.
    is_crate: bool,
}

/// ncat.
pub(crate) const NCAT: Program = Program {
    names: &["ncat"],
    package: "ncat",
    is_crate: false,
};
/// socat.
pub(crate) const SOCAT: Program = Program {
    names: &["socat"],
    package: "socat",
    is_crate: false,
};
/// OpenBSD's netcat.
pub(crate) const NC: Program = Program {
    names: &["nc.openbsd", "nc"],
    package: "netcat-openbsd",
    is_crate: false,
};
/// nmap.
pub(crate) const NMAP: Program = Program {
    names: &["nmap"],
    package: "nmap",
    is_crate: false,
};
/// Python 3.
pub(crate) const PYTHON: Program = Program {
    names: &["python3"],
    package: "python3",
    is_crate: false,
};
/// iproute2.
pub(crate) const IP: Program = Program {
    names: &["ip"],
    package: "iproute2",
    is_crate: false,
};
/// nftables.
pub(crate) const NFT: Program = Program {
    names: &["nft"],
    package: "nftables",
    is_crate: false,
};
/// nginx.
pub(crate) const NGINX: Program = Program {
    names: &["nginx"],
    package: "nginx-light",
    is_crate: false,
};
/// wrk.
pub(crate) const WRK: Program = Program {
    names: &["wrk"],
    package: "wrk",
    is_crate: false,
};
/// miniserve; building it takes some minutes.
pub(crate) const MINISERVE: Program = Program {
    names: &["miniserve"],
    package: "miniserve",
    is_crate: true,
};
/// `RustScan`; building it takes some minutes.
pub(crate) const RUSTSCAN: Program = Program {
    names: &["rustscan"],
    package: "rustscan",
    is_crate: true,
};

impl Program {
    /// Where it is. What is missing is installed, where that is possible;
    /// otherwise it is said which package is missing, and the row is left out.
    pub(crate) fn find(self) -> Option<PathBuf> {
        let found = self.look().or_else(|| {
            if self.is_crate {
                build(self.package);
            } else {
                install(self.package);
            }
            self.look()
        });
        if found.is_none() {
            let (name, package) = (self.names[0], self.package);
            let kind = if self.is_crate { "crate" } else { "package" };
            crate::note(&format!(
                "{name} is left out: install the {kind} `{package}`"
            ));
        }
        found
    }

    /// As [`Self::find`], but a quick run builds nothing: that takes longer than
    /// everything else.
    pub(crate) fn find_for(self, options: &Options) -> Option<PathBuf> {
        if options.quick && self.is_crate {
            self.look()
        } else {
            self.find()
        }
    }

    /// Where it is, if it is there already.
    fn look(self) -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        let built = tools().map(|it| it.join("bin"));
        self.names.iter().find_map(|name| {
            env::split_paths(&path)
                .chain(built.clone())
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

/// The folder of the programs that were built here, beside our own.
fn tools() -> Option<PathBuf> {
    let own = env::current_exe().ok()?;
    let target = own.parent().and_then(Path::parent)?;
    Some(target.join("tools"))
}

fn build(name: &str) {
    let Some(tools) = tools() else { return };
    crate::note(&format!("building {name}, once"));
    // What it says is only of interest if it fails, and then it is left out.
    let _ = Command::new("cargo")
        .args(["install", "--quiet", "--locked", name, "--root"])
        .arg(&tools)
        .arg("--target-dir")
        .arg(tools.join("build"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
}
