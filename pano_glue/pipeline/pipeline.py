"""All stages together: started in data-flow order, watched, stopped in the same order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.pipeline.process import wait_for
from pano_glue.pipeline.prometheus import start_prometheus
from pano_glue.pipeline.samples import Samples
from pano_glue.pipeline.stages import prune_logs, start_agent, start_bridge, start_zeek
from pano_glue.pipeline.undo import Undoable

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pano_glue.pipeline.process import Child
    from pano_glue.pipeline.stages import Plan

SETTLE_SECONDS = 30


class Pipeline(Undoable):
    """Agent, analyzer, bridge and Prometheus as one plan wants them."""

    def __init__(self, plan: Plan) -> None:
        """Keep the plan; nothing runs before `with`."""
        super().__init__()
        self.plan = plan
        self.stages: list[Child] = []
        self._zeek: Child | None = None

    def _start(self, undo: ExitStack) -> None:
        self._keep(start_agent(self.plan), undo)
        if self.plan.analyzer == "zeek":
            self._zeek = self._keep(start_zeek(self.plan), undo)
        self._keep(start_bridge(self.plan), undo)
        self._keep(start_prometheus(self.plan), undo)

    def check(self) -> None:
        """Raise the failure of the first stage that ended by itself, and prune rotated logs.

        Raises:
            PanoError: naming the stage and what it printed last.
        """
        for child in self.stages:
            if not child.running():
                raise child.failure()
        prune_logs(self.plan)

    def agent(self) -> Samples:
        """Scrape the agent."""
        return Samples.scrape(self.plan.agent_listen)

    def bridge(self) -> Samples:
        """Look at the bridge's page; only Prometheus's scrapes commit what it holds."""
        return Samples.scrape(self.plan.bridge_listen, "peek")

    def finish_zeek(self) -> None:
        """Let Zeek read every mirrored packet, then end it, so that it writes what is pending."""
        if not self._zeek:
            return

        def all_read() -> bool:
            read = self.bridge().sum("pano_zeek_packets_total", state="received")
            return read >= self.agent().sum("pano_agent_packets_total", verdict="mirrored")

        wait_for(all_read, SETTLE_SECONDS)
        self.stages.remove(self._zeek)
        self._zeek.stop()

    def _keep(self, child: Child, undo: ExitStack) -> Child:
        self.stages.append(child)
        undo.callback(child.stop)
        return child
