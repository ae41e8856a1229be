"""A server that agrees on TLS with every client: CERTIFICATE KEY [VERSION [PREAMBLE]].

VERSION is 1.2, 1.3 or any. PREAMBLE names what is exchanged in plain text before: a protocol,
a protocol and `-no` (refuses), or a protocol and `-glued` (bytes follow the go-ahead). With the
preamble `silent`, `reset`, `close` or `plain` there is no TLS at all.
"""

import socket
import ssl
import struct
import sys
import threading


def line(stream, want):
    got = b""
    while not got.endswith(b"\n"):
        byte = stream.recv(1)
        if not byte:
            raise EOFError
        got += byte
    assert got.upper().startswith(want), got


def exactly(stream, count):
    got = b""
    while len(got) < count:
        more = stream.recv(count - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def smtp(stream, go):
    stream.sendall(b"220-hello\r\n220 there\r\n")
    line(stream, b"EHLO")
    stream.sendall(b"250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n")
    line(stream, b"STARTTLS")
    stream.sendall(b"220 go ahead\r\n" if go else b"454 not now\r\n")


def ftp(stream, go):
    stream.sendall(b"220 hello\r\n")
    line(stream, b"AUTH TLS")
    stream.sendall(b"234 go ahead\r\n" if go else b"502 no\r\n")


def imap(stream, go):
    stream.sendall(b"* OK hello\r\n")
    line(stream, b"A1 STARTTLS")
    stream.sendall(b"* CAPABILITY IMAP4rev1\r\na1 OK begin\r\n" if go else b"a1 NO sorry\r\n")


def pop3(stream, go):
    stream.sendall(b"+OK hello\r\n")
    line(stream, b"STLS")
    stream.sendall(b"+OK begin\r\n" if go else b"-ERR no\r\n")


def ldap(stream, go):
    request = exactly(stream, 31)
    assert request.endswith(b"1.3.6.1.4.1.1466.20037"), request
    code = b"\x00" if go else b"\x34"
    stream.sendall(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01" + code + b"\x04\x00\x04\x00")


def postgres(stream, go):
    assert exactly(stream, 8) == struct.pack("!II", 8, 80877103)
    stream.sendall(b"S" if go else b"N")


def mysql(stream, go):
    capabilities = 0xFFFF if go else 0xF7FF
    body = b"\x0a8.0.36\0" + b"\0" * 4 + b"s" * 8 + b"\0" + struct.pack("<H", capabilities)
    stream.sendall(struct.pack("<I", len(body)) + body)
    if go:
        request = exactly(stream, 36)
        assert request[:4] == b"\x20\0\0\x01" and request[5] & 0x08, request


def xmpp(stream, go):
    exactly(stream, 50)
    offer = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" if go else b""
    stream.sendall(b"<stream:stream><stream:features>" + offer + b"</stream:features>")
    if go:
        while not stream.recv(1, socket.MSG_PEEK) == b"":
            if b"<starttls" in stream.recv(1000):
                break
        stream.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


def no_tls(stream, how):
    if how == "reset":
        stream.recv(1)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif how == "plain":
        stream.sendall(b"SSH-2.0-test\r\n")
        while stream.recv(1000):
            pass
    elif how == "silent":
        while stream.recv(1000):
            pass


def serve(stream, context, preamble):
    try:
        name, _, how = preamble.partition("-")
        if name in ("silent", "reset", "close", "plain"):
            no_tls(stream, name)
            return
        if name:
            globals()[name](stream, how != "no")
        if how == "glued":
            stream.sendall(b"injected")
        secure = context.wrap_socket(stream, server_side=True)
        while data := secure.recv(1000):
            secure.sendall(data)
        secure.close()
    except (OSError, EOFError, AssertionError) as error:
        print(error, file=sys.stderr, flush=True)
    finally:
        stream.close()


def main(certificate, key, version="any", preamble=""):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if version == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if version == "1.3":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=serve, args=(stream, context, preamble), daemon=True).start()


main(*sys.argv[1:])
