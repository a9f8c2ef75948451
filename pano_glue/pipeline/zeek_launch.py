"""How our Zeek is started: command line and environment."""

from __future__ import annotations

from ctypes.util import find_library
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ZAM = ("-O", "ZAM")


def zeek_command(zeek: Path, scripts: Path, interface: str, settings: Iterable[str]) -> list[str]:
    """Return the command line of a sensor on `interface`; settings are `PANO::name=value`.

    Scripts are compiled when Zeek starts (`-O ZAM`) where tcmalloc is: without it that costs more
    than it gives (docs/lab.md has the figures).
    """
    argv = [str(zeek), "-b"]
    if find_tcmalloc():
        argv += ZAM
    return [*argv, str(scripts), "-i", interface, *settings]


def zeek_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return `base`, and in it tcmalloc in place of the C library's malloc, where it is here."""
    library = find_tcmalloc()
    if library is None:
        return dict(base)
    others = base.get("LD_PRELOAD")
    return dict(base) | {"LD_PRELOAD": f"{library} {others}" if others else library}


def find_tcmalloc() -> str | None:
    """Find tcmalloc as ld.so(8) does: the name of its library, None where it is not installed."""
    return find_library("tcmalloc_minimal")
