//! The conversation before somebody is logged in, as a machine: messages and
//! verdicts in, prompts and questions out, without I/O and without a clock.

use crate::protocol::shard::User;
use crate::protocol::store::Password;
use crate::protocol::store::login::{HELLO, Prompt, YES};

/// So many prompts that begin with `E` close the connection.
pub(super) const MOST_FAILURES: u32 = 5;

/// Somebody who is about to log in.
#[derive(Debug, Default)]
pub(super) struct Login {
    expects: Expects,
    failures: u32,
}

/// What the next message is to be.
#[derive(Debug, Default)]
enum Expects {
    /// `HI`.
    #[default]
    Hello,
    /// A username and a password.
    Credentials,
    /// `YES`, or not.
    Consent,
    /// A username and twice a password.
    Account,
    /// Twice a password, of this user.
    Passwords(User),
    /// Nothing, before a verdict.
    Verdict,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This is to be said; another message follows.
    Say(Prompt),
    /// This is to be said, and the connection closed.
    Refuse(Prompt),
    /// The connection is to be closed without a word.
    Close,
    /// Whether that is the user's password; the verdict is for [`Login::checked`].
    Check(User, Password),
    /// An account is to be made; what came of it is for [`Login::created`].
    Create(User, Password),
    /// This is to be said, and the user is logged in.
    Enter(User, Prompt),
}

/// What became of a username and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They belong together.
    Match,
    /// They do not.
    NoMatch,
    /// There is no such user.
    Unknown,
}

/// What became of an account that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creation {
    /// It is there, for good.
    Created,
    /// There is one with that name already.
    Taken,
}

impl Login {
    /// Takes the fields of a message.
    pub(super) fn message(&mut self, fields: &[Vec<u8>]) -> Step {
        let is = |word: &str| matches!(fields, [field] if field == word.as_bytes());
        match std::mem::take(&mut self.expects) {
            // Who comes back from a question may greet again.
            Expects::Hello | Expects::Credentials if is(HELLO) => {
                self.ask(Prompt::Hello, Expects::Credentials)
            }
            Expects::Hello | Expects::Verdict => Step::Close,
            Expects::Credentials => match fields {
                [user, password] => self.credentials(user, password),
                _ => self.malformed(),
            },
            Expects::Consent if is(YES) => self.ask(Prompt::New, Expects::Account),
            Expects::Consent => self.ask(Prompt::Hello, Expects::Credentials),
            Expects::Account => match fields {
                [user, password, again] => match user_of(user) {
                    Some(user) => self.account(user, password, again),
                    None => self.malformed(),
                },
                _ => self.malformed(),
            },
            Expects::Passwords(user) => match fields {
                [password, again] => self.account(user, password, again),
                _ => self.malformed(),
            },
        }
    }

    /// Takes the verdict on what [`Step::Check`] asked.
    pub(super) fn checked(&mut self, user: User, verdict: Verdict) -> Step {
        match verdict {
            Verdict::Match => self.enter(user),
            Verdict::NoMatch => {
                let prompt = Prompt::NoMatch(user.name().into());
                self.fail(prompt, Expects::Credentials)
            }
            Verdict::Unknown => self.fail(Prompt::Unknown, Expects::Consent),
        }
    }

    /// Takes what became of what [`Step::Create`] asked.
    pub(super) fn created(&mut self, user: User, creation: Creation) -> Step {
        match creation {
            Creation::Created => self.enter(user),
            Creation::Taken => self.fail(Prompt::Taken, Expects::Account),
        }
    }

    fn credentials(&mut self, user: &[u8], password: &[u8]) -> Step {
        match (user_of(user), Password::new(password)) {
            (Some(user), Ok(password)) => {
                self.expects = Expects::Verdict;
                Step::Check(user, password)
            }
            _ => self.malformed(),
        }
    }

    fn account(&mut self, user: User, password: &[u8], again: &[u8]) -> Step {
        if password != again {
            return self.fail(Prompt::Different, Expects::Passwords(user));
        }
        match Password::new(password) {
            Ok(password) => {
                self.expects = Expects::Verdict;
                Step::Create(user, password)
            }
            Err(_) => self.malformed(),
        }
    }

    fn enter(&mut self, user: User) -> Step {
        *self = Self::default();
        let prompt = Prompt::Welcome(user.name().into());
        Step::Enter(user, prompt)
    }

    fn malformed(&mut self) -> Step {
        self.fail(Prompt::Malformed, Expects::Credentials)
    }

    fn ask(&mut self, prompt: Prompt, expects: Expects) -> Step {
        self.expects = expects;
        Step::Say(prompt)
    }

    fn fail(&mut self, prompt: Prompt, expects: Expects) -> Step {
        self.failures += 1;
        match self.failures >= MOST_FAILURES {
            true => Step::Refuse(prompt),
            false => self.ask(prompt, expects),
        }
    }
}

