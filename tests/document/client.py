"""A client of a shared document: prints so many frames, then sends its arguments."""
import socket
import sys


def receive(connection, count):
    data = b''
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise SystemExit('closed')
        data += more
    return data


with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as connection:
    for _ in range(int(sys.argv[2])):
        length = int(receive(connection, 10).decode())
        text = receive(connection, length).decode()
        print('Document updated: %r' % text)
    for text in sys.argv[3:]:
        payload = text.encode()
        connection.sendall(f'{len(payload):<10}'.encode() + payload)
    # What was said is kept once the server closes.
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096):
        pass
