//! The command line: verbs and global flags. Each verb's own options live with
//! the verb.
//!
//! The first word picks the verb, and only that verb's parser is built: all of
//! them together would cost half as much as a whole check.

mod check;
mod command;
mod connect;
mod generate;
mod listen;
mod nc;
mod probe;
mod serve;

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser};
use futures_lite::future;

use crate::finding::{Exit, Record};
use crate::net::DialError;
use crate::report::{self, ColorOptions, Destination, Format, LogFormat, Reporter, start_log};
use crate::{doctor, reactor};

/// Flags of every verb.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
struct Global {
    /// Say more: -v what happens, -vv every event
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
    /// Say nothing but errors: the exit status alone
    #[arg(short, long)]
    quiet: bool,
    /// How to write the log, on standard error
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log: LogFormat,
    #[command(flatten)]
    color: ColorOptions,
}

/// A verb with its options, as it is parsed.
#[derive(Parser)]
#[command(version, disable_version_flag = true)]
struct Invocation<V: Args> {
    #[command(flatten)]
    options: V,
    #[command(flatten, next_help_heading = "Log and colour")]
    global: Global,
}

/// Options of a verb that reports.
#[derive(Args)]
#[group(skip)]
struct Reporting<V: Args> {
    #[command(flatten)]
    options: V,
    #[command(flatten, next_help_heading = "Reports")]
    report: report::Options,
}

/// Options of a verb whose results are no verdicts.
#[derive(Args)]
#[group(skip)]
struct Replying<V: Args> {
    #[command(flatten)]
    options: V,
    #[command(flatten)]
    report: report::Replies,
}

/// What help shows of a verb.
struct Verb {
    name: &'static str,
    about: &'static str,
    examples: &'static str,
    /// What its options are, without what help says of the verb itself.
    parser: fn() -> clap::Command,
    run: fn(&Verb, &[OsString]) -> anyhow::Result<Exit>,
}

const VERBS: &[Verb] = &[
    Verb {
        name: "check",
        about: "Judge: are these targets in the state they should be in?",
        examples: "Examples:
  netkit check 172.31.34.27:5001                 is it open, and if not, why?
  netkit check localhost:8000-8010,9000          ranges and lists, every address
  netkit check web:443 web:22=filtered           open and filtered, both expected
  netkit check --wait 60s db:5432 cache:6379     wait until all are open
  netkit check -o ndjson '[::1]:5001'            a JSON record a line",
        parser: Invocation::<Reporting<crate::check::Options>>::command,
        run: check::run,
    },
    Verb {
        name: "connect",
        about: "Connect, and move bytes both ways: netcat with a truthful end",
        examples: connect::EXAMPLES,
        parser: Invocation::<Replying<crate::connect::Options>>::command,
        run: connect::run,
    },
    Verb {
        name: "listen",
        about: "Wait for clients, and move bytes both ways: netcat's server",
        examples: listen::EXAMPLES,
        parser: Invocation::<Replying<crate::listen::Options>>::command,
        run: listen::run,
    },
    Verb {
        name: "echo",
        about: "Send lines to an echo server and verify what comes back",
        examples: "Examples:
  netkit echo --host ip6-localhost               type lines; `exit` ends
  printf 'hello\\n' | netkit echo --port 7        lines from a pipe
  netkit echo 172.31.34.27:5001                  the server as a target
  netkit echo -c 100 -i 10ms --size 1KiB         a measured series
  netkit echo --udp -c 10 -o json                loss and times as JSON",
        parser: Invocation::<Replying<crate::probe::echo::Options>>::command,
        run: echo,
    },
    Verb {
        name: "echo-server",
        about: "Send back whatever arrives",
        examples: serve::ECHO_EXAMPLES,
        parser: Invocation::<crate::serve::echo::Options>::command,
        run: serve::echo_server,
    },
    Verb {
        name: "serve",
        about: "Stand a service up: echo, or a side of the file service",
        examples: serve::EXAMPLES,
        parser: serve::parser,
        run: serve::run,
    },
    Verb {
        name: "probe",
        about: "Speak a protocol and show what came: `probe echo` is echo",
        examples: probe::EXAMPLES,
        parser: probe::parser,
        run: probe::run,
    },
    Verb {
        name: "nc",
        about: "OpenBSD's netcat for scripts: its flags, messages and exit statuses",
        examples: nc::EXAMPLES,
        parser: nc::parser,
        run: nc::run,
    },
    Verb {
        name: "doctor",
        about: "Check this machine, then serve, check and echo on it",
        examples: "Examples:
  netkit doctor                                  what works here, and what does not",
        parser: Invocation::<doctor::Options>::command,
        run: doctor,
    },
    Verb {
        name: "generate",
        about: "Write completions, man pages and the JSON Schema",
        examples: "Examples:
  netkit generate completions bash               a shell's completion script
  netkit generate man man1                       a man page for each verb, into man1/
  netkit generate schema                         the JSON Schema of every record",
        parser: Invocation::<generate::Options>::command,
        run: generate,
    },
];

