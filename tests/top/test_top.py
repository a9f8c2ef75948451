"""`pano-bridge top`: as text, as JSON, and in a terminal of 80 by 24."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from prometheus_client.samples import Sample

from pano_glue.pipeline.samples import Samples
from pano_glue.top.looks import view
from pano_glue.top.tables import drill, duration, share, tables, word
from tests.bridge.living import COMMAND, wait_until
from tests.page.traffic import busy_bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bridge.living import Living


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Run a bridge that counts live traffic."""
    with busy_bridge(tmp_path_factory.mktemp("top")) as living:
        yield living


def samples(factor: int) -> Samples:
    """Make a page of two servers: `a` is asked 60 times, `b` 40, of which 10 time out."""
    family = "pano_dns_rtt_seconds_bucket"
    made = [
        Sample("pano_dns_queries_total", {"server": "a", "qtype": "A"}, 60 * factor),
        Sample("pano_dns_queries_total", {"server": "b", "qtype": "MX"}, 40 * factor),
        Sample("pano_dns_timeouts_total", {"server": "b"}, 10 * factor),
        Sample("pano_dns_responses_total", {"server": "a", "rcode": "NOERROR"}, 60 * factor),
        Sample("pano_dns_responses_total", {"server": "b", "rcode": "NXDOMAIN"}, 30 * factor),
        Sample(family, {"server": "a", "le": "0.001"}, 30 * factor),
        Sample(family, {"server": "a", "le": "0.002"}, 59 * factor),
        Sample(family, {"server": "a", "le": "+Inf"}, 60 * factor),
        Sample("pano_dns_top_queries_total", {"domain": "x.example"}, 7 * factor),
        Sample("pano_zeek_packets_total", {"state": "dropped"}, 3 * factor),
        Sample("pano_bridge_newest_record_timestamp_seconds", {}, 1000.0),
    ]
    return Samples(made)


def test_a_view_is_what_came_between_two_looks() -> None:
    seen = view(samples(1), samples(3), 4.0)
    worst, fine = seen.servers
    assert (worst.server, worst.queries, worst.timeouts, worst.failed) == ("b", 20, 0.25, 0.25)
    assert (fine.server, fine.p50, fine.p99) == ("a", 0.001, float("inf"))
    assert worst.nxdomain == 1
    assert worst.p99 is None
    assert seen.domains["x.example"]["queries"] == 3.5
    assert seen.health.complete() == "INCOMPLETE: 6 packets dropped"
    assert seen.health.age(1100.0) == "OLD: newest record 100.0 s ago"
    assert seen.health.age(1002.0) == "newest record 2.0 s ago"


def test_rows_are_found_by_name_and_ranked_by_column() -> None:
    table = tables(view(samples(1), samples(3), 4.0))["servers"]
    assert [row[0] for row in table.ranked(1, reverse=True, wanted="")] == ["a", "b"]
    assert [row[0] for row in table.ranked(1, reverse=False, wanted="")] == ["b", "a"]
    assert [row[0] for row in table.ranked(2, reverse=True, wanted="B")] == ["b"]
    inside = drill(view(samples(1), samples(3), 4.0), "servers", "b")
    assert inside.rows == [["code NXDOMAIN", 15.0], ["type MX", 20.0]]
    assert drill(view(samples(1), samples(3), 4.0), "servers", "gone").rows == []


def test_what_comes_from_the_wire_commands_no_terminal() -> None:
    assert word("a\x1b[2Jb\n\u202ec") == "a\\x1b[2Jb\\n\\u202ec"
    assert word("x" * 99) == "x" * 39 + "…"
    assert (share(0.123), share(None), duration(0.5), duration(2.0)) == (
        "12.3%",
        "-",
        "500.00ms",
        "2.00s",
    )


def test_without_a_terminal_it_is_text(bridge: Living) -> None:
    argv = [*COMMAND, "top", "--url", f"{bridge.url}/metrics", "--interval", "0.5"]
    done = subprocess.run(
        argv, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    assert "192.0.2.53" in done.stdout
    assert "SERVFAIL" in done.stdout
    assert "\x1b" not in done.stdout
    told = subprocess.run([*argv, "--json"], capture_output=True, check=True)
    servers = json.loads(told.stdout)["servers"]
    assert {server["server"] for server in servers} == {f"192.0.2.{n}" for n in (53, 54, 55)}


class Terminal:
    """A screen of 80 by 24 in tmux."""

    def __init__(self, tmux: str, *argv: str) -> None:
        """Run a program on it."""
        self._tmux = [tmux, "-L", f"pano-top-{os.getpid()}"]
        self._do("new-session", "-d", "-x", "80", "-y", "24", *argv)

    def _do(self, *argv: str) -> str:
        done = subprocess.run([*self._tmux, *argv], capture_output=True, text=True, check=True)
        return done.stdout

    def screen(self) -> str:
        return self._do("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def shows(self, text: str) -> None:
        try:
            wait_until(lambda: text in self.screen(), text)
        except AssertionError:
            raise AssertionError(f"no {text!r} in\n{self.screen()}") from None

    def ended(self) -> bool:
        done = subprocess.run([*self._tmux, "list-sessions"], capture_output=True, check=False)
        return done.returncode != 0

    def kill(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


def test_in_a_terminal(bridge: Living, require: Callable[[str], str]) -> None:
    program = [sys.executable, "-c", "from pano_glue.cli import main; main()", "top"]
    argv = [*program, "--interval", "0.5", "--url", f"{bridge.url}/metrics"]
    terminal = Terminal(require("tmux"), *argv)
    try:
        terminal.shows("192.0.2.53")
        terminal.shows("newest record")
        terminal.shows("q/s")
        terminal.press("/")
        terminal.shows("contains")
        terminal.press("2.54")
        wait_until(lambda: "192.0.2.53" not in terminal.screen(), "the filter")
        terminal.press("Enter")
        terminal.shows("only '2.54'")
        terminal.press("Enter")
        terminal.shows("type A")
        terminal.press("Escape")
        terminal.shows("q/s")
        terminal.press("Escape")
        terminal.shows("192.0.2.55")
        terminal.press("2")
        terminal.shows("example.org")
        terminal.press("4")
        terminal.shows("SERVFAIL")
        terminal.press("p")
        terminal.shows("PAUSED")
        terminal.press("?")
        terminal.shows("other way round")
        assert all(len(line) <= 80 for line in terminal.screen().splitlines())
        terminal.press("q")
        wait_until(terminal.ended, "q ends it")
    finally:
        terminal.kill()
