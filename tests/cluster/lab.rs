//! Members that were written from the description of the protocol alone, with the lab's words and
//! none of ours.

use super::forwarding::TAKE;
use super::{Site, address};
use crate::support::PATIENCE;
use crate::support::process::Process;

/// A member: its number, its address, its files as `name=content`, or `name=*size`, then the members that lead it
/// to others' files, as addresses. A request of it ends with a line end, the half-close, or a
/// pause.
const MEMBER: &str = r"
import socket, sys, threading
own, (host, port) = sys.argv[1], sys.argv[2].rsplit(':', 1)
files = dict(it.split('=') for it in sys.argv[3].split(',') if it)
others = sys.argv[4:]
def fetch(at, name):
    host, port = at.rsplit(':', 1)
    with socket.create_connection((host, int(port)), timeout=5) as stream:
        stream.sendall(('REQ:' + name).encode())
        return b''.join(iter(lambda: stream.recv(65536), b''))
def answer(client):
    client.settimeout(0.3)
    request = b''
    try:
        while not request.endswith(b'\n'):
            piece = client.recv(1024)
            if not piece:
                break
            request += piece
    except TimeoutError:
        pass
    client.settimeout(5)
    word = request.decode().strip()
    if word.startswith('ID:'):
        client.sendall(b'ID:%d\n' % int(own))
    elif word.startswith('LEADER '):
        print('told', word, flush=True)
        client.sendall(b'OK\n')
    elif word == 'SEND':
        client.sendall(', '.join(files).encode())
    elif word.startswith('REQ:'):
        name = word[4:]
        print('asked', name, flush=True)
        if name in files:
            text = files[name]
            client.sendall(b'x' * int(text[1:]) if text.startswith('*') else text.encode())
        else:
            found = [it for it in (fetch(at, name) for at in others) if it != b'404 Not Found']
            client.sendall(found[0] if found else b'404 Not Found')
    client.close()
listener = socket.create_server((host, int(port)))
print('listening', flush=True)
while True:
    threading.Thread(target=answer, args=listener.accept()[:1], daemon=True).start()
";

fn member(site: &Site, id: usize, files: &str, others: &[&str]) -> Process {
    let (own, at) = (id.to_string(), address(id));
    let arguments = [&[own.as_str(), &at, files], others].concat();
    let member = Process::start(site.host.python(MEMBER, &arguments));
    member.stdout.wait_for_line("listening", PATIENCE);
    member
}

#[test]
fn a_member_of_the_lab_is_led_and_its_files_are_had() {
    let site = Site::new(3);
    let other = member(&site, 3, "theirs=from the lab,empty=", &[&address(1)]);
    let first = site.start(1, &[]);
    let _second = site.start(2, &[]);
    site.wait_for_leader(2, 1);
    other.stdout.wait_for_line("told LEADER 1", PATIENCE);
    for id in [1, 2] {
        let came = site.say(id, "REQ:theirs", "pause");
        assert_eq!(came, "from the lab");
        assert_eq!(site.say(id, "REQ:empty", "end"), "");
        let output = site
            .probe(id, &["get", "theirs", "--wait", "20s"])
            .expect_code(0);
        assert_eq!(output.stdout, "from the lab");
    }
    first.wait_for_log("member 3 does not answer GET");
    // Its length is known before the first byte: all of it is kept until then.
    assert_eq!(
        site.say(1, "GET theirs\n", "pause"),
        "FOUND 12\nfrom the lab"
    );
    assert_eq!(site.say(3, "REQ:only2", "pause"), "content 2");
    let missing = site.say(2, "REQ:nothing", "pause");
    assert_eq!(missing, "404 Not Found");
    let output = site.probe(2, &["files"]).expect_code(0);
    assert!(output.stdout.contains("3 theirs\n"), "{output:?}");
}

#[test]
fn a_leader_of_the_lab_is_asked_in_its_words() {
    let site = Site::new(2);
    let _leader = member(&site, 1, "theirs=from the lab", &[]);
    let _second = site.start(2, &[]);
    site.wait_for_leader(2, 1);
    assert_eq!(site.say(2, "REQ:theirs", "end"), "from the lab");
    assert_eq!(site.say(2, "REQ:nothing", "end"), "404 Not Found");
    // It cannot be asked who leads, only for its files; and a cut would look like their end.
    let output = site.probe(1, &["get", "theirs"]).expect_code(0);
    assert_eq!(output.stdout, "from the lab");
    assert!(
        output.stderr.contains("a cut would look like its end"),
        "{output:?}"
    );
    let output = site
        .probe(1, &["get", "nothing", "--exit-detail"])
        .expect_code(17);
    assert!(
        output.stderr.contains("has the file `nothing`"),
        "{output:?}"
    );
    site.probe(1, &["leader", "--exit-detail"]).expect_code(15);
}

#[test]
fn a_request_that_comes_back_is_not_sent_on_again() {
    let site = Site::new(2);
    // A leader that asks whoever asks it, for ever.
    let leader = member(&site, 1, "", &[&address(2)]);
    let second = site.start(2, &[]);
    site.wait_for_leader(2, 1);
    // Its own request is reset, and what it makes of that is a file without a byte.
    assert_eq!(site.say(2, "REQ:nothing", "end"), "");
    leader.stdout.wait_for_line("asked nothing", PATIENCE);
    second.wait_for_log("it is being asked for by REQ already → reset");
    let asked = leader.stdout.count_lines_with("asked nothing");
    assert_eq!(asked, 1, "{}", leader.stdout.so_far());
}

#[test]
fn many_have_a_file_of_the_lab_at_once_and_a_slow_one_is_in_nobody_s_way() {
    const SIZE: usize = 32 << 20;
    let site = Site::new(2);
    let other = member(&site, 2, &format!("theirs=*{SIZE}"), &[]);
    let first = site.start(1, &[]);
    site.wait_for_leader(1, 1);
    other.stdout.wait_for_line("told LEADER 1", PATIENCE);
    let take = || Process::start(site.host.python(TAKE, &[&address(1), "theirs"]));
    let mut slow = take();
    slow.stdout.wait_for_line("begun", PATIENCE);
    let mut five: Vec<Process> = (0..5).map(|_| take()).collect();
    for ordinary in &mut five {
        drop(ordinary.take_stdin());
    }
    for mut ordinary in five {
        let output = ordinary.end(PATIENCE).expect_code(0);
        assert_eq!(output.stdout, format!("begun\nend {SIZE}\n"));
    }
    drop(slow.take_stdin());
    let output = slow.end(PATIENCE).expect_code(0);
    assert_eq!(output.stdout, format!("begun\nend {SIZE}\n"));
    let given_up = first.log().count_lines_with("by REQ already");
    assert_eq!(given_up, 0, "{}", first.log().so_far());
}
