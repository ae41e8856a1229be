//! Messages and commands, whole and in pieces.

use proptest::prelude::*;

use super::*;

type Fields = Vec<Vec<u8>>;

fn read(bytes: &[u8]) -> Result<Option<Fields>, Malformed> {
    let mut input = Input::default();
    input.add(bytes);
    Messages::default().next(&mut input)
}

fn command(text: &str) -> Result<Command, Wrong> {
    let fields = read(text.as_bytes()).unwrap().unwrap();
    Command::of(&fields)
}

fn commands() -> Vec<Command> {
    let place = place("a.tar.gz", "docs/2024").unwrap();
    vec![
        Command::Store(place.clone(), 0),
        Command::Retrieve(place.clone()),
        Command::Delete(place),
        Command::List,
        Command::LogOut,
        Command::Status,
        Command::Repair,
    ]
}

#[test]
fn messages_are_those_of_the_protocol() {
    assert_eq!(message(&[b"HI"]), b"HI\r\n\r\n");
    let store = Command::Store(place("a", "d").unwrap(), 7);
    assert_eq!(store.encode(), b"STR\r\na\r\nd\r\n7\r\n\r\n");
    let retrieve = Command::Retrieve(place("a", "d").unwrap());
    assert_eq!(retrieve.encode(), b"RTV\r\na\r\nd\r\n\r\n");
    assert_eq!(Command::List.encode(), b"INF\r\n\r\n");
}

#[test]
fn a_command_is_read_back_however_it_comes() {
    for command in commands() {
        let encoded = command.encode();
        let mut whole = Input::default();
        whole.add(&encoded);
        whole.add(b"body");
        let fields = Messages::default().next(&mut whole).unwrap().unwrap();
        assert_eq!(Command::of(&fields), Ok(command));
        assert_eq!(whole.take(9), b"body");
        let (mut pieces, mut messages) = (Input::default(), Messages::default());
        for byte in &encoded {
            assert_eq!(messages.next(&mut pieces), Ok(None));
            pieces.add(&[*byte]);
        }
        assert_eq!(messages.next(&mut pieces), Ok(Some(fields)));
        assert!(messages.is_between(&pieces));
        for cut in 1..encoded.len() {
            let mut input = Input::default();
            input.add(&encoded[..cut]);
            input.add(b"");
            let error = Messages::default().next(&mut input).unwrap_err();
            assert_eq!(error.0, "a message is cut short");
        }
    }
}

#[test]
fn an_empty_field_ends_a_message_and_leaves_nothing_behind() {
    let mut input = Input::default();
    input.add(b"alice\r\n\r\n\r\nHI\r\n\r\n");
    let mut messages = Messages::default();
    assert_eq!(messages.next(&mut input), Ok(Some(vec![b"alice".to_vec()])));
    assert_eq!(messages.next(&mut input), Ok(Some(vec![b"HI".to_vec()])));
    assert_eq!(messages.next(&mut input), Ok(None));
    input.add(b"");
    assert_eq!(messages.next(&mut input), Ok(None));
}

#[test]
fn a_message_has_a_limit() {
    let of_length = |length: usize| {
        let fields = vec![b'x'; length - b"\r\n\r\n\r\n".len() - 4];
        message(&[b"four", &fields])
    };
    let longest = of_length(LONGEST_MESSAGE);
    assert_eq!(longest.len(), LONGEST_MESSAGE);
    assert_eq!(read(&longest).unwrap().unwrap().len(), 2);
    let error = read(&of_length(LONGEST_MESSAGE + 1)).unwrap_err();
    assert_eq!(error.0, "a message is longer than 8192 bytes");
    let many = b"x\r\n".repeat(LONGEST_MESSAGE);
    assert!(read(&many).is_err());
}

