"""Where a program keeps its state, and that it alone does."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE = "none"


def choose_state_dir(setting: str, program: str, environment: Mapping[str, str]) -> Path | None:
    """Find the state directory of `program`; None when `setting` is `none`.

    The setting comes first, then systemd's `$STATE_DIRECTORY` (systemd.exec(5)), then
    /var/lib for root, and for others the state folder of the XDG base directories.
    """
    if setting == NONE:
        return None
    if setting:
        return Path(setting)
    by_systemd = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if by_systemd:
        return Path(by_systemd)
    if os.geteuid() == 0:
        return Path("/var/lib") / program
    return Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / program


def claim_state_dir(folder: Path) -> None:
    """Make a state directory ours until we end.

    Raises:
        SettingError: when it cannot be written or another process has it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Left open, so that the lock ends with the process, however it ends.
        lock = os.open(folder / "lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        cure = f"name a folder that can be written, or `{NONE}` to keep nothing"
        raise SettingError(f"--state-dir {folder}: {error.strerror}", cure) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        cure = "stop it, or give each a folder of its own"
        raise SettingError(f"--state-dir {folder}: another bridge has it", cure) from error
