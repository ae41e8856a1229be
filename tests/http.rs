//! `http://` from outside: what a real server answers, where it sends on to, and what servers do
//! that misbehave.

/// Statuses, headers, bodies and times.
mod answers;

/// Servers that dribble, flood, cut, reset, or speak something else.
mod hostile;

/// A name with a thousand addresses.
mod many;

/// The real server that these tests ask.
mod nginx;

/// Redirects: shown, followed, endless, and those that lead astray.
mod redirects;
