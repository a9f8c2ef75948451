"""Which form of a page a client asks for."""

from __future__ import annotations

OPENMETRICS_TYPE = "application/openmetrics-text"
TEXT_TYPES = ("text/plain", "text/*", "*/*")


def wants_openmetrics(accept: str) -> bool:
    """Read an Accept header (RFC 9110, section 12.5.1): OpenMetrics only where it is preferred.

    Equal preference is for OpenMetrics, as Prometheus lists it first.
    """
    openmetrics = text = 0.0
    for entry in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        quality = _quality(parameters)
        if kind == OPENMETRICS_TYPE:
            openmetrics = max(openmetrics, quality)
        elif kind in TEXT_TYPES:
            text = max(text, quality)
    return openmetrics > 0 and openmetrics >= text


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def wants_gzip(accept_encoding: str) -> bool:
    """Read an Accept-Encoding header (RFC 9110, section 12.5.3)."""
    for entry in accept_encoding.split(","):
        coding, *parameters = (part.strip().lower() for part in entry.split(";"))
        if coding in ("gzip", "*"):
            return _quality(parameters) > 0
    return False
