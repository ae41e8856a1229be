"""A server of a shared document for so many clients, one after another."""
import socket
import sys

document = b'begin'


def receive(connection, count):
    data = b''
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            return None
        data += more
    return data


listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1])
for _ in range(int(sys.argv[1])):
    connection, _ = listener.accept()
    with connection:
        connection.sendall(f'{len(document):<10}'.encode() + document)
        while header := receive(connection, 10):
            document += receive(connection, int(header))
