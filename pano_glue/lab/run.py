"""`pano-bridge up --lab`: load in a network of our own, and a reading of every stage."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.lab.network import CLIENT, FAST, SLOW, Network
from pano_glue.lab.report import (
    Reading,
    agent_sums,
    bridge_sums,
    pano_tally,
    prometheus_tally,
    zeek_sums,
)
from pano_glue.lab.resolvers import start_resolver
from pano_glue.lab.workload import (
    REPLY_TIMEOUT,
    WORKLOADS,
    Tally,
    read_summary,
    start_workload,
    wait_for_answers,
)
from pano_glue.pipeline.process import stop_all
from pano_glue.pipeline.undo import Undoable

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from pano_glue.pipeline.pipeline import Pipeline
    from pano_glue.pipeline.process import Child

RESOLVERS = (FAST, SLOW)
SERVERS = {address: link.host for link in RESOLVERS for address in (link.address4, link.address6)}
INTERFACES = [link.port for link in RESOLVERS]
LATENESS = 30
SETTLE_SECONDS = 30
STOP_SECONDS = 0.5


class Lab(Undoable):
    """The lab's network, its load, and its resolvers, which answer once this is entered."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder for configuration and logs."""
        super().__init__()
        self.folder = folder
        self._servers: list[Child] = []
        self._loads: list[Child] = []

    def _start(self, undo: ExitStack) -> None:
        self.network = Network(self.folder)
        undo.callback(self.network.close)
        undo.callback(lambda: stop_all(self._servers, STOP_SECONDS))
        for link in RESOLVERS:
            inside = self.network.inside(link.host).enter
            self._servers.append(
                start_resolver(link.host, inside, self.folder, limits=link is SLOW)
            )
            wait_for_answers(link, self.network.inside(CLIENT.host), self.folder)

    def start_load(self, rate: float, seconds: float | None) -> None:
        """Start every dnsperf, `rate` queries a second in all."""
        self._undo.callback(self.stop_load)
        for workload in WORKLOADS:
            self._loads.append(start_workload(workload, self.network, self.folder, rate, seconds))

    def stop_load(self) -> None:
        """End every dnsperf that still runs."""
        stop_all(self._loads, STOP_SECONDS)

    def finish_load(self, pipeline: Pipeline, seconds: float) -> dict[str, Tally]:
        """Wait for the end of the load and return the truth by resolver."""
        truth = {link.host: Tally() for link in RESOLVERS}
        pipeline.wait_for(
            lambda: not any(load.running() for load in self._loads),
            seconds + REPLY_TIMEOUT + LATENESS,
        )
        for workload, child in zip(WORKLOADS, self._loads, strict=True):
            child.wait(0.1)
            truth[workload.link.host].add(read_summary(workload.name, child.output()))
        return truth

    def settle(self, pipeline: Pipeline, truth: dict[str, Tally]) -> Reading:
        """Let the last replies and timeouts flow through, and read every stage.

        Waits until everybody agrees; when that takes too long the reading says who does not.
        """
        pipeline.finish_zeek(SETTLE_SECONDS, 2 * SETTLE_SECONDS)

        def agree() -> bool:
            try:
                return not self._read(pipeline, truth).disagreements()
            except PanoError:  # one of them is being started again
                return False

        pipeline.wait_for(agree, SETTLE_SECONDS)
        return self._read(pipeline, truth)

    @staticmethod
    def _read(pipeline: Pipeline, truth: dict[str, Tally]) -> Reading:
        bridge, plan = pipeline.bridge(), pipeline.plan
        counted = bridge_sums(bridge, plan.records_from)
        return Reading(
            analyzer=plan.analyzer,
            dnsperf=truth,
            pano={name: pano_tally(bridge, name) for name in truth},
            prometheus={name: prometheus_tally(plan.prometheus_listen, name) for name in truth},
            agent=agent_sums(pipeline.agent()),
            # tshark writes its records into the bridge; it has no ledger of its own.
            stats=zeek_sums(bridge)
            if plan.analyzer == "zeek"
            else {"records": sum(counted.values())},
            bridge=counted,
        )


def try_it(network: Network) -> str:
    """Return a command line that asks the lab's fast resolver from the lab's client."""
    inside = f"nsenter --net={network.inside(CLIENT.host).path}"
    if shutil.which("dig"):
        return f"{inside} dig @{FAST.address4} host1.pano.test"
    return f"echo host1.pano.test A | {inside} dnsperf -s {FAST.address4}"
