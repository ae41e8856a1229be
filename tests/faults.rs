//! What the echo server must survive. System calls are spoilt by strace on the running server.

/// `accept` fails in every way it can.
mod accepting;

/// Out of descriptors.
mod exhaustion;

/// Clients that reset, never read, dribble, or come and go in one packet.
mod hostile;

/// Reads and writes fail, come short, or come for nothing.
mod moving;

/// How many system calls a message costs, and interrupted waits.
mod waiting;
