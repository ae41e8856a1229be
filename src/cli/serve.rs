//! `netkit serve NAME`: from the words of the command line to a service.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Command, CommandFactory};

use super::probe::one_server;
use super::{Invocation, Parsed, Verb, attended, complain, parse, print};
use crate::finding::Exit;
use crate::protocol::listing::UPSTREAM_PORT;
use crate::protocol::shard::PORT as SHARD_PORT;
use crate::report::{Format, LogKeeper};
use crate::serve::{cluster, coordinator, document, echo, http, listing, peer, shard, store};

/// Every service, by the name of its protocol.
const SERVICES: &[Verb] = &[
    Verb {
        name: "serve echo",
        about: "Send back whatever arrives (= netkit echo-server)",
        examples: ECHO_EXAMPLES,
        parser: Invocation::<echo::Options>::command,
        run: echo_server,
    },
    Verb {
        name: "serve peer",
        about: "Serve files to a coordinator: the second side of the file service",
        examples: "Examples:
  netkit serve peer                              port 5002, the files in ~/file_storage
  netkit serve peer --root copies --port 0 -v    a free port, each request logged",
        parser: Invocation::<peer::Options>::command,
        run: |verb, arguments| start(verb, arguments, peer::serve),
    },
    Verb {
        name: "serve coordinator",
        about: "Serve files and compare them with a peer's: the first side of the file service",
        examples: "Examples:
  netkit serve coordinator --peer 172.31.16.124:5002
  netkit serve coordinator --peer backup --root files --peer-timeout 2s -v",
        parser: Invocation::<coordinator::Options>::command,
        run: coordinator_server,
    },
    Verb {
        name: "serve listing",
        about: "List a directory, and what another server lists",
        examples: "Examples:
  netkit serve listing --root files              port 31333
  netkit serve listing --port 31334 --root copies
  netkit serve listing --upstream backup:31334   both lists in one",
        parser: Invocation::<listing::Options>::command,
        run: listing_server,
    },
    Verb {
        name: "serve document",
        about: "Share a text that clients add to, and see grow in the same order",
        examples: "Examples:
  netkit serve document                          port 8080 on loopback, the text in temp.txt
  netkit serve document --file notes.txt --host 0.0.0.0 -v
  netkit serve document --max-connections 50 --max-update 64KiB",
        parser: Invocation::<document::Options>::command,
        run: |verb, arguments| start(verb, arguments, document::serve),
    },
    Verb {
        name: "serve shard",
        about: "Keep blocks of files for a store",
        examples: "Examples:
  netkit serve shard --id 1                      port 51131 on loopback, the blocks in shard1/
  netkit serve shard --id 2 --root /srv/blocks --host 10.0.0.2 -v
  netkit serve shard --id 3 --backup-every 1h --backups 24",
        parser: Invocation::<shard::Options>::command,
        run: |verb, arguments| start(verb, arguments, shard::serve),
    },
    Verb {
        name: "serve cluster",
        about: "Be a member that elects a leader and serves everybody's files",
        examples: "Examples:
  netkit serve cluster --id 1 --members 3 --root files1   port 3681; then the same for 2 and 3
  netkit serve cluster --id 2 --members 1=10.0.0.1:3681,2=10.0.0.2:3682 --root files -v
  netkit probe cluster localhost leader                   who leads, asked of member 1

A member listens where --members says that it is. The leader writes what files
each member has into --peer-log; this process may change nothing outside of that
file's directory (Landlock).

This is no coordination service: a network that is cut in two has two leaders.
Where that may not be, use etcd (`etcdctl elect`) or Consul (`consul lock`).",
        parser: Invocation::<cluster::Options>::command,
        run: cluster_server,
    },
    Verb {
        name: "serve store",
        about: "Keep users' files on four shard servers, any two of which give them back",
        examples: "Examples:
  netkit serve store --shards a,b,c,d            ports 51131 to 51134, port 17777 on loopback
  netkit serve store --shards a:51131,b:51132,c:51133,d:51134 --host :: -v
  netkit serve store --root accounts --max-file 10MB --shards a,b,c,d",
        parser: Invocation::<store::Options>::command,
        run: store_server,
    },
    Verb {
        name: "serve http",
        about: "Serve the files beneath a directory over HTTP",
        examples: "Examples:
  netkit serve http                              what is in www/, on a free port
  netkit serve http --root . --port 8088 -v      a line for each request
  netkit serve http --host localhost --metrics   counts at /.netkit/metrics",
        parser: Invocation::<http::Options>::command,
        run: |verb, arguments| start(verb, arguments, http::serve),
    },
];

pub(super) const ECHO_EXAMPLES: &str = "Examples:
  netkit echo-server                             port 12345, every address
  netkit echo-server --port 0 --port-file port   a free port, told to a script
  netkit echo-server --host localhost -v         loopback, connections logged
  netkit echo-server --udp --log json -v         datagrams, a JSON log";

pub(super) const EXAMPLES: &str = "Examples:
  netkit serve echo --help                       a service's options and examples
  netkit serve peer --root copies                the second side of the file service
  netkit serve coordinator --peer 172.31.16.124  the first side";

