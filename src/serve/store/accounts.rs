//! Who may log in: names, and Argon2id hashes of their passwords, in a file of
//! the store's root.
//!
//! A line a user, `<name>:<hash>`, the hash as a PHC string. Whoever asks for a
//! user that does not exist waits as long as for one that does.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};

use super::disk;
use super::login::{Creation, Verdict};
use crate::protocol::shard::User;
use crate::protocol::store::Password;
use crate::reactor::{Limit, blocking};

/// The file's name.
const FILE: &str = "accounts";

/// The most accounts that are made: each is a line of a file that is written
/// anew for every one.
const MOST_ACCOUNTS: usize = 10_000;

/// The most bytes of the file: accounts with the longest names.
const LONGEST_FILE: u64 = 8 << 20;

/// Hashes that are computed at once: each takes 19 MiB and a processor for some
/// hundredths of a second.
const HASHES_AT_ONCE: usize = 2;

/// The accounts of a store. Clones share them.
#[derive(Clone)]
pub(super) struct Accounts(Rc<State>);

struct State {
    file: PathBuf,
    hashes: RefCell<BTreeMap<String, String>>,
    /// Who computes.
    hashing: Limit,
    /// Who makes an account: one after the other.
    creating: Limit,
}

impl Accounts {
    /// Reads the accounts beneath `root`; none are there at first.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it not be understood.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let file = root.join(FILE);
        let bytes = disk::read(&file, LONGEST_FILE)?.unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(io::Error::other)?;
        let mut hashes = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let Some((user, hash)) = understood(line) else {
                let number = number + 1;
                let why = format!("line {number} of `{}` is no account", file.display());
                return Err(io::Error::other(why));
            };
            hashes.insert(user.name().to_owned(), hash.to_owned());
        }
        Ok(Self(Rc::new(State {
            file,
            hashes: RefCell::new(hashes),
            hashing: Limit::new(HASHES_AT_ONCE),
            creating: Limit::new(1),
        })))
    }

    /// Whether that is the user's password.
    ///
    /// # Errors
    /// It cannot be computed.
    pub(super) async fn check(&self, user: &User, password: Password) -> io::Result<Verdict> {
        let known = self.0.hashes.borrow().get(user.name()).cloned();
        let _permit = self.0.hashing.acquire().await;
        if let Some(hash) = known {
            return blocking(move || verify(&hash, &password)).await;
        }
        // As much work, for nothing.
        blocking(move || hash(&password)).await?;
        Ok(Verdict::Unknown)
    }

    /// Makes an account, durably.
    ///
    /// # Errors
    /// It cannot be written, or there are [`MOST_ACCOUNTS`].
    pub(super) async fn create(&self, user: &User, password: Password) -> io::Result<Creation> {
        let _turn = self.0.creating.acquire().await;
        let name = user.name().to_owned();
        let mut hashes = self.0.hashes.borrow().clone();
        if hashes.contains_key(&name) {
            return Ok(Creation::Taken);
        }
        if hashes.len() >= MOST_ACCOUNTS {
            let why = format!("there are {MOST_ACCOUNTS} accounts already");
            return Err(io::Error::other(why));
        }
        let hash = {
            let _permit = self.0.hashing.acquire().await;
            blocking(move || hash(&password)).await?
        };
        hashes.insert(name, hash);
        let file = self.0.file.clone();
        let mut text = String::new();
        for (user, hash) in &hashes {
            let _ = writeln!(text, "{user}:{hash}");
        }
        blocking(move || disk::write(&file, text.as_bytes())).await?;
        *self.0.hashes.borrow_mut() = hashes;
        Ok(Creation::Created)
    }
}

/// The name may hold colons, the hash holds none.
fn understood(line: &str) -> Option<(User, &str)> {
    let (user, hash) = line.rsplit_once(':')?;
    PasswordHash::new(hash).ok()?;
    Some((User::new(user).ok()?, hash))
}

fn hash(password: &Password) -> io::Result<String> {
    let hash = Argon2::default().hash_password(password.bytes());
    Ok(hash.map_err(io::Error::other)?.to_string())
}

fn verify(hash: &str, password: &Password) -> io::Result<Verdict> {
    use argon2::password_hash::Error;
    let hash = PasswordHash::new(hash).map_err(io::Error::other)?;
    match Argon2::default().verify_password(password.bytes(), &hash) {
        Ok(()) => Ok(Verdict::Match),
        Err(Error::PasswordInvalid) => Ok(Verdict::NoMatch),
        Err(error) => Err(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use futures_lite::future;

    use super::*;
    use crate::reactor::run;

    fn user(name: &str) -> User {
        User::new(name).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_account_is_there_for_good() {
        let root = tempfile::tempdir().unwrap();
        let colons = "al:ice";
        run(async {
            let accounts = Accounts::open(root.path()).unwrap();
            let unknown = accounts.check(&user(colons), password("a")).await;
            assert_eq!(unknown.unwrap(), Verdict::Unknown);
            let created = accounts.create(&user(colons), password("a")).await;
            assert_eq!(created.unwrap(), Creation::Created);
            let taken = accounts.create(&user(colons), password("b")).await;
            assert_eq!(taken.unwrap(), Creation::Taken);
        })
        .unwrap();
        let file = root.path().join(FILE);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("al:ice:$argon2id$v=19$m="), "{text}");
        run(async {
            let accounts = Accounts::open(root.path()).unwrap();
            for (given, verdict) in [("a", Verdict::Match), ("b", Verdict::NoMatch)] {
                let checked = accounts.check(&user(colons), password(given)).await;
                assert_eq!(checked.unwrap(), verdict);
            }
        })
        .unwrap();
    }

    #[test]
    fn of_two_at_once_with_one_name_one_is_taken() {
        let root = tempfile::tempdir().unwrap();
        run(async {
            let accounts = Accounts::open(root.path()).unwrap();
            let (alice, bob) = (user("alice"), user("bob"));
            let first = accounts.create(&alice, password("first"));
            let second = accounts.create(&alice, password("second"));
            let third = accounts.create(&bob, password("third"));
            let made = future::zip(first, future::zip(second, third)).await;
            assert_eq!(made.0.unwrap(), Creation::Created);
            assert_eq!(made.1.0.unwrap(), Creation::Taken);
            assert_eq!(made.1.1.unwrap(), Creation::Created);
            let checked = accounts.check(&alice, password("first")).await;
            assert_eq!(checked.unwrap(), Verdict::Match);
        })
        .unwrap();
    }

    #[test]
    fn a_line_that_is_no_account_is_named() {
        let root = tempfile::tempdir().unwrap();
        for wrong in [
            "alice",
            "alice:secret",
            "..:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        ] {
            fs::write(root.path().join(FILE), format!("{wrong}\n")).unwrap();
            let error = Accounts::open(root.path()).err().unwrap().to_string();
            assert!(error.starts_with("line 1 of `"), "{error}");
        }
    }

    #[test]
    fn accounts_have_a_limit() {
        let root = tempfile::tempdir().unwrap();
        let line = |number: usize| {
            format!("u{number}:$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA\n")
        };
        let text: String = (0..MOST_ACCOUNTS).map(line).collect();
        fs::write(root.path().join(FILE), text).unwrap();
        run(async {
            let accounts = Accounts::open(root.path()).unwrap();
            let error = accounts.create(&user("more"), password("a")).await;
            let error = error.unwrap_err().to_string();
            assert_eq!(error, "there are 10000 accounts already");
        })
        .unwrap();
    }
}
