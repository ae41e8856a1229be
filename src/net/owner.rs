//! Which process has a port: what to say of one that is in use.
//!
//! Known on Linux, of processes that this one may look at (proc(5)).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Processes that are looked at.
const MOST_PROCESSES: usize = 16 * 1024;

/// Descriptors of a process that are looked at.
const MOST_DESCRIPTORS: usize = 4 * 1024;

/// The state of a TCP socket that listens, as the kernel writes it.
const LISTENS: &str = "0A";

/// The name and number of a process that has the port, if it can be told.
pub(super) fn of_port(port: u16, datagrams: bool) -> Option<String> {
    let tables = match datagrams {
        true => ["/proc/net/udp", "/proc/net/udp6"],
        false => ["/proc/net/tcp", "/proc/net/tcp6"],
    };
    let tables = tables.map(|it| fs::read_to_string(it).unwrap_or_default());
    let sockets: Vec<String> = tables
        .iter()
        .flat_map(|it| sockets(it, port, datagrams))
        .collect();
    let entries = fs::read_dir("/proc").ok()?.flatten();
    // Beside the processes stands `self`, among others.
    let is_process = |name: &OsStr| name.as_bytes().iter().all(u8::is_ascii_digit);
    let processes = entries.filter(|it| is_process(&it.file_name()));
    let mut processes = processes.take(MOST_PROCESSES);
    let owner = processes.find(|it| has_any(&it.path().join("fd"), &sockets).unwrap_or(false))?;
    let name = fs::read_to_string(owner.path().join("comm")).ok()?;
    let number = owner.file_name();
    Some(format!("`{}`, process {}", name.trim(), number.display()))
}

/// The descriptors' names of the table's sockets on that port.
fn sockets(table: &str, port: u16, datagrams: bool) -> Vec<String> {
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, local, _, state, ..] = fields[..] else {
            return None;
        };
        let is_it = local.ends_with(&port) && (datagrams || state == LISTENS);
        is_it.then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
    });
    rows.collect()
}

fn has_any(descriptors: &Path, sockets: &[String]) -> io::Result<bool> {
    let descriptors = fs::read_dir(descriptors)?.flatten();
    let mut links = descriptors
        .take(MOST_DESCRIPTORS)
        .filter_map(|it| fs::read_link(it.path()).ok());
    Ok(links.any(|link| sockets.iter().any(|it| link.as_os_str() == it.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_this_process_is_known_to_be_its() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let owner = of_port(port, false).unwrap();
        let number = std::process::id();
        assert!(owner.ends_with(&format!(", process {number}")), "{owner}");
        drop(listener);
        assert_eq!(of_port(port, false), None);
    }
}
