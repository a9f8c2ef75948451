"""`pano-bridge relay`: its options, and one relay per source."""

from __future__ import annotations

import os
import signal
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pano_glue.bridge.ledger import BridgeLedger
    from pano_glue.config import Config
    from pano_glue.relay.relay import Relay


def relay(
    source: Annotated[list[str], typer.Option(help="As for `run`; several may be.")],
    to: Annotated[str, typer.Option(help="kafka://host:port/topic; without topic, one per log.")],
    listen: Annotated[str | None, typer.Option(help="HOST:PORT of /metrics; else none.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Where positions are kept.")] = None,
    config: Annotated[Path | None, typer.Option(help="pano.toml; see docs/pano.toml.")] = None,
) -> None:
    """Send sources' records to Kafka, batched and keyed by sensor."""
    from pano_glue.config import load_settings

    flags = {"bridge.sources": source, "bridge.state_dir": str(state_dir) if state_dir else None}
    run_relays(load_settings(config, os.environ, flags).config, to, listen)


def run_relays(config: Config, to: str, listen: str | None) -> None:
    """Relay every source of `config` until SIGTERM, SIGINT or the end of all.

    Raises:
        PanoError: when a setting cannot be used, a source cannot go on, or Kafka refuses.
    """
    from pano_glue.bridge.ledger import BridgeLedger
    from pano_glue.metrics.labels import Folds, ServerNames

    limits = config.limits
    folds = Folds(limits.sensors, limits.servers, limits.groups, ServerNames({}))
    ledger = BridgeLedger(folds)
    relays = _open(config, to, ledger)
    if listen is not None:
        _serve(listen, config, ledger, relays)
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def stop(*_: object) -> None:
        for one in relays:
            one.stop()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    for one in relays:
        Thread(target=_run, args=(one, ended), daemon=True).start()
    for _ in relays:
        failure = ended.get()
        if failure is not None:
            stop()
            raise failure


def _run(relay: Relay, ended: SimpleQueue[BaseException | None]) -> None:
    failure: BaseException | None = None
    try:
        relay.run()
    except BaseException as error:  # noqa: BLE001 - raised again in the main thread
        failure = error
    ended.put(failure)


def _open(config: Config, to: str, ledger: BridgeLedger) -> list[Relay]:
    from functools import partial

    from pano_glue.bridge.run import claim_state_dir
    from pano_glue.errors import SettingError
    from pano_glue.kafka.address import parse_address
    from pano_glue.kafka.client import open_library
    from pano_glue.relay.relay import Relay
    from pano_glue.sources import SourceContext, open_source

    if not to.startswith("kafka://"):
        raise SettingError(f"--to {to}: no Kafka", "write kafka://host:port[/topic]")
    servers, topics = parse_address(to.removeprefix("kafka://"), f"--to {to}")
    if len(topics) > 1:
        raise SettingError(f"--to {to}: more than one topic", "name one, or none")
    state_dir = claim_state_dir(config.bridge.state_dir) if config.bridge.state_dir else None
    context = SourceContext(state_dir, ledger, config)
    open_producer = partial(open_library().open_producer, servers, config.kafka)
    topic = topics[0] if topics else None
    return [Relay(open_source(uri, context), open_producer, topic) for uri in config.bridge.sources]


def _serve(listen: str, config: Config, ledger: BridgeLedger, relays: list[Relay]) -> None:
    from pano_glue.bridge.counting import Scrape
    from pano_glue.bridge.server import MetricsServer, tls_context
    from pano_glue.metrics.family import exposition

    def scrape(openmetrics: bool) -> Scrape:  # noqa: FBT001 (the server's own)
        families = [family for one in relays for family in one.families()]
        return Scrape(exposition([*families, *ledger.families()], openmetrics=openmetrics), {})

    server = MetricsServer(listen, scrape, lambda _: None, tls_context(config.tls))
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
