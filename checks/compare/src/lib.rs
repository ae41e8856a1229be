//! What the reference servers, the load and the runner share.

pub mod address;
pub mod descriptors;
pub mod epoll;
pub mod pattern;
pub mod samples;
pub mod watch;
