"""Numbers as people read them, and text from the wire made safe to print."""

from __future__ import annotations

import math
import unicodedata

LONG = 1000  # seconds that are written out


def seconds(value: float) -> str:
    """Write a duration in its natural unit."""
    if math.isnan(value):
        return "-"
    for least, scale, unit in ((1.0, 1.0, "s"), (1e-3, 1e3, "ms"), (0.0, 1e6, "us")):
        if abs(value) >= least:
            return f"{value * scale:.3g} {unit}" if abs(value) < LONG else f"{value:,.0f} s"
    return f"{value} s"


def share(value: float) -> str:
    """Write a part of one in percent."""
    return "-" if math.isnan(value) else f"{value * 100:.3g} %"


def plain(text: str) -> str:
    """Write text with what a terminal would act upon made visible."""
    if text.isprintable():
        return text
    return "".join(letter if _shown(letter) else _escaped(letter) for letter in text)


def _shown(letter: str) -> bool:
    return letter.isprintable() and unicodedata.category(letter) not in {"Cf", "Cc", "Cs"}


def _escaped(letter: str) -> str:
    return ascii(letter)[1:-1]
