//! `netkit probe NAME TARGET`: from the words of the command line to one
//! server.

mod cluster;
mod document;
mod files;
mod store;

use std::ffi::OsString;

use anyhow::{Context, ensure};
use clap::CommandFactory;

use super::{Invocation, Parsed, Reporting, Verb, attended, complain, find_verb, parse};
use crate::check::Target;
use crate::finding::{Exit, Expected, Record};
use crate::probe::show::{Options, Peer, Probe, RAW};
use crate::report::{Destination, Format};

pub(super) const EXAMPLES: &str = "Examples:
  netkit probe raw 172.31.34.27:5001 --send 'GET file1.txt\\n'   look at a service by hand
  netkit probe raw mail:25 --expect '^220 ' --send 'QUIT\\r\\n'    a conversation, step by step
  netkit probe raw unix:///run/app.sock --hex                   a dump of what comes
  netkit probe raw udp://127.0.0.1:123 --payload ntp -o json    a datagram and its answer, as JSON
  netkit probe coordinator 172.31.34.27 file1.txt               a file, and whether both sides agree
  netkit probe cluster localhost leader                         who leads, as a member sees it
  netkit probe echo --help                                      each of them has its own options";

/// `probe NAME TARGET`, and the clients with options of their own.
pub(super) fn parser() -> clap::Command {
    let command = Invocation::<Reporting<Options>>::command();
    let clients = clients().map(|(name, client)| client.parser().name(name));
    command
        .subcommands(clients)
        .disable_help_subcommand(true)
        .subcommand_negates_reqs(true)
        .args_conflicts_with_subcommands(true)
}

/// The clients that have options of their own.
fn clients() -> impl Iterator<Item = (&'static str, &'static Verb)> {
    let echo = find_verb("echo").into_iter().map(|it| (it.name, it));
    let others = [&cluster::CLIENT, &document::CLIENT, &store::CLIENT];
    let own = files::CLIENTS.iter().chain(others);
    let own = own.filter_map(|it| {
        let (_, name) = it.name.split_once(' ')?;
        Some((name, it))
    });
    echo.chain(own)
}

pub(super) fn run(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    if let Some((name, rest)) = arguments.split_first()
        && let Some((_, client)) = clients().find(|(it, _)| name == it)
    {
        return (client.run)(client, rest);
    }
    let Parsed { global, options } = match parse::<Reporting<Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let Reporting { options, report } = options;
    let is_raw = options.protocol == RAW;
    let forms = match is_raw {
        true => report.show_replies().map_err(anyhow::Error::msg),
        false => Ok(()),
    };
    let probe = match forms.and_then(|()| prepare(options)) {
        Ok(probe) => probe,
        Err(error) => return Ok(complain(&error)),
    };
    let format = report.format;
    let reporter = match global.reporter_to(Destination::Stdout, &report, 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    let (lines, records) = (reporter.clone(), reporter.clone());
    attended(&reporter, async move {
        // People read the lines; of the records only what these do not say.
        let is_text = format == Format::Text;
        let say = |line: &str| {
            if is_text {
                lines.announce(line);
            }
        };
        let tell = |record: Record| match record {
            Record::Result(_) => records.tell(&record),
            _ if is_text => records.keep(&record),
            _ => records.tell(&record),
        };
        probe.run(&say, &tell).await
    })
}

fn prepare(options: Options) -> anyhow::Result<Probe> {
    let peer = one_server(&options.protocol, &options.target)?;
    let name = peer.name.clone();
    let probe = Probe::prepare(peer, options).map_err(anyhow::Error::msg);
    probe.with_context(|| format!("cannot probe `{name}`"))
}

/// The one server that `text` names, with or without its `protocol://`.
///
/// # Errors
/// It is no target, one of another protocol, or more than one server.
pub(super) fn one_server(protocol: &str, text: &str) -> anyhow::Result<Peer> {
    let text = match protocol {
        RAW => text.to_owned(),
        _ if text.contains("://") => text.to_owned(),
        protocol => format!("{protocol}://{text}"),
    };
    let target = Target::parse(&text)?;
    let scheme = target.scheme;
    ensure!(
        protocol == RAW || protocol == scheme.name,
        "`{text}` is no target of `probe {protocol}`"
    );
    ensure!(
        target.count() == 1,
        "cannot probe `{text}`: it is {} servers (hint: `netkit check` takes many)",
        target.count()
    );
    ensure!(
        target.expected == Expected::Open,
        "cannot probe `{text}`: a probe expects no state (hint: `netkit check` does)"
    );
    let host = target.hosts.iter().next().unwrap_or_default();
    let port = target.ports.iter().next();
    Ok(Peer {
        scheme,
        name: target.one(&host, port),
        port,
        host,
        path: target.path,
    })
}
