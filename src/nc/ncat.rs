//! `--compat ncat`: the flags of ncat 7.93, said in netcat's own as far as netcat
//! has something of the kind, else in those of `netkit connect` and `listen`.

mod verbs;

use std::time::Duration;

use super::arguments::{self, Asked};
use super::console::{Failure, Outcome};
use super::getopt::{Getopt, Part};
use super::number::seconds;
use super::settings::{Compat, Quit};

/// Its letters.
const LETTERS: &str = "46UCc:e:g:G:m:hd:o:x:i:p:s:lkntuvw:z";

/// Its port, where none is named.
const PORT: &str = "31337";

/// How long it tries to connect unless told otherwise.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// The longest time that it takes, in seconds.
const LONGEST_SECONDS: i64 = 2_147_483;

/// Its long flags.
const LONG: &[(&str, Flag)] = &[
    ("unix", Flag::Same('U')),
    ("crlf", Flag::Same('C')),
    ("sh-exec", Flag::Same('c')),
    ("exec", Flag::Same('e')),
    ("help", Flag::Same('h')),
    ("delay", Flag::Same('d')),
    ("idle-timeout", Flag::Same('i')),
    ("source-port", Flag::Same('p')),
    ("source", Flag::Same('s')),
    ("listen", Flag::Same('l')),
    ("keep-open", Flag::Same('k')),
    ("nodns", Flag::Same('n')),
    ("telnet", Flag::Same('t')),
    ("udp", Flag::Same('u')),
    ("verbose", Flag::Same('v')),
    ("wait", Flag::Same('w')),
    ("send-only", Flag::SendOnly),
    ("recv-only", Flag::ReceiveOnly),
    ("no-shutdown", Flag::NoShutdown),
    ("proxy", Flag::Proxy),
    ("proxy-type", Flag::ProxyType),
    ("hex-dump", Flag::Own("trace", true)),
    ("max-conns", Flag::Own("max-connections", true)),
    ("allow", Flag::Own("allow", true)),
    ("deny", Flag::Own("deny", true)),
    ("broker", Flag::Own("broker", false)),
    ("chat", Flag::Own("chat", false)),
    ("ssl", Flag::Own("tls", false)),
    ("ssl-verify", Flag::Own("verify", false)),
    ("ssl-trustfile", Flag::Own("ca", true)),
    ("ssl-servername", Flag::Own("sni", true)),
    ("ssl-cert", Flag::Own("cert", true)),
    ("ssl-key", Flag::Own("key", true)),
    ("proxy-auth", Flag::Own("login", true)),
];

/// What a long flag means.
#[derive(Clone, Copy)]
enum Flag {
    /// The same as a letter.
    Same(char),
    SendOnly,
    ReceiveOnly,
    NoShutdown,
    Proxy,
    ProxyType,
    /// netcat has it not, but `connect` or `listen` does: by this name, with a value
    /// or without.
    Own(&'static str, bool),
}

/// Reads `words` as ncat would.
pub(super) fn read(words: &[String], allow_exec: bool) -> Outcome<Asked> {
    let mut said = Said::default();
    let mut parts = Getopt::new(LETTERS, words);
    while let Some(part) = parts.next() {
        match part {
            Part::Letter(letter, value) => said.letter(letter, value)?,
            Part::Operand(word) => said.operands.push(word.to_owned()),
            Part::Long(word) => {
                let (name, value) = match word.split_once('=') {
                    Some((name, value)) => (name, Some(value)),
                    None => (word, None),
                };
                said.long(name, value, &mut parts)?;
            }
            Part::Unknown(letter) => {
                return Err(Failure::Usage(Some(format!(
                    "invalid option -- '{letter}'"
                ))));
            }
            Part::Incomplete(letter) => return Err(incomplete(&format!("-{letter}"))),
        }
    }
    if said.is_for_verbs() {
        return verbs::words(&said, allow_exec).map(Asked::Verb);
    }
    let quit = said.quit;
    let asked = arguments::read(&said.words(), Compat::Ncat, allow_exec)?;
    Ok(match (asked, quit) {
        (Asked::Work(mut settings), Some(quit)) => {
            settings.talk.quit = quit;
            Asked::Work(settings)
        }
        (asked, _) => asked,
    })
}

fn incomplete(flag: &str) -> Failure {
    Failure::Usage(Some(format!("option `{flag}` requires an argument")))
}

/// What was said so far.
#[derive(Default)]
struct Said {
    /// In netcat's letters, with their values.
    flags: Vec<(char, Option<String>)>,
    /// What netcat has not, by the names of `connect` and `listen`.
    own: Vec<(&'static str, Option<String>)>,
    operands: Vec<String>,
    connect_limit: Option<Duration>,
    /// What the end of standard input means, where it is not what `-N` says.
    quit: Option<Quit>,
}

impl Said {
    fn has(&self, letter: char) -> bool {
        self.flags.iter().any(|(it, _)| *it == letter)
    }

    /// Whether it takes more than netcat has: flags of its own, or many clients at
    /// once, of which netcat serves one after another.
    fn is_for_verbs(&self) -> bool {
        let is_for_many = self.has('l') && self.has('k') && !self.has('u') && !self.has('U');
        !self.own.is_empty() || is_for_many
    }

