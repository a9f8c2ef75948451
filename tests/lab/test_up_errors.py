"""`pano-bridge up` used wrongly: one line that names the option and the cure, no traceback."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab.live import BRIDGE, host_state, lab_command

if TYPE_CHECKING:
    from pathlib import Path


def refused(*argv: str) -> tuple[int, str]:
    """Run `pano-bridge up` with bad input; return its exit code and its only line."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return done.returncode, line


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--lab or --iface"),
        (["--lab", "--iface", "eth0"], "--lab or --iface"),
        (["--lab", "--json"], "--seconds"),
    ],
)
def test_flags_that_do_not_fit(flags: list[str], words: str) -> None:
    code, line = refused(BRIDGE, "up", *flags)
    assert code == 2
    assert words in line


@pytest.mark.usefixtures("lab_tools")
def test_an_unknown_analyzer(tmp_path: Path) -> None:
    argv, _ = lab_command(tmp_path, "--analyzer", "suricata")
    code, line = refused(*argv)
    assert code == 1
    assert "suricata" in line
    assert "zeek or tshark" in line


@pytest.mark.usefixtures("lab_tools")
def test_a_taken_port_is_named_and_everything_is_undone(tmp_path: Path) -> None:
    before = host_state()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        argv, _ = lab_command(tmp_path, "--agent-listen", address, "--analyzer", "tshark")
        code, line = refused(*argv)
    assert code == 1
    assert address in line
    assert host_state() == before


@pytest.mark.usefixtures("lab_tools")
def test_a_missing_interface_is_named(tmp_path: Path) -> None:
    argv, _ = lab_command(tmp_path, "--iface", "nosuch7", "--analyzer", "tshark")
    argv.remove("--lab")
    code, line = refused(*argv)
    assert code == 1
    assert "nosuch7" in line
