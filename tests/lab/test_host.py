"""`up --iface`: on SIGTERM all that was asked is counted, and a later `up` goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.lab.network import Namespace
from pano_glue.lab.resolvers import start_resolver
from tests.lab.live import BRIDGE, START_SECONDS, wait_until
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ASKED = 500
END_SECONDS = 15  # 5 on a machine that does nothing else


class Host:
    """A host of our own with a resolver on loopback."""

    def __init__(self, folder: Path) -> None:
        """Make it; `close` ends it."""
        self.folder = folder
        self.namespace = Namespace("host", folder)
        self.namespace.ip("link", "set", "lo", "up")
        self.resolver = start_resolver("host", self.namespace.enter, folder, limits=False)

    def close(self) -> None:
        self.resolver.stop()
        self.namespace.child.stop()

    def ask(self, queries: int) -> None:
        questions = self.folder / "questions"
        questions.write_text("".join(f"host{n % 500}.pano.test A\n" for n in range(queries)))
        argv = ["dnsperf", "-s", "127.0.0.1", "-d", str(questions), "-n", "1"]
        done = subprocess.run(
            self.namespace.enter(argv), capture_output=True, text=True, check=True
        )
        assert f"Queries completed:    {queries} " in done.stdout

    def up(self, analyzer: str, *more: str, queries: int = 0) -> dict[str, Any]:
        """Run `up`, ask, and end it at once; returns its report."""
        argv = [BRIDGE, "up", "--iface", "lo", "--analyzer", analyzer, "--seconds", "600", "--json"]
        for option in ("--listen", "--agent-listen", "--prometheus-listen"):
            argv += [option, f"127.0.0.1:{free_port()}"]
        said = self.folder / "up.err"
        environment = os.environ | {"TMPDIR": str(self.folder)}
        with (
            said.open("wb") as err,
            subprocess.Popen(
                self.namespace.enter([*argv, *more]),
                stdout=subprocess.PIPE,
                stderr=err,
                env=environment,
            ) as up,
        ):
            wait_until(lambda: "PANO is up" in said.read_text(), START_SECONDS, "up is up")
            if queries:
                self.ask(queries)
            up.send_signal(signal.SIGTERM)
            printed, _ = up.communicate(timeout=END_SECONDS)
        assert up.returncode == 0, said.read_text()
        report: dict[str, Any] = json.loads(printed)
        return report


@pytest.fixture
def host(lab_tools: None, tmp_path: Path) -> Iterator[Host]:
    """Give a host until the test ends."""
    del lab_tools
    made = Host(tmp_path)
    yield made
    made.close()


def test_a_later_up_goes_on(host: Host, require: Callable[[str], str]) -> None:
    require("zeek")
    require("dumpcap")
    folder = host.folder / "kept"
    more = ("--folder", str(folder), "--keep-packets", "10MB")
    for life in (1, 2):
        report = host.up("zeek", *more, queries=ASKED)
        assert report["bridge"] == {"counted": life * ASKED, "malformed": 0, "skipped": 0}
        assert sum(report["queries"].values()) == life * ASKED
        assert not any(report["restarts"].values())
        # Each query and reply is in the ring of captures, of earlier lives, too.
        assert captured(folder / "packets") == life * ASKED * 2
    report = host.up("zeek", "--folder", str(folder))
    assert report["bridge"]["counted"] == 2 * ASKED


def captured(ring: Path) -> int:
    """Let tshark count the DNS messages in a ring."""
    lines = 0
    for path in ring.iterdir():
        argv = ["tshark", "-n", "-r", str(path), "-Y", "dns"]
        lines += subprocess.run(argv, capture_output=True, check=True).stdout.count(b"\n")
    return lines


def test_the_folder_goes_when_all_went_well(host: Host, analyzer: str) -> None:
    host.up(analyzer)
    assert not list(host.folder.glob("pano-up-*"))


def test_the_folder_stays_when_it_ended_badly(host: Host, analyzer: str) -> None:
    argv = [BRIDGE, "up", "--iface", "nosuch7", "--analyzer", analyzer]
    environment = os.environ | {"TMPDIR": str(host.folder)}
    done = subprocess.run(
        host.namespace.enter(argv), capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 1
    (kept,) = host.folder.glob("pano-up-*")
    assert f"kept in {kept}" in done.stderr
    assert "nosuch7" in (kept / "agent.log").read_text()
