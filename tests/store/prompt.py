import os, pty, select, signal, sys, termios, time

binary, address = sys.argv[1:]

def start():
    global shown, child, terminal
    child, terminal = pty.fork()
    if child == 0:
        os.execv(binary, [binary, "probe", "store", address, "--create", "login"])
    shown = b""

deadline = time.monotonic() + 15

def read():
    global shown
    assert time.monotonic() < deadline, shown
    ready, _, _ = select.select([terminal], [], [], 0.2)
    if ready:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            more = b""
        shown += more
        return more != b""
    return True

def wait(text):
    while text not in shown:
        assert read(), shown

def echoes():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

start()
before = echoes()
wait(b"Username: ")
assert echoes()
os.write(terminal, b"dave\n")
wait(b"Password: ")
assert not echoes()
os.write(terminal, b"hidden words\n")
wait(b"logged in as dave")
assert echoes() == before, "not restored"
while read():
    pass
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert b"hidden" not in shown, shown

# Who is interrupted while typing has the terminal back as it was.
for number in (signal.SIGINT, signal.SIGTERM):
    start()
    wait(b"Username: ")
    os.write(terminal, b"dave\n")
    wait(b"Password: ")
    assert not echoes()
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + number, status
    assert echoes() == before, "not restored"
print("asked, not shown, restored")
