//! Requests and answers in any pieces, and names that lead astray.

use proptest::prelude::*;

use super::*;

fn user(name: &str) -> Request {
    Request::User(User::new(name).unwrap())
}

fn place(name: &str, path: &str) -> Place {
    Place::new(name, path).unwrap()
}

/// A conversation of each request, as it is sent.
fn conversation() -> (Vec<u8>, Vec<Request>) {
    let requests = vec![
        user("alice"),
        Request::Store(place("notes_A1.txt", "work"), 257),
        Request::Retrieve(place("notes_A1.txt", "work/old")),
        Request::Delete(place("gr\u{fc}n_O4", "a b")),
        Request::Logout,
        user("bob"),
    ];
    let bytes = requests.iter().flat_map(|it| it.encode(Ending::Line));
    (bytes.collect(), requests)
}

/// The requests in these pieces, and what is wrong with what follows them.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Request>, Option<String>) {
    let (mut requests, mut input, mut found) = (Requests::default(), Input::default(), Vec::new());
    for piece in pieces {
        input.add(piece);
        loop {
            match requests.next(&mut input) {
                Ok(Some(request)) => found.push(request),
                Ok(None) => break,
                Err(wrong) => return (found, Some(wrong.0)),
            }
        }
    }
    (found, None)
}

/// What is answered to these bytes after a login.
#[track_caller]
fn asked(bytes: &[u8]) -> Result<Request, String> {
    let (requests, wrong) = read([b"alice\r\n", bytes]);
    match (requests.get(1), wrong) {
        (Some(request), _) => Ok(request.clone()),
        (None, Some(wrong)) => Err(wrong),
        (None, None) => panic!("nothing came of it"),
    }
}

#[test]
fn requests_come_in_any_pieces() {
    let (bytes, requests) = conversation();
    assert_eq!(read([&bytes[..]]), (requests.clone(), None));
    assert_eq!(read(bytes.chunks(1)), (requests.clone(), None));
    for cut in 0..=bytes.len() {
        let (before, after) = bytes.split_at(cut);
        assert_eq!(
            read([before, after].into_iter().filter(|it| !it.is_empty())),
            (requests.clone(), None),
            "cut at {cut}"
        );
    }
}

#[test]
fn line_feeds_alone_end_lines_too() {
    let (requests, wrong) = read([&b"alice\nRTV\nn\np\n\n\r\nLOGOUT\nbob\n"[..]]);
    let expected = [
        user("alice"),
        Request::Retrieve(place("n", "p")),
        Request::Logout,
        user("bob"),
    ];
    assert_eq!((requests.as_slice(), wrong), (&expected[..], None));
}

#[test]
fn a_pause_ends_a_username_and_a_logout() {
    let (mut requests, mut input) = (Requests::default(), Input::default());
    assert!(requests.is_between(&input));
    assert_eq!(requests.pause(&mut input), Ok(None), "nothing came");
    input.add(b"alice");
    assert!(!requests.is_between(&input));
    assert_eq!(requests.next(&mut input), Ok(None));
    assert_eq!(requests.pause(&mut input), Ok(Some(user("alice"))));
    // The end of a slow client's line is not a request.
    input.add(b"\r\nLOG");
    assert_eq!(requests.next(&mut input), Ok(None));
    assert_eq!(requests.pause(&mut input), Ok(None), "no word of ours");
    input.add(b"OUT");
    assert_eq!(requests.pause(&mut input), Ok(Some(Request::Logout)));
    input.add(b"\r\nbo");
    assert_eq!(requests.next(&mut input), Ok(None));
    input.add(b"b\r");
    assert_eq!(requests.pause(&mut input), Ok(None), "half an end");
    input.add(b"\nRTV\r\nLOGOUT");
    assert_eq!(requests.next(&mut input), Ok(Some(user("bob"))));
    assert_eq!(requests.next(&mut input), Ok(None));
    assert_eq!(requests.pause(&mut input), Ok(None), "a field");
}

#[test]
fn a_name_ended_by_a_pause_is_checked_as_well() {
    for wrong in [&b".."[..], b"backup", b"a\\b", b"\xff"] {
        let (mut requests, mut input) = (Requests::default(), Input::default());
        input.add(wrong);
        assert!(requests.pause(&mut input).is_err());
    }
}