#[test]
fn wrong_commands_get_the_words_of_the_protocol() {
    for (text, failure, body) in [
        ("XYZ\r\n\r\n", Failure::Opcode, Body::None),
        ("str\r\na\r\nd\r\n1\r\n\r\n", Failure::Opcode, Body::None),
        ("INF\r\nx\r\n\r\n", Failure::Parameters("INF"), Body::None),
        ("RTV\r\n\r\n", Failure::Parameters("RTV"), Body::None),
        ("RTV\r\na\r\n\r\n", Failure::Parameters("RTV"), Body::None),
        (
            "DEL\r\na\r\nb\r\nc\r\n\r\n",
            Failure::Parameters("DEL"),
            Body::None,
        ),
        ("STR\r\n\r\n", Failure::Parameters("STR"), Body::Unknown),
        (
            "STR\r\na\r\nd\r\n\r\n",
            Failure::Parameters("STR"),
            Body::Unknown,
        ),
        (
            "STR\r\na\r\nd\r\n-1\r\n\r\n",
            Failure::Parameters("STR"),
            Body::Unknown,
        ),
        (
            "STR\r\na\r\nd\r\n9223372036854775808\r\n\r\n",
            Failure::Parameters("STR"),
            Body::Unknown,
        ),
        (
            "STR\r\na/b\r\nd\r\n7\r\n\r\n",
            Failure::Name,
            Body::Bytes(7),
        ),
        (
            "STR\r\na\r\n../d\r\n7\r\n\r\n",
            Failure::Path,
            Body::Bytes(7),
        ),
        ("RTV\r\n..\r\nd\r\n\r\n", Failure::Name, Body::None),
        ("RTV\r\na\r\n/\r\n\r\n", Failure::Path, Body::None),
        ("DEL\r\na\r\n..\r\n\r\n", Failure::PathOrName, Body::None),
        ("DEL\r\na\0\r\nd\r\n\r\n", Failure::PathOrName, Body::None),
    ] {
        let wrong = command(text).unwrap_err();
        assert_eq!((wrong.failure, wrong.body), (failure, body), "{text:?}");
        assert!(!wrong.why.is_empty());
    }
    let binary = Command::of(&[b"RTV".to_vec(), b"\xff".to_vec(), b"d".to_vec()]);
    assert_eq!(binary.unwrap_err().failure, Failure::Name);
}

#[test]
fn a_name_leaves_room_for_the_names_of_its_blocks() {
    assert!(place(&"x".repeat(LONGEST_NAME), "d").is_ok());
    let (failure, why) = place(&"x".repeat(LONGEST_NAME + 1), "d").unwrap_err();
    assert_eq!(failure, Failure::Name);
    assert_eq!(why.0, "a name of 253 bytes is too long: 252 bytes at most");
}

#[test]
fn lists_show_names_that_can_be_given_back() {
    let place = place("a.txt", "docs\\2024\\").unwrap();
    assert_eq!(place.path(), "docs/2024");
    let user = User::new("alice").unwrap();
    assert_eq!(shown(&user, &place), "\\alice\\docs\\2024\\a.txt");
}

#[test]
fn passwords_are_not_shown() {
    let password = Password::new(b"secret").unwrap();
    assert_eq!(format!("{password:?}"), "Password");
    for wrong in [&b""[..], b"a\r", b"a\nb", &[b'x'; LONGEST_PASSWORD + 1]] {
        assert!(Password::new(wrong).is_err());
    }
    assert!(Password::new(&[b'x'; LONGEST_PASSWORD]).is_ok());
}

proptest! {
    #[test]
    fn nothing_panics(bytes: Vec<u8>) {
        if let Ok(Some(fields)) = read(&bytes) {
            let _ = Command::of(&fields);
        }
    }

    #[test]
    fn whatever_is_understood_is_read_back(
        fields in prop::collection::vec("[A-Za-z0-9/.]{1,5}", 1..5)
    ) {
        let fields: Fields = fields.into_iter().map(String::into_bytes).collect();
        if let Ok(command) = Command::of(&fields) {
            let again = read(&command.encode()).unwrap().unwrap();
            prop_assert_eq!(Command::of(&again), Ok(command));
        }
    }
}
