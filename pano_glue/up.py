"""`pano-bridge up`: the whole pipeline on this host, for as long as it is wanted."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.lab.report import agent_sums, bridge_sums
from pano_glue.lab.run import INTERFACES, SERVERS, Lab, try_it
from pano_glue.pipeline.pipeline import Pipeline
from pano_glue.pipeline.prometheus import graph_link
from pano_glue.pipeline.stages import Plan, choose_analyzer
from pano_glue.pipeline.summary import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pano_glue.lab.network import Namespace


@dataclass(frozen=True)
class Options:
    """The flags of `pano-bridge up`."""

    interfaces: Sequence[str]
    lab: bool
    seconds: float | None
    as_json: bool
    rate: float
    analyzer: str | None
    bridge_listen: str
    agent_listen: str
    prometheus_listen: str
    folder: Path | None


def run_pipeline(options: Options) -> None:
    """Run the pipeline until Ctrl-C, SIGTERM or the end of `--seconds`.

    Raises:
        PanoError: when a stage cannot start or dies, or when the lab's numbers do not agree.
    """
    if options.lab == bool(options.interfaces):
        raise SettingError("up needs either --lab or --iface", "try `pano-bridge up --lab`")
    if options.as_json and not options.seconds:
        raise SettingError("--json prints one report at the end", "add --seconds N")
    if os.geteuid() != 0:
        raise PanoError(
            "up needs root: it mirrors packets in the kernel",
            "use sudo, or `pano-bridge replay FILE` for logs that you have",
        )
    analyzer = choose_analyzer(options.analyzer)
    if analyzer == "tshark" and not options.analyzer:
        print("Zeek is not installed: tshark makes the same records, slower", file=sys.stderr)
    with ExitStack() as stack, _stop_on_sigterm():
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="pano-up-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        if options.lab:
            _run_lab(options, stack.enter_context(Lab(folder)), analyzer, folder)
        else:
            _run_host(options, analyzer, folder)


def _run_host(options: Options, analyzer: str, folder: Path) -> None:
    plan = _plan(options, analyzer, folder, options.interfaces, None)
    with Pipeline(plan) as pipeline:
        _say(options, _where(plan))
        _watch(options, pipeline)
        if options.as_json:
            print(json.dumps(_totals(pipeline), indent=1))


def _run_lab(options: Options, lab: Lab, analyzer: str, folder: Path) -> None:
    plan = _plan(options, analyzer, folder, INTERFACES, lab.network.inside("router"))
    with Pipeline(plan) as pipeline:
        lab.start_load(options.rate, options.seconds)
        _say(options, f"{_where(plan)}\n  ask it something  {try_it(lab.network)}")
        _watch(options, pipeline)
        if not options.seconds:
            return
        reading = lab.settle(pipeline, lab.finish_load(options.seconds))
    if options.as_json:
        print(json.dumps(reading.as_json(), indent=1))
    wrong = reading.disagreements()
    if wrong:
        raise PanoError("the numbers do not agree", "; ".join(wrong))
    _say(options, "dnsperf, the records, the bridge and Prometheus agree to the last query.")


def _totals(pipeline: Pipeline) -> dict[str, object]:
    bridge = pipeline.bridge()
    return {
        "analyzer": pipeline.plan.analyzer,
        "agent": agent_sums(pipeline.agent()),
        "bridge": bridge_sums(bridge, pipeline.plan.records_from),
        "queries": dict(bridge.by("server", "pano_dns_queries_total")),
    }


def _plan(
    options: Options,
    analyzer: str,
    folder: Path,
    interfaces: Sequence[str],
    network: Namespace | None,
) -> Plan:
    return Plan(
        folder=folder,
        interfaces=interfaces,
        network=network,
        analyzer=analyzer,
        agent_listen=options.agent_listen,
        bridge_listen=options.bridge_listen,
        prometheus_listen=options.prometheus_listen,
        servers=SERVERS if options.lab else {},
        rotate=not options.lab,
    )


def _where(plan: Plan) -> str:
    return (
        f"PANO is up ({plan.analyzer}); Ctrl-C ends it and leaves nothing behind.\n"
        f"  Prometheus        {graph_link(plan.prometheus_listen)}\n"
        f"  bridge metrics    http://{plan.bridge_listen}/metrics\n"
        f"  agent metrics     http://{plan.agent_listen}/metrics\n"
        f"  records and logs  {plan.folder}"
    )


def _say(options: Options, text: str) -> None:
    print(text, file=sys.stderr if options.as_json else sys.stdout, flush=True)


def _watch(options: Options, pipeline: Pipeline) -> None:
    end = time.monotonic() + options.seconds if options.seconds else None
    show(pipeline, end, quiet=options.as_json)


@contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C, so that every stage is stopped in order."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
