//! Hosts made of network namespaces, joined by cables of their own.
//!
//! A host lives in a network and a mount namespace that a waiting process holds; they are gone
//! when it ends, and it ends with the test. Nothing has a name outside, so any number of test runs
//! at once never meet, and a port that is fixed inside a host is nobody else's. Works as root and,
//! where users may make namespaces of their own, without.

use super::process::{Output, finish, netkit};
use super::{PATIENCE, becomes_true};
use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::NamedTempFile;

/// What the process that holds namespaces does once it has them: wait for its input to end.
const HOLD: &str = "echo ready && exec cat > /dev/null";

/// A host of its own, with its loopback up and nothing else: no route, no firewall.
pub(crate) struct Host {
    holder: Holder,
    links: Cell<u32>,
    files: RefCell<Vec<NamedTempFile>>,
}

impl Host {
    /// A new host; the test fails with what is missing where none can be made.
    pub(crate) fn new() -> Self {
        let mut command = ground().command();
        command.args(["unshare", "--net", "--mount", "--propagation", "private"]);
        command.args(["sh", "-ec", &format!("ip link set lo up; {HOLD}")]);
        let holder = Holder::start(command)
            .unwrap_or_else(|error| panic!("cannot make a network namespace: {error}"));
        let host = Self {
            holder,
            links: Cell::new(0),
            files: RefCell::default(),
        };
        // Of ICMP errors only the first few a second are sent otherwise, which real checks have to
        // live with and tests of what each of them means do not.
        host.sysctl("net/ipv4/icmp_ratelimit", "0");
        host.sysctl("net/ipv6/icmp/ratelimit", "0");
        host
    }

    /// `command`, to be run on this host.
    pub(crate) fn enter(&self, command: &Command) -> Command {
        let mut entering = Command::new("nsenter");
        entering.args(["--target", &self.holder.id(), "--net", "--mount"]);
        entering.args(ground().to_enter());
        entering.arg("--").arg(command.get_program());
        entering.args(command.get_args());
        entering
    }

    /// netkit with `arguments`, to be run on this host.
    pub(crate) fn netkit(&self, arguments: &[&str]) -> Command {
        self.enter(&netkit(arguments))
    }

    /// Runs netkit on this host to its end, without input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        finish(self.netkit(arguments), b"", PATIENCE)
    }

    /// A Python program with `arguments`, to be run on this host.
    pub(crate) fn python(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.args(["-u", "-c", program]).args(arguments);
        self.enter(&command)
    }

    /// Runs a shell script on this host; it must succeed. Returns what it prints.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-ec", script]);
        let output = finish(self.enter(&command), b"", PATIENCE);
        assert!(output.status.success(), "`{script}` failed: {output:?}");
        output.stdout
    }

    /// Lays a cable to `other`, with `ours` and `theirs` as the addresses of its two ends, such as
    /// `10.0.0.1/24` or `fd00::1/64`. Carries packets when this returns. The first cable of a host
    /// is its interface `link0`.
    pub(crate) fn link(&self, other: &Self, ours: &[&str], theirs: &[&str]) {
        let (near, far) = (self.next_link(), other.next_link());
        let peer = other.holder.id();
        self.shell(&format!(
            "ip link add {near} type veth peer name {far} netns {peer}"
        ));
        self.configure(&near, ours);
        other.configure(&far, theirs);
        self.wait_for_carrier(&near);
        other.wait_for_carrier(&far);
    }

    /// Sends packets on that come from one cable and belong to another.
    pub(crate) fn forward_packets(&self) {
        self.sysctl("net/ipv4/ip_forward", "1");
        self.sysctl("net/ipv6/conf/all/forwarding", "1");
    }

    /// Adds firewall rules, in nft's words, to the chain of packets on their way `hook`: `input`,
    /// `output` or `forward`.
    #[track_caller]
    pub(crate) fn firewall(&self, hook: &str, rules: &str) {
        self.nft(&format!(
            "table inet filter {{ chain {hook} {{ type filter hook {hook} priority 0\n{rules}\n}}\n}}"
        ));
    }

    /// Adds a whole nft rule set.
    #[track_caller]
    pub(crate) fn nft(&self, rules: &str) {
        let mut command = Command::new("nft");
        command.args(["-f", "-"]);
        let output = finish(self.enter(&command), rules.as_bytes(), PATIENCE);
        assert!(output.status.success(), "nft refuses {rules}: {output:?}");
    }

    /// Sets a kernel setting, by its path below `/proc/sys`.
    #[track_caller]
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        self.shell(&format!("echo '{value}' > /proc/sys/{path}"));
    }

    /// Asks unknown neighbours for 0.3 s, not for 3 s, before they count as absent.
    pub(crate) fn give_up_on_neighbours_early(&self, link: &str) {
        self.sysctl(&format!("net/ipv4/neigh/{link}/retrans_time_ms"), "100");
        self.sysctl(&format!("net/ipv6/neigh/{link}/retrans_time_ms"), "100");
    }

    /// What `/etc/hosts` says on this host from now on.
    pub(crate) fn hosts_file(&self, text: &str) {
        self.lay_over("/etc/hosts", text);
    }

    /// What `/etc/resolv.conf` says on this host from now on; names come from there and from the
    /// hosts file alone.
    pub(crate) fn resolv_conf(&self, text: &str) {
        self.lay_over("/etc/resolv.conf", text);
        self.lay_over("/etc/nsswitch.conf", "hosts: files dns\n");
    }

    /// Names come from the hosts file alone: of any other it is known that there is none.
    pub(crate) fn hosts_file_alone(&self) {
        self.lay_over("/etc/nsswitch.conf", "hosts: files\n");
    }

    /// One of the kernel's counters of this host, for example `ListenOverflows`.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/net/netstat", self.holder.id());
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
        let lines: Vec<&str> = text.lines().collect();
        let found = lines.chunks(2).find_map(|pair| {
            let at = pair[0].split(' ').position(|word| word == name)?;
            pair[1].split(' ').nth(at)?.parse().ok()
        });
        found.unwrap_or_else(|| panic!("no counter {name} in {path}"))
    }

    fn next_link(&self) -> String {
        let number = self.links.get();
        self.links.set(number + 1);
        format!("link{number}")
    }

    fn configure(&self, link: &str, addresses: &[&str]) {
        // Nobody else is on the cable: to look for duplicates would only take a second.
        self.sysctl(&format!("net/ipv6/conf/{link}/accept_dad"), "0");
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            self.shell(&format!("ip address add {address} dev {link} {nodad}"));
        }
        self.shell(&format!("ip link set {link} up"));
    }

    /// The kernel throws packets away until it has noticed that both ends are up; the last to
    /// notice is IPv6, which then has its link-local address.
    fn wait_for_carrier(&self, link: &str) {
        let show = format!(
            "ip -oneline link show dev {link}; ip -6 -oneline address show dev {link} scope link"
        );
        let up = becomes_true(PATIENCE, || {
            let shown = self.shell(&show);
            shown.contains("state UP") && shown.contains("fe80:") && !shown.contains("tentative")
        });
        assert!(up, "{link} does not come up: {}", self.shell(&show));
    }

    fn lay_over(&self, path: &str, text: &str) {
        assert!(Path::new(path).exists(), "there is no {path} to be covered");
        let mut file = NamedTempFile::new().expect("cannot make a temporary file");
        file.write_all(text.as_bytes())
            .expect("cannot write a temporary file");
        self.shell(&format!("mount --bind '{}' {path}", file.path().display()));
        self.files.borrow_mut().push(file);
    }
}

