//! shard: the client of a server that keeps blocks, and a check that there is
//! one.

mod failure;
mod session;

#[cfg(test)]
mod tests;

use super::expectations::misplaced_step;
use super::{Question, Scheme, Settings, Transport};
use crate::protocol::shard::PORT;

pub use failure::Failure;
pub use session::Session;

/// Its name, as in `NAME://`.
const NAME: &str = "shard";

/// `shard://`: a connection. Such a server says nothing before it knows whose
/// directory it is to use, and would make one for whomever a check named.
pub const SHARD: Scheme = Scheme {
    name: NAME,
    transport: Transport::Tcp,
    default_port: Some(PORT + 1),
    takes_path: false,
    options: |_| &[],
    prepare,
};

fn prepare(_: Option<&str>, settings: &Settings) -> Result<Question, String> {
    match settings.script.steps.first() {
        Some(step) => Err(misplaced_step(step, NAME)),
        None => Ok(None),
    }
}
