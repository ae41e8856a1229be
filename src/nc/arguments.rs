//! From the words of a command line to settings, with OpenBSD's messages for what
//! does not fit, in the order in which it finds it.

use std::time::Duration;

use super::console::{Failure, Outcome};
use super::getopt::{Getopt, Part};
use super::number::{seconds, traffic_class, whole};
use super::settings::{
    Compat, Family, Place, Proxy, ProxyProtocol, Quit, Settings, SocketOptions, Source, Talk, Task,
    Transport, With,
};

/// The letters of Debian's netcat 1.219.
const LETTERS: &str = "46bCDdFhI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz";

/// Those, and what others have beside it: `-c`, `-e` and `-G`.
const MORE_LETTERS: &str = "46bCc:DdFe:G:hI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz";

/// The longest time that fits in the milliseconds of poll(2).
const LONGEST_SECONDS: i64 = 2_147_483;

/// The largest socket buffer that is asked for, in bytes.
const LARGEST_BUFFER: i64 = 1 << 30;

/// What the words are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Work to do.
    Work(Box<Settings>),
    /// Another verb of netkit does it, with these words.
    Verb(Vec<String>),
    /// `-h`.
    Help,
}

/// Reads `words`; `allow_exec` lets programs be run.
pub(super) fn read(words: &[String], compat: Compat, allow_exec: bool) -> Outcome<Asked> {
    let mut letters = Letters {
        strict: compat == Compat::Obsd,
        allow_exec,
        ..Letters::default()
    };
    let mut operands = Vec::new();
    let known = match letters.strict {
        true => LETTERS,
        false => MORE_LETTERS,
    };
    for part in Getopt::new(known, words) {
        match part {
            Part::Letter('h', _) => return Ok(Asked::Help),
            Part::Letter(letter, None) => letters.set(letter)?,
            Part::Letter(letter, Some(value)) => letters.set_to(letter, value)?,
            Part::Operand(word) => operands.push(word.to_owned()),
            Part::Long("help") if !letters.strict => return Ok(Asked::Help),
            Part::Long(_) => return Err(unknown('-')),
            Part::Unknown(letter) => return Err(unknown(letter)),
            Part::Incomplete(letter) => {
                let text = format!("option requires an argument -- '{letter}'");
                return Err(Failure::Usage(Some(text)));
            }
        }
    }
    let settings = letters.settle(operands, compat)?;
    Ok(Asked::Work(Box::new(settings)))
}

fn unknown(letter: char) -> Failure {
    Failure::Usage(Some(format!("invalid option -- '{letter}'")))
}

/// What the letters have said so far.
#[derive(Default)]
struct Letters {
    /// Nothing but what OpenBSD's takes.
    strict: bool,
    allow_exec: bool,
    /// Those that take no value.
    given: Vec<char>,
    family: Family,
    source: Source,
    socket: SocketOptions,
    pause: Option<Duration>,
    /// `-q`, unless it is negative.
    quit: Option<Duration>,
    /// `-w`.
    limit: Option<Duration>,
    /// `-G`.
    connect_limit: Option<Duration>,
    reads: Option<u32>,
    program: Option<Vec<String>>,
    proxy: Option<String>,
    proxy_protocol: ProxyProtocol,
    proxy_user: Option<String>,
}

impl Letters {
    fn has(&self, letter: char) -> bool {
        self.given.contains(&letter)
    }

    fn set(&mut self, letter: char) -> Outcome<()> {
        match letter {
            '4' => self.family = Family::V4,
            '6' => self.family = Family::V6,
            'S' => return Err(Failure::told("Unable to read TCP MD5SIG password")),
            _ => {}
        }
        self.given.push(letter);
        Ok(())
    }

