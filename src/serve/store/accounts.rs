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

use super::carried::to_the_end;
use super::disk;
use super::hashing::Hashing;
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

/// The accounts of a store. Clones share them.
#[derive(Clone)]
pub(super) struct Accounts(Rc<State>);

struct State {
    file: PathBuf,
    hashes: RefCell<BTreeMap<String, String>>,
    hashing: Hashing,
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
            hashing: Hashing::new(),
            creating: Limit::new(1),
        })))
    }

    /// Whether that is the user's password. A drop leaves the queue; those whose
    /// client `has_left` come last in it.
    ///
    /// # Errors
    /// It cannot be computed.
    pub(super) async fn check(
        &self,
        user: &User,
        password: Password,
        has_left: &dyn Fn() -> bool,
    ) -> io::Result<Verdict> {
        let hashing = &self.0.hashing;
        let known = self.0.hashes.borrow().get(user.name()).cloned();
        if let Some(hash) = known {
            return Ok(match hashing.verify(hash, password, has_left).await? {
                true => Verdict::Match,
                false => Verdict::NoMatch,
            });
        }
        // As much work, for nothing.
        hashing.hash(password, has_left).await?;
        Ok(Verdict::Unknown)
    }

    /// Makes an account, durably. A drop leaves the queue, as long as nothing is
    /// written.
    ///
    /// # Errors
    /// It cannot be written, or there are [`MOST_ACCOUNTS`].
    pub(super) async fn create(
        &self,
        user: &User,
        password: Password,
        has_left: &dyn Fn() -> bool,
    ) -> io::Result<Creation> {
        if self.is_taken(user)? {
            return Ok(Creation::Taken);
        }
        let hash = self.0.hashing.hash(password, has_left).await?;
        to_the_end(self.clone().add(user.clone(), hash)).await
    }

    /// Whether there is such an account.
    ///
    /// # Errors
    /// There is none, and no room for one.
    fn is_taken(&self, user: &User) -> io::Result<bool> {
        let hashes = self.0.hashes.borrow();
        if hashes.contains_key(user.name()) {
            return Ok(true);
        }
        if hashes.len() >= MOST_ACCOUNTS {
            let why = format!("there are {MOST_ACCOUNTS} accounts already");
            return Err(io::Error::other(why));
        }
        Ok(false)
    }

    /// Writes an account, unless somebody was faster.
    async fn add(self, user: User, hash: String) -> io::Result<Creation> {
        let _turn = self.0.creating.acquire().await;
        if self.is_taken(&user)? {
            return Ok(Creation::Taken);
        }
        let mut hashes = self.0.hashes.borrow().clone();
        hashes.insert(user.name().to_owned(), hash);
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
            let unknown = accounts
                .check(&user(colons), password("a"), &|| false)
                .await;
            assert_eq!(unknown.unwrap(), Verdict::Unknown);
            let created = accounts
                .create(&user(colons), password("a"), &|| false)
                .await;
            assert_eq!(created.unwrap(), Creation::Created);
            let taken = accounts
                .create(&user(colons), password("b"), &|| false)
                .await;
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
                let checked = accounts
                    .check(&user(colons), password(given), &|| false)
                    .await;
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
            let first = accounts.create(&alice, password("first"), &|| false);
            let second = accounts.create(&alice, password("second"), &|| false);
            let third = accounts.create(&bob, password("third"), &|| false);
            let made = future::zip(first, future::zip(second, third)).await;
            let (faster, slower) = match (made.0.unwrap(), made.1.0.unwrap()) {
                (Creation::Created, Creation::Taken) => ("first", "second"),
                (Creation::Taken, Creation::Created) => ("second", "first"),
                other => panic!("{other:?}"),
            };
            assert_eq!(made.1.1.unwrap(), Creation::Created);
            for (given, verdict) in [(faster, Verdict::Match), (slower, Verdict::NoMatch)] {
                let checked = accounts.check(&alice, password(given), &|| false).await;
                assert_eq!(checked.unwrap(), verdict);
            }
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
            let error = accounts
                .create(&user("more"), password("a"), &|| false)
                .await;
            let error = error.unwrap_err().to_string();
            assert_eq!(error, "there are 10000 accounts already");
        })
        .unwrap();
    }
}
