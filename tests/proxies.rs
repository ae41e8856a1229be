//! `netkit connect --proxy`: real proxies of Debian's packages, and scripted ones.

/// tinyproxy: HTTP's CONNECT.
mod http;

/// Names that only the proxy can resolve.
mod names;

/// Proxies that answer wrongly, partly, too much or not at all.
mod scripted;

/// A host with an echo server and a proxy.
mod site;

/// microsocks, Dante and OpenSSH: SOCKS5, SOCKS4 and SOCKS4A.
mod socks;

/// TLS through a proxy, which never falls back to plain text.
mod tls;
