"""`up --keep-packets 1GB`: what crossed the mirror stays for a while, to cut evidence from.

dumpcap writes a ring of files; `pano-bridge forensics packets UID --pcap FOLDER` reads it.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.pipeline.process import Child
from pano_glue.pipeline.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from pano_glue.pipeline.interface import Interface
    from pano_glue.pipeline.stages import Plan

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


def packets_stage(plan: Plan, mirror: Interface) -> Stage:
    """Prepare dumpcap on the mirror; it is ready when it captures."""
    folder = plan.folder / "packets"
    folder.mkdir(exist_ok=True)
    each = plan.keep_packets // FILES
    argv = ["dumpcap", "-q", "-i", mirror.name, "-w", str(folder / "ring.pcapng")]
    argv += ["-b", f"filesize:{max(1, each // 1000)}", "-b", f"files:{FILES}"]

    def within_bounds() -> bool:
        drop_oldest(folder, plan.keep_packets)
        return True

    return Stage(
        "packets",
        lambda: Child("packets", plan.inside(argv), plan.folder),
        lambda child: "File: " in child.output(),
        "word that dumpcap captures",
        ground=mirror.index,
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
