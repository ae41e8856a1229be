"""Types into the client on a terminal of its own, while somebody else adds updates."""
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

program, port = sys.argv[1], sys.argv[2]
DEADLINE = time.monotonic() + 15


def left():
    seconds = DEADLINE - time.monotonic()
    assert seconds > 0, 'too late'
    return seconds


class Client:
    """The client on a terminal of 40 columns."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 40, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.shown = b''

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [program, 'probe', 'document', '127.0.0.1:' + port],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=own_terminal,
        )
        while termios.tcgetattr(self.slave)[3] & termios.ICANON:
            left()
            time.sleep(0.002)

    def type(self, keys):
        os.write(self.master, keys)

    def expect(self, text):
        """Waits for the text, and forgets all up to it."""
        while text not in self.shown:
            ready, _, _ = select.select([self.master], [], [], left())
            assert ready, (text, self.shown)
            self.shown += os.read(self.master, 4096)
        self.shown = self.shown.split(text, 1)[1]

    def ends(self, status):
        assert self.process.wait(left()) == status, self.process.returncode
        after = termios.tcgetattr(self.slave)
        assert after == self.before, (self.before, after)


def other():
    return socket.create_connection(('127.0.0.1', int(port)), timeout=10)


def say(connection, text):
    payload = text.encode()
    connection.sendall(f'{len(payload):<10}'.encode() + payload)


def hear(connection):
    stream = connection.makefile('rb', buffering=0)

    def exactly(count):
        data = b''
        while len(data) < count:
            more = stream.read(count - len(data))
            assert more, 'closed'
            data += more
        return data

    return exactly(int(exactly(10))).decode()


ERASE = b'\r\x1b[K'
client, friend = Client(), other()

# What is being typed is taken away for an update, and is there again after it.
client.type(b'hel')
client.expect(ERASE + b'hel')
say(friend, 'from afar\x1b[31m\n')
client.expect(ERASE + b'Document updated: from afar\\u{1b}[31m\r\n' + ERASE + b'hel')

# Keys edit the line, and only its end sends it.
client.type(b'p\x7fo gr\xc3')
client.expect(ERASE + b'helo gr')
client.type(b'\xbcnx\x1b[D\x08')
client.expect(ERASE + 'helo grün'.encode())
client.type(b'\r')
client.expect(ERASE + 'helo grün\r\n'.encode())
assert hear(friend) == 'helo grün\n'

# A long line stays in one row.
client.type(b'0123456789' * 6)
client.expect(ERASE + b'1234567890123456789012345678901234567890'[:39][-39:])
client.type(b'\x15')
client.expect(ERASE)

# After it was stopped it takes the terminal over again.
client.type(b'kept')
client.expect(ERASE + b'kept')
os.kill(client.process.pid, signal.SIGSTOP)
termios.tcsetattr(client.slave, termios.TCSANOW, client.before)
os.kill(client.process.pid, signal.SIGCONT)
client.expect(ERASE + b'kept')
assert not termios.tcgetattr(client.slave)[3] & termios.ICANON

# Every end gives the terminal back as it was.
client.type(b'\x15\x04')
client.ends(0)
client = Client()
client.expect(b'Document updated: ')
client.type(b'half a line\x03')
client.ends(130)
for number, status in [(signal.SIGTERM, 143), (signal.SIGHUP, 130), (signal.SIGQUIT, 130)]:
    client = Client()
    client.expect(b'Document updated: ')
    client.process.send_signal(number)
    client.ends(status)
say(friend, 'more')
friend.shutdown(socket.SHUT_WR)
while friend.recv(100):
    pass
print('as it should be')
