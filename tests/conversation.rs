//! Conversations step by step: what real and scripted servers answer, judged by `netkit check` and
//! shown by `netkit probe`.

/// Peers that close, reset, dribble, flood or send garbage.
mod failing;

/// Servers that answer as they should, OpenSSH among them.
mod passing;

/// `netkit probe raw`: lines, dumps, records, exit status.
mod showing;

/// Unix sockets: by path and by abstract name, missing, stale, full.
mod sockets;

/// Wrong words on the command line.
mod words;
