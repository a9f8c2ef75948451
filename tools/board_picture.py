"""A board drawn without Grafana: its layout, and the real results of its queries, as one HTML page.

This is no Grafana: no tooltips, no variables, plain lines, bars, figures and tables. It is for
looking at a board where no Grafana can be had, and says so on the picture.
"""

from __future__ import annotations

import html
import json
import math
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SPAN = 90.0  # seconds
STEP = 2.0
CELL, ROW = 53, 34  # pixels of the grid's column and row
VARIABLES = {"__rate_interval": "10s", "__range": "90s"}
COLOURS = ["#3274d9", "#56a64b", "#e0b400", "#ff780a", "#e02f44", "#a352cc", "#37872d", "#8e8e8e"]
STYLE = """
body { margin: 0; background: #f4f5f5; font: 12px sans-serif; color: #24292e; }
.panel { position: absolute; background: #fff; border: 1px solid #d8d9da; overflow: hidden; padding: 4px 8px;
  box-sizing: border-box; }
h2 { font-size: 12px; margin: 0 0 4px; font-weight: 600; } h1 { font-size: 13px; margin: 8px; }
.figure { font-size: 26px; color: #fff; text-align: center; height: 100%; padding-top: 14px; border-radius: 3px; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: 2px 6px; font-size: 11px;
  border-bottom: 1px solid #e5e5e5; white-space: nowrap; } .key { font-size: 10px; margin-right: 8px; }
"""


def draw_board(path: Path, prometheus: str) -> str:
    """Draw a board with what the Prometheus at HOST:PORT answers."""
    board = json.loads(path.read_text())
    told = "drawn by tools/board_picture.py from the board's own queries, not by Grafana"
    parts = [f"<style>{STYLE}</style><h1>{html.escape(board['title'])} ({told})</h1>"]
    for panel in board["panels"]:
        spot = panel["gridPos"]
        place = (
            f"left:{spot['x'] * CELL + 4}px;top:{spot['y'] * ROW + 34}px;"
            f"width:{spot['w'] * CELL - 4}px;height:{spot['h'] * ROW - 4}px"
        )
        inside = "" if panel["type"] == "row" else _inside(panel, prometheus)
        title = html.escape(panel["title"])
        parts.append(f'<div class="panel" style="{place}"><h2>{title}</h2>{inside}</div>')
    return "<!doctype html><meta charset=utf-8>" + "".join(parts)


def _inside(panel: dict[str, Any], prometheus: str) -> str:
    width, height = panel["gridPos"]["w"] * CELL - 24, panel["gridPos"]["h"] * ROW - 54
    unit = panel["fieldConfig"]["defaults"].get("unit", "")
    asked = [(target, _ask(prometheus, target["expr"])) for target in panel["targets"]]
    match panel["type"]:
        case "stat":
            return _figure(panel, asked[0][1], unit)
        case "timeseries":
            return _lines(asked, unit, width, height)
        case "heatmap":
            return _heat(asked[0][1], width, height)
    return _table(panel, asked)


def _ask(prometheus: str, expression: str) -> list[dict[str, Any]]:
    plain = re.sub(r"\$(\w+)", lambda name: VARIABLES.get(name[1], ".+"), expression)
    plain = plain.replace("offset 1w", "offset 30s")
    now = time.time()
    query = {"query": plain, "start": now - SPAN, "end": now, "step": STEP}
    url = f"http://{prometheus}/api/v1/query_range?{urlencode(query)}"
    with urlopen(url, timeout=10) as answer:
        rows: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return rows


def _last(row: dict[str, Any]) -> float:
    return float(row["values"][-1][1])


def _figure(panel: dict[str, Any], rows: list[dict[str, Any]], unit: str) -> str:
    if not rows:
        return "No data"
    value, colour = _last(rows[0]), "#3274d9"
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    colour = {"green": "#37872d", "red": "#c4162a", "blue": "#1f60c4"}.get(colour, colour)
    return f'<div class="figure" style="background:{colour}">{_written(value, unit)}</div>'


def _lines(asked: list[Any], unit: str, width: int, height: int) -> str:
    lines = []
    for target, rows in asked:
        for row in rows:
            legend = target.get("legendFormat") or ""
            name = re.sub(r"{{(\w+)}}", lambda k, row=row: row["metric"].get(k[1], ""), legend)
            values = [(float(at), float(value)) for at, value in row["values"]]
            lines.append((name, [(at, v) for at, v in values if math.isfinite(v)]))
    points = [point for _, values in lines for point in values]
    if not points:
        return "No data"
    begin, end = min(at for at, _ in points), max(at for at, _ in points)
    top = max(value for _, value in points) or 1.0
    height -= 16
    drawn, keys = [], []
    for number, (name, values) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(
            f"{(at - begin) / (end - begin or 1) * width:.1f},{height - v / top * height:.1f}"
            for at, v in values
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
        if values:
            keys.append(f'<span class="key" style="color:{colour}">{html.escape(name)}</span>')
    frame = f'<svg width="{width}" height="{height}" style="border-bottom:1px solid #ccc">'
    return f"{frame}{''.join(drawn)}</svg><br>{_written(top, unit)} max {''.join(keys[:8])}"


def _heat(rows: list[dict[str, Any]], width: int, height: int) -> str:
    rows = sorted(rows, key=lambda row: float(row["metric"]["le"]))
    tall = height / (len(rows) or 1)
    counts = [{at: float(v) for at, v in row["values"]} for row in rows]
    times = sorted({at for row in counts for at in row})
    wide = width / (len(times) or 1)
    cells, most = [], max((max(row.values(), default=0) for row in counts), default=1) or 1
    for number, row in enumerate(counts):
        below = counts[number - 1] if number else {}
        for place, at in enumerate(times):
            count = row.get(at, 0) - below.get(at, 0)
            if count > 0:
                spot = f'x="{place * wide:.1f}" y="{height - (number + 1) * tall:.1f}"'
                size = f'width="{wide:.1f}" height="{tall:.1f}"'
                cells.append(
                    f'<rect {spot} {size} fill="#d9480f" opacity="{(count / most) ** 0.5:.2f}"/>'
                )
    return f'<svg width="{width}" height="{height}">{"".join(cells)}</svg>'


def _table(panel: dict[str, Any], asked: Iterable[Any]) -> str:
    cells: dict[tuple[str, ...], list[str]] = {}
    units = {
        override["matcher"]["options"]: change["value"]
        for override in panel["fieldConfig"].get("overrides", ())
        for change in override["properties"]
        if change["id"] == "unit"
    }
    names = list(units) or [""]
    ranks: dict[tuple[str, ...], float] = {}
    for number, (_, rows) in enumerate(asked):
        unit = (
            units.get(names[min(number, len(names) - 1)])
            or panel["fieldConfig"]["defaults"]["unit"]
        )
        for row in rows:
            key = tuple(row["metric"].values())
            ranks.setdefault(key, -_last(row))
            cells.setdefault(key, [""] * len(names) if units else [])
            if units:
                cells[key][number] = _written(_last(row), unit)
            else:
                cells[key].append(_written(_last(row), unit))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["", *names])
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(text)}</td>" for text in (" ".join(key), *values))
        + "</tr>"
        for key, values in sorted(cells.items(), key=lambda item: ranks[item[0]])[:9]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _written(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "-"
    match unit:
        case "percentunit":
            return f"{100 * value:.2f} %"
        case "s":
            return f"{1000 * value:.2f} ms" if value < 1 else f"{value:.2f} s"
        case "reqps" | "cps":
            return f"{value:,.1f}/s"
    return f"{value:,.0f}"
