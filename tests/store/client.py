import os, socket, sys

server = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)

def say(*fields):
    server.sendall(b"".join(field.encode() + b"\r\n" for field in fields) + b"\r\n")

def exactly(count):
    data = b""
    while len(data) < count:
        more = server.recv(count - len(data))
        assert more, "closed after %r" % data
        data += more
    return data

def hear(text):
    heard = exactly(len(text.encode())).decode()
    assert heard == text, "%r instead of %r" % (heard, text)

def line(end):
    data = b""
    while not data.endswith(end):
        data += exactly(1)
    return data[:-len(end)].decode()

say("HI")
hear("HI\r\n2\r\nUsername: \r\nPassword: \r\n\r\n")
say("carol", "secret")
hear("E\r\nUsername does not exist in database!\r\n1\r\n"
     "Do you want to create an account (YES or NO): \r\n\r\n")
say("YES")
hear("L\r\n3\r\nEnter Desired Username: \r\nEnter password: \r\nConfirm password: \r\n\r\n")
say("carol", "secret", "secret")
hear("S\r\nWelcome carol! You are a legend...\r\n")

for size in (0, 1, 2, 3, 4, 5, 100000):
    name, data = "file%d.bin" % size, os.urandom(size)
    say("STR", name, "some/where", str(size))
    server.sendall(data)
    hear("File %s successfully created and written to" % name)
    say("RTV", name, "some/where")
    assert int(line(b"\r\n")) == size
    assert exactly(size) == data
    hear("Successfully retrieved file %s from the file system" % name)

say("INF")
hear("\\carol\\some\n\\carol\\some\\where\n")
for size in (0, 1, 100000, 2, 3, 4, 5):
    hear("\\carol\\some\\where\\file%d.bin\n" % size)
say("STA")
for number in (1, 2, 3, 4):
    fields = line(b"\n").split(" ")
    assert fields[0] == str(number) and fields[2:] == ["up", "14", "0"], fields
hear("END\n")
say("FIX")
for size in (0, 1, 100000, 2, 3, 4, 5):
    assert line(b"\n").endswith("\\carol\\some\\where\\file%d.bin" % size)
hear("END\n")
say("DEL", "file5.bin", "some/where")
hear("Successfully removed file file5.bin from the file system")
say("RTV", "file5.bin", "some/where")
hear("ERROR the file name you gave did not exist in the file system!")
say("LGO")
say("HI")
hear("HI\r\n2\r\nUsername: \r\nPassword: \r\n\r\n")
say("carol", "wrong")
hear("E\r\nPassword did not match username carol\r\n2\r\nUsername: \r\nPassword: \r\n\r\n")
say("carol", "secret")
hear("S\r\nWelcome carol! You are a legend...\r\n")
print("all as described")
