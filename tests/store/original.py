import socket, threading, time

users, files = {}, {}
LOGIN = "2\r\nUsername: \r\nPassword: \r\n\r\n"

def fields(client):
    data = client.recv(4096).decode()
    return data.split("\r\n")[:-2] if data else None

def log_in(client):
    while True:
        asked = fields(client)
        if asked != ["HI"]:
            return None
        client.sendall(("S\r\n" + LOGIN).encode())
        while True:
            user, password = fields(client)
            if user in users and users[user] == password:
                client.sendall(("S\r\nWelcome %s! You are a legend...\r\n" % user).encode())
                return user
            if user in users:
                client.sendall(("E\r\nPassword did not match username %s\r\n" % user + LOGIN).encode())
                continue
            client.sendall(b"E\r\nUsername does not exist in database!\r\n1\r\n"
                           b"Do you want to create an account (YES or NO): \r\n\r\n")
            if fields(client) != ["YES"]:
                break
            client.sendall(b"L\r\n3\r\nEnter Desired Username: \r\nEnter password: \r\n"
                           b"Confirm password: \r\n\r\n")
            user, password, again = fields(client)
            users[user] = password
            client.sendall(("S\r\nWelcome %s! You are a legend...\r\n" % user).encode())
            return user

def serve(client):
    user = log_in(client)
    while user:
        command = fields(client)
        if not command:
            return
        opcode = command[0]
        if opcode == "STR":
            # The head came by itself, or the file is not read at all.
            name, path, size = command[1:]
            data = b""
            while len(data) < int(size):
                data += client.recv(65536)
            files[user, path, name] = data
            text = "File %s successfully created and written to" % name
            for part in (text[:7], text[7:]):
                client.sendall(part.encode())
                time.sleep(0.05)
        elif opcode == "RTV":
            name, path = command[1:]
            if (user, path, name) not in files:
                client.sendall(b"ERROR the file name you gave did not exist in the file system!")
                continue
            data = files[user, path, name]
            client.sendall(b"%d\r\n" % len(data))
            time.sleep(0.1)
            client.sendall(data)
            time.sleep(0.5)
            client.sendall(b"Successfully retrieved file %s from the file system" % name.encode())
        elif opcode == "DEL":
            name, path = command[1:]
            del files[user, path, name]
            client.sendall(b"Successfully removed file %s from the file system" % name.encode())
        elif opcode == "INF":
            lines = []
            for owner, path, name in files:
                lines += ["\\%s\\%s\n" % (owner, path), "\\%s\\%s\\%s\n" % (owner, path, name)]
            client.sendall("".join(lines).encode() or b"No files in database")
        elif opcode == "LGO":
            user = log_in(client)
        else:
            client.sendall(b"ERROR Opcode was invalid!")

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve, args=(client,), daemon=True).start()
