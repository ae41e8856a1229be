"""Replaces itself by the program named in its arguments, for which the kernel has no IPv6.

A filter of system calls, seccomp(2), answers socket(AF_INET6, ...) with EAFNOSUPPORT: what a
kernel says that was started with ipv6.disable=1.
"""

import ctypes
import os
import platform
import struct
import sys

SOCKET_CALL = {"x86_64": 41, "aarch64": 198, "riscv64": 198}[platform.machine()]
AF_INET6, EAFNOSUPPORT = 10, 97
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER_AT, FIRST_ARGUMENT_AT = 0, 16
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2


def step(code, if_true, if_false, value):
    return struct.pack("HBBI", code, if_true, if_false, value)


program = b"".join([
    step(LOAD, 0, 0, NUMBER_AT),
    step(JUMP_IF_EQUAL, 0, 3, SOCKET_CALL),
    step(LOAD, 0, 0, FIRST_ARGUMENT_AT),
    step(JUMP_IF_EQUAL, 0, 1, AF_INET6),
    step(RETURN, 0, 0, ERRNO | EAFNOSUPPORT),
    step(RETURN, 0, 0, ALLOW),
])
steps = ctypes.create_string_buffer(program)
filter_of_calls = struct.pack("HP", len(program) // 8, ctypes.addressof(steps))
libc = ctypes.CDLL(None, use_errno=True)
for arguments in [
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter_of_calls, 0, 0),
]:
    if libc.prctl(*arguments) != 0:
        sys.exit(f"cannot filter system calls: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
