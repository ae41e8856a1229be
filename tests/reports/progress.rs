//! The bar on a terminal: how many are done, how fast, how long it may take.

use crate::support::PATIENCE;
use crate::support::namespace::Host;
use crate::support::process::Process;

/// Runs its arguments with a terminal as their standard error, and shows what comes there.
const ON_A_TERMINAL: &str = "
import os, subprocess, sys
ours, theirs = os.openpty()
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=theirs)
os.close(theirs)
try:
    while data := os.read(ours, 4096):
        print(data.decode(errors='replace').replace('\\r', '\\n'), flush=True)
finally:
    child.kill()
";

#[test]
fn a_run_of_more_than_a_second_has_a_bar_with_rate_and_time() {
    let host = Host::new();
    host.firewall("input", "tcp dport 22 drop");
    let netkit = env!("CARGO_BIN_EXE_netkit");
    let arguments = [netkit, "check", "--timeout", "60s", "127.0.0.1:9,22"];
    let process = Process::start(host.python(ON_A_TERMINAL, &arguments));
    let bar = process.stdout.wait_for_line("1/2 checks", PATIENCE);
    assert!(bar.contains("/s, ") && bar.contains(" left"), "{bar}");
}
