//! cluster
#[allow(dead_code)]
mod election;
