"""A live pipeline in a lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pano_glue.paths import find_zeek
from tests.lab.live import Live, live_lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def lab_tools(require: Callable[[str], str], require_bpf: None) -> None:
    """Skip unless everything that the lab needs is here."""
    del require_bpf
    for program in ("ip", "unshare", "nsd", "dnsperf", "tshark", "prometheus", "bpftool"):
        require(program)


@pytest.fixture(scope="session")
def analyzer() -> str:
    """Name the analyzer that is here."""
    return "zeek" if find_zeek() else "tshark"


@pytest.fixture
def live(lab_tools: None, tmp_path: Path) -> Iterator[Live]:
    """Run a lab in the background until the test ends."""
    del lab_tools
    with live_lab(tmp_path) as running:
        yield running
