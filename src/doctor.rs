//! Checks this machine, then runs the main job on it: an echo server on a free
//! port, checked and asked over both families, and the file service with all of
//! its answers.

mod files;
mod machine;

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures_lite::future;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::check;
use crate::finding::{CheckResult, Exit, Latency, Record, State};
use crate::net::Families;
use crate::probe;
use crate::reactor::signals;
use crate::serve;
use crate::units;

/// Options of `netkit doctor`.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Options {}

/// Round trips that are measured over each family.
const ROUND_TRIPS: u64 = 100;

/// This machine, over both families.
const LOOPBACK: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How long anything may take on this machine's own loopback.
const PATIENCE: Duration = Duration::from_secs(3);

/// One line of the table.
struct Finding {
    standing: Standing,
    subject: &'static str,
    detail: String,
}

/// What a line says about the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It works.
    Good,
    /// It does not work here, which is the machine's choice, not a fault.
    Absent,
    /// It should work and does not.
    Bad,
}

/// Prints a line for everything looked at; `Bad` if something that can work
/// here does not.
///
/// # Errors
/// The echo server cannot be started.
pub async fn run(_: &Options, print: &dyn Fn(&str)) -> anyhow::Result<Exit> {
    let mut interrupts = signals(&[SIGINT, SIGTERM])?;
    let interrupted = async { Ok(Exit::by_signal(interrupts.next().await?)) };
    future::or(look(print), interrupted).await
}

async fn look(print: &dyn Fn(&str)) -> anyhow::Result<Exit> {
    let verdict = RefCell::new(Exit::Good);
    let show = |finding: Finding| {
        if finding.standing == Standing::Bad {
            *verdict.borrow_mut() = Exit::Bad;
        }
        print(&finding.line());
    };
    for finding in machine::look().await {
        show(finding);
    }
    let (_server, addresses) = serve::echo::start(0, &serve::Options::default()).await?;
    let Some(server) = addresses.first() else {
        anyhow::bail!("cannot start the echo server: no address to listen on");
    };
    show(Finding::good("echo-server", format!("listens on {server}")));
    for address in LOOPBACK {
        if machine::has(address) {
            let address = SocketAddr::new(address, server.port());
            show(check_it(address).await?);
            show(echo_it(address).await);
        }
    }
    if let Some(address) = LOOPBACK.into_iter().find(|it| machine::has(*it)) {
        match files::look(&address.to_string()).await {
            Ok(findings) => findings.into_iter().for_each(show),
            Err(error) => show(Finding::bad("file service", format!("{error:#}"))),
        }
    }
    let verdict = *verdict.borrow();
    print(match verdict {
        Exit::Good => "all that can work here does",
        _ => "something that should work here does not: see the lines marked `bad`",
    });
    Ok(verdict)
}

impl Finding {
    fn good(subject: &'static str, detail: String) -> Self {
        Self {
            standing: Standing::Good,
            subject,
            detail,
        }
    }

    fn line(&self) -> String {
        let standing = match self.standing {
            Standing::Good => "ok",
            Standing::Absent => "absent",
            Standing::Bad => "bad",
        };
        format!("{standing:8}{:24}{}", self.subject, self.detail)
    }
}

/// The same check as `netkit check ADDRESS`.
async fn check_it(address: SocketAddr) -> anyhow::Result<Finding> {
    let options = check::Options {
        targets: vec![address.to_string()],
        ..check::Options::default()
    };
    let results: Rc<RefCell<Vec<CheckResult>>> = Rc::default();
    let kept = Rc::clone(&results);
    let keep = move |record| {
        if let Record::Result(result) = record {
            kept.borrow_mut().push(*result);
        }
    };
    check::prepare(&options)?.run(Rc::new(keep)).await?;
    let subject = match address {
        SocketAddr::V4(_) => "check over IPv4",
        SocketAddr::V6(_) => "check over IPv6",
    };
    let results = results.take();
    let state = results
        .first()
        .map_or(State::Unknown, |it| it.finding.state);
    let took = results.first().and_then(|it| it.finding.phases.total);
    let took = units::Latency(took.unwrap_or_default());
    Ok(Finding {
        standing: match state {
            State::Open => Standing::Good,
            _ => Standing::Bad,
        },
        subject,
        detail: format!("{address} is {state} ({took})"),
    })
}

/// The same series as `netkit echo --host ADDRESS -c 100 -i 0`.
async fn echo_it(address: SocketAddr) -> Finding {
    let options = probe::echo::Options {
        server: None,
        target: probe::Target {
            host: address.ip().to_string(),
            families: Families::default(),
        },
        port: address.port(),
        udp: false,
        count: Some(ROUND_TRIPS),
        interval: Duration::ZERO,
        size: 64,
        timeout: PATIENCE,
    };
    let series: RefCell<Option<Latency>> = RefCell::default();
    let keep = |record| {
        if let Record::Latency(latency) = record {
            series.replace(Some(latency));
        }
    };
    let outcome = probe::echo::probe(&options, &keep).await;
    let times = series.take().and_then(|it| it.times);
    let subject = match address {
        SocketAddr::V4(_) => "echo over IPv4",
        SocketAddr::V6(_) => "echo over IPv6",
    };
    match (outcome, times) {
        (Ok(Exit::Good), Some(times)) => Finding::good(
            subject,
            format!(
                "{ROUND_TRIPS} of {ROUND_TRIPS} came back, p50 {} µs, p99 {} µs",
                times.p50_us, times.p99_us
            ),
        ),
        (Ok(_), _) => Finding::bad(subject, "nothing was measured".into()),
        (Err(error), _) => Finding::bad(subject, format!("{error:#}")),
    }
}

impl Finding {
    fn bad(subject: &'static str, detail: String) -> Self {
        Self {
            standing: Standing::Bad,
            subject,
            detail,
        }
    }

    fn absent(subject: &'static str, detail: String) -> Self {
        Self {
            standing: Standing::Absent,
            subject,
            detail,
        }
    }
}
