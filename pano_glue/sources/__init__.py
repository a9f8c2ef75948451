"""Sources by URI scheme; a new transport is one line in `SCHEMES` and one file.

The file offers `open_source(uri: SourceUri, context: SourceContext) -> Source`, which checks the
URI and the settings (SettingError) and connects to nothing yet.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from pano_glue.errors import SettingError
from pano_glue.sources.base import (
    Batch,
    Ledger,
    Source,
    SourceContext,
    SourceUri,
    without_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Batch", "Ledger", "Source", "SourceContext", "SourceUri", "open_source", "parse_uri"]

# Modules, imported when a URI asks for them: several need a library that is an extra.
SCHEMES = {
    "log": "pano_glue.sources.log",
    "tshark": "pano_glue.sources.tshark",
    "kafka": "pano_glue.sources.kafka",
    "broker": "pano_glue.sources.broker",
    "ws": "pano_glue.sources.websocket",
    "wss": "pano_glue.sources.websocket",
}


def parse_uri(text: str) -> SourceUri:
    """Split a source's URI.

    Raises:
        SettingError: when the scheme is unknown, the target empty or an option given twice.
    """
    scheme, colon, rest = text.partition(":")
    text = without_credentials(text)  # in errors
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        raise SettingError(f"--source {text}: no such kind of source", f"begin with one of {known}")
    target, _, query = rest.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise SettingError(f"--source {text}: an option stands twice", "keep one of them")
    target = target.removeprefix("//") if scheme not in {"log", "tshark"} else target
    if not target:
        raise SettingError(f"--source {text}: nothing after {scheme}:", "name what to read")
    return SourceUri(scheme, target, options)


def open_source(text: str, context: SourceContext) -> Source:
    """Make the source that a URI names; nothing is opened or connected yet.

    Raises:
        SettingError: when the URI or its settings cannot be used, or its library is missing.
    """
    uri = parse_uri(text)
    module = import_module(SCHEMES[uri.scheme])
    make = cast("Callable[[SourceUri, SourceContext], Source]", module.open_source)
    return make(uri, context)


def reject_unknown_options(uri: SourceUri, known: set[str]) -> None:
    """Check the options after `?`.

    Raises:
        SettingError: naming the first option that this kind of source does not have.
    """
    for option in uri.options:
        if option not in known:
            cure = f"it knows {', '.join(sorted(known))}" if known else "it has no options"
            raise SettingError(f"--source {uri.name}: unknown option {option}", cure)