/// As [`run`], by the name that netkit was called by: under netcat's names it is
/// netcat.
///
/// # Errors
/// As [`run`].
pub fn run_as(program: &OsStr, arguments: &[OsString]) -> anyhow::Result<Exit> {
    match nc::name(program) {
        Some(name) => Ok(nc::under_name(name, arguments)),
        None => run(arguments),
    }
}

/// Runs the verb that `arguments` (without the program's name) ask for.
///
/// # Errors
/// What went wrong, to be printed once; the exit status is then 1.
pub fn run(arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Some((word, rest)) = arguments.split_first() else {
        print(&overview(), io::stderr());
        return Ok(Exit::Usage);
    };
    let word = word.to_string_lossy();
    match (word.as_ref(), rest) {
        ("help", [name, ..]) => match find_verb(&name.to_string_lossy()) {
            Some(verb) => (verb.run)(verb, &["--help".into()]),
            None => Ok(unknown_verb(&name.to_string_lossy())),
        },
        ("-h" | "--help" | "help", _) => Ok(print(&overview(), io::stdout())),
        ("-V" | "--version", _) => {
            let version = concat!("netkit ", env!("CARGO_PKG_VERSION"), "\n");
            Ok(print(version, io::stdout()))
        }
        (word, rest) => match find_verb(word) {
            Some(verb) => (verb.run)(verb, rest),
            None => Ok(unknown_verb(word)),
        },
    }
}

fn find_verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|it| it.name == name)
}

fn unknown_verb(word: &str) -> Exit {
    print(
        &format!("netkit: unknown verb `{word}`\n\n{}", overview()),
        io::stderr(),
    );
    Exit::Usage
}

fn echo(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed {
        global,
        mut options,
    } = match parse::<Replying<crate::probe::echo::Options>>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let server = options.options.server.take();
    let server = server.map(|it| probe::one_server("echo", &it)).transpose();
    let understood = server.and_then(|it| options.options.validate().map(|()| it));
    match understood {
        Ok(None) => {}
        Ok(Some(server)) => {
            options.options.target.host = server.host;
            options.options.port = server.port.unwrap_or(options.options.port);
        }
        Err(error) => return Ok(complain(&error)),
    }
    let reporter = match global.reporter_to(Destination::Stdout, &options.report.into(), 0) {
        Ok(reporter) => reporter,
        Err(error) => return Ok(complain(&error.into())),
    };
    if options.options.count.is_none() && io::stdin().is_terminal() {
        reporter.note("type a line to send it; `exit` or the end of input ends");
    }
    let tell = reporter.clone();
    attended(&reporter, async move {
        let tell = |record: Record| tell.tell(&record);
        let outcome = crate::probe::echo::probe(&options.options, &tell).await;
        outcome.or_else(|error| match error.downcast_ref::<DialError>() {
            Some(dial) if dial.is_own_fault() => Ok(cannot_tell(&error)),
            _ => Err(error),
        })
    })
}

fn doctor(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<doctor::Options>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let reporter = global.reporter(Format::Text, 0);
    let announce = reporter.clone();
    attended(&reporter, async move {
        doctor::run(&options, &|line: &str| announce.announce(line)).await
    })
}

