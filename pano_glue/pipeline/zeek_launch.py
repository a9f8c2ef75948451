"""How our Zeek is started: command line and environment. `pano-zeek` becomes that Zeek."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from ctypes.util import find_library
from typing import TYPE_CHECKING, NoReturn

from pano_glue.errors import PanoError, SettingError
from pano_glue.paths import find_zeek, shared_folder
from pano_glue.shell import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
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


def zeek_environment(base: Mapping[str, str], addresses: Iterable[str] = ()) -> dict[str, str]:
    """Return `base`, and in it what makes a good sensor.

    That is tcmalloc in place of the C library's malloc, where it is here, and the sensor's own
    `addresses` as the default of the option `PANO::addresses`.
    """
    environment = dict(base)
    if own := ",".join(addresses):
        environment.setdefault("PANO_ADDRESSES", own)
    library = find_tcmalloc()
    if library:
        others = base.get("LD_PRELOAD")
        environment["LD_PRELOAD"] = f"{library} {others}" if others else library
    return environment


def own_addresses(inside: Callable[[list[str]], list[str]]) -> list[str]:
    """Return the addresses of a host that others can reach, as ip(8) lists them.

    `inside` makes a command line run where the sensor runs. Without ip(8) the list is empty.
    """
    argv = inside(["ip", "-json", "address", "show", "scope", "global"])
    try:
        listed = subprocess.run(argv, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    interfaces = json.loads(listed or "[]")
    return [info["local"] for each in interfaces for info in each.get("addr_info", ())]


def find_tcmalloc() -> str | None:
    """Find tcmalloc as ld.so(8) does: the name of its library, None where it is not installed."""
    return find_library("tcmalloc_minimal")


def become_zeek(words: Sequence[str]) -> NoReturn:
    """Replace this process by Zeek; `words` are an interface, then scripts and settings.

    Raises:
        SettingError: without an interface.
        PanoError: when Zeek is not installed, or cannot be run.
    """
    if not words or words[0].startswith("-"):
        raise SettingError("no interface", "pano-zeek INTERFACE [SCRIPT|PANO::NAME=VALUE]…")
    zeek = find_zeek()
    if zeek is None:
        raise PanoError("Zeek is not installed", "run `make zeek`, or set $ZEEK to its path")
    argv = zeek_command(zeek, shared_folder("zeek-scripts"), words[0], words[1:])
    try:
        os.execve(zeek, argv, zeek_environment(os.environ))  # noqa: S606 # no shell wanted
    except OSError as error:
        raise PanoError(f"{zeek}: {error.strerror}", "set $ZEEK to the path of Zeek") from error


def main() -> None:
    """Run `pano-zeek`: for service managers, which start Zeek as `pano-bridge up` does."""
    sys.exit(run_command("pano-zeek", lambda: become_zeek(sys.argv[1:])))
