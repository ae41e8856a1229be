//! The wire formats: bytes to values and back, without I/O and without a clock.
//!
//! No peer can make anything here panic.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod cluster;
pub mod coding;
pub mod coordinator;
pub mod datagram;
pub mod dns;
pub mod document;
pub mod echo;
pub mod http;
pub mod input;
pub mod listing;
pub mod peer;
pub mod proxy;
pub mod raw;
pub mod shard;
pub mod starttls;
pub mod store;
