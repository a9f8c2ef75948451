"""Points in time and durations, as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pano_glue.errors import SettingError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def duration(text: str, option: str) -> timedelta:
    """Read `90s`, `15m`, `2h`, `7d` or `1w`.

    Raises:
        SettingError: naming `option`.
    """
    match = DURATION.fullmatch(text.strip())
    if not match:
        raise SettingError(f"{option} {text}: no duration", "write 90s, 15m, 2h, 7d or 1w")
    try:
        return timedelta(seconds=float(match[1]) * UNITS[match[2]])
    except OverflowError as error:
        raise SettingError(f"{option} {text}: too long", "name less than 1000 years") from error


def moment(text: str, option: str, now: datetime) -> datetime:
    """Read a time: a duration before `now`, an ISO time (UTC unless it says), or epoch seconds.

    Raises:
        SettingError: naming `option`.
    """
    text = text.strip()
    try:
        if DURATION.fullmatch(text):
            return now - duration(text, option)
        if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        when = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        cure = "write 2h (before now), 2026-11-25T14:00 (UTC) or epoch seconds"
        raise SettingError(f"{option} {text}: no time", cure) from error
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def span(text: str, option: str, now: datetime) -> tuple[datetime, datetime]:
    """Read a range, `BEGIN/END` or `BEGIN/DURATION`; the end is not part of it.

    Raises:
        SettingError: naming `option`.
    """
    begin, slash, end = text.partition("/")
    if not slash:
        cure = "write BEGIN/END or BEGIN/DURATION: 2026-11-25T14:00/1h"
        raise SettingError(f"{option} {text}: no range of time", cure)
    first = moment(begin, option, now)
    length = DURATION.fullmatch(end.strip())
    last = first + duration(end, option) if length else moment(end, option, now)
    if last <= first:
        raise SettingError(f"{option} {text}: it ends before it begins", "swap the two times")
    return first, last


def literal(when: datetime) -> str:
    """Write a time as SQL has it, in UTC; one without a zone is in UTC already."""
    when = when.astimezone(UTC) if when.tzinfo else when
    return f"TIMESTAMP '{when.replace(tzinfo=None).isoformat(sep=' ')}'"
