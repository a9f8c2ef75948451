"""The recorded logs are what the scripts write today."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.paths import shared_folder
from pano_glue.pipeline.zeek_launch import ZAM, zeek_environment

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


def test_scripts_still_write_the_recorded_logs(
    data: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("zeek")
    subprocess.run([sys.executable, "-m", "tests.data.remake", str(tmp_path)], cwd=ROOT, check=True)
    again = gzip.decompress((tmp_path / "dns.log.gz").read_bytes())
    recorded = gzip.decompress((data / "dns.log.gz").read_bytes())
    assert again == recorded, "run: python -m tests.data.remake"
    assert (tmp_path / "pano_stats.log").read_text() == (data / "pano_stats.log").read_text()


def test_compiled_scripts_write_the_same(
    data: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    argv = [require("zeek"), "-b", *ZAM, "-D", "-r", str(capture)]
    argv += [str(shared_folder("zeek-scripts")), "PANO::sensor=lab"]
    subprocess.run(argv, cwd=tmp_path, env=zeek_environment(os.environ), check=True)
    recorded = gzip.decompress((data / "dns.log.gz").read_bytes())
    assert (tmp_path / "dns.log").read_bytes() == recorded
