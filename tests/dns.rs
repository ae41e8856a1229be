//! `dns://` from outside: what real name servers answer, and what is made of wrong answers.

/// A scripted name server that lies, loses, cuts and forges.
mod liar;

/// unbound and dnsmasq with records of their own.
mod servers;