    fn letter(&mut self, letter: char, value: Option<&str>) -> Outcome<()> {
        let owned = value.map(str::to_owned);
        match (letter, value) {
            ('o', _) => {
                return Err(Failure::told(
                    "`-o` mixes both directions in one file (hint: -x FILE tells them apart)",
                ));
            }
            ('g' | 'G', _) => {
                return Err(Failure::told(
                    "source routes are not taken by today's networks",
                ));
            }
            ('x', _) => self.own.push(("trace", owned)),
            ('m', _) => self.own.push(("max-connections", owned)),
            ('w', Some(value)) => self.connect_limit = Some(time(value)?),
            ('d', Some(value)) => self.flags.push(('i', Some(as_seconds(time(value)?)))),
            ('i', Some(value)) => self.flags.push(('w', Some(as_seconds(time(value)?)))),
            _ => self.flags.push((letter, owned)),
        }
        Ok(())
    }

    fn long(&mut self, name: &str, value: Option<&str>, parts: &mut Getopt<'_>) -> Outcome<()> {
        let Some((_, flag)) = LONG.iter().find(|(it, _)| *it == name) else {
            let text = format!("unrecognized option '--{name}'");
            return Err(Failure::Usage(Some(text)));
        };
        let mut needed = || {
            let value = value.or_else(|| parts.next_word());
            value.ok_or_else(|| incomplete(&format!("--{name}")))
        };
        match flag {
            Flag::Same(letter) => {
                let takes_value = LETTERS.contains(&format!("{letter}:"));
                let value = takes_value.then(needed).transpose()?;
                self.letter(*letter, value)?;
            }
            Flag::SendOnly => self.quit = Some(Quit::Leave),
            Flag::ReceiveOnly => self.flags.push(('d', None)),
            Flag::NoShutdown => self.quit = self.quit.or(Some(Quit::Stay)),
            Flag::Proxy => {
                self.flags.push(('x', Some(needed()?.to_owned())));
                // Its kind unless it says another.
                self.flags.insert(0, ('X', Some("connect".to_owned())));
            }
            Flag::ProxyType => {
                let kind = proxy_type(needed()?)?;
                self.flags.push(('X', Some(kind.to_owned())));
            }
            Flag::Own(name, takes_value) => {
                let value = takes_value.then(needed).transpose()?;
                self.own.push((name, value.map(str::to_owned)));
            }
        }
        Ok(())
    }

    /// Its operands, the port among them that is meant where none is named.
    fn operands(&self) -> Vec<String> {
        let mut operands = self.operands.clone();
        let lacks_port = match self.has('l') {
            true => operands.is_empty() && !self.has('p'),
            false => operands.len() == 1,
        };
        if lacks_port && !self.has('U') {
            operands.push(PORT.to_owned());
        }
        operands
    }

    /// All of it, in netcat's words.
    fn words(&self) -> Vec<String> {
        let limit = self.connect_limit.unwrap_or(CONNECT_TIME);
        let own = ["-N".to_owned(), "-G".to_owned(), as_seconds(limit)];
        let flags = self.flags.iter().flat_map(|(letter, value)| {
            let value = value.clone();
            std::iter::once(format!("-{letter}")).chain(value)
        });
        let operands = std::iter::once("--".to_owned()).chain(self.operands());
        own.into_iter().chain(flags).chain(operands).collect()
    }
}

fn proxy_type(word: &str) -> Outcome<&'static str> {
    match word {
        "http" => Ok("connect"),
        "socks4" => Ok("4"),
        "socks5" => Ok("5"),
        other => {
            let text = format!("`{other}` is no proxy type (expected http, socks4 or socks5)");
            Err(Failure::Told(text))
        }
    }
}

/// A time as netcat takes it.
fn as_seconds(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

/// A time as ncat writes it: `300ms`, `2s`, `1m`, `1h` or seconds.
fn time(text: &str) -> Outcome<Duration> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => Some((1, 1_000)),
        "" | "s" => Some((1, 1)),
        "m" => Some((60, 1)),
        "h" => Some((3_600, 1)),
        _ => None,
    };
    let number = seconds(digits, LONGEST_SECONDS, false).ok();
    let scaled = unit
        .zip(number)
        .and_then(|((times, parts), number)| number.checked_mul(times)?.checked_div(parts));
    scaled.ok_or_else(|| {
        let text = format!("invalid time `{text}` (expected such as 300ms or 2s)");
        Failure::Told(text)
    })
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Place, Settings, Task};
    use super::*;

    fn settings(line: &str) -> Settings {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match read(&words, true) {
            Ok(Asked::Work(settings)) => *settings,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn its_flags_are_netcats_by_other_names() {
        let asked = settings("--listen --keep-open --udp -i 500ms 7000");
        assert_eq!(asked.task, Task::Listen { again: true });
        assert_eq!(asked.talk.idle, Some(Duration::from_millis(500)));
        assert_eq!(asked.talk.quit, Quit::Finish);
        let asked = settings("--send-only -w 1m --delay=2s h 80");
        assert_eq!(asked.talk.quit, Quit::Leave);
        assert_eq!(asked.connect_limit, Some(Duration::from_secs(60)));
        assert_eq!(asked.pause, Some(Duration::from_secs(2)));
        assert_eq!(asked.talk.idle, None);
        let asked = settings("--no-shutdown h");
        assert_eq!(asked.talk.quit, Quit::Stay);
        let place = Place::Internet(Some("h".into()), vec![PORT.into()]);
        assert_eq!(asked.place, place);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, expected) in [
            ("-o f h 1", "-x FILE"),
            ("-i soon h 1", "invalid time `soon`"),
            ("--nonsense", "unrecognized option"),
            ("--delay", "requires an argument"),
            ("--proxy-type ftp h 1", "expected http, socks4 or socks5"),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let said = format!("{:?}", read(&words, false).unwrap_err());
            assert!(said.contains(expected), "{line}: {said}");
        }
    }
}
