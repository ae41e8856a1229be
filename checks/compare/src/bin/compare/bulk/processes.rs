//! Processes that are to end by themselves, in time.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use netkit_compare::epoll::{Epoll, EventFlags};
use netkit_compare::watch;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// How long one may take until it listens.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process, and the `cat`s before and behind it.
#[derive(Debug)]
pub(super) struct Chain {
    /// What it is about.
    pub(super) process: Running,
    cats: Vec<Running>,
}

/// Where in a chain there are `cat`s.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cats {
    /// The process reads from a pipe.
    pub(super) before: bool,
    /// It writes into one.
    pub(super) behind: bool,
}

/// A process that runs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    name: String,
}

/// What is known of a process at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// When that was.
    pub(super) at: Instant,
    /// User and system time.
    pub(super) cpu: Duration,
    /// How long it was ready while its CPU was with others.
    pub(super) waited: Duration,
    /// Bytes that it has written, to whatever that was.
    pub(super) written: u64,
}

/// How chains have ended.
#[derive(Debug)]
pub(super) struct Ends {
    /// The processes that they are about, in order.
    pub(super) processes: Vec<Ended>,
    /// Their `cat`s.
    pub(super) cats: Vec<Ended>,
}

impl Chain {
    /// Starts one, from `input` to `output`.
    pub(super) fn start(
        command: Command,
        cats: Cats,
        mut input: Stdio,
        output: Stdio,
    ) -> Result<Self, Box<dyn Error>> {
        let cat = || Command::new("cat");
        let mut all = Vec::new();
        if cats.before {
            let mut before = Running::start(cat(), input, Stdio::piped())?;
            input = before.output()?.into();
            all.push(before);
        }
        if !cats.behind {
            let process = Running::start(command, input, output)?;
            return Ok(Self { process, cats: all });
        }
        let mut process = Running::start(command, input, Stdio::piped())?;
        all.push(Running::start(cat(), process.output()?, output)?);
        Ok(Self { process, cats: all })
    }
}

impl Running {
    /// Starts one.
    fn start(
        mut command: Command,
        input: impl Into<Stdio>,
        output: impl Into<Stdio>,
    ) -> Result<Self, Box<dyn Error>> {
        let name = command.get_program().display().to_string();
        let child = command
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start `{name}`: {error}"))?;
        Ok(Self { child, name })
    }

    /// The pipe that is its output.
    fn output(&mut self) -> Result<ChildStdout, Box<dyn Error>> {
        Ok(self.child.stdout.take().ok_or("no standard output")?)
    }

    /// Waits until something listens at `address`, without connecting: there
    /// may be only one connection.
    pub(super) fn wait_until_listening(
        &mut self,
        address: SocketAddr,
    ) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + PATIENCE;
        while !listens(address)? {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("`{}` ended with {status}", self.name).into());
            }
            if Instant::now() > deadline {
                let name = &self.name;
                return Err(format!("`{name}` does not listen after {PATIENCE:?}").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Its clocks are read while it is ended but still known.
    fn end(&mut self) -> io::Result<(Ended, ExitStatus)> {
        let at = Instant::now();
        let process = self.child.id().cast_signed();
        let ended = Ended {
            at,
            cpu: watch::cpu_time(process),
            waited: watch::waiting_time(process),
            written: watch::written_bytes(process),
        };
        Ok((ended, self.child.wait()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until all have ended, the processes with success; nothing if some had
/// not after `limit`.
pub(super) fn wait_for(
    chains: Vec<Chain>,
    limit: Duration,
) -> Result<Option<Ends>, Box<dyn Error>> {
    let deadline = Instant::now() + limit;
    let mut epoll = Epoll::new()?;
    let (mut all, mut cats) = (Vec::new(), Vec::new());
    for chain in chains {
        all.push(chain.process);
        cats.extend(chain.cats);
    }
    let count = all.len();
    all.append(&mut cats);
    let mut handles = Vec::new();
    for (place, process) in all.iter().enumerate() {
        let pid = Pid::from_child(&process.child);
        let handle = pidfd_open(pid, PidfdFlags::empty())?;
        epoll.add(&handle, place, EventFlags::IN)?;
        handles.push(handle);
    }
    let mut ended = vec![None; all.len()];
    while ended.contains(&None) {
        let late = epoll.wait_until(deadline)?;
        for index in 0..epoll.count() {
            let (place, _) = epoll.event(index);
            let (end, status) = all[place].end()?;
            // A `cat` fails when its neighbour does; that one is to blame.
            if place < count && !status.success() {
                return Err(format!("`{}` ended with {status}", all[place].name).into());
            }
            ended[place] = Some(end);
            epoll.remove(&handles[place])?;
        }
        if late && ended.contains(&None) {
            return Ok(None);
        }
    }
    let mut processes: Vec<_> = ended.into_iter().flatten().collect();
    let cats = processes.split_off(count);
    Ok(Some(Ends { processes, cats }))
}

/// Whether a TCP socket listens at exactly this IPv4 address and port.
fn listens(address: SocketAddr) -> io::Result<bool> {
    let IpAddr::V4(host) = address.ip() else {
        return Ok(false);
    };
    // proc_net(5): the address as the number that it is in memory; 0A is LISTEN.
    let place = format!(
        "{:08X}:{:04X}",
        u32::from_ne_bytes(host.octets()),
        address.port()
    );
    let text = fs::read_to_string("/proc/net/tcp")?;
    Ok(text.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&place) && fields.nth(1) == Some("0A")
    }))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::net::TcpListener;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::{Cats, Chain, Ends, listens, wait_for};
    use crate::server::own_address;

    fn chain(script: &str) -> Result<Chain, Box<dyn Error>> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let cats = Cats {
            before: true,
            behind: true,
        };
        Chain::start(command, cats, Stdio::null(), Stdio::null())
    }

    fn end_of(script: &str, limit: Duration) -> Result<Option<Ends>, Box<dyn Error>> {
        wait_for(vec![chain(script)?], limit)
    }

    #[test]
    fn all_of_a_chain_ends_and_is_counted() -> Result<(), Box<dyn Error>> {
        let ends = end_of("printf 12345", Duration::from_secs(60))?.ok_or("stuck")?;
        assert_eq!((ends.processes.len(), ends.cats.len()), (1, 2));
        assert_eq!(ends.processes[0].written, 5);
        Ok(())
    }

    #[test]
    fn who_does_not_end_is_told_from_who_fails() -> Result<(), Box<dyn Error>> {
        let stuck = end_of("exec sleep 600", Duration::from_millis(50))?;
        assert!(stuck.is_none());
        let failed = end_of("exit 3", Duration::from_secs(60));
        assert!(failed.is_err_and(|it| it.to_string().contains("exit status: 3")));
        Ok(())
    }

    #[test]
    fn a_listener_is_seen_without_a_connection() -> Result<(), Box<dyn Error>> {
        let listener = TcpListener::bind((own_address(), 0))?;
        let address = listener.local_addr()?;
        assert!(listens(address)?);
        drop(listener);
        assert!(!listens(address)?);
        Ok(())
    }
}
