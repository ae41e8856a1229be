//! Bytes without a protocol: plain connections, and conversations over them.

use super::{Question, Scheme, Settings, Transport};

/// `tcp://`: a connection, and a conversation if one is asked for.
pub const TCP: Scheme = Scheme {
    name: "tcp",
    transport: Transport::Tcp,
    default_port: None,
    takes_path: false,
    prepare: prepare_tcp,
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "other schemes' settings may be wrong"
)]
fn prepare_tcp(_path: Option<&str>, _settings: &Settings) -> Result<Question, String> {
    Ok(None)
}
