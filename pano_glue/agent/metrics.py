"""The agent's counters as Prometheus metrics, read from the kernel at each scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from pano_glue.agent.layout import NANOSECONDS, VERDICTS
from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.metrics_core import Metric

    from pano_glue.agent.counts import HookCount
    from pano_glue.agent.libbpf import RunTime

    Counts = Callable[[], Iterable[tuple[str, str, HookCount]]]
    RunTimes = Callable[[], dict[str, RunTime]]


class PacketCollector(Collector):
    """One sample for each interface, direction and verdict."""

    def __init__(self, counts: Counts, run_times: RunTimes) -> None:
        """Read `counts` (interface, direction, count) and run times at each scrape."""
        self._counts = counts
        self._run_times = run_times

    def collect(self) -> Iterable[Metric]:
        """Yield packets and errors by hook, then run times of programs that ran."""
        packets = CounterMetricFamily(
            "pano_agent_packets",
            "DNS packets seen by the capture program.",
            labels=("iface", "direction", "verdict"),
        )
        errors = CounterMetricFamily(
            "pano_agent_errors",
            "DNS packets that could not be mirrored.",
            labels=("iface", "direction", "cause"),
        )
        for interface, direction, count in self._counts():
            for verdict in (*VERDICTS, "error"):
                packets.add_metric((interface, direction, verdict), getattr(count, verdict))
            for cause, number in count.errors.items():
                errors.add_metric((interface, direction, cause), number)
        yield packets
        yield errors
        yield from self._programs()

    def _programs(self) -> Iterable[Metric]:
        seconds = CounterMetricFamily(
            "pano_agent_program_run_seconds",
            "Time in the capture programs (with kernel.bpf_stats_enabled=1).",
            labels=("program",),
        )
        runs = CounterMetricFamily(
            "pano_agent_program_runs",
            "Packets that the capture programs looked at (with kernel.bpf_stats_enabled=1).",
            labels=("program",),
        )
        for program, time in self._run_times().items():
            seconds.add_metric((program,), time.nanoseconds / NANOSECONDS)
            runs.add_metric((program,), time.runs)
        yield seconds
        yield runs


def serve_metrics(listen: str, collector: Collector) -> None:
    """Serve `collector` over HTTP at `listen` (host:port), in a thread of its own.

    Raises:
        SettingError: when `listen` is no address.
        PanoError: when the port is taken.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingError(f"--listen {listen} is no address", "write it as 127.0.0.1:9103")
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as error:
        raise PanoError(
            f"cannot listen on {listen} ({error})", "name a free port with --listen"
        ) from error