fn generate(verb: &Verb, arguments: &[OsString]) -> anyhow::Result<Exit> {
    let Parsed { global, options } = match parse::<generate::Options>(verb, arguments) {
        Ok(parsed) => parsed,
        Err(exit) => return Ok(exit),
    };
    let reporter = global.reporter(Format::Text, 0);
    let announce = reporter.clone();
    attended(&reporter, async move {
        generate::run(&options, &|text: &str| announce.announce(text))
    })
}

struct Parsed<V> {
    global: Global,
    options: V,
}

impl Global {
    /// A reporter of results, also to files.
    fn reporter_to(
        &self,
        to: Destination,
        options: &report::Options,
        expected: usize,
    ) -> io::Result<Reporter> {
        let mut options = options.clone();
        if self.quiet {
            options.format = Format::Quiet;
        }
        Reporter::with_files(&options, self.color.color, expected, to)
    }

    fn reporter(&self, format: Format, expected: usize) -> Reporter {
        let format = if self.quiet { Format::Quiet } else { format };
        Reporter::new(format, self.color.color, expected)
    }
}

impl<V> Parsed<V> {
    /// The same, with the log as it asks for.
    fn logging(self) -> Self {
        let Global {
            verbose,
            quiet,
            log,
            ..
        } = self.global;
        start_log(verbose, quiet, log);
        self
    }
}

/// Parses a verb's options and starts the log; the exit status if help or an
/// error was printed.
fn parse<V: Args>(verb: &Verb, arguments: &[OsString]) -> Result<Parsed<V>, Exit> {
    match read(verb, arguments) {
        Ok(parsed) => Ok(parsed.logging()),
        Err(error) if error.use_stderr() => {
            print(&error.to_string(), io::stderr());
            Err(Exit::Usage)
        }
        Err(help) => Err(print(&help.to_string(), io::stdout())),
    }
}

fn read<V: Args>(verb: &Verb, arguments: &[OsString]) -> Result<Parsed<V>, clap::Error> {
    let name = format!("netkit {}", verb.name);
    let command = verb.parser().bin_name(&name);
    let words = std::iter::once(OsString::from(&name)).chain(arguments.iter().cloned());
    let matches = command.try_get_matches_from(words)?;
    let Invocation { options, global } = Invocation::<V>::from_arg_matches(&matches)?;
    Ok(Parsed { global, options })
}

/// Runs `work` on a new loop, with the reporter at its side: a closed standard
/// output ends it quietly, one that cannot be written to does not.
fn attended(
    reporter: &Reporter,
    work: impl Future<Output = anyhow::Result<Exit>>,
) -> anyhow::Result<Exit> {
    let attending = async {
        let error = reporter.attend().await;
        Ok(output_failed(error))
    };
    let exit = match reactor::run(future::or(work, attending)) {
        Ok(exit) => exit,
        Err(error) => {
            return Ok(cannot_tell(
                &anyhow::Error::new(error).context("cannot start the event loop"),
            ));
        }
    };
    match reporter.finish() {
        Ok(()) => exit,
        Err(error) => Ok(output_failed(error)),
    }
}

fn output_failed(error: io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::Good;
    }
    cannot_tell(&anyhow::Error::new(error).context("cannot write the results"))
}

/// Says why netkit could not tell, which is no verdict on anybody.
fn cannot_tell(error: &anyhow::Error) -> Exit {
    print(&format!("netkit: {error:#}\n"), io::stderr());
    Exit::Unknown
}

/// Says what was asked wrongly.
fn complain(error: &anyhow::Error) -> Exit {
    print(&format!("netkit: {error:#}\n"), io::stderr());
    Exit::Usage
}

fn overview() -> String {
    let mut text = String::from(
        "netkit: netcat, connectivity checks and small network services on one event loop\n\n\
         Usage: netkit VERB [OPTIONS]\n\nVerbs:\n",
    );
    for Verb { name, about, .. } in VERBS {
        let _ = writeln!(text, "  {name:12} {about}");
    }
    text.push_str("\n`netkit VERB --help` shows a verb's options and examples.\n");
    text
}

/// A reader that is gone has read enough.
fn print(text: &str, mut to: impl io::Write) -> Exit {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => output_failed(error),
        _ => Exit::Good,
    }
}
