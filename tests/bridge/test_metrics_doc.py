"""docs/metrics.md names what is served, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.process import ProcessMetrics
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config

DOC = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_every_family_is_documented_and_every_documented_one_is_served() -> None:
    pages = Pages(Counting(Config()), None, process=ProcessMetrics().families)
    page, _ = pages.page(Visit("test"), openmetrics=False)
    served = set(re.findall(r"^# TYPE (\S+)", page.decode(), re.MULTILINE))
    rows = [line for line in DOC.read_text().splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split(" | ")[0])}
    assert named == served
