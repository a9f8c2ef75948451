"""Where the parts that are not Python live: beside the package, or inside it once installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pano_glue.errors import PanoError

PACKAGE = Path(__file__).resolve().parent
ZEEK_HOME = Path("/opt/zeek/bin/zeek")


def shared_folder(name: str) -> Path:
    """Find the `zeek-scripts` or `dashboards` folder.

    Raises:
        PanoError: when neither the checkout nor the installed package has it.
    """
    for place in (PACKAGE.parent / name, PACKAGE / "share" / name):
        if place.is_dir():
            return place
    raise PanoError(f"the folder {name} is not installed", "reinstall pano-glue, or use a checkout")


def find_zeek() -> Path | None:
    """Find Zeek: `$ZEEK`, then `zeek` on PATH, then its usual prefix; None when it is nowhere."""
    named = os.environ.get("ZEEK")
    if named:
        return Path(named)
    on_path = shutil.which("zeek")
    if on_path:
        return Path(on_path)
    return ZEEK_HOME if ZEEK_HOME.exists() else None
