"""Runs a program on a terminal, types a password at each prompt, shows what it said, and whether
the terminal hid what was typed and was set back."""
import os, pty, select, sys, termios, time

passwords, command = sys.argv[1].split(","), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
deadline = time.monotonic() + 15


def echoes():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


before, shown, typed, open_ = echoes(), b"", 0, True
while open_:
    assert time.monotonic() < deadline, shown
    if select.select([terminal], [], [], 0.2)[0]:
        try:
            more = os.read(terminal, 4096)
        except OSError:
            more = b""
        shown, open_ = shown + more, more != b""
    if shown.count(b"Proxy password for") > typed and shown.endswith(b": ") and not echoes():
        os.write(terminal, passwords[typed].encode() + b"\n")
        typed += 1
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(shown.decode().replace("\r\n", "\n"), end="")
print("status", status, "echo", before)
