"""`report`: every question's answer on one page of HTML."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pano_glue.errors import PanoError
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.ask import complete_until
from pano_glue.forensics.duck import DuckEngine
from pano_glue.forensics.logs import Logs
from pano_glue.forensics.page import page
from pano_glue.forensics.questions import question
from pano_glue.forensics.records import LOOKED_AT
from pano_glue.forensics.to_parquet import write

if TYPE_CHECKING:
    from pano_glue.forensics.pseudonyms import Key
    from pano_glue.forensics.records import Records

ASKED = (
    "timeline",
    "failures",
    "slow",
    "servers",
    "clients",
    "names",
    "wasted",
    "tunnels",
    "beacons",
    "upstream",
)
ROWS = 10


def report(records: Records, key: Key | None = None) -> tuple[str, list[Answer]]:
    """Ask all questions; returns the page and the answers on it.

    Logs are read once, into Parquet; the questions then read that.
    """
    if not isinstance(records.engine, DuckEngine):
        raise PanoError("report works without --spark", "leave it out")
    records.keep("ts", LOOKED_AT)
    whole = int(records.number("SELECT count(*) FROM records"))
    ends = records.span() if whole else None
    readings, complete = records.readings(), complete_until(records, ends)
    _read_once(records, records.engine)
    answers = [_asked(records, name, {}) for name in ASKED]
    if ends:
        middle = ends[0] + (ends[1] - ends[0]) / 2
        halves = {
            "a": f"{ends[0].isoformat()}/{middle.isoformat()}",
            "b": f"{middle.isoformat()}/{ends[1].isoformat()}",
        }
        if ends[0] < middle < ends[1]:
            answers.append(_asked(records, "compare", halves))
    if records.filter.since:
        answers.append(_asked(records, "new_names", {}))
    if key is not None:
        from pano_glue.forensics.anonymize import anonymized

        answers = [anonymized(answer, key) for answer in answers]
    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    spanned = f", {ends[0]:%Y-%m-%d %H:%M:%S} to {ends[1]:%Y-%m-%d %H:%M:%S} UTC" if ends else ""
    summary = [f"{whole:,} records{spanned}", complete]
    summary += [one.sentence() for one in readings if one.skipped or one.notes]
    answers[0].readings, answers[0].complete = readings, complete
    return page(f"DNS, as of {made}", [text for text in summary if text], answers), answers


def _asked(records: Records, name: str, options: dict[str, Any]) -> Answer:
    function, kept = question(name), records.filter
    if name in {"slow", "servers", "clients", "names", "failures", "wasted", "compare"}:
        options = options | {"limit": ROWS}
    try:
        return function(records, **options)
    except PanoError as error:
        return Answer(name.replace("_", "-"), [f"no answer: {error.what}"], {})
    finally:
        records.filter = kept


def _read_once(records: Records, engine: DuckEngine) -> None:
    if records.logs is None or records.logs.only_parquet:
        return
    folder = engine.folder / "report"
    write(records, folder, where="TRUE")
    records.logs = Logs(engine, sorted(folder.rglob("*.parquet")))
