"""Ask a question of logs or of a frame."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from pano_glue.errors import SettingError
from pano_glue.forensics.completeness import UNKNOWN, completeness
from pano_glue.forensics.filters import Filter
from pano_glue.forensics.readers.inputs import stats_beside
from pano_glue.forensics.records import open_records
from pano_glue.forensics.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.forensics.answer import Answer
    from pano_glue.forensics.records import Records

FILTERS = [field.name for field in fields(Filter)]


def ask(
    question: Callable[..., Answer],
    source: Any,  # noqa: ANN401 - Source
    wanted: Filter | None = None,
    *,
    spark: str = "",
    progress: Callable[[float], None] | None = None,
    **options: Any,  # noqa: ANN401 - the question's own
) -> Answer:
    """Answer a question, and tell what was read and whether it is complete.

    Raises:
        PanoError: when there is nothing to read, or the question has no answer.
        SettingError: when an option cannot be used.
    """
    with open_records(source, wanted, spark=spark, progress=progress) as records:
        answer = question(records, **options)
        answer.readings = records.readings()
        answer.complete = complete_until(records, records.span())
    return answer


def asked(question: Callable[..., Answer]) -> Callable[..., Answer]:
    """Make the function of logs or a frame, and of the filter's options, that asks a question."""

    @wraps(question)
    def asking(source: Any, *, spark: str = "", **options: Any) -> Answer:  # noqa: ANN401 - Source
        wanted = {name: options.pop(name) for name in FILTERS if name in options}
        return ask(question, source, filter_of(wanted), spark=spark, **options)

    return asking


def filter_of(wanted: dict[str, Any]) -> Filter:
    """Make a filter of options as people write them: times as text, one value without a list.

    Raises:
        SettingError: when an option is unknown or cannot be used.
    """
    now = datetime.now(UTC)
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        if name not in FILTERS:
            raise SettingError(f"{name}: no such option", f"there are {', '.join(FILTERS)}")
        if name in {"since", "until"}:
            values[name] = moment(value, f"--{name}", now) if isinstance(value, str) else value
        else:
            values[name] = (str(value),) if isinstance(value, str | int) else tuple(value)
    return Filter(**{name: value for name, value in values.items() if value is not None})


def complete_until(records: Records, ends: tuple[datetime, datetime] | None) -> str:
    """Say whether the records are complete, between the filter's ends or else their own."""
    if not records.paths:
        return ""
    logs = stats_beside(records.paths)
    if not logs:
        return UNKNOWN
    if ends is None:
        return ""
    begin, end = records.filter.since or ends[0], records.filter.until or ends[1]

    def count(first: float, last: float) -> int:
        found = f"epoch_us(ts) > {first * 1e6:.0f} AND epoch_us(ts) <= {last * 1e6:.0f}"
        return int(records.number(f"SELECT count(*) FROM records WHERE {found}"))

    return completeness(logs, begin, end, count if records.whole else None)
