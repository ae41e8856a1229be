//! Who logs in, and with which password: from options, files, the environment, or
//! a person at the terminal. Never from the words of the command line, which every
//! user of a machine can read.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::net::{Echo, ask};
use crate::protocol::shard::User;
use crate::protocol::store::{LONGEST_PASSWORD, Password};
use crate::reactor::blocking;

/// Where they are, if no option says otherwise.
const USER: &str = "NETKIT_USER";
const PASSWORD: &str = "NETKIT_PASSWORD";

/// Others than the owner of a file.
const OTHERS: u32 = 0o077;

/// A user and a password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// Where they come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[group(skip)]
pub struct Source {
    /// Who logs in [default: `NETKIT_USER`, else asked for]
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// A file whose first line is the password [default: `NETKIT_PASSWORD`, else asked for]
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// There are none: why, in words.
#[derive(Debug)]
pub struct NoCredentials(String);

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoCredentials {}

impl Source {
    /// Finds both, asking at the terminal for what is not given. Waits in helper
    /// threads; a drop restores the terminal.
    ///
    /// # Errors
    /// They are nowhere, or are none.
    pub async fn find(&self, warn: &dyn Fn(&str)) -> Result<Credentials, NoCredentials> {
        let given = self.user.clone().or_else(|| std::env::var(USER).ok());
        let user = match given {
            Some(user) => user,
            None => asked(ask("Username: ", Echo::On).await, USER)?,
        };
        User::new(&user).map_err(|it| NoCredentials(format!("cannot log in: {it}")))?;
        let password = match (&self.password_file, std::env::var_os(PASSWORD)) {
            (Some(path), _) => {
                // It may be a pipe that nobody writes to.
                let path = path.clone();
                let (password, warning) = blocking(move || read(&path)).await?;
                if let Some(warning) = warning {
                    warn(&warning);
                }
                password
            }
            (None, Some(password)) => password.into_vec(),
            (None, None) => {
                let line = ask("Password: ", Echo::Off).await;
                asked(line, PASSWORD)?.into_bytes()
            }
        };
        let password = Password::new(&password);
        let password = password.map_err(|it| NoCredentials(format!("cannot log in: {it}")))?;
        Ok(Credentials { user, password })
    }
}

fn asked(line: io::Result<String>, variable: &str) -> Result<String, NoCredentials> {
    line.map_err(|error| {
        let option = match variable {
            USER => "--user NAME",
            _ => "--password-file FILE",
        };
        NoCredentials(format!(
            "cannot ask for the user and the password: {error} (hint: {option} or \
             {variable})"
        ))
    })
}

/// The first line of a file, and what is to be warned of.
fn read(path: &Path) -> Result<(Vec<u8>, Option<String>), NoCredentials> {
    let shown = path.display();
    let failed = |error| NoCredentials(format!("cannot read the password in `{shown}`: {error}"));
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    let warning = (mode & OTHERS != 0)
        .then(|| format!("others may read the password in `{shown}` (hint: `chmod 600 {shown}`)"));
    let mut bytes = Vec::new();
    // A line end, and one byte that shows that it is too long.
    let most = LONGEST_PASSWORD as u64 + 3;
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    let end = bytes.iter().position(|it| *it == b'\n');
    bytes.truncate(end.unwrap_or(bytes.len()));
    bytes.pop_if(|it| *it == b'\r');
    Ok((bytes, warning))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use super::*;
    use crate::reactor::run;

    fn find(content: &[u8], mode: u32) -> (Result<Vec<u8>, String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let source = Source {
            user: Some("alice".into()),
            password_file: Some(path),
        };
        let warnings = RefCell::new(Vec::new());
        let warn = |text: &str| warnings.borrow_mut().push(text.to_owned());
        let found = run(source.find(&warn)).unwrap();
        let found = found.map(|it| it.password.bytes().to_vec());
        (found.map_err(|it| it.to_string()), warnings.take())
    }

    #[test]
    fn a_password_is_the_first_line_of_a_file() {
        for content in ["secret", "secret\n", "secret\r\n", "secret\nmore\n"] {
            let (password, warnings) = find(content.as_bytes(), 0o600);
            assert_eq!(password.unwrap(), b"secret");
            assert!(warnings.is_empty());
        }
        let (password, _) = find(b" two words \n", 0o600);
        assert_eq!(password.unwrap(), b" two words ");
    }

    #[test]
    fn what_others_may_read_is_warned_of() {
        let (password, warnings) = find(b"secret", 0o644);
        assert!(password.is_ok());
        assert!(warnings[0].starts_with("others may read the password in `"));
    }

    #[test]
    fn what_is_no_password_is_not_shown() {
        let long = vec![b'x'; LONGEST_PASSWORD + 1];
        for content in [&b""[..], b"\nsecret", &long] {
            let error = find(content, 0o600).0.unwrap_err();
            assert!(error.starts_with("cannot log in: that is no password: "));
            assert!(!error.contains("secret") && !error.contains("xx"));
        }
        let longest = vec![b'x'; LONGEST_PASSWORD];
        assert!(find(&longest, 0o600).0.is_ok());
    }
}
