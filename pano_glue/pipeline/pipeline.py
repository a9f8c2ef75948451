"""All stages together: started in data-flow order, kept running, drained and ended."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from pano_glue.agent.control import ask
from pano_glue.errors import PanoError
from pano_glue.pipeline.interface import Interface
from pano_glue.pipeline.packets import packets_stage
from pano_glue.pipeline.process import POLL_SECONDS, stop_all
from pano_glue.pipeline.prometheus import prometheus_stage
from pano_glue.pipeline.samples import Samples
from pano_glue.pipeline.stages import (
    MIRROR,
    agent_stage,
    bridge_stage,
    zeek_stage,
)
from pano_glue.pipeline.undo import Undoable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from pano_glue.pipeline.stage import Stage
    from pano_glue.pipeline.stages import Plan

logger = logging.getLogger(__name__)
GLANCE_SECONDS = 0.75  # patience with a page while others wait
# An end that was asked for: at most so many seconds until Zeek has read what was mirrored, until
# it has written what it knows, and until everybody has ended.
READ_SECONDS = 2.0
WRITE_SECONDS = 3.2
END_SECONDS = 4.3
NOBODY = "0.0.0.0/32"  # no server has this address


class Pipeline(Undoable):
    """Agent, analyzer, bridge and Prometheus as one plan wants them."""

    def __init__(self, plan: Plan) -> None:
        """Keep the plan; nothing runs before `with`."""
        super().__init__()
        self.plan = plan
        self.stages: list[Stage] = []
        self._zeek: Stage | None = None
        self._asked: float | None = None  # to end, on the monotonic clock

    def _start(self, undo: ExitStack) -> None:
        plan = self.plan
        mirror = Interface(MIRROR, plan.network)
        undo.callback(mirror.close)
        undo.callback(self._stop)
        self._begin(agent_stage(plan, mirror))
        if plan.analyzer == "zeek":
            self._zeek = zeek_stage(plan, mirror)
            self._begin(self._zeek)
        if plan.keep_packets:
            ring = packets_stage(
                plan.folder / "packets",
                plan.keep_packets,
                MIRROR,
                log=plan.folder,
                enter=plan.inside,
                ground=mirror.index,
            )
            self._begin(ring)
        self._begin(bridge_stage(plan, mirror))
        self._begin(prometheus_stage(plan))

    def look(self) -> None:
        """Start again what has died; never waits."""
        for stage in self.stages:
            stage.look()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Keep everything running until `condition` holds; False when `seconds` passed first."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.look()
            time.sleep(POLL_SECONDS)
        return True

    def restarts(self) -> dict[str, int]:
        """Tell how often each stage was started again."""
        return {stage.name: stage.restarts for stage in self.stages}

    def agent(self) -> Samples:
        """Scrape the agent.

        Raises:
            PanoError: when it does not answer.
        """
        return Samples.scrape(self.plan.agent_listen)

    def bridge(self) -> Samples:
        """Scrape the bridge.

        Raises:
            PanoError: when it does not answer.
        """
        return Samples.scrape(self.plan.bridge_listen)

    def glance(self, listen: str) -> Samples | None:
        """Scrape one of both, if it answers at once."""
        try:
            return Samples.scrape(listen, GLANCE_SECONDS)
        except PanoError:
            return None

    def finish_zeek(self, read_seconds: float, stop_seconds: float) -> None:
        """Let Zeek read what was mirrored until now, then end it, so that it writes all it has."""
        child = self._zeek.retire() if self._zeek else None
        if child is None:
            return
        now, begun = time.time(), time.monotonic()
        self.wait_for(lambda: self._zeek_is_at(now), read_seconds)
        if not child.stop(stop_seconds - (time.monotonic() - begun)):
            logger.warning("zeek did not end in time: what it had not written is lost")

    def drain(self) -> None:
        """Mirror no more, and let what was mirrored become counts."""
        self._asked = time.monotonic()
        with suppress(PanoError):  # an agent that does not run mirrors nothing
            ask(self.plan.agent_control, {"set": {"server": [NOBODY]}})
        self.finish_zeek(READ_SECONDS, WRITE_SECONDS)
        if self._zeek:
            self.wait_for(self._all_counted, GLANCE_SECONDS)

    def _zeek_is_at(self, moment: float) -> bool:
        """Tell whether Zeek has read all packets up to a moment: its rows are as late as these."""
        page = self.glance(self.plan.bridge_listen)
        rows = "pano_bridge_newest_record_timestamp_seconds"
        return page is not None and any(
            newest > moment for newest in page.values(rows, source=self.plan.stats_from)
        )

    def _all_counted(self) -> bool:
        page = self.glance(self.plan.bridge_listen)
        if page is None:
            return False
        source = self.plan.records_from
        counted = page.sum("pano_bridge_records_total", source=source, result="counted")
        return counted >= page.sum("pano_zeek_records_total")

    def _begin(self, stage: Stage) -> None:
        self.stages.append(stage)
        stage.start()

    def _stop(self) -> None:
        spent = time.monotonic() - self._asked if self._asked else 0.0
        children = [stage.retire() for stage in self.stages]
        stop_all([child for child in children if child], END_SECONDS - spent)
