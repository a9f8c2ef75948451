"""Other network namespaces, by name (`ip netns`) or by the PID of a process inside."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from pano_glue.errors import PanoError, SettingError

NAMED = Path("/run/netns")
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class NamespaceId:
    """What tells a namespace from all others that live at the same time."""

    device: int
    inode: int


def which_namespace(which: str) -> NamespaceId | None:
    """Tell which namespace a name or PID stands for now; None when for none."""
    try:
        found = _path(which).stat()
    except OSError:
        return None
    return NamespaceId(found.st_dev, found.st_ino)


def _path(which: str) -> Path:
    return Path("/proc") / which / "ns/net" if which.isdecimal() else NAMED / which


def open_namespace(which: str) -> int:
    """Return a descriptor that stands for the namespace; the caller closes it.

    Raises:
        SettingError: when there is no such namespace or process.
        PanoError: when we may not look.
    """
    path = _path(which)
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
