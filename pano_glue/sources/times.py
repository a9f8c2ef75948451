"""Times as Zeek may write them: epoch seconds, milliseconds, or ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

# Larger numbers are no seconds (this one is in the year 5138) but milliseconds (`JSON::TS_MILLIS`),
# or micro- or nanoseconds, as other programs write them.
MOST_SECONDS = 1e11


def epoch_seconds(time: float | str) -> float | None:
    """Give a time in epoch seconds; None for what is none."""
    try:
        seconds = float(time)
    except ValueError:
        return _iso_seconds(str(time))
    if not 0 <= seconds < MOST_SECONDS**2:
        return None  # no clock says that, NaN included
    while seconds > MOST_SECONDS:
        seconds /= 1000
    return seconds


def _iso_seconds(text: str) -> float | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
