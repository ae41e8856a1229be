//! What HTTP's headers say of files: paths, ranges, conditions (RFC 9110).
//!
//! Messages are hyper's affair; this is what a server of files makes of the
//! values in them.

pub mod conditions;
pub mod path;
pub mod range;
