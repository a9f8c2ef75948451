"""Other network namespaces, by name (`ip netns`) or by the PID of a process inside."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from pano_glue.errors import PanoError, SettingError

NAMED = Path("/run/netns")
CLONE_NEWNET = 0x40000000


def enter_namespace(which: str) -> None:
    """Move the calling thread, and threads that it starts later, into a network namespace.

    Raises:
        SettingError: when there is no such namespace or process.
        PanoError: when we may not enter it.
    """
    path = Path("/proc") / which / "ns/net" if which.isdecimal() else NAMED / which
    try:
        with path.open("rb") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace.fileno(), CLONE_NEWNET) < 0:
                raise PanoError(
                    f"cannot enter the network namespace {which} "
                    f"({os.strerror(ctypes.get_errno())})",
                    "run as root, or with CAP_SYS_ADMIN",
                )
    except FileNotFoundError as error:
        raise SettingError(
            f"--netns {which}: there is no {path}", "see `ip netns list`, or give a PID"
        ) from error
    except PermissionError as error:
        raise PanoError(f"--netns {which}: no permission to open {path}", "run as root") from error
