"""`pano-bridge up --lab`: load in a network of our own, and a reading of every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from pano_glue.pipeline.process import wait_for
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
AGREE_SECONDS = 30


class Lab(Undoable):
    """The lab's network, its load, and its resolvers, which answer once this is entered."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder for configuration and logs."""
        super().__init__()
        self.folder = folder
        self.loads: list[Child] = []

    def _start(self, undo: ExitStack) -> None:
        self.network = Network(self.folder)
        undo.callback(self.network.close)
        for link in RESOLVERS:
            inside = self.network.inside(link.host).enter
            child = start_resolver(link.host, inside, self.folder, limits=link is SLOW)
            undo.callback(child.stop)
            wait_for_answers(link, self.network.inside(CLIENT.host), self.folder)

    def start_load(self, rate: float, seconds: float | None) -> None:
        """Start every dnsperf, `rate` queries a second in all."""
        for workload in WORKLOADS:
            child = start_workload(workload, self.network, self.folder, rate, seconds)
            self._undo.callback(child.stop)
            self.loads.append(child)

    def finish_load(self, seconds: float) -> dict[str, Tally]:
        """Wait for the end of the load and return the truth by resolver."""
        truth = {link.host: Tally() for link in RESOLVERS}
        for workload, child in zip(WORKLOADS, self.loads, strict=True):
            child.wait(seconds + REPLY_TIMEOUT + LATENESS)
            truth[workload.link.host].add(read_summary(workload.name, child.output()))
        return truth

    def settle(self, pipeline: Pipeline, truth: dict[str, Tally]) -> Reading:
        """Let the last replies and timeouts flow through, and read every stage.

        Waits until everybody agrees; when that takes too long the reading says who does not.
        """
        pipeline.finish_zeek()
        wait_for(lambda: not self._read(pipeline, truth).disagreements(), AGREE_SECONDS)
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
    return f"nsenter --net={network.inside(CLIENT.host).path} dig @{FAST.address4} host1.pano.test"
