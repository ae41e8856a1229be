//! document: the client of a shared text, and whether a server speaks its frames.

mod editor;
mod input;
mod scheme;
mod verb;

pub use scheme::DOCUMENT;
pub use verb::{Console, Options, probe};
