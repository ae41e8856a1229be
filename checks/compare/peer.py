"""A file server as it is first written: one client at a time. Arguments: ROOT HOST PORT_FILE."""

import os
import socket
import sys

root, host, port_file = sys.argv[1:]


def answer(client):
    request = client.recv(1024).decode()
    try:
        with open(os.path.join(root, request.removeprefix("GET ").strip()), "rb") as file:
            content = file.read()
    except OSError:
        client.sendall(b"NOTFOUND\n")
        return
    client.sendall(b"FOUND %d\n" % len(content))
    client.sendall(content)


with socket.create_server((host, 0), backlog=1024) as server:
    with open(port_file, "w") as file:
        print(server.getsockname()[1], file=file)
    while True:
        client, _ = server.accept()
        with client:
            try:
                answer(client)
            except OSError:
                pass  # A connection's failure is its own.
