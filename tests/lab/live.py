"""A live pipeline in a lab, and what a host must look like before and after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

BRIDGE = str(Path(sys.executable).with_name("pano-bridge"))
START_SECONDS = 60


def host_state() -> dict[str, object]:
    """Return what `up` must leave as it was: namespaces, links, BPF links, qdiscs."""

    def lines(*argv: str) -> list[str]:
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return sorted(done.stdout.splitlines())

    bpf = json.loads(
        subprocess.run(["bpftool", "-j", "link"], capture_output=True, check=True).stdout or "[]"
    )
    return {
        "netns": lines("ip", "netns"),
        "links": lines("ip", "-brief", "link"),
        "qdiscs": lines("tc", "qdisc"),
        "bpf": sorted(link["id"] for link in bpf if link.get("type") == "tcx"),
    }


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that mention `folder`, ours excepted."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in command:
                found.append(command)
    return found


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition; fail, saying `what` did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@dataclass
class Live:
    """A running `pano-bridge up --lab`."""

    process: subprocess.Popen[str]
    folder: Path
    prometheus: str


def lab_command(folder: Path, *more: str) -> tuple[list[str], str]:
    """Return a command line of `up --lab` on free ports, and Prometheus's address."""
    bridge, agent, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(3))
    argv = [BRIDGE, "up", "--lab", "--folder", str(folder), "--listen", bridge]
    argv += ["--agent-listen", agent, "--prometheus-listen", prometheus, *more]
    return argv, prometheus
