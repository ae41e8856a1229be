//! What files a member has: their names, with `, ` between them, and nothing
//! around them.

use std::collections::BTreeSet;

use crate::protocol::input::LONGEST_LINE;
use crate::protocol::peer::Malformed;

/// What stands between two names.
const BETWEEN: &str = ", ";

/// Names of a member that are listed at most.
pub const MOST_NAMES: usize = 10_000;

/// Bytes of a member's list at most: so many names, each as long as file
/// systems allow.
pub const LARGEST_LIST: usize = 4 << 20;

/// Bytes of the longest name: it is asked for in a line.
const LONGEST_NAME: usize = LONGEST_LINE - 16;

/// Whether a file of this name can be listed and asked for: others would end
/// the list, the request, or arrive as another name.
#[must_use]
pub fn can_be_listed(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.trim() == name
        && !name.contains(BETWEEN)
        && !name.contains('/')
        && !name.chars().any(char::is_control)
}

/// The list as it is sent. Each name must be one that can be listed.
pub fn encode_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut list = Vec::new();
    for name in names {
        if !list.is_empty() {
            list.extend_from_slice(BETWEEN.as_bytes());
        }
        list.extend_from_slice(name.as_bytes());
    }
    list
}

/// The names of a whole list. What no file can be asked for by is left out.
///
/// # Errors
/// There are more than [`MOST_NAMES`], or more bytes than [`LARGEST_LIST`].
pub fn decode_names(list: &[u8]) -> Result<BTreeSet<String>, Malformed> {
    if list.len() > LARGEST_LIST {
        return Err(Malformed(format!(
            "its list is longer than {LARGEST_LIST} bytes"
        )));
    }
    let text = String::from_utf8_lossy(list);
    let names = text.trim_end_matches(['\r', '\n']).split(BETWEEN);
    let mut found = BTreeSet::new();
    for name in names.filter(|it| can_be_listed(it) && !it.contains('\u{fffd}')) {
        if found.len() == MOST_NAMES {
            return Err(Malformed(format!(
                "its list has more than {MOST_NAMES} names"
            )));
        }
        found.insert(name.to_owned());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_comes_back() {
        for names in [
            &[][..],
            &["a"],
            &["a b", "b,c", "c,", "404 Not Found", "ü"],
            &[",", ",,"],
        ] {
            let list = encode_names(names.iter().copied());
            let read = decode_names(&list).unwrap();
            let expected: BTreeSet<String> = names.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(read, expected, "{list:?}");
        }
        assert_eq!(encode_names(["a", "b"]), b"a, b");
        let ended = decode_names(b"a, b\n").unwrap();
        assert_eq!(ended.into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn names_that_would_arrive_as_others_are_left_out() {
        let long = "x".repeat(LONGEST_NAME + 1);
        for name in [
            "", " a", "a ", "a, b", "a\nb", "a\x1b[2J", "../a", "a\0", &long,
        ] {
            assert!(!can_be_listed(name), "{name:?}");
        }
        let read = decode_names(b"good, ba\xffd, ../x, , also good").unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), ["also good", "good"]);
    }

    #[test]
    fn a_list_has_limits() {
        let names: Vec<String> = (0..=MOST_NAMES).map(|it| it.to_string()).collect();
        let most = names.iter().skip(1).map(String::as_str);
        assert_eq!(decode_names(&encode_names(most)).unwrap().len(), MOST_NAMES);
        let more = names.iter().map(String::as_str);
        let error = decode_names(&encode_names(more)).unwrap_err();
        assert_eq!(error.0, "its list has more than 10000 names");
        let error = decode_names(&vec![b'x'; LARGEST_LIST + 1]).unwrap_err();
        assert_eq!(error.0, "its list is longer than 4194304 bytes");
    }

    proptest! {
        #[test]
        fn any_names_that_can_be_listed_come_back(names: BTreeSet<String>) {
            let names: BTreeSet<String> = names
                .into_iter()
                .filter(|it| can_be_listed(it) && !it.contains('\u{fffd}'))
                .collect();
            let list = encode_names(names.iter().map(String::as_str));
            prop_assert_eq!(decode_names(&list), Ok(names));
        }

        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = decode_names(&bytes);
        }
    }
}
