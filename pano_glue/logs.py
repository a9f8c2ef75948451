"""What the programs say on stderr: plain lines for people, logfmt or JSON for a log's readers."""

from __future__ import annotations

import json
import logging
import sys
import time
from enum import StrEnum


class LogFormat(StrEnum):
    """How a line is written."""

    plain = "plain"
    logfmt = "logfmt"
    json = "json"


class LogLevel(StrEnum):
    """The least that is said."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class LineFormatter(logging.Formatter):
    """Writes a record in one line, a traceback included."""

    def __init__(self, program: str, form: LogFormat) -> None:
        """Name the `program` in each line."""
        super().__init__()
        self._program = program
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        text = record.getMessage()
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            text = f"{text}\n{trace}" if self._form is LogFormat.plain else f"{text}: {trace}"
        if self._form is LogFormat.plain:
            return f"{self._program}: {text}"
        fields = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "program": self._program,
            "msg": text,
        }
        if self._form is LogFormat.json:
            return json.dumps(fields)
        return " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())


def _quoted(value: str) -> str:
    if value and not any(mark in value for mark in ' "=\n\\'):
        return value
    return json.dumps(value)


def start_logging(program: str, level: LogLevel, form: LogFormat) -> None:
    """Send what the program says to stderr from now on."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(LineFormatter(program, form))
    root = logging.getLogger("pano_glue")
    root.handlers[:] = [lines]
    root.propagate = False
    root.setLevel(level.upper())
