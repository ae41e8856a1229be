//! Addresses and sockets: resolve, dial, listen, and streams of bytes.
//!
//! Everything here is a thin, honest layer over the kernel's sockets and the
//! loop of `reactor`: what failed comes back as plain findings (state, reason,
//! evidence), and nothing is printed.

mod child;
mod connect;
mod descriptors;
mod dial;
mod evidence;
mod failure;
mod families;
mod listen;
mod listeners;
mod owned;
mod owner;
mod prompt;
pub mod proxy;
mod resolve;
mod socket;
mod stdio;
mod stream;
mod terminal;
mod tls;
mod udp;
mod unix;
mod wire;

#[cfg(test)]
mod tests;

pub use child::{Child, ChildInput, ChildOutput};
pub use connect::{Begun, Close, Connecting, Opened, Origin, begin_connect, begin_connect_from};
pub use descriptors::{raise_descriptor_limit, restore_descriptor_limit, room_for_clients};
pub use dial::{Attempted, DialError, Dialed, dial, dial_from, dial_resolved};
pub use failure::{Failure, is_exhaustion};
pub use families::Families;
pub use listen::{BindError, Bound, Listening, TcpListener, bind_udp, listen};
pub use listeners::explain_refusal;
pub use prompt::{Echo, ask};
pub use resolve::{ResolveError, Resolved, host_with_port, resolve, service_port};
pub use socket::{Name, Socket};
pub use stdio::{Inherited, stderr, stdin, stdout};
pub use stream::{Finish, Stream, TcpStream};
pub use terminal::Keyboard;
pub use tls::{
    HandshakeError, Identity, Objection, Secured, ServerStream, TlsStream, Trust,
    read_certificates, refusal, secure, server_name,
};
pub use udp::{Envelope, UdpSocket};
pub use unix::{UnixAddress, UnixListener, UnixStream, unix_failure};
pub use wire::Wire;
