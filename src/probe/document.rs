//! document: the client of a shared text, and whether a server speaks its frames.

mod editor;
mod input;
mod pace;
mod scheme;
mod trouble;
mod verb;
mod wire;

pub use scheme::DOCUMENT;
pub use trouble::class;
pub use verb::{Console, Options, probe};