    fn set_to(&mut self, letter: char, value: &str) -> Outcome<()> {
        let number = |what: &str, least, most| {
            whole(value, least, most).map_err(|error| format!("{what} {error}: {value}"))
        };
        let time = |what: &str, most| {
            seconds(value, most, self.strict).map_err(|error| format!("{what} {error}: {value}"))
        };
        let outcome: Result<(), String> = match letter {
            'i' => time("interval", u32::MAX.into()).map(|it| self.pause = Some(it)),
            'w' => time("timeout", LONGEST_SECONDS).map(|it| self.limit = Some(it)),
            'G' => time("timeout", LONGEST_SECONDS).map(|it| self.connect_limit = Some(it)),
            'q' => self.set_quit(value),
            'W' => number("receive limit", 1, i32::MAX.into())
                .map(|it| self.reads = u32::try_from(it).ok()),
            'I' => number("TCP receive window", 1, LARGEST_BUFFER)
                .map(|it| self.socket.receive_buffer = usize::try_from(it).ok()),
            'O' => number("TCP send window", 1, LARGEST_BUFFER)
                .map(|it| self.socket.send_buffer = usize::try_from(it).ok()),
            'M' => hops("ttl", value).map(|it| self.socket.hops = Some(it)),
            'm' => hops("minttl", value).map(|it| self.socket.least_hops = Some(it)),
            'T' => match traffic_class(value) {
                Some(class) => {
                    self.socket.traffic_class = Some(class);
                    Ok(())
                }
                None => Err(format!("illegal tos value {value}")),
            },
            'V' => Err("no alternate routing table support available".into()),
            'X' => proxy_protocol(value).map(|it| self.proxy_protocol = it),
            _ => return self.set_word(letter, value),
        };
        outcome.map_err(Failure::Told)
    }

    fn set_word(&mut self, letter: char, value: &str) -> Outcome<()> {
        let word = || Some(value.to_owned());
        match letter {
            'P' => self.proxy_user = word(),
            'p' => self.source.port = word(),
            's' => self.source.host = word(),
            'x' => self.proxy = word(),
            'c' | 'e' if !self.allow_exec => return Err(unknown(letter)),
            'c' => self.program = Some(["/bin/sh", "-c", value].map(str::to_owned).into()),
            _ => self.program = Some(value.split_whitespace().map(str::to_owned).collect()),
        }
        Ok(())
    }

    fn set_quit(&mut self, value: &str) -> Result<(), String> {
        let limit = match value.trim_start().starts_with('-') {
            true => whole(value, i32::MIN.into(), i32::MAX.into()).map(|_| None),
            false => seconds(value, i32::MAX.into(), self.strict).map(Some),
        };
        self.quit = limit.map_err(|error| format!("quit timer {error}: {value}"))?;
        Ok(())
    }

    fn quit(&self) -> Quit {
        match self.quit {
            Some(limit) => Quit::Within(limit),
            None if self.has('N') => Quit::Finish,
            None => Quit::Stay,
        }
    }

    /// Holds the letters against each other and against the operands.
    fn settle(mut self, operands: Vec<String>, compat: Compat) -> Outcome<Settings> {
        let place = self.place(operands)?;
        let (listens, unix) = (self.has('l'), self.has('U'));
        let conflicts = [
            (listens && self.has('z'), "cannot use -z and -l"),
            (!listens && self.has('k'), "must use -l with -k"),
            (unix && self.has('F'), "cannot use -F and -U"),
        ];
        refuse_first(&conflicts)?;
        let proxy = self.settle_proxy()?;
        if self.has('Z') {
            // No kernel of today has it.
            return Err(match listens {
                true => Failure::told("Socket type not supported"),
                false => Failure::Quiet,
            });
        }
        self.socket.broadcast = self.has('b');
        self.socket.debug = self.has('D');
        Ok(Settings {
            place,
            family: self.family,
            transport: match self.has('u') {
                true => Transport::Datagrams,
                false => Transport::Stream,
            },
            task: self.task(),
            connect_limit: self.connect_limit.or(self.limit),
            pause: self.pause.filter(|it| !it.is_zero()),
            talk: self.talk(),
            proxy,
            compat,
            numeric: self.has('n'),
            verbose: self.has('v'),
            shuffle: self.has('r'),
            source: self.source,
            socket: self.socket,
        })
    }

    fn task(&self) -> Task {
        match () {
            () if self.has('l') => Task::Listen {
                again: self.has('k'),
            },
            () if self.has('F') => Task::PassSocket,
            () if self.has('z') => Task::Scan,
            () => Task::Talk,
        }
    }

    fn talk(&mut self) -> Talk {
        Talk {
            crlf: self.has('C'),
            telnet: self.has('t'),
            quit: self.quit(),
            idle: self.limit,
            reads: self.reads,
            with: match self.program.take() {
                Some(program) => With::Program(program),
                None if self.has('d') => With::OutputAlone,
                None => With::Both,
            },
        }
    }

