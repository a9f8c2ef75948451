"""Coverage-guided fuzzing of what reads bytes from outside: `tests/bridge/fuzz.py [-runs=N]`.

Needs atheris (`pip install atheris`). Whatever goes in, nothing may be raised but a PanoError for a
TSV log without header, and every non-empty line must be counted as something.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports():
    from pano_glue.bridge.counting import Counting
    from pano_glue.config import Config
    from pano_glue.kafka.values import cut_long_lines, lines_by_log
    from pano_glue.sources import Batch
    from pano_glue.sources.lines import LineReader
    from pano_glue.sources.log_file import LogLines
    from pano_glue.sources.tshark_analysis import Analysis

COUNTING = Counting(Config())


def values(data: bytes) -> None:
    """Read Kafka values, divided by NUL; no line of them may go missing, whatever log it is of."""
    found = lines_by_log("dns", data.split(b"\0"))
    for log, lines in found.items():
        COUNTING.apply("fuzz", Batch(log, cut_long_lines(lines, 64)))
    lines_before = sum(bool(line.strip()) for line in data.replace(b"\0", b"\n").split(b"\n"))
    if sum(lines.count(b"\n") + 1 for lines in found.values()) < lines_before:
        raise AssertionError("values went missing")


def received() -> float:
    """Tell how many records came in, whatever became of them."""
    records, *_ = COUNTING.ledger.metrics()
    return sum(records.values.values())


def one_input(data: bytes) -> None:
    """Feed one input to the reader that its first byte chooses."""
    kind, data = data[:1], data[1:]
    if kind == b"#":
        pieces = iter([b"#" + data])
        rows = LogLines(lambda _: next(pieces, b""), 1 << 16, tables=True)
        while made := rows.next() or rows.rest():
            COUNTING.apply("fuzz", Batch("dns", made))
        return
    if kind == b"t":
        analysis = Analysis()
        for line in data.split(b"\n"):
            list(analysis.line(line))
        list(analysis.end())
        return
    if kind == b"l":
        pieces = iter([data[i : i + 7] for i in range(0, len(data), 7)])
        reader = LineReader(lambda _: next(pieces, b""), 16)
        while reader.next():
            pass
        reader.rest()
        if reader.offset != len(data):
            raise AssertionError("bytes went missing")
        return
    if kind == b"k":
        values(data)
        return
    topic = "pano_stats" if kind == b"s" else "dns"
    before = received()
    COUNTING.apply("fuzz", Batch(topic, data))
    if data.strip(b"\n\r\t ") and received() == before:
        raise AssertionError("records went uncounted")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
