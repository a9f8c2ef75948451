"""Tools that tests need, and a summary of what was skipped for want of them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue.paths import find_zeek

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of recorded captures and logs."""
    return DATA


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """Return a function that finds a program's path or skips, naming what is missing."""

    def find(program: str) -> str:
        found = find_zeek() if program == "zeek" else shutil.which(program)
        if found is None:
            pytest.skip(f"{program} is not installed")
        return str(found)

    return find


@pytest.fixture(scope="session")
def require_bpf() -> None:
    """Skip where the kernel, or who we are, allows no eBPF."""
    if os.geteuid() != 0:
        pytest.skip("root is missing (eBPF and network namespaces need it)")
    if not Path("/sys/fs/bpf").exists():
        pytest.skip("the kernel has no eBPF")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what was skipped, and why, in one line."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    why = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
    terminalreporter.write_line(f"not run here: {len(skipped)}" + (f" ({why})" if why else ""))
