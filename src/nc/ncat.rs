//! `--compat ncat`: the flags of ncat 7.93, as far as netcat has something of the
//! kind, said in netcat's own.

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
const CONNECT_SECONDS: &str = "10";

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
    ("output", Flag::Elsewhere("netkit connect --output")),
    ("hex-dump", Flag::Elsewhere("netkit connect --trace")),
    (
        "max-conns",
        Flag::Elsewhere("netkit listen --max-connections"),
    ),
    ("allow", Flag::Elsewhere("netkit listen --allow")),
    ("deny", Flag::Elsewhere("netkit listen --deny")),
    ("broker", Flag::Elsewhere("netkit listen --broker")),
    ("chat", Flag::Elsewhere("netkit listen --chat")),
    ("ssl", Flag::Elsewhere("netkit connect tls://HOST:PORT")),
    (
        "ssl-verify",
        Flag::Elsewhere("netkit connect tls://HOST:PORT"),
    ),
    ("proxy-auth", Flag::Elsewhere("netkit connect --proxy URL")),
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
    /// Another verb has it.
    Elsewhere(&'static str),
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

/// What was said so far, in netcat's words.
#[derive(Default)]
struct Said {
    flags: Vec<String>,
    operands: Vec<String>,
    connect_seconds: Option<String>,
    /// What the end of standard input means, where it is not what `-N` says.
    quit: Option<Quit>,
}

impl Said {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }

    fn letter(&mut self, letter: char, value: Option<&str>) -> Outcome<()> {
        let elsewhere = match letter {
            'o' => Some("netkit connect --output"),
            'x' => Some("netkit connect --trace"),
            'm' => Some("netkit listen --max-connections"),
            'g' | 'G' => {
                return Err(Failure::told(
                    "source routes are not taken by today's networks",
                ));
            }
            _ => None,
        };
        if let Some(verb) = elsewhere {
            return Err(is_elsewhere(&format!("-{letter}"), verb));
        }
        let flag = match letter {
            'd' => "-i".to_owned(),
            'i' => "-w".to_owned(),
            letter => format!("-{letter}"),
        };
        match (letter, value) {
            ('w', Some(value)) => self.connect_seconds = Some(time(value)?),
            ('d' | 'i', Some(value)) => self.flags.extend([flag, time(value)?]),
            (_, Some(value)) => self.flags.extend([flag, value.to_owned()]),
            (_, None) => self.flags.push(flag),
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
            Flag::ReceiveOnly => self.flags.push("-d".to_owned()),
            Flag::NoShutdown => self.quit = self.quit.or(Some(Quit::Stay)),
            Flag::Proxy => {
                let proxy = needed()?.to_owned();
                self.flags.extend(["-x".to_owned(), proxy]);
                // Its kind unless it says another.
                let kind = ["-X", "connect"].map(str::to_owned);
                self.flags.splice(0..0, kind);
            }
            Flag::ProxyType => {
                let kind = proxy_type(needed()?)?;
                self.flags.extend(["-X", kind].map(str::to_owned));
            }
            Flag::Elsewhere(verb) => return Err(is_elsewhere(&format!("--{name}"), verb)),
        }
        Ok(())
    }

    fn words(mut self) -> Vec<String> {
        let lacks_port = match self.has("-l") {
            true => self.operands.is_empty() && !self.has("-p"),
            false => self.operands.len() == 1,
        };
        if lacks_port && !self.has("-U") {
            self.operands.push(PORT.to_owned());
        }
        let limit = self.connect_seconds.as_deref().unwrap_or(CONNECT_SECONDS);
        let own = ["-N", "-G", limit].map(str::to_owned);
        let flags = own.into_iter().chain(self.flags);
        let operands = std::iter::once("--".to_owned()).chain(self.operands);
        flags.chain(operands).collect()
    }
}

fn is_elsewhere(flag: &str, verb: &str) -> Failure {
    Failure::Told(format!("`{flag}` is not taken here (hint: {verb})"))
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

/// A time as ncat writes it, `300ms`, `2s`, `1m`, `1h` or seconds, in seconds.
fn time(text: &str) -> Outcome<String> {
    let digits = text.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => Some((1, 1_000)),
        "" | "s" => Some((1, 1)),
        "m" => Some((60, 1)),
        "h" => Some((3_600, 1)),
        _ => None,
    };
    let number = seconds(digits, LONGEST_SECONDS, false).ok();
    let scaled: Option<Duration> = unit
        .zip(number)
        .and_then(|((times, parts), number)| number.checked_mul(times)?.checked_div(parts));
    let shown = scaled.map(|time| format!("{}.{:09}", time.as_secs(), time.subsec_nanos()));
    shown.ok_or_else(|| {
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
        let asked = settings("--listen --keep-open -i 500ms 7000");
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
    fn what_netcat_has_not_says_who_has() {
        for (line, expected) in [
            ("--broker -l", "netkit listen --broker"),
            ("-o f h 1", "netkit connect --output"),
            ("--ssl h 1", "netkit connect tls://"),
            ("-i soon h 1", "invalid time `soon`"),
            ("--nonsense", "unrecognized option"),
            ("--delay", "requires an argument"),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let said = format!("{:?}", read(&words, false).unwrap_err());
            assert!(said.contains(expected), "{line}: {said}");
        }
    }
}
