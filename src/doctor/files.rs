//! The file service on this machine: two small replicas that differ, a peer, a
//! coordinator, and the four answers that there are.

use std::cell::RefCell;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

use anyhow::Context;

use super::{Finding, PATIENCE};
use crate::check;
use crate::finding::{CheckResult, Record};
use crate::net::Resolved;
use crate::probe::copies::Copies;
use crate::serve::{self, Running, coordinator, peer};

/// What each side has, and what the service makes of it.
const CASES: [Case; 4] = [
    Case {
        file: "same.txt",
        subject: "file on both sides",
        content: [Some("the same\n"), Some("the same\n")],
        copies: Copies::One,
        good: "both are the same, one copy came",
    },
    Case {
        file: "differs.txt",
        subject: "file that differs",
        content: [Some("one\n"), Some("two\n")],
        copies: Copies::Both,
        good: "both copies came",
    },
    Case {
        file: "one-side.txt",
        subject: "file on one side",
        content: [Some("here alone\n"), None],
        copies: Copies::One,
        good: "the only copy came",
    },
    Case {
        file: "nowhere.txt",
        subject: "file on neither side",
        content: [None, None],
        copies: Copies::None,
        good: "it was not found",
    },
];

struct Case {
    file: &'static str,
    subject: &'static str,
    /// Of the coordinator, and of the peer.
    content: [Option<&'static str>; 2],
    copies: Copies,
    good: &'static str,
}

/// The service, running. Dropping it ends it and removes the replicas.
struct Service {
    _folder: tempfile::TempDir,
    _servers: [Running; 2],
    coordinator: SocketAddr,
    peer: SocketAddr,
}

/// A line for the service, and one for each case.
///
/// # Errors
/// It cannot be started.
pub(super) async fn look(host: &str) -> anyhow::Result<Vec<Finding>> {
    let service = Service::start(host).await?;
    let Service {
        coordinator, peer, ..
    } = &service;
    let listens = format!("coordinator on {coordinator}, its peer on {peer}");
    let mut findings = vec![Finding::good("file service", listens)];
    for case in &CASES {
        findings.push(service.ask(case).await?);
    }
    Ok(findings)
}

impl Service {
    async fn start(host: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot keep two replicas (hint: see TMPDIR)")?;
        let roots = ["coordinator", "peer"].map(|it| folder.path().join(it));
        for (side, root) in roots.iter().enumerate() {
            fs::create_dir(root)?;
            write_files(side, root)?;
        }
        let options = serve::Options {
            host: Some(host.into()),
            ..serve::Options::default()
        };
        let (peer_server, peers) = peer::start(0, &roots[1], &options).await?;
        let asked = coordinator::Peer {
            name: "the peer".into(),
            addresses: Resolved {
                addresses: peers.clone(),
                took: None,
                built_in: false,
            },
            timeout: PATIENCE,
        };
        let started = coordinator::start(0, &roots[0], asked, &options).await?;
        let (coordinator_server, coordinators) = started;
        let (Some(coordinator), Some(peer)) = (coordinators.first(), peers.first()) else {
            anyhow::bail!("cannot start the file service: no address to listen on");
        };
        Ok(Self {
            _folder: folder,
            _servers: [peer_server, coordinator_server],
            coordinator: *coordinator,
            peer: *peer,
        })
    }

    /// The same check as `netkit check coordinator://ADDRESS/FILE --copies …`.
    async fn ask(&self, case: &Case) -> anyhow::Result<Finding> {
        let mut options = check::Options {
            targets: vec![format!("coordinator://{}/{}", self.coordinator, case.file)],
            ..check::Options::default()
        };
        options.settings.ask.copies.copies = Some(case.copies);
        let found: Rc<RefCell<Option<CheckResult>>> = Rc::default();
        let kept = Rc::clone(&found);
        let keep = move |record| {
            if let Record::Result(result) = record {
                kept.replace(Some(*result));
            }
        };
        check::prepare(&options)?.run(Rc::new(keep)).await?;
        let found = found.take();
        let wrong = found.filter(|it| !it.ok).map(|it| {
            let reason = it.finding.evidence.reason;
            reason.map_or_else(|| it.finding.state.to_string(), |it| it.to_string())
        });
        Ok(match wrong {
            None => Finding::good(case.subject, case.good.into()),
            Some(reason) => Finding::bad(case.subject, reason),
        })
    }
}

fn write_files(side: usize, root: &Path) -> anyhow::Result<()> {
    for case in &CASES {
        if let Some(content) = case.content.get(side).copied().flatten() {
            fs::write(root.join(case.file), content)?;
        }
    }
    Ok(())
}
