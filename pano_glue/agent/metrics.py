"""The agent's counters as Prometheus metrics, read from the kernel at each scrape."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from pano_glue import __version__
from pano_glue.agent.layout import NANOSECONDS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    from prometheus_client.metrics_core import Metric

    from pano_glue.agent.counts import HookCount
    from pano_glue.agent.libbpf import RunTime

    class Counted(Protocol):
        """What an agent has seen and done; `Agent` is one."""

        def counts(self) -> Iterable[tuple[str, str, HookCount]]:
            """List interface, direction and count for each hook."""

        def attached_again(self) -> Iterable[tuple[str, str, int]]:
            """List interface, direction and how often its program was attached again."""

        def run_times(self) -> dict[str, RunTime]:
            """Return the run time of each program that ran."""


class PacketCollector(Collector):
    """One sample for each interface, direction and verdict, all under one `sensor`."""

    def __init__(self, agent: Counted, sensor: str) -> None:
        """Read the agent at each scrape."""
        self._agent = agent
        self._sensor = sensor

    def collect(self) -> Iterable[Metric]:
        """Yield packets and errors by hook, repairs, then run times of programs that ran."""
        hook = ("sensor", "iface", "direction")
        packets = CounterMetricFamily(
            "pano_agent_packets",
            "DNS packets seen by the capture program.",
            labels=(*hook, "verdict"),
        )
        errors = CounterMetricFamily(
            "pano_agent_errors",
            "DNS packets that could not be mirrored.",
            labels=(*hook, "cause"),
        )
        again = CounterMetricFamily(
            "pano_agent_attached_again",
            "Programs that somebody else detached, and that were attached again.",
            labels=hook,
        )
        for interface, direction, count in self._agent.counts():
            at = (self._sensor, interface, direction)
            for verdict in (*VERDICTS, "error"):
                packets.add_metric((*at, verdict), getattr(count, verdict))
            for cause, number in count.errors.items():
                errors.add_metric((*at, cause), number)
        for interface, direction, times in self._agent.attached_again():
            again.add_metric((self._sensor, interface, direction), times)
        yield from (packets, errors, again)
        yield from self._programs()
        build = {"version": __version__, "kernel": os.uname().release, "sensor": self._sensor}
        yield InfoMetricFamily("pano_agent_build", "Which agent, on which kernel.", build)

    def _programs(self) -> Iterable[Metric]:
        seconds = CounterMetricFamily(
            "pano_agent_program_run_seconds",
            "Time in the capture programs (with kernel.bpf_stats_enabled=1).",
            labels=("sensor", "program"),
        )
        runs = CounterMetricFamily(
            "pano_agent_program_runs",
            "Packets that the capture programs looked at (with kernel.bpf_stats_enabled=1).",
            labels=("sensor", "program"),
        )
        for program, time in self._agent.run_times().items():
            seconds.add_metric((self._sensor, program), time.nanoseconds / NANOSECONDS)
            runs.add_metric((self._sensor, program), time.runs)
        yield seconds
        yield runs


def make_registry(agent: Counted, sensor: str) -> CollectorRegistry:
    """Put the agent's metrics and those of its process (`process_*`) on one page."""
    registry = CollectorRegistry()
    registry.register(PacketCollector(agent, sensor))
    ProcessCollector(registry=registry)
    return registry
