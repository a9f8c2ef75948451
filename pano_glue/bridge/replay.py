"""`pano-bridge replay`: finished logs, counted, and their metrics on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from pano_glue.bridge.check import check_log
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.errors import PanoError
from pano_glue.sources import Batch
from pano_glue.sources.compression import DamagedError
from pano_glue.sources.log import topic_of
from pano_glue.sources.log_file import LogFile

if TYPE_CHECKING:
    from pathlib import Path

    from pano_glue.config import Config


def replay(files: list[Path], config: Config, form: str) -> None:
    """Count `files` and print their metrics as `prometheus`, `openmetrics` or `json`.

    Raises:
        PanoError: when a file cannot be read or is no log that the bridge knows; after the page,
            when one is damaged and not all of it was counted.
    """
    counting = Counting(config)
    losses = [loss for path in files if (loss := _count(path, config, counting))]
    page, _ = Pages(counting, None).page(Visit("stdout"), openmetrics=form == "openmetrics")
    sys.stdout.write(_json(page) if form == "json" else page.decode())
    if losses:
        raise PanoError("; ".join(losses), "all before that is counted; restore the file")


def _count(path: Path, config: Config, counting: Counting) -> str:
    """Count one file; returns what of it is lost, if anything.

    Raises:
        PanoError: when it cannot be read or is no log that the bridge knows.
    """
    source, topic = f"log:{path}", topic_of(path)
    limit = config.limits.line_bytes
    try:
        check_log(path, topic, limit, counting.protocols)
        log = LogFile(path, limit, tables=True)
    except OSError as error:
        cure = "name a log that can be read"
        raise PanoError(f"{path}: {error.strerror or error}", cure) from error
    counting.ledger.open(source, topic)
    try:
        while lines := log.lines.next():
            counting.apply(source, Batch(topic, lines))
        if log.cut():
            return f"{path}: cut, its last part is lost"
        if lines := log.lines.rest():
            counting.apply(source, Batch(topic, lines))
    except (OSError, DamagedError) as error:
        return f"{path}: damaged, what follows is lost: {error}"
    finally:
        log.close()
    return ""


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
