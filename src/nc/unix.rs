//! Unix sockets: their names, and the client of one.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;

use nix::errno::Errno;
use tempfile::TempDir;

use super::console::{Console, Failure, Outcome, reason};
use super::settings::{Settings, Task};
use super::talk::{Talker, Whom};
use crate::finding::Exit;
use crate::net::{Name, Socket, UnixAddress};

/// The longest name of a socket in bytes, with its end (unix(7)).
const LONGEST: usize = 108;

/// Connects to the socket at `path`.
///
/// # Errors
/// Nobody listens there, or what was sent did not arrive.
pub(super) async fn connect(
    path: &str,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Exit> {
    let datagrams = settings.transport.is_datagrams();
    let failed = |error| Failure::system(path, &error);
    let place = system_name(path).map_err(failed)?;
    let socket = Socket::new(Name::Unix(&place), datagrams).map_err(failed)?;
    let _inbox = match datagrams {
        true => bind_inbox(&socket, settings, console)?,
        false => None,
    };
    socket.connect(Name::Unix(&place)).await.map_err(failed)?;
    if settings.task != Task::Scan {
        let mut talker = Talker::new(settings)?;
        let whom = Whom::Server(path.to_owned());
        talker.talk(&socket, &whom).await?;
    }
    Ok(Exit::Good)
}

/// Gives a socket of datagrams a name, so that it can be answered: that of `-s`, or
/// one in a directory of its own, which is gone when it is dropped.
fn bind_inbox(
    socket: &Socket,
    settings: &Settings,
    console: &Console<'_>,
) -> Outcome<Option<TempDir>> {
    let directory = match settings.source.host {
        Some(_) => None,
        None => Some(own_directory().map_err(|error| Failure::system("mkdtemp", &error))?),
    };
    let own = directory.as_ref().map(|it| it.path().join("recv.sock"));
    let own = own.map(|it| it.display().to_string());
    let path = settings.source.host.clone().or(own).unwrap_or_default();
    let place = claim(&path)?;
    let bound = socket.bind(Name::Unix(&place));
    bound.map_err(|error| Failure::system(&path, &error))?;
    console.remark(&format!("Bound on {path}"));
    Ok(directory)
}

/// A directory of this user alone.
fn own_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    let mode = Permissions::from_mode(0o700);
    builder.prefix("nc-").permissions(mode).tempdir()
}

/// The name of a socket that is about to be bound to `path`: one that another has
/// left there is removed, and nothing else is.
///
/// # Errors
/// There is something that is no socket, or the name is too long.
pub(super) fn claim(path: &str) -> Outcome<PathBuf> {
    let place = system_name(path).map_err(|error| Failure::Told(reason(&error)))?;
    match fs::symlink_metadata(&place) {
        Ok(found) if found.file_type().is_socket() => {
            // Whoever is faster has freed it as well; else binding says why not.
            let _ = fs::remove_file(&place);
        }
        Ok(_) => {
            let text = format!("cannot listen on `{path}`: it exists and is no socket");
            return Err(Failure::Told(text));
        }
        Err(_) => {}
    }
    Ok(place)
}

/// The path, or, after `@`, the name in the abstract namespace as the system has it.
fn system_name(path: &str) -> io::Result<PathBuf> {
    if path.len() >= LONGEST {
        return Err(Errno::ENAMETOOLONG.into());
    }
    Ok(UnixAddress::new(path).to_path())
}
