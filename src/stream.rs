//! Above any stream of bytes: the pump between this process's ends and a peer.

mod crlf;
mod pump;
mod tap;

#[cfg(test)]
mod tests;

pub use crlf::Crlf;
pub use pump::{AfterInput, AfterPeer, Cut, Flow, Input, Local, Peer, Terms, pump};
pub use tap::Tap;
