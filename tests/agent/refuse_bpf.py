"""Run a command under a seccomp filter that refuses bpf(2), as a container's profile may."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
# linux/filter.h: load the number; if it is bpf's, return an error, else allow.
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
REFUSE, ALLOW = 0x00050000 | errno.EPERM, 0x7FFF0000
RULES = ((LOAD, 0, 0, 0), (IF_EQUAL, 0, 1, BPF), (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW))

if __name__ == "__main__":
    rules = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in RULES))
    program = struct.pack("HxxxxxxP", len(RULES), ctypes.addressof(rules))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) == 0
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 # the command is the argument
