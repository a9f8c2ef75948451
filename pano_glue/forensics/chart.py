"""Charts as SVG, drawn with the page's colours."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Place = Callable[[float], float]

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960, 220, 56, 24, 26
COLOURS = ("var(--first)", "var(--second)", "var(--third)")
BAR = 22
LABEL = 42  # characters of one that are written
HOUR, MONTH = 3600, 30 * 86400


def lines(title: str, times: Sequence[float], series: Mapping[str, Sequence[float]]) -> str:
    """Draw series over time (epoch seconds); a step without a value interrupts its line."""
    most = _round_up(max((v for values in series.values() for v in values if v == v), default=0))  # noqa: PLR0124
    first, last = times[0], times[-1]

    def x(when: float) -> float:
        return LEFT + (when - first) / ((last - first) or 1) * (WIDTH - LEFT - 8)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / (most or 1) * (HEIGHT - BOTTOM - TOP)

    parts = [_grid(y, most), _axis(x, first, last)]
    for colour, (name, values) in zip(COLOURS, series.items(), strict=False):
        path, pen = [], "M"
        for when, value in zip(times, values, strict=True):
            if math.isnan(value):
                pen = "M"
                continue
            path.append(f"{pen}{x(when):.1f} {y(value):.1f}")
            pen = "L"
        parts.append(
            f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.6" '
            f'stroke-linecap="round"><title>{escape(name)}</title></path>'
        )
    parts.append(_legend(title, list(series)))
    return _svg(title, HEIGHT, "".join(parts))


def bars(title: str, labels: Sequence[str], values: Sequence[float]) -> str:
    """Draw one bar for each label."""
    most = max(values, default=0) or 1
    parts = []
    for row, (label, value) in enumerate(zip(labels, values, strict=True)):
        top, wide = row * BAR, value / most * (WIDTH - 420)
        short = label if len(label) <= LABEL else label[: LABEL - 1] + "…"
        parts.append(
            f'<text x="300" y="{top + 15}" text-anchor="end">{escape(short)}</text>'
            f'<rect x="308" y="{top + 3}" width="{wide:.1f}" height="{BAR - 7}" '
            f'fill="{COLOURS[0]}"/>'
            f'<text x="{316 + wide:.1f}" y="{top + 15}">{value:,.0f}</text>'
        )
    return _svg(title, len(labels) * BAR + 4, "".join(parts))


def _svg(title: str, height: int, inner: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        f'font-size="12" fill="currentColor">{inner}</svg>'
    )


def _legend(title: str, names: list[str]) -> str:
    parts = [f'<text x="{LEFT}" y="14">{escape(title)}: ']
    for place, (colour, name) in enumerate(zip(COLOURS, names, strict=False)):
        parts.append(f'<tspan fill="{colour}" dx="{6 if place else 0}">{escape(name)}</tspan>')
    return "".join(parts) + "</text>"


def _grid(y: Place, most: float) -> str:
    rows = []
    for quarter in range(5):
        value = most * quarter / 4
        at = y(value)
        rows.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 8}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--line)"/>'
            f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:,.4g}</text>'
        )
    return "".join(rows)


def _axis(x: Place, first: float, last: float) -> str:
    form = "%H:%M:%S" if last - first < HOUR else "%m-%d %H:%M"
    form = form if last - first < MONTH else "%Y-%m-%d"
    words = []
    for step in range(5):
        when = first + (last - first) * step / 4
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"  # noqa: PLR2004 - the last
        text = datetime.fromtimestamp(when, UTC).strftime(form)
        words.append(
            f'<text x="{x(when):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{text}</text>'
        )
    return "".join(words)


def _round_up(value: float) -> float:
    """Give the next number with one digit (1, 2, 4, 5, 8) and zeros."""
    if value <= 0:
        return 1
    scale = 10.0 ** math.floor(math.log10(value))
    return next(step * scale for step in (1, 2, 4, 5, 8, 10) if step * scale >= value)