/// `command` on a kernel that has no IPv6: every socket of that family is refused.
pub(crate) fn without_ipv6(command: &Command) -> Command {
    let mut filtered = Command::new("python3");
    filtered.args(["-c", include_str!("without_ipv6.py")]);
    filtered.arg(command.get_program()).args(command.get_args());
    filtered
}

/// Where namespaces are made: as root, or in a user namespace that all hosts of this test run
/// share, because both ends of a cable need the same one.
enum Ground {
    Root,
    User(Holder),
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        let mut directly = Command::new("unshare");
        directly.args(["--net", "--mount", "sh", "-c", HOLD]);
        let Err(as_root) = Holder::start(directly) else {
            return Ground::Root;
        };
        let mut as_user = Command::new("unshare");
        as_user.args(["--user", "--map-root-user", "sh", "-c", HOLD]);
        Holder::start(as_user).map_or_else(
            |as_user| {
                panic!(
                    "cannot make network namespaces: these tests need root, or a kernel that \
                     lets users make namespaces (sysctl kernel.unprivileged_userns_clone, \
                     user.max_user_namespaces), and `unshare`, `nsenter` and `ip`\n\
                     as root: {as_root}\nas a user: {as_user}"
                )
            },
            Ground::User,
        )
    })
}

impl Ground {
    /// A command that goes on with the words that follow.
    fn command(&self) -> Command {
        match self {
            Self::Root => Command::new("env"),
            Self::User(holder) => {
                let mut command = Command::new("nsenter");
                command.args(["--target", &holder.id()]);
                command.args(self.to_enter()).arg("--");
                command
            }
        }
    }

    fn to_enter(&self) -> &'static [&'static str] {
        match self {
            Self::Root => &[],
            Self::User(_) => &["--user", "--preserve-credentials"],
        }
    }
}

/// A process that holds namespaces until it is dropped, or the test process is gone.
struct Holder(Child);

impl Holder {
    /// Starts `command` and waits until it says `ready`.
    fn start(mut command: Command) -> Result<Self, String> {
        let described = format!("{command:?}");
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {described}: {error}"))?;
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let mut stderr = child.stderr.take().expect("standard error is a pipe");
        let mut line = String::new();
        // What cannot be read is not `ready`, and then the other stream says why.
        drop(BufReader::new(stdout).read_line(&mut line));
        let holder = Self(child);
        if line == "ready\n" {
            return Ok(holder);
        }
        let mut why = String::new();
        drop(stderr.read_to_string(&mut why));
        Err(format!("{described}: {}", why.trim()))
    }

    fn id(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}
