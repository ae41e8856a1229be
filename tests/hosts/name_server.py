"""A name server for tests, on 127.0.0.1 port 53: what it answers depends on the first label.

nxdomain, servfail, silent, garbage, loop (a CNAME to itself), many (200 addresses, which only
fit into a stream), cut (says "ask again over TCP", where it never answers); any other name is
127.0.0.1. It says `ready` once it can be asked, then each question.
"""

import socket
import struct
import threading


def labels(packet):
    """The labels of the question, and where it ends."""
    at, found = 12, []
    while packet[at]:
        found.append(packet[at + 1:at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return found, at + 5


def reply(packet, end, answers=b"", count=0, code=0, cut=False):
    flags = 0x8180 | code | (0x0200 if cut else 0)
    header = packet[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0)
    return header + packet[12:end] + answers


def record(kind, data):
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data


def answer(packet, over_tcp):
    """The reply to a question, or None for no reply."""
    found, end = labels(packet)
    kind = struct.unpack(">H", packet[end - 4:end - 2])[0]
    print("asked", ".".join(found), kind, "tcp" if over_tcp else "udp")
    match found[0]:
        case "silent":
            return None
        case "nxdomain":
            return reply(packet, end, code=3)
        case "servfail":
            return reply(packet, end, code=2)
        case "garbage":
            return packet[:2] + b"\xff" * 60
        case "loop":
            return reply(packet, end, record(5, b"\xc0\x0c"), 1)
        case "cut":
            return None if over_tcp else reply(packet, end, cut=True)
        case "many" if not over_tcp:
            return reply(packet, end, cut=True)
        case "many" if kind == 1:
            records = [record(1, bytes([127, 0, 1, last])) for last in range(1, 201)]
            return reply(packet, end, b"".join(records), 200)
        case _ if kind == 1:
            return reply(packet, end, record(1, b"\x7f\x00\x00\x01"), 1)
        case _:
            return reply(packet, end)


def serve_streams(listener):
    held = []
    while True:
        connection, _ = listener.accept()
        held.append(connection)
        threading.Thread(target=serve_stream, args=(connection,), daemon=True).start()


def serve_stream(connection):
    with connection.makefile("rb") as questions:
        while len(length := questions.read(2)) == 2:
            packet = questions.read(struct.unpack(">H", length)[0])
            if (text := answer(packet, True)) is not None:
                connection.sendall(struct.pack(">H", len(text)) + text)


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 53))
streams = socket.create_server(("127.0.0.1", 53))
threading.Thread(target=serve_streams, args=(streams,), daemon=True).start()
print("ready")
while True:
    question, asker = datagrams.recvfrom(4096)
    if (text := answer(question, False)) is not None:
        datagrams.sendto(text, asker)