/// The user that a field names, if anybody can be called so.
fn user_of(field: &[u8]) -> Option<User> {
    User::new(str::from_utf8(field).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> User {
        User::new(name).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text.as_bytes()).unwrap()
    }

    fn say(login: &mut Login, fields: &[&str]) -> Step {
        let fields: Vec<Vec<u8>> = fields.iter().map(|it| it.as_bytes().to_vec()).collect();
        login.message(&fields)
    }

    fn greeted() -> Login {
        let mut login = Login::default();
        assert_eq!(say(&mut login, &["HI"]), Step::Say(Prompt::Hello));
        login
    }

    fn check(login: &mut Login, name: &str, verdict: Verdict) -> Step {
        let asked = say(login, &[name, "secret"]);
        assert_eq!(asked, Step::Check(user(name), password("secret")));
        login.checked(user(name), verdict)
    }

    /// Somebody unknown who wants an account.
    fn joining() -> Login {
        let mut login = greeted();
        let unknown = check(&mut login, "alice", Verdict::Unknown);
        assert_eq!(unknown, Step::Say(Prompt::Unknown));
        assert_eq!(say(&mut login, &["YES"]), Step::Say(Prompt::New));
        login
    }

    #[test]
    fn who_does_not_greet_is_disconnected() {
        for fields in [&["HELLO"][..], &["HI", "HI"], &["alice", "secret"], &["hi"]] {
            assert_eq!(say(&mut Login::default(), fields), Step::Close);
        }
    }

    #[test]
    fn a_user_with_the_right_password_enters() {
        let mut login = greeted();
        let entered = check(&mut login, "alice", Verdict::Match);
        let welcome = Prompt::Welcome("alice".into());
        assert_eq!(entered, Step::Enter(user("alice"), welcome));
        // After a log-out, everything begins again.
        assert_eq!(say(&mut login, &["alice", "secret"]), Step::Close);
    }

    #[test]
    fn a_wrong_password_is_asked_for_again() {
        let mut login = greeted();
        let no_match = Step::Say(Prompt::NoMatch("alice".into()));
        assert_eq!(check(&mut login, "alice", Verdict::NoMatch), no_match);
        // With or without another greeting.
        assert_eq!(say(&mut login, &["HI"]), Step::Say(Prompt::Hello));
        let entered = check(&mut login, "alice", Verdict::Match);
        assert!(matches!(entered, Step::Enter(..)));
    }

    #[test]
    fn the_fifth_failure_closes() {
        let mut login = greeted();
        for _ in 1..MOST_FAILURES {
            let failed = check(&mut login, "alice", Verdict::NoMatch);
            assert!(matches!(failed, Step::Say(_)));
        }
        let failed = check(&mut login, "alice", Verdict::NoMatch);
        assert_eq!(failed, Step::Refuse(Prompt::NoMatch("alice".into())));
        // Whatever the failures are.
        let mut login = joining();
        assert!(matches!(say(&mut login, &["b", "x", "y"]), Step::Say(_)));
        assert!(matches!(say(&mut login, &["x", "y"]), Step::Say(_)));
        assert!(matches!(say(&mut login, &["x"]), Step::Say(_)));
        let last = say(&mut login, &["x"]);
        assert_eq!(last, Step::Refuse(Prompt::Malformed));
    }

    #[test]
    fn a_login_forgives_the_failures_before() {
        let mut login = greeted();
        for _ in 0..2 {
            for _ in 1..MOST_FAILURES {
                check(&mut login, "alice", Verdict::NoMatch);
            }
            let entered = check(&mut login, "alice", Verdict::Match);
            assert!(matches!(entered, Step::Enter(..)));
            assert_eq!(say(&mut login, &["HI"]), Step::Say(Prompt::Hello));
        }
    }

    #[test]
    fn an_account_is_made_with_consent() {
        let mut login = joining();
        let asked = say(&mut login, &["alice", "new", "new"]);
        assert_eq!(asked, Step::Create(user("alice"), password("new")));
        let entered = login.created(user("alice"), Creation::Created);
        assert!(matches!(entered, Step::Enter(..)));
    }

    #[test]
    fn without_consent_it_is_a_login_again() {
        for answer in [&["NO"][..], &["yes"], &["YES", "YES"], &["alice", "secret"]] {
            let mut login = greeted();
            check(&mut login, "alice", Verdict::Unknown);
            assert_eq!(say(&mut login, answer), Step::Say(Prompt::Hello));
            let entered = check(&mut login, "alice", Verdict::Match);
            assert!(matches!(entered, Step::Enter(..)));
        }
    }

    #[test]
    fn a_name_that_is_taken_is_asked_for_again() {
        let mut login = joining();
        say(&mut login, &["alice", "new", "new"]);
        let taken = login.created(user("alice"), Creation::Taken);
        assert_eq!(taken, Step::Say(Prompt::Taken));
        let asked = say(&mut login, &["bob", "new", "new"]);
        assert_eq!(asked, Step::Create(user("bob"), password("new")));
    }

    #[test]
    fn passwords_that_differ_are_asked_for_again_and_the_name_is_kept() {
        let mut login = joining();
        let differ = say(&mut login, &["bob", "one", "other"]);
        assert_eq!(differ, Step::Say(Prompt::Different));
        let asked = say(&mut login, &["one", "one"]);
        assert_eq!(asked, Step::Create(user("bob"), password("one")));
    }

    #[test]
    fn missing_fields_and_wrong_names_are_badly_formatted() {
        let long = "x".repeat(2000);
        for fields in [
            &["alice"][..],
            &["alice", "a", "b"],
            &["..", "secret"],
            &[".", "secret"],
            &["backup", "secret"],
            &["a/b", "secret"],
            &["a\\b", "secret"],
            &["a\tb", "secret"],
            &["alice", &long],
        ] {
            let mut login = greeted();
            assert_eq!(say(&mut login, fields), Step::Say(Prompt::Malformed));
            // Both are expected again.
            let entered = check(&mut login, "alice", Verdict::Match);
            assert!(matches!(entered, Step::Enter(..)));
        }
        for fields in [&["bob", "x"][..], &["..", "x", "x"], &["backup", "x", "x"]] {
            let mut login = joining();
            assert_eq!(say(&mut login, fields), Step::Say(Prompt::Malformed));
        }
        let mut login = greeted();
        let binary = login.message(&[b"\xff".to_vec(), b"secret".to_vec()]);
        assert_eq!(binary, Step::Say(Prompt::Malformed));
    }
}