#[test]
fn the_end_of_the_stream_ends_words_and_nothing_else() {
    assert_eq!(read([&b"alice"[..], b""]), (vec![user("alice")], None));
    let (requests, wrong) = read([&b"alice\r\nLOGOUT"[..], b""]);
    assert_eq!(requests, [user("alice"), Request::Logout]);
    assert_eq!(wrong, None);
    for (cut, quoted) in [("STR", "STR"), ("RTV\r\nname\r\npa", "pa")] {
        let bytes = format!("alice\r\n{cut}");
        let (_, wrong) = read([bytes.as_bytes(), b""]);
        let expected = format!("a request is cut short: `{quoted}`");
        assert_eq!(wrong, Some(expected));
    }
}

#[test]
fn nobody_has_a_name_that_leads_elsewhere() {
    let long = "x".repeat(256);
    for name in [
        "", ".", "..", "backup", ".netkit", "a/b", "/", "../x", "a\\b", "a\0", "a\tb", "\u{85}",
        &long,
    ] {
        assert!(User::new(name).is_err(), "{name:?}");
        let (requests, wrong) = read([format!("{name}\r\n").as_bytes()]);
        assert!(requests.is_empty() && wrong.is_some(), "{name:?}");
    }
    for name in ["a", "Backup", "...", "a b", ".profile", &long[1..]] {
        assert_eq!(User::new(name).unwrap().name(), name);
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_and_the_session_goes_on() {
    for (name, path) in [
        ("..", "p"),
        (".", "p"),
        ("a/b", "p"),
        ("a\\b", "p"),
        ("a\tb", "p"),
        ("n", ".."),
        ("n", "p/../q"),
        ("n", "./p"),
        ("n", "p\\q"),
        ("n", "/"),
        ("n", "//"),
        ("n", "a\u{1b}b"),
        (&"x".repeat(256), "p"),
        ("n", &"d/".repeat(33)),
    ] {
        assert!(Place::new(name, path).is_err(), "{name:?} in {path:?}");
        for head in ["RTV\r\n", "DEL\r\n", "STR\r\n5\r\n"] {
            let bytes = format!("alice\r\n{head}{name}\r\n{path}\r\n\r\nLOGOUT\r\n");
            let (requests, wrong) = read([bytes.as_bytes()]);
            assert!(matches!(requests[1], Request::Refused { .. }), "{bytes:?}");
            assert_eq!((&requests[2], wrong), (&Request::Logout, None));
        }
    }
    let deep = place("n", &"d/".repeat(32));
    assert_eq!(deep.path().split('/').count(), 32);
    assert_eq!(place("backup", "/a//backup/").path(), "a/backup");
    assert_eq!(place("n", "a").to_string(), "a/n");
}

#[test]
fn missing_fields_and_wrong_sizes_are_said() {
    for (bytes, said) in [
        (&b"STR\r\n5\r\nn\r\n\r\n"[..], "required for opcode:STR"),
        (b"STR\r\n\r\n", "required for opcode:STR"),
        (b"RTV\r\nn\r\n\r\n", "required for opcode:RTV"),
        (b"DEL\r\n\r\n\r\n", "required for opcode:DEL"),
        (b"STR\r\n-5\r\nn\r\np\r\n\r\n", "`-5` is no length"),
        (b"STR\r\n5x\r\nn\r\np\r\n\r\n", "`5x` is no length"),
        (
            b"STR\r\n9223372036854775808\r\nn\r\np\r\n\r\n",
            "`9223372036854775808` is no length",
        ),
    ] {
        match asked(bytes) {
            Ok(Request::Refused { why, is_store }) => {
                assert!(why.ends_with(said), "{why}");
                assert_eq!(is_store, bytes.starts_with(b"STR"), "{why}");
            }
            other => panic!("{other:?} to {}", bytes.escape_ascii()),
        }
    }
    let largest = asked(b"STR\r\n9223372036854775807\r\nn\r\np\r\n\r\n");
    let size = i64::MAX.unsigned_abs();
    assert_eq!(largest, Ok(Request::Store(place("n", "p"), size)));
}

#[test]
fn what_is_no_request_is_quoted() {
    for (bytes, said) in [
        (&b"INF\r\n\r\n"[..], "`INF` is no request"),
        (b"GET / HTTP/1.1\r\n", "`GET / HTTP/1.1` is no request"),
        (b"str\r\n", "`str` is no request"),
        (b"R\xff\r\n", "`R\\xff` is not UTF-8"),
        (
            b"RTV\r\na\r\nb\r\nc\r\n",
            "RTV is not ended by an empty line",
        ),
        (
            b"STR\r\n1\r\na\r\nb\r\nc\r\n",
            "STR is not ended by an empty line",
        ),
    ] {
        assert_eq!(asked(bytes), Err(said.into()));
    }
    let line = [b'x'; LONGEST_LINE + 1];
    assert_eq!(asked(&line), Err("a line is longer than 8192 bytes".into()));
}

#[test]
fn answers_come_back_as_they_were_sent() {
    for reply in [
        Reply::Done,
        Reply::Found(0),
        Reply::Found(i64::MAX.unsigned_abs()),
        Reply::Error("no such block".into()),
        Reply::Error(String::new()),
    ] {
        let encoded = reply.encode();
        let mut input = Input::default();
        for byte in &encoded {
            assert_eq!(Reply::decode(&mut input), Ok(None));
            input.add(&[*byte]);
        }
        input.add(b"0x");
        assert_eq!(Reply::decode(&mut input), Ok(Some(reply)));
        assert_eq!(input.rest(), b"0x");
    }
    assert_eq!(Reply::Error("a\r\nb".into()).encode(), b"ERROR a  b\r\n");
    let long = Reply::Error("\u{fc}".repeat(5000)).encode();
    assert_eq!(long.len(), "ERROR \r\n".len() + 2 * LONGEST_ERROR);
}

#[test]
fn what_is_no_answer_is_known_at_once() {
    for wrong in [
        "x",
        "-1\r\n",
        " 5\r\n",
        "\u{1}",
        "5x\r\n",
        "ERRORS\r\n",
        "Eh\r\n",
    ] {
        let mut input = Input::default();
        input.add(wrong.as_bytes());
        assert!(Reply::decode(&mut input).is_err(), "{wrong:?}");
    }
    for cut in ["5", "ERROR n"] {
        let mut input = Input::default();
        input.add(cut.as_bytes());
        assert_eq!(Reply::decode(&mut input), Ok(None));
    }
    // A size that is cut is none; half an error is still one.
    let mut cut = Input::default();
    cut.add(b"25");
    cut.add(b"");
    assert!(Reply::decode(&mut cut).is_err());
    let mut cut = Input::default();
    cut.add(b"ERROR no sp");
    cut.add(b"");
    let error = Reply::Error("no sp".into());
    assert_eq!(Reply::decode(&mut cut), Ok(Some(error)));
}

proptest! {
    #[test]
    fn nothing_panics(pieces: Vec<Vec<u8>>, pauses: Vec<bool>) {
        let (mut requests, mut input) = (Requests::default(), Input::default());
        let mut replies = Input::default();
        for (piece, pause) in pieces.iter().zip(pauses.iter().cycle()) {
            input.add(piece);
            replies.add(piece);
            let _ = requests.next(&mut input);
            if *pause {
                let _ = requests.pause(&mut input);
            }
            let _ = Reply::decode(&mut replies);
        }
    }

    #[test]
    fn whatever_is_a_place_leads_nowhere_else(name: String, path: String) {
        if let Ok(place) = Place::new(&name, &path) {
            let parts: Vec<&str> = place.path().split('/').chain([place.name()]).collect();
            prop_assert!(parts.len() >= 2);
            for part in parts {
                prop_assert!(!["", ".", ".."].contains(&part) && !part.contains(['/', '\\', '\0']));
            }
            let request = Request::Delete(place);
            let bytes = [&b"alice\r\n"[..], &request.encode(Ending::Line)].concat();
            prop_assert_eq!(read([&bytes[..]]).0.pop(), Some(request));
        }
    }
}
