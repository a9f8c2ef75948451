"""`pano-bridge replay`: finished logs, counted, and their metrics on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from pano_glue.bridge.check import check_log
from pano_glue.bridge.counting import Counting
from pano_glue.sources import Batch
from pano_glue.sources.log import topic_of
from pano_glue.sources.log_file import LogFile

if TYPE_CHECKING:
    from pathlib import Path

    from pano_glue.config import Config


def replay(files: list[Path], config: Config, form: str) -> None:
    """Count `files` and print their metrics as `prometheus`, `openmetrics` or `json`.

    Raises:
        PanoError: when a file cannot be read or is no log that the bridge knows.
    """
    counting = Counting(config)
    for path in files:
        source, topic = f"log:{path}", topic_of(path)
        check_log(path, topic, config.limits.line_bytes, counting.protocols)
        counting.ledger.open(source)
        log = LogFile(path, config.limits.line_bytes, counting.protocols[topic].fields)
        while lines := log.lines.next() or log.lines.rest():
            counting.apply(source, Batch(topic, lines))
        log.close()
    page = counting.scrape(openmetrics=form == "openmetrics").page
    sys.stdout.write(_json(page) if form == "json" else page.decode())


def _json(page: bytes) -> str:
    """Write a page as one JSON array: `[{"name", "type", "help", "samples": […]}]`."""
    from prometheus_client.parser import text_string_to_metric_families

    families = [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [
                {"name": sample.name, "labels": sample.labels, "value": sample.value}
                for sample in family.samples
            ],
        }
        for family in text_string_to_metric_families(page.decode())
    ]
    return msgspec.json.encode(families).decode() + "\n"
