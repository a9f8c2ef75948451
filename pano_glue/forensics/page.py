"""An answer, or many, as HTML that needs nothing else: no script, no request; prints well."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from pano_glue.forensics.chart import bars, lines
from pano_glue.forensics.render import cell, heading
from pano_glue.forensics.words import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pano_glue.forensics.answer import Answer

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --faint: #66727f; --line: #d9dfe5;
  --paper: #fff; --first: #2563a8; --second: #c2410c; --third: #15803d; }
@media (prefers-color-scheme: dark) { :root { --ink: #dbe4ec; --faint: #94a3b3; --line: #35414d;
  --paper: #141a20; --first: #6aaaf0; --second: #f58d5a; --third: #5ccb86; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
h3 { font-size: .95rem; margin: 1.25rem 0 .25rem; color: var(--faint); font-weight: 600; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
nav a { display: inline-block; margin-right: .9rem; color: var(--first); }
.warn { color: var(--second); font-weight: 600; }
.table { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--faint); font-weight: 600; white-space: nowrap; }
td { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.n, th.n { text-align: right; }
td.w { white-space: normal; overflow-wrap: anywhere; min-width: 16rem; max-width: 28rem; }
svg { width: 100%; height: auto; min-width: 36rem; max-width: 60rem; display: block; }
@media print { body { max-width: none; font-size: 11px; } nav { display: none; }
  .table { overflow: visible; } tr, svg { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
LONG = 40  # characters of a cell that is broken into lines
# Nothing is loaded from anywhere, whatever a name says.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, summary: Sequence[str], answers: Sequence[Answer]) -> str:
    """Write the whole page; `summary` are sentences, a warning begins with `incomplete`."""
    links = "".join(
        f'<a href="#{escape(one.question)}">{escape(one.question)}</a>' for one in answers
    )
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<link rel="icon" href="data:,"><title>{_text(title)}</title>'
        f"<style>{STYLE}</style></head><body>"
    )
    said = "".join(_sentence(sentence) for sentence in summary)
    body = "".join(section(answer) for answer in answers)
    return f"{head}<h1>{_text(title)}</h1>{said}<nav>{links}</nav>{body}</body></html>\n"


def section(answer: Answer) -> str:
    """Write one answer."""
    facts = [fact for fact in answer.facts if not fact.startswith(("queries  ", "p95  "))]
    said = "".join(_sentence(fact) for fact in facts)
    name = escape(answer.question)
    drawn = _drawn(answer)
    drawn = f'<div class="table">{drawn}</div>' if drawn else ""
    tables = "".join(
        f"<h3>{_text(title)}</h3>{_table(frame)}" for title, frame in answer.tables.items()
    )
    return f'<section><h2 id="{name}">{name}</h2>{said}{drawn}{tables}</section>'


def _sentence(sentence: str) -> str:
    warns = ' class="warn"' if sentence.startswith("incomplete") else ""
    return f"<p{warns}>{_text(sentence)}</p>"


def _text(text: str) -> str:
    return escape(plain(text).encode("utf-8", "backslashreplace").decode())


def _table(frame: pd.DataFrame) -> str:
    if frame.empty:
        return "<p>none</p>"
    shown = frame.dropna(axis="columns", how="all")
    names = [str(name) for name in shown.columns]
    numeric = [shown[name].dtype.kind in "iufb" for name in shown.columns]
    head = "".join(
        f"<th{' class=n' if number else ''}>{_text(heading(name))}</th>"
        for name, number in zip(names, numeric, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(map(_cell, names, numeric, row)) + "</tr>"
        for row in zip(*(shown[name] for name in shown.columns), strict=True)
    )
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="table"><table>{body}</table></div>'


def _cell(name: str, number: bool, value: Any) -> str:  # noqa: ANN401, FBT001 - any cell
    text = cell(name, value)
    kind = " class=n" if number else " class=w" if len(text) > LONG else ""
    return f"<td{kind}>{escape(text)}</td>"


def _drawn(answer: Answer) -> str:
    """Draw what is easier seen than read."""
    if not answer.tables:
        return ""
    frame = answer.frame
    if answer.question == "timeline" and len(frame) > 1:
        times = [moment.timestamp() for moment in frame["time"]]
        counts = {name: frame[name].tolist() for name in ("queries", "failures", "nxdomain")}
        waits = {
            name.removesuffix("_seconds"): [value * 1000 for value in frame[name].tolist()]
            for name in ("p50_seconds", "p95_seconds", "p99_seconds")
        }
        return lines("queries in each step", times, counts) + lines("rtt in ms", times, waits)
    drawn = {
        "failures": ("result", "records"),
        "servers": ("server", "queries"),
        "clients": ("client", "queries"),
        "names": ("domain", "queries"),
        "wasted": ("reason", "queries"),
    }
    if answer.question in drawn and len(frame) > 1:
        label, value = drawn[answer.question]
        if label in frame:
            top = frame.head(10)
            return bars(value, [plain(str(text)) for text in top[label]], top[value].tolist())
    return ""