    /// Where to, from the operands and, of a listener, from `-s` and `-p`.
    fn place(&mut self, mut operands: Vec<String>) -> Outcome<Place> {
        let (listens, unix) = (self.has('l'), self.has('U'));
        let (host, port) = (self.source.host.is_some(), self.source.port.is_some());
        let count = operands.len();
        let wrong = match (listens, unix) {
            (true, false) if count == 1 && port && !host && !self.strict => false,
            (true, _) => count > 2 || count > 0 && (host || port),
            (false, true) => count == 0 || count == 1 && (port || host && !self.has('u')),
            (false, false) => count == 0 || count == 1 && (host || port),
        };
        if wrong {
            return Err(Failure::Usage(None));
        }
        if unix {
            return self.unix_place(operands);
        }
        let missing = Err(Failure::told("missing port number"));
        if !listens {
            return match count {
                1 => missing,
                _ => Ok(Place::Internet(Some(operands.remove(0)), operands)),
            };
        }
        let source = std::mem::take(&mut self.source);
        match (source.port, operands.pop()) {
            (Some(port), None) => Ok(Place::Internet(source.host, vec![port])),
            (Some(port), host) => Ok(Place::Internet(host, vec![port])),
            (None, Some(port)) => Ok(Place::Internet(operands.pop(), vec![port])),
            (None, None) => missing,
        }
    }

    fn unix_place(&mut self, mut operands: Vec<String>) -> Outcome<Place> {
        let listens = self.has('l');
        let names_port = operands.len() > 1 || listens && self.source.port.is_some();
        let path = match listens && operands.is_empty() {
            true => self.source.host.take(),
            false => operands.pop(),
        };
        match path {
            _ if self.has('Z') => Err(Failure::told("cannot use -Z and -U")),
            _ if names_port => Err(Failure::told("cannot use port with -U")),
            Some(path) => Ok(Place::Unix(path)),
            None => Err(Failure::told("missing socket pathname")),
        }
    }

    fn settle_proxy(&mut self) -> Outcome<Option<Proxy>> {
        let Some(text) = self.proxy.take() else {
            return Ok(None);
        };
        let has_source = self.source.host.is_some();
        let conflicts = [
            (self.has('u'), "no proxy support for UDP mode"),
            (self.has('Z'), "no proxy support for DCCP mode"),
            (self.has('l'), "no proxy support for listen"),
            (self.has('U'), "no proxy support for unix sockets"),
            (has_source, "no proxy support for local source address"),
        ];
        refuse_first(&conflicts)?;
        let (host, port) = proxy_address(&text)?;
        let protocol = self.proxy_protocol;
        Ok(Some(Proxy {
            protocol,
            host,
            port: port.unwrap_or_else(|| protocol.default_port().to_owned()),
            user: self.proxy_user.take(),
        }))
    }
}

fn refuse_first(conflicts: &[(bool, &str)]) -> Outcome<()> {
    match conflicts.iter().find(|(is_there, _)| *is_there) {
        Some((_, text)) => Err(Failure::told(*text)),
        None => Ok(()),
    }
}

fn hops(what: &str, value: &str) -> Result<u8, String> {
    let number = whole(value, 0, 255).map_err(|error| format!("{what} is {error}"))?;
    u8::try_from(number).map_err(|_| format!("{what} is too large"))
}

fn proxy_protocol(value: &str) -> Result<ProxyProtocol, String> {
    match value {
        "4" => Ok(ProxyProtocol::Socks4),
        "5" => Ok(ProxyProtocol::Socks5),
        it if it.eq_ignore_ascii_case("connect") => Ok(ProxyProtocol::Http),
        _ => Err("unsupported proxy protocol".into()),
    }
}

/// `HOST`, `HOST:PORT` or `[HOST]:PORT`.
fn proxy_address(text: &str) -> Outcome<(String, Option<String>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => match bracketed.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, rest)) => match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return Err(Failure::told("garbage proxy port delimiter")),
            },
            None => return Err(Failure::told("missing closing bracket in proxy")),
        },
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    Ok((host.to_owned(), port.map(str::to_owned)))
}
