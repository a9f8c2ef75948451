"""Other network namespaces, by name (`ip netns`) or by the PID of a process inside."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from pano_glue.errors import PanoError, SettingError

NAMED = Path("/run/netns")
CLONE_NEWNET = 0x40000000


def open_namespace(which: str) -> int:
    """Return a descriptor that stands for the namespace; the caller closes it.

    Raises:
        SettingError: when there is no such namespace or process.
        PanoError: when we may not look.
    """
    path = Path("/proc") / which / "ns/net" if which.isdecimal() else NAMED / which
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise SettingError(
            f"--netns {which}: there is no {path}", "see `ip netns list`, or give a PID"
        ) from error
    except PermissionError as error:
        raise PanoError(f"--netns {which}: no permission to open {path}", "run as root") from error


def enter_namespace(which: str) -> None:
    """Move the calling thread, and threads that it starts later, into a network namespace.

    Raises:
        SettingError: when there is no such namespace or process.
        PanoError: when we may not enter it.
    """
    namespace = open_namespace(which)
    libc = ctypes.CDLL(None, use_errno=True)
    failed = libc.setns(namespace, CLONE_NEWNET) < 0
    why = os.strerror(ctypes.get_errno())
    os.close(namespace)
    if failed:
        raise PanoError(
            f"cannot enter the network namespace {which} ({why})",
            "run as root, or with CAP_SYS_ADMIN",
        )
