//! `-F`: the connected socket goes to whoever holds the other end of standard
//! output, as `ssh` wants it of its `ProxyUseFdpass` (`ssh_config(5)`).

use std::io::{self, IoSlice, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};

use super::console::{Failure, Outcome};

/// Passes `socket` on.
///
/// # Errors
/// Standard output is no Unix socket, or its other end is gone.
pub(super) fn pass(socket: &impl AsFd) -> Outcome<()> {
    let stdout = io::stdout();
    if stdout.is_terminal() {
        return Err(Failure::told("Cannot pass file descriptor to tty"));
    }
    let descriptors = [socket.as_fd().as_raw_fd()];
    // A message of descriptors alone would be none.
    let byte = [IoSlice::new(&[0])];
    let sent = sendmsg::<()>(
        stdout.as_raw_fd(),
        &byte,
        &[ControlMessage::ScmRights(&descriptors)],
        MsgFlags::empty(),
        None,
    );
    match sent {
        Ok(_) => Ok(()),
        Err(errno) => Err(Failure::system("sendmsg", &errno.into())),
    }
}
