//! coordinator: asks the file service for a file, and learns whether its two
//! sides have the same.

use super::copies::{self, Copies, Head, Service};
use super::{Scheme, Transport};
use crate::protocol::coordinator::{PORT, Reply};

/// The coordinator, to be asked.
pub const SERVICE: Service = Service {
    name: "coordinator",
    port: PORT,
    decode: |input| Ok(Reply::decode(input)?.map(Head::from)),
};

/// `coordinator://`: a file, and what is expected of it.
pub const COORDINATOR: Scheme = Scheme {
    name: SERVICE.name,
    transport: Transport::Tcp,
    default_port: Some(PORT),
    takes_path: true,
    options: |_| &["copies", "sha256"],
    prepare: |path, settings| copies::prepare(&SERVICE, path, settings),
};

impl From<Reply> for Head {
    fn from(reply: Reply) -> Self {
        let copies = match reply {
            Reply::One(_) => Ok(Copies::One),
            Reply::Both(..) => Ok(Copies::Both),
            Reply::NotFound => Ok(Copies::None),
            Reply::BadRequest => Err("it did not take the request for one"),
            Reply::Internal => Err("its own disk failed"),
        };
        Self {
            kind: reply.kind(),
            copies,
            lengths: reply.lengths(),
        }
    }
}
