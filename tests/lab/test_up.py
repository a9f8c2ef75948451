"""`pano-bridge up --lab`: everybody counts what dnsperf counted, and nothing stays behind."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.live import descendants, host_state, lab_command, live_lab, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT_SECONDS = 150


@pytest.mark.parametrize("analyzer", ["zeek", "tshark"])
@pytest.mark.usefixtures("lab_tools")
def test_every_stage_agrees_with_dnsperf(
    analyzer: str, require: Callable[[str], str], tmp_path: Path
) -> None:
    require(analyzer)
    before = host_state()
    argv, _ = lab_command(tmp_path, "--analyzer", analyzer, "--seconds", "5", "--json")
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["agree"] is True
    assert report["analyzer"] == analyzer
    assert report[analyzer] is not None
    resolvers = {each["server"]: each for each in report["resolvers"]}
    assert set(resolvers) == {"fast", "slow"}
    for name, each in resolvers.items():
        printed = [path.read_text() for path in tmp_path.glob(f"{name}-*.log")]
        assert each["pano"]["queries"] == sum(_number(text, "Queries sent") for text in printed)
        assert each["pano"]["responses"] == sum(
            _number(text, "Queries completed") for text in printed
        )
        assert each["pano"]["timeouts"] == sum(_number(text, "Queries lost") for text in printed)
        assert each["pano"]["rcodes"] == each["dnsperf"]["rcodes"]
        assert report["prometheus"][name] == each["pano"]
    assert resolvers["slow"]["pano"]["timeouts"] > 0
    assert {"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"} <= set(
        resolvers["fast"]["pano"]["rcodes"]
    )
    assert report["agent"]["matched"] == report["agent"]["mirrored"] > 0
    assert report["agent"]["error"] == 0
    assert host_state() == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("lab_tools")
def test_nothing_stays_behind(tmp_path: Path, number: signal.Signals) -> None:
    before = host_state()
    with live_lab(tmp_path) as live:
        everybody = descendants(live.process.pid)
        assert len(everybody) > len(("agent", "bridge", "prometheus"))
        live.process.send_signal(number)
        code = live.process.wait(60)
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 0), live.said()
    if number is signal.SIGKILL:
        wait_until(lambda: not any(one.runs() for one in everybody), 30, "every process ends")
    assert not [one for one in everybody if one.runs()]
    assert host_state() == before


def _number(printed: str, what: str) -> int:
    (line,) = (line for line in printed.splitlines() if line.strip().startswith(f"{what}:"))
    return int(line.split(":")[1].split()[0])
