"""A live pipeline in a lab."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.live import START_SECONDS, Live, lab_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def lab_tools(require: Callable[[str], str], require_bpf: None) -> None:
    """Skip unless everything that the lab needs is here."""
    del require_bpf
    for program in ("ip", "unshare", "nsd", "dnsperf", "tshark", "prometheus", "bpftool"):
        require(program)


@pytest.fixture
def live(lab_tools: None, tmp_path: Path) -> Iterator[Live]:
    """Run a lab in the background until the test ends."""
    del lab_tools
    argv, prometheus = lab_command(tmp_path)
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        while line and "PANO is up" not in line:
            line = process.stdout.readline()
        assert "PANO is up" in line
        yield Live(process, tmp_path, prometheus)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=START_SECONDS)
