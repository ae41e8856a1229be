"""Serves every port that the README's commands expect open; the first argument is the folder of
the certificate."""

import socket
import ssl
import sys
import threading

HEALTH = b'{"ready": true}\n'


def silent(stream):
    while stream.recv(1000):
        pass


def greet(stream):
    stream.sendall(b"SSH-2.0-test\r\n")
    silent(stream)


def file(stream):
    if stream.recv(1000) == b"GET file1.txt\n":
        stream.sendall(b"OK ONE 6\nhello\n")


def web(stream):
    if stream.recv(1000).startswith(b"GET /health "):
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(HEALTH)
        stream.sendall(head + HEALTH)


def secure(stream):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1] + "/web.pem", sys.argv[1] + "/web.key")
    silent(context.wrap_socket(stream, server_side=True))


def serve(listener, answer):
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=attend, args=(stream, answer), daemon=True).start()


def attend(stream, answer):
    try:
        answer(stream)
    except OSError:
        pass
    stream.close()


PLACES = [
    ("172.31.34.27", 5001, file),
    ("127.0.0.1", 9000, silent),
    ("::1", 443, silent),
    ("127.0.0.2", 5432, silent),
    ("127.0.0.3", 6379, silent),
    ("127.0.0.4", 22, greet),
    ("127.0.0.4", 80, silent),
    ("127.0.0.4", 443, silent),
    ("127.0.0.4", 8080, web),
    ("127.0.0.4", 8443, secure),
    ("127.0.0.1", 5432, silent),
    ("::1", 8002, silent),
] + [("127.0.0.1", port, silent) for port in range(8000, 8011)]

for host, port, answer in PLACES:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
