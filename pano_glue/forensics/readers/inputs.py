"""Which files a person means: files, globs, folders, Zeek's archive layout."""

from __future__ import annotations

import re
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Sequence

# dns.log, dns.log.2.gz, dns.10:00:00-11:00:00.log.gz, dns-24-11-22.log, edge.dns.log, pano_dns.log,
# json_streaming_dns.1.log; not dns_red.log, nor pano_stats.log.
LOGS = re.compile(
    r"(?:.*[._-])?(?:pano_)?dns(?:[.-].*)?\.(?:log|json|ndjson)(?:\.\d+)?(?:\.gz|\.zst)?"
)
STATS = re.compile(r"pano_stats(?:[.-].*)?\.log(?:\.\d+)?(?:\.gz|\.zst)?")


def find_files(texts: Sequence[str]) -> list[Path]:
    """Find what was named; each file once, in order of name.

    Raises:
        PanoError: when a name is nothing, or a folder holds no log.
    """
    found: dict[Path, None] = {}
    for text in texts:
        for path in _named(text):
            if path.is_dir():
                found |= dict.fromkeys(_in_folder(path))
            elif path.exists():
                found[path] = None
            else:
                raise PanoError(f"{path}: no such file or folder", "name logs, globs or folders")
    return list(found)


def stats_beside(paths: Sequence[Path]) -> list[Path]:
    """Find the pano_stats logs in the folders that these logs are in."""
    folders = {path.parent for path in paths}
    return sorted(
        path for folder in folders for path in folder.iterdir() if STATS.fullmatch(path.name)
    )


def _named(text: str) -> list[Path]:
    path = Path(text)
    if path.exists() or not any(mark in text for mark in "*?["):
        return [path]
    matches = sorted(glob(text, recursive=True))  # noqa: PTH207 - Path.glob wants a pattern below a folder
    if not matches:
        raise PanoError(f"{text}: no file has such a name", "check the pattern")
    return [Path(match) for match in matches]


def _in_folder(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    logs = [path for path in files if path.suffix == ".parquet" or LOGS.fullmatch(path.name)]
    if not logs:
        cure = "name a folder with dns.log files, rotated ones or Parquet"
        raise PanoError(f"{folder}: no DNS logs among {len(files)} files", cure)
    return logs
