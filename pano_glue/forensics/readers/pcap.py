"""Captures: analysed by Zeek with PANO's scripts, or by tshark where Zeek is not installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.paths import find_zeek, shared_folder

if TYPE_CHECKING:
    from pathlib import Path


def analyse(capture: Path, folder: Path) -> Path:
    """Make a dns.log of a capture, in a folder of its own below `folder`.

    Raises:
        PanoError: when the analyser gives up, or none is installed.
    """
    into = folder / f"capture-{len(list(folder.iterdir()))}"
    into.mkdir()
    log = into / "dns.log"
    zeek = find_zeek()
    if zeek is not None:
        argv = [
            str(zeek),
            "-C",
            "-b",
            "-r",
            str(capture.resolve()),
            str(shared_folder("zeek-scripts")),
        ]
        _run(argv, into, capture)
        log.touch()  # Zeek writes none where there are no transactions
        return log
    if shutil.which("tshark") is None:
        cure = "install Zeek or tshark, or give its dns.log"
        raise SettingError(f"{capture} is a capture, and there is neither Zeek nor tshark", cure)
    _by_tshark(capture, log)
    return log


def _run(argv: list[str], folder: Path, capture: Path) -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise PanoError(f"{capture}: {''.join(last) or argv[0] + ' failed'}", "check the capture")


def _by_tshark(capture: Path, log: Path) -> None:
    from pano_glue.bridge.counting import Counting
    from pano_glue.config import Config
    from pano_glue.sources import SourceContext, SourceUri
    from pano_glue.sources.tshark import open_source

    config = Config()
    source = open_source(
        SourceUri("tshark", str(capture), {}), SourceContext(Counting(config).ledger, config)
    )
    with log.open("wb") as records, log.with_name("pano_stats.log").open("wb") as stats:
        for batch in source.batches():
            file = stats if batch.topic == "pano_stats" else records
            file.write(batch.json_lines().rstrip(b"\n") + b"\n")
    source.close()