/// A parser of each, for the tree of all verbs.
pub(super) fn parser() -> Command {
    let parsers = SERVICES.iter().map(|it| it.parser().name(protocol(it)));
    Command::new("")
        .subcommand_required(true)
        .subcommand_value_name("NAME")
        .disable_help_subcommand(true)
        .subcommands(parsers)
}

/// Its protocol's name.
fn protocol(service: &Verb) -> &'static str {
    let (_, name) = service.name.split_once(' ').unwrap_or_default();
    name
}

pub(super) fn run(_: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let known = || SERVICES.iter().map(protocol).collect::<Vec<_>>().join(", ");
    let Some((name, rest)) = arguments.split_first() else {
        return Ok(complain(&anyhow!(
            "which protocol? `netkit serve NAME`, where NAME is {}",
            known()
        )));
    };
    let name = name.to_string_lossy();
    match SERVICES.iter().find(|it| protocol(it) == name) {
        Some(service) => (service.run)(service, rest),
        None if ["-h", "--help"].contains(&name.as_ref()) => Ok(print(&help(), io::stdout())),
        None => Ok(complain(&anyhow!(
            "unknown protocol `{name}` (expected one of: {})",
            known()
        ))),
    }
}

fn help() -> String {
    let mut text = String::from("Usage: netkit serve NAME [OPTIONS]\n\nServices:\n");
    for service in SERVICES {
        let _ = writeln!(text, "  {:12} {}", protocol(service), service.about);
    }
    let _ = writeln!(text, "\n{EXAMPLES}");
    text
}

pub(super) fn echo_server(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    start(verb, arguments, echo::serve)
}

fn coordinator_server(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let prepare = |options: &coordinator::Options| one_server("peer", &options.peer);
    start_with(verb, arguments, prepare, async |options, peer, announce| {
        let place = (peer.host.as_str(), peer.port.unwrap_or_default());
        coordinator::serve(options, place, announce).await
    })
}

fn cluster_server(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let prepare = |options: &cluster::Options| {
        let known = options.members.require(options.id);
        known.map_err(anyhow::Error::msg)
    };
    start_with(verb, arguments, prepare, async |options, (), announce| {
        cluster::serve(options, announce).await
    })
}

fn listing_server(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let prepare = |options: &listing::Options| {
        let upstream = options.upstream.as_deref();
        // Without a port, that of an upstream is meant.
        let upstream = upstream.map(|it| match it.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => it.to_owned(),
            _ => format!("{it}:{UPSTREAM_PORT}"),
        });
        upstream.map(|it| one_server("listing", &it)).transpose()
    };
    start_with(
        verb,
        arguments,
        prepare,
        async |options, upstream, announce| {
            let upstream = upstream.as_ref();
            let place = upstream.map(|it| (it.host.as_str(), it.port.unwrap_or(UPSTREAM_PORT)));
            listing::serve(options, place, announce).await
        },
    )
}

fn store_server(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let prepare = |options: &store::Options| four_servers(&options.shards);
    start_with(
        verb,
        arguments,
        prepare,
        async |options, shards, announce| store::serve(options, &shards, announce).await,
    )
}

/// The four shard servers, each at its usual port where none is given.
fn four_servers(texts: &[String]) -> anyhow::Result<[(String, u16); 4]> {
    let mut servers: Vec<(String, u16)> = Vec::new();
    // One more than there should be is enough to be told of.
    for (text, number) in texts.iter().take(5).zip(1..) {
        let usual = SHARD_PORT + number;
        let server = one_server("shard", text)
            .with_context(|| format!("`{text}` cannot be shard server {number}"))?;
        let has_port = text.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit())
        });
        let port = server.port.filter(|_| has_port).unwrap_or(usual);
        let server = (server.host, port);
        if let Some(earlier) = servers.iter().position(|it| *it == server) {
            bail!(
                "shard server {number}, `{text}`, is shard server {} as well (hint: a file \
                 survives what each of them loses only if they are four)",
                earlier + 1
            );
        }
        servers.push(server);
    }
    servers.try_into().map_err(|_| {
        anyhow!(
            "--shards names {} shard servers, and a store has four (hint: \
             --shards a:51131,b:51132,c:51133,d:51134)",
            texts.len()
        )
    })
}

/// Parses a service's options and serves on a new loop.
fn start<O: Args>(
    verb: &Verb,
    arguments: &[OsString],
    serve: impl AsyncFnOnce(&O, &mut dyn FnMut(&str)) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let serve =
        async |options: &O, (), announce: &mut dyn FnMut(&str)| serve(options, announce).await;
    start_with(verb, arguments, |_| Ok(()), serve)
}

/// The same with what `prepare` makes of the options, or what is wrong with them.
fn start_with<O: Args, T>(
    verb: &Verb,
    arguments: &[OsString],
    prepare: impl FnOnce(&O) -> anyhow::Result<T>,
    serve: impl AsyncFnOnce(&O, T, &mut dyn FnMut(&str)) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<O>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let prepared = match prepare(&options) {
        Ok(prepared) => prepared,
        Err(error) => return Ok(complain(&error)),
    };
    let reporter = global.reporter(Format::Text, 0);
    let announce = reporter.clone();
    attended(&reporter, async move {
        let log = LogKeeper::start()?;
        let mut announce = |line: &str| announce.announce(line);
        let serving = serve(&options, prepared, &mut announce);
        log.beside(serving).await?;
        Ok(Exit::Good)
    })
}
