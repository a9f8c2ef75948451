"""The recorded logs are what the scripts write today."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
