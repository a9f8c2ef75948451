"""A live pipeline in a lab, and what a host must look like before and after it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BRIDGE = str(Path(sys.executable).with_name("pano-bridge"))
START_SECONDS = 120
# What is in the command line of each stage and of no other process of `up`.
STAGES = {
    "agent": "pano-agent run",
    "zeek": " -i pano0",
    "bridge": "pano-bridge run",
    "prometheus": "prometheus --config",
}


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


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with its number by its start."""

    pid: int
    started: str
    command: str

    @classmethod
    def read(cls, pid: int) -> Process | None:
        """Look at a process; None when it has ended."""
        folder = Path(f"/proc/{pid}")
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state, *fields = (folder / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            return None
        return None if state == "Z" else cls(pid, fields[18], command)

    def runs(self) -> bool:
        """Tell whether it still does."""
        now = Process.read(self.pid)
        return now is not None and now.started == self.started


def descendants(pid: int) -> list[Process]:
    """Return the children of a process, their children, and so on."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in thread.read_text().split():
            process = Process.read(int(child))
            if process:
                found += [process, *descendants(process.pid)]
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

    process: subprocess.Popen[bytes]
    folder: Path
    prometheus: str
    output: Path
    bridge: str = ""  # HOST:PORT

    def said(self) -> str:
        """Return all that it printed."""
        return self.output.read_text()

    def wait_for_word(self, word: str, seconds: float = START_SECONDS, after: int = 0) -> None:
        """Wait until it has said `word`, behind the first `after` characters."""

        def said() -> bool:
            assert self.process.poll() is None, self.said()
            return word in self.said()[after:]

        wait_until(said, seconds, f"up says {word!r}")

    def stage(self, name: str) -> Process:
        """Find the process of a stage."""
        (found,) = (
            process
            for process in descendants(self.process.pid)
            if STAGES[name] in process.command and "nsenter" not in process.command
        )
        return found


@contextmanager
def live_lab(folder: Path, *more: str) -> Iterator[Live]:
    """Run `up --lab` in `folder` until the test ends."""
    work = folder / "work"
    argv, prometheus = lab_command(work, *more)
    bridge = argv[argv.index("--listen") + 1]
    output = folder / "up.out"
    with (
        output.open("wb") as out,
        subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        live = Live(process, work, prometheus, output, bridge)
        try:
            live.wait_for_word("PANO is up")
            yield live
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(START_SECONDS)


def lab_command(folder: Path, *more: str) -> tuple[list[str], str]:
    """Return a command line of `up --lab` on free ports, and Prometheus's address."""
    bridge, agent, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(3))
    argv = [BRIDGE, "up", "--lab", "--folder", str(folder), "--listen", bridge]
    argv += ["--agent-listen", agent, "--prometheus-listen", prometheus, *more]
    return argv, prometheus
