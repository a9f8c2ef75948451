"""`--keep-packets 1GB`: what crossed the mirror stays for a while, to cut evidence from.

dumpcap writes a ring of files; `pano-bridge forensics packets UID --pcap FOLDER` reads it.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.pipeline.process import Child
from pano_glue.pipeline.stage import Stage, solid_ground

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = 10  # of the ring: a tenth of it goes at a time
LEAST = 1_000_000  # bytes
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def packet_bytes(text: str) -> int:
    """Read the size of a ring: `500MB`, `1GB`; empty is none.

    Raises:
        SettingError: when it is no size, is too small, or dumpcap is not installed.
    """
    if not text:
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", text.strip().lower())
    size = int(float(match[1]) * UNITS[match[2]]) if match else 0
    if size < LEAST:
        raise SettingError(f"--keep-packets {text}: no size of 1 MB or more", "write 500MB or 1GB")
    if shutil.which("dumpcap") is None:
        raise SettingError("--keep-packets needs dumpcap", "apt-get install wireshark-common")
    return size


def packets_stage(  # noqa: PLR0913 - each says one thing about the ring
    folder: Path,
    most: int,
    interface: str,
    *,
    log: Path,
    enter: Callable[[list[str]], list[str]] = list,
    ground: Callable[[], object] = solid_ground,
) -> Stage:
    """Prepare dumpcap on an interface, for a ring of `most` bytes; it is ready when it captures.

    Its output goes into the folder `log`; `enter` writes the command line that runs another one
    where the interface is.

    Raises:
        PanoError: when the ring's folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise PanoError(
            f"{folder}: {error.strerror}", "name a folder that can be written for the packets"
        ) from error
    argv = ["dumpcap", "-q", "-i", interface, "-w", str(folder / "ring.pcapng")]
    argv += ["-b", f"filesize:{max(1, most // FILES // 1000)}", "-b", f"files:{FILES}"]

    def within_bounds() -> bool:
        drop_oldest(folder, most)
        return True

    return Stage(
        "packets",
        lambda: Child("packets", enter(argv), log),
        lambda child: "File: " in child.output(),
        "word that dumpcap captures",
        ground=ground,
        made=within_bounds,
    )


def drop_oldest(folder: Path, most: int) -> None:
    """Remove the oldest captures of a folder until all together have `most` bytes.

    dumpcap drops those of its own ring; those of an earlier dumpcap are dropped here.
    """
    found = []
    for path in folder.glob("ring_*.pcapng"):
        with suppress(FileNotFoundError):  # dumpcap was quicker
            told = path.stat()
            found.append((told.st_mtime_ns, path, told.st_size))
    whole = sum(size for _, _, size in found)
    for _, path, size in sorted(found)[:-1]:  # the last is being written
        if whole <= most:
            return
        path.unlink(missing_ok=True)
        whole -= size
