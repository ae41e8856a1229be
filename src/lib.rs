//! netkit: a netcat replacement and network diagnostics kit on one event loop.
//!
//! The command line is the path to the code: `netkit serve echo` is
//! `serve/echo.rs`, `netkit probe echo` (short: `netkit echo`) is
//! `probe/echo.rs`, and the bytes of both are `protocol/echo.rs`.
//!
//! The modules in layers; each uses only those below it, which a test holds:
//!
//! - [`cli`]: verbs and global flags
//! - [`doctor`]: checks this machine with the verbs below; [`nc`]: netcat
//! - [`check`]: judges targets; [`connect`], [`listen`]: its modern form;
//!   [`report`]: findings for people and machines
//! - [`serve`]: services, one file each
//! - [`probe`]: their clients, one file each
//! - [`transfer`]: from standard input to a peer, and back
//! - [`files`]: beneath a directory, whole or not at all; [`stream`]: the pump
//! - [`net`]: resolve, dial, listen, streams
//! - [`reactor`]: the event loop; [`protocol`]: the wire formats
//! - [`finding`]: states, evidence, records; [`units`]: durations and sizes

pub mod check;
pub mod cli;
pub mod connect;
pub mod doctor;
pub mod files;
pub mod finding;
pub mod listen;
pub mod nc;
pub mod net;
pub mod probe;
pub mod protocol;
pub mod reactor;
pub mod report;
pub mod serve;
pub mod stream;
pub mod transfer;
pub mod units;
