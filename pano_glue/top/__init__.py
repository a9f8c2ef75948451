"""`pano-bridge top`: what DNS does now, in the terminal, from a bridge's page."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import msgspec

from pano_glue.errors import PanoError
from pano_glue.top.looks import fetch, view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.top.looks import View


def top(url: str, interval: float, *, once: bool, as_json: bool) -> None:
    """Show the page at `url` every `interval` seconds: live, or as text where nobody can type.

    Raises:
        PanoError: when the page cannot be had, or the library for live screens is missing.
    """
    views = _views(url, interval)
    if as_json:
        print(msgspec.json.encode(next(views)).decode())
    elif once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        from pano_glue.top.plain import show

        show(next(views))
    else:
        fetch(url)  # an error is said before the screen is taken
        try:
            from pano_glue.top.app import TopApp
        except ImportError as error:
            cure = "install the extra `top` (pip install 'pano-glue[top]'), or say --once"
            raise PanoError("the library `textual` is not installed", cure) from error
        TopApp(url, interval).run()


def _views(url: str, interval: float) -> Iterator[View]:
    before, then = fetch(url), time.monotonic()
    while True:
        time.sleep(interval)
        after, now = fetch(url), time.monotonic()
        yield view(before, after, now - then)
        before, then = after, now
