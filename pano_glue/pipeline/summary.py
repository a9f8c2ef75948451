"""The live screen of `up`: who asks what, how long it takes, and whether anything is lost."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pano_glue.pipeline.pipeline import Pipeline
    from pano_glue.pipeline.samples import Samples

REFRESH_SECONDS = 1
PLAIN_SECONDS = 10  # between lines where there is no terminal
MILLI = 1_000


def show(pipeline: Pipeline, end: float | None, *, quiet: bool) -> None:
    """Show the pipeline until the monotonic time `end`, or until Ctrl-C.

    Raises:
        PanoError: when a stage ended by itself.
    """
    terminal = sys.stdout.isatty() and not quiet
    screen = Live(console=Console(), auto_refresh=False) if terminal else None
    before: dict[str, int] = {}
    next_line = time.monotonic()
    if screen:
        screen.start()
    try:
        while end is None or time.monotonic() < end:
            pipeline.check()
            if screen:
                bridge = pipeline.bridge()
                screen.update(_screen(bridge, pipeline.agent(), before), refresh=True)
                before = dict(bridge.by("server", "pano_dns_queries_total"))
            elif not quiet and time.monotonic() >= next_line:
                print(_line(pipeline.bridge(), pipeline.agent()), flush=True)
                next_line += PLAIN_SECONDS
            time.sleep(REFRESH_SECONDS)
    finally:
        if screen:
            screen.stop()


def _screen(bridge: Samples, agent: Samples, before: dict[str, int]) -> Group:
    table = Table("server", "queries", "per s", "median", "p99", "timeouts", "return codes")
    for column in table.columns[1:6]:
        column.justify = "right"
    for server, queries in sorted(bridge.by("server", "pano_dns_queries_total").items()):
        rcodes = bridge.by("rcode", "pano_dns_responses_total", server=server)
        table.add_row(
            server,
            f"{queries:,}",
            f"{queries - before.get(server, 0):,}" if before else "",
            _milliseconds(bridge, 0.5, server),
            _milliseconds(bridge, 0.99, server),
            f"{bridge.sum('pano_dns_timeouts_total', server=server):,}",
            "  ".join(f"{rcode} {count:,}" for rcode, count in rcodes.most_common(5)),
        )
    return Group(table, Text(_line(bridge, agent)))


def _milliseconds(bridge: Samples, share: float, server: str) -> str:
    seconds = bridge.quantile("pano_dns_rtt_seconds", share, server=server)
    return f"{seconds * MILLI:.2f} ms"


def _line(bridge: Samples, agent: Samples) -> str:
    return (
        f"packets mirrored {agent.sum('pano_agent_packets_total', verdict='mirrored'):,}"
        f" (errors {agent.sum('pano_agent_packets_total', verdict='error'):,})"
        f" | records counted {bridge.sum('pano_bridge_records_total', result='counted'):,}"
        f" (malformed {bridge.sum('pano_bridge_records_total', result='malformed'):,})"
        f" | queries {bridge.sum('pano_dns_queries_total'):,}"
        f" responses {bridge.sum('pano_dns_responses_total'):,}"
        f" timeouts {bridge.sum('pano_dns_timeouts_total'):,}"
    )
