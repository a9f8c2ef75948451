"""`pano-bridge up`: the whole pipeline on this host, for as long as it is wanted."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.lab.report import agent_sums, bridge_sums
from pano_glue.lab.run import INTERFACES, SERVERS, Lab, try_it
from pano_glue.pipeline.listen import free_addresses
from pano_glue.pipeline.packets import packet_bytes
from pano_glue.pipeline.pipeline import Pipeline
from pano_glue.pipeline.prometheus import graph_link
from pano_glue.pipeline.stages import Plan, choose_analyzer
from pano_glue.pipeline.summary import show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pano_glue.lab.network import Namespace
    from pano_glue.lab.report import Reading

logger = logging.getLogger(__name__)
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    keep_packets: str = ""


def run_pipeline(options: Options) -> None:
    """Run the pipeline until Ctrl-C, SIGTERM or the end of `--seconds`.

    Raises:
        PanoError: when a stage cannot start, or when the lab's numbers do not agree.
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
    packet_bytes(options.keep_packets)  # complains before anything is started
    if analyzer == "tshark" and not options.analyzer:
        logger.info("Zeek is not installed: tshark makes the same records, slower")
    listens = free_addresses(
        {
            "--listen": options.bridge_listen,
            "--agent-listen": options.agent_listen,
            "--prometheus-listen": options.prometheus_listen,
        }
    )
    folder = _make_folder(options)
    well = False
    try:
        with _signals_interrupt():
            well = _run(options, analyzer, folder, listens)
    except KeyboardInterrupt:
        well = True  # asked to end before everything was up
    finally:
        if well and not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
        elif not options.folder:
            logger.info("records and logs are kept in %s", folder)


def _make_folder(options: Options) -> Path:
    folder = options.folder
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="pano-up-"))
    if options.lab and (folder / "state").exists():
        what = f"--folder {folder}: there is an earlier run in it"
        raise SettingError(what, "a lab's numbers begin at zero: name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"--folder {folder}: {error.strerror}", "name a folder that can be written"
        ) from error
    return folder


def _run(options: Options, analyzer: str, folder: Path, listens: Sequence[str]) -> bool:
    """Run host or lab; tells whether nothing had to be started again."""
    if not options.lab:
        return _run_host(options, _plan(options, analyzer, folder, listens))
    with Lab(folder) as lab:
        plan = _plan(options, analyzer, folder, listens, lab.network.inside("router"))
        return _run_lab(options, lab, plan)


def _run_host(options: Options, plan: Plan) -> bool:
    with Pipeline(plan) as pipeline:
        _say(options, _where(plan))
        with suppress(KeyboardInterrupt):
            _watch(options, pipeline)
        return _finish(options, pipeline)


def _run_lab(options: Options, lab: Lab, plan: Plan) -> bool:
    with Pipeline(plan) as pipeline:
        lab.start_load(options.rate, options.seconds)
        _say(options, f"{_where(plan)}\n  ask it something  {try_it(lab.network)}")
        with suppress(KeyboardInterrupt):
            _watch(options, pipeline)
            if options.seconds:
                reading = lab.settle(pipeline, lab.finish_load(pipeline, options.seconds))
                return _judge(options, reading, pipeline.restarts())
        lab.stop_load()
        return _finish(options, pipeline)


def _judge(options: Options, reading: Reading, restarts: Mapping[str, int]) -> bool:
    if options.as_json:
        print(json.dumps(reading.as_json() | {"restarts": restarts}, indent=1))
    wrong = reading.disagreements()
    if wrong:
        raise PanoError("the numbers do not agree", "; ".join(wrong))
    _say(options, "dnsperf, the records, the bridge and Prometheus agree to the last query.")
    return not any(restarts.values())


def _finish(options: Options, pipeline: Pipeline) -> bool:
    pipeline.drain()
    restarts = pipeline.restarts()
    if options.as_json:
        bridge = pipeline.bridge()
        report = {
            "analyzer": pipeline.plan.analyzer,
            "agent": agent_sums(pipeline.agent()),
            "bridge": bridge_sums(bridge, pipeline.plan.records_from),
            "queries": dict(bridge.by("server", "pano_dns_queries_total")),
            "restarts": restarts,
        }
        print(json.dumps(report, indent=1))
    return not any(restarts.values())


def _plan(
    options: Options,
    analyzer: str,
    folder: Path,
    listens: Sequence[str],
    network: Namespace | None = None,
) -> Plan:
    bridge, agent, prometheus = listens
    return Plan(
        folder=folder,
        interfaces=INTERFACES if options.lab else options.interfaces,
        network=network,
        analyzer=analyzer,
        agent_listen=agent,
        bridge_listen=bridge,
        prometheus_listen=prometheus,
        servers=SERVERS if options.lab else {},
        keep_packets=packet_bytes(options.keep_packets),
    )


def _where(plan: Plan) -> str:
    return (
        f"PANO is up ({plan.analyzer}); Ctrl-C ends it and leaves nothing behind.\n"
        f"  live page         http://{plan.bridge_listen}/\n"
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
def _signals_interrupt() -> Iterator[None]:
    """Let the first signal unwind like Ctrl-C, so that all ends in order; ignore the others."""

    def interrupt(_number: int, _frame: object) -> None:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
