//! The same in the words of `netkit connect` and `netkit listen`, which have what
//! netcat has not: many clients at once, TLS, networks that are let in.

use std::time::Duration;

use super::super::console::{Failure, Outcome};
use super::super::settings::Quit;
use super::Said;

/// What `netkit` is to be asked.
///
/// # Errors
/// Something that neither verb has.
pub(super) fn words(said: &Said, allow_exec: bool) -> Outcome<Vec<String>> {
    let listens = said.has('l');
    let mut words = vec![match listens {
        true => "listen".to_owned(),
        false => "connect".to_owned(),
    }];
    for (letter, value) in &said.flags {
        let flag = match letter {
            'l' | 'n' | 'U' | 'x' | 'X' => continue,
            'p' | 's' if listens => continue,
            'e' | 'c' if !allow_exec => {
                let text = format!("-{letter} runs a program (hint: --allow-exec lets it)");
                return Err(Failure::Told(text));
            }
            '4' | '6' | 'u' | 'C' | 'v' => format!("-{letter}"),
            'k' => "--keep-open".to_owned(),
            'd' => "--recv-only".to_owned(),
            'e' => "--exec".to_owned(),
            'c' => "--sh-exec".to_owned(),
            'w' => "--idle-timeout".to_owned(),
            'p' => "--source-port".to_owned(),
            's' => "--source".to_owned(),
            letter => {
                let text = format!("`-{letter}` goes with none of ncat's other flags here");
                return Err(Failure::Told(text));
            }
        };
        words.push(flag);
        let seconds = |text: &str| Duration::try_from_secs_f64(text.parse().ok()?).ok();
        words.extend(value.as_deref().map(|value| match letter {
            'w' => shown(seconds(value).unwrap_or_default()),
            _ => value.to_owned(),
        }));
    }
    match said.quit {
        Some(Quit::Leave) => words.push("--send-only".to_owned()),
        Some(_) => return Err(Failure::told("`--no-shutdown` is for one plain connection")),
        None => {}
    }
    for (name, value) in &said.own {
        words.extend(own(name, value.as_deref(), listens));
    }
    // ncat takes any certificate unless it is told otherwise.
    let says = |name| said.own.iter().any(|(it, _)| *it == name);
    if says("tls") && !listens && !says("verify") && !says("ca") {
        words.push("--insecure".to_owned());
    }
    words.extend(proxy(said)?);
    if let (Some(limit), false) = (said.connect_limit, listens) {
        words.extend(["--timeout".to_owned(), shown(limit)]);
    }
    words.push("--".to_owned());
    words.push(target(said, listens)?);
    Ok(words)
}

fn shown(time: Duration) -> String {
    humantime::format_duration(time)
        .to_string()
        .replace(' ', "")
}

/// What netcat has not.
fn own(name: &str, value: Option<&str>, listens: bool) -> Vec<String> {
    match (name, value) {
        // What a target says otherwise.
        ("tls" | "login", _) if !listens => Vec::new(),
        ("verify", _) => Vec::new(),
        ("allow" | "deny", Some(list)) => {
            let each = |network: &str| [format!("--{name}"), network.to_owned()];
            list.split(',').flat_map(each).collect()
        }
        (name, value) => {
            let value = value.map(str::to_owned);
            std::iter::once(format!("--{name}")).chain(value).collect()
        }
    }
}

/// The proxy as a URL.
fn proxy(said: &Said) -> Outcome<Vec<String>> {
    let last = |letter| {
        let mut values = said.flags.iter().rev().filter(|(it, _)| *it == letter);
        values.next().and_then(|(_, value)| value.as_deref())
    };
    let login = said.own.iter().find(|(name, _)| *name == "login");
    let login = login.and_then(|(_, value)| value.as_deref());
    let Some(place) = last('x') else {
        return match login {
            Some(_) => Err(Failure::told("`--proxy-auth` goes with --proxy")),
            None => Ok(Vec::new()),
        };
    };
    let kind = match last('X') {
        Some("4") => "socks4",
        Some("5") => "socks5",
        _ => "http",
    };
    let login = login.map(|it| format!("{it}@")).unwrap_or_default();
    Ok(vec![
        "--proxy".to_owned(),
        format!("{kind}://{login}{place}"),
    ])
}

/// Where to listen, or whom to connect to.
fn target(said: &Said, listens: bool) -> Outcome<String> {
    let operands = said.operands();
    let has = |flag: &str| said.own.iter().any(|(name, _)| *name == flag);
    if said.has('U') {
        let path = operands.first().map(String::as_str).unwrap_or_default();
        return Ok(format!("unix://{path}"));
    }
    let value_of = |letter| {
        let found = said.flags.iter().find(|(it, _)| *it == letter);
        found.and_then(|(_, value)| value.clone())
    };
    let (host, port) = match (operands.as_slice(), listens) {
        ([host, port], _) => (Some(host.clone()), port.clone()),
        // A lonely operand of a listener is its port, or its host beside -p.
        ([one], true) => match value_of('p') {
            Some(port) => (Some(one.clone()), port),
            None => (value_of('s'), one.clone()),
        },
        ([], true) => (value_of('s'), value_of('p').unwrap_or_default()),
        _ => return Err(Failure::told("expected a host and a port")),
    };
    let host = host.map(|host| match host.contains(':') {
        true => format!("[{host}]"),
        false => host,
    });
    Ok(match (host, listens) {
        (None, _) => port,
        (Some(host), false) if has("tls") => format!("tls://{host}:{port}"),
        (Some(host), _) => format!("{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::arguments::Asked;
    use super::super::read;

    fn asked(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match read(&words, true) {
            Ok(Asked::Verb(words)) => words.join(" "),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_netcat_has_not_is_asked_of_the_verbs() {
        for (line, expected) in [
            ("-l -k 9000", "listen --keep-open -- 9000"),
            ("-lk", "listen --keep-open -- 31337"),
            (
                "-l --broker --allow 10.0.0.0/8,::1 -p 9000",
                "listen --broker --allow 10.0.0.0/8 --allow ::1 -- 9000",
            ),
            (
                "-l -m 3 --chat ::1 9000 -i 1s",
                "listen --idle-timeout 1s --max-connections 3 --chat -- [::1]:9000",
            ),
            ("-lk -e cat -s h 1", "listen --keep-open --exec cat -- h:1"),
            (
                "--ssl -l --ssl-cert c --ssl-key k 1",
                "listen --tls --cert c --key k -- 1",
            ),
            (
                "--ssl --ssl-verify -w 1500ms h 1",
                "connect --timeout 1s500ms -- tls://h:1",
            ),
            ("--ssl h 1", "connect --insecure -- tls://h:1"),
            (
                "--proxy p:8080 --proxy-auth u:w h 1",
                "connect --proxy http://u:w@p:8080 -- h:1",
            ),
            ("-x dump -U s", "connect --trace dump -- unix://s"),
        ] {
            assert_eq!(asked(line), expected, "{line}");
        }
    }
}
