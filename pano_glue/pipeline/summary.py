"""The live screen of `up`: who asks what, how long it takes, and whether anything is lost."""

from __future__ import annotations

import logging
import math
import sys
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pano_glue.pipeline.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pano_glue.pipeline.pipeline import Pipeline
    from pano_glue.pipeline.samples import Samples

REFRESH_SECONDS = 1.0
PLAIN_SECONDS = 10.0  # between lines where there is no terminal
MILLI = 1_000
AROUND = 9  # lines of the screen that are not servers
RCODES = 5
QUERIES = "pano_dns_queries_total"


class Sight(NamedTuple):
    """What was seen at one moment; None for who did not answer at once."""

    time: float  # monotonic
    agent: Samples | None
    bridge: Samples | None
    queries: Mapping[str, int]  # by server; of the moment before when the bridge did not answer
    age: float | None  # of the newest record, in seconds
    silent: float  # seconds for which the analyzer has told of nothing though it should


def show(pipeline: Pipeline, end: float | None, *, quiet: bool) -> None:
    """Show the pipeline and keep it running until the monotonic time `end`, or until Ctrl-C."""
    console = Console()
    summary = Summary(pipeline)
    on_screen = console.is_terminal and not quiet
    with _live(console) if on_screen else nullcontext() as screen:
        next_line = time.monotonic()
        while end is None or time.monotonic() < end:
            sight = summary.look()
            if screen:
                rows = max(1, console.size.height - AROUND)
                screen.update(summary.screen(sight, rows), refresh=True)
            elif not quiet and sight.time >= next_line:
                print(" | ".join(summary.lines(sight)), flush=True)
                next_line = sight.time + PLAIN_SECONDS
            pipeline.wait_for(lambda: False, REFRESH_SECONDS)


class Summary:
    """Looks at a pipeline now and then, and makes text of what it sees."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Begin without having seen anything."""
        self._pipeline = pipeline
        self._silence = Silence()
        self._before: Sight | None = None
        self._now = Sight(0.0, None, None, {}, None, 0.0)

    def look(self) -> Sight:
        """Look at both pages once; neither is waited for."""
        plan, now = self._pipeline.plan, time.monotonic()
        agent = self._pipeline.glance(plan.agent_listen)
        bridge = self._pipeline.glance(plan.bridge_listen)
        queries, age, silent = self._now.queries, None, self._now.silent
        if bridge:
            queries = bridge.by("server", QUERIES)
            newest = bridge.values(
                "pano_bridge_newest_record_timestamp_seconds", source=plan.records_from
            )
            age = max(0.0, time.time() - newest[0]) if newest else None
        if agent and bridge:
            mirrored = agent.sum("pano_agent_packets_total", verdict="mirrored")
            read = bridge.sum("pano_zeek_packets_total", state="received")
            if plan.analyzer == "tshark":
                read = bridge.sum("pano_bridge_records_total", result="counted")
            silent = self._silence.seconds(now, mirrored, read)
        self._before, self._now = self._now, Sight(now, agent, bridge, queries, age, silent)
        return self._now

    def screen(self, sight: Sight, rows: int) -> Group:
        """Draw a table of at most `rows` servers, and how things are below it."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("server")
        for title in ("queries", "per s", "median", "p99", "timeouts"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("return codes")
        busiest = sorted(sight.queries, key=lambda server: -sight.queries[server])
        shown = busiest if len(busiest) <= rows else busiest[: rows - 1]
        for server in sorted(shown):
            name, *figures, rcodes = (server, *self._cells(sight, server))
            # Where it is narrow, words are cut and numbers are not.
            table.add_row(_cut(name), *figures, _cut(rcodes))
        if len(busiest) > len(shown):
            table.add_row(f"and {len(busiest) - len(shown)} more")
        lines = [Text(line) for line in self.lines(sight)]
        if sight.silent:
            lines[-1].stylize("bold red")
        return Group(table, *lines)

    def lines(self, sight: Sight) -> list[str]:
        """Say in a few lines what went through, how the stages are, and what is wrong."""
        through = (
            f"mirrored {_packets(sight.agent, 'mirrored')} packets, "
            f"counted {_records(sight.bridge, 'counted')} records"
        )
        for what, count in (
            ("mirror errors", _packets(sight.agent, "error")),
            ("malformed", _records(sight.bridge, "malformed")),
        ):
            if count not in {"-", "0"}:
                through += f", {count} {what}"
        if sight.age is not None:
            through += f", newest {sight.age:.0f} s old"
        lines = [through, ", ".join(self._states())]
        if sight.silent:
            lines.append(
                f"SILENT for {sight.silent:.0f} s: packets are mirrored, and "
                f"{self._pipeline.plan.analyzer} tells of none"
            )
        return lines

    def _states(self) -> Iterator[str]:
        for stage in self._pipeline.stages:
            again = f" (restarts: {stage.restarts})" if stage.restarts else ""
            yield f"{stage.name} {stage.state}{again}"

    def _cells(self, sight: Sight, server: str) -> list[str]:
        """Fill a server's row after its name; blank when the bridge did not answer."""
        bridge, before = sight.bridge, self._before
        if bridge is None:
            return [""]
        rate = ""
        if before and server in before.queries and before.bridge:
            passed = sight.time - before.time
            rate = f"{(sight.queries[server] - before.queries[server]) / passed:,.0f}"
        rcodes = bridge.by("rcode", "pano_dns_responses_total", server=server)
        return [
            f"{sight.queries[server]:,}",
            rate,
            _milliseconds(bridge, 0.5, server),
            _milliseconds(bridge, 0.99, server),
            f"{bridge.sum('pano_dns_timeouts_total', server=server):,}",
            "  ".join(f"{rcode} {count:,}" for rcode, count in rcodes.most_common(RCODES) if count),
        ]


@contextmanager
def _live(console: Console) -> Iterator[Live]:
    """Take over the terminal; what is logged meanwhile appears above the table."""
    with Live(console=console, auto_refresh=False) as screen:
        handlers = [
            handler
            for handler in logging.getLogger("pano_glue").handlers
            if isinstance(handler, logging.StreamHandler)
        ]
        before = [handler.setStream(sys.stderr) for handler in handlers]
        try:
            yield screen
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream or sys.__stderr__)


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def _milliseconds(bridge: Samples, share: float, server: str) -> str:
    seconds = bridge.quantile("pano_dns_rtt_seconds", share, server=server)
    return "" if math.isnan(seconds) else f"{seconds * MILLI:.2f} ms"


def _packets(agent: Samples | None, verdict: str) -> str:
    return f"{agent.sum('pano_agent_packets_total', verdict=verdict):,}" if agent else "-"


def _records(bridge: Samples | None, result: str) -> str:
    if bridge is None:
        return "-"
    return f"{bridge.sum('pano_bridge_records_total', log='dns', result=result):,}"
