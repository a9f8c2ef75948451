"""Panels that the boards share: what a reader sees alike everywhere is made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as values
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = DataSourceRef("prometheus", "${datasource}")
NO_DATA = "No data"
GREEN, YELLOW, RED, BLUE, GREY = "green", "#EAB839", "red", "blue", "#8e8e8e"
# One colour for each outcome, on every board and in every panel.
COLOURS = {
    "NOERROR": "#56A64B",
    "NXDOMAIN": "#3274D9",
    "SERVFAIL": "#E02F44",
    "REFUSED": "#FF780A",
    "FORMERR": "#A352CC",
    "NOTIMP": "#705DA0",
    "timeout": "#890F02",
    "truncated": "#C0A040",
    "other": GREY,
}
ZERO_IS_RIGHT = ((None, GREEN), (1e-9, RED))
WIDTH = 24
Query = prometheus.Dataquery
Panel = TypeVar("Panel", timeseries.Panel, stat.Panel, bargauge.Panel, heatmap.Panel, table.Panel)


def query(expr: str, legend: str = "", *, exemplar: bool = False) -> Query:
    """Ask for a range, named by `legend`."""
    made = Query().expr(expr).range().legend_format(legend or "__auto").datasource(SOURCE)
    return made.exemplar(exemplar) if exemplar else made


def instant(expr: str, legend: str = "") -> Query:
    """Ask for the end of the range only, as rows of a table."""
    made = Query().expr(expr).instant().legend_format(legend or "__auto").datasource(SOURCE)
    return made.format(PromQueryFormat.TABLE)


def lines(
    title: str, meaning: str, unit: str, queries: Sequence[Query], *, width: int = 12
) -> timeseries.Panel:
    """Draw values over time."""
    panel = timeseries.Panel().span(width).height(8)
    legend = common.VizLegendOptions().display_mode(values.LegendDisplayMode.TABLE)
    legend = legend.placement(values.LegendPlacement.BOTTOM).show_legend(show_legend=True)
    panel = panel.legend(legend.calcs(["lastNotNull", "max"]))
    tooltip = common.VizTooltipOptions().mode(values.TooltipDisplayMode.MULTI)
    panel = panel.tooltip(tooltip.sort(values.SortOrder.DESCENDING))
    panel = panel.fill_opacity(8).line_width(1).show_points(values.VisibilityMode.AUTO)
    for name, colour in COLOURS.items():
        panel = panel.override_by_name(name, [_colour(colour)])
    return _told(panel, title, meaning, unit, queries)


def stacked(
    title: str, meaning: str, unit: str, queries: Sequence[Query], *, width: int = 12
) -> timeseries.Panel:
    """Draw parts of a whole over time."""
    panel = lines(title, meaning, unit, queries, width=width).fill_opacity(60).min(0)
    return panel.stacking(common.StackingConfig().mode(values.StackingMode.NORMAL))


def figure(
    title: str,
    meaning: str,
    unit: str,
    expr: str,
    steps: Sequence[tuple[float | None, str]] = ((None, BLUE),),
    *,
    width: int = 4,
    decimals: int | None = None,
) -> stat.Panel:
    """Show one number, coloured by `steps` of (from this value on, colour)."""
    panel = stat.Panel().span(width).height(4).thresholds(_steps(steps))
    panel = panel.color_mode(values.BigValueColorMode.BACKGROUND_SOLID)
    panel = panel.graph_mode(values.BigValueGraphMode.AREA)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    if decimals is not None:
        panel = panel.decimals(decimals)
    return _told(panel, title, meaning, unit, [query(expr)])


def bars(
    title: str, meaning: str, unit: str, queries: Sequence[Query], *, width: int = 12
) -> bargauge.Panel:
    """Show values beside each other as bars."""
    panel = bargauge.Panel().span(width).height(9).min(0)
    panel = panel.orientation(values.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(values.BarGaugeDisplayMode.BASIC)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel = panel.thresholds(_steps(((None, BLUE),)))
    return _told(panel, title, meaning, unit, queries)


def heat(title: str, meaning: str, unit: str, expr: str, *, width: int = 12) -> heatmap.Panel:
    """Draw a histogram over time; its dots are exemplars."""
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges")
    panel = heatmap.Panel().span(width).height(8).color(colour.steps(64).exponent(0.5))
    panel = panel.y_axis(heatmap.YAxisConfig().unit(unit)).exemplars_color("#3274D9")
    asked = query(expr, "{{le}}", exemplar=True).format(PromQueryFormat.HEATMAP)
    return _told(panel, title, meaning, unit, [asked])


def ranking(
    title: str, meaning: str, unit: str, expr: str, label: str, *, width: int = 6
) -> table.Panel:
    """List the values of one label by how much they have."""
    panel = table.Panel().span(width).height(9)
    hidden = {"Time": True, "__name__": True, "job": True, "instance": True}
    renamed = {"Value": title.partition(",")[2].strip() or title}
    panel = panel.transformations(
        [
            DataTransformerConfig("labelsToFields", options={}),
            DataTransformerConfig(
                "organize", options={"excludeByName": hidden, "renameByName": renamed}
            ),
            DataTransformerConfig(
                "sortBy", options={"sort": [{"field": renamed["Value"], "desc": True}]}
            ),
        ]
    )
    panel = panel.override_by_name(label, [DynamicConfigValue("custom.width", 220)])
    return _told(panel, title, meaning, unit, [instant(expr)])


def joined(
    title: str,
    meaning: str,
    label: str,
    columns: Mapping[str, tuple[str, str]],
    link: str = "",
) -> table.Panel:
    """Show a row for each value of a label, a column for each {title: (unit, expression)}.

    `link` is where a click on the label leads. The first column sorts.
    """
    panel = table.Panel().span(WIDTH).height(9)
    names, renamed = list(columns), {}
    for ref, name in zip("ABCDEFGHIJKL", names, strict=False):
        renamed[f"Value #{ref}"] = name
        panel = panel.override_by_name(name, [DynamicConfigValue("unit", columns[name][0])])
    if link:
        to = [{"title": "Open", "url": link, "targetBlank": False}]
        panel = panel.override_by_name(label, [DynamicConfigValue("links", to)])
    panel = panel.transformations(
        [
            DataTransformerConfig("merge", options={}),
            DataTransformerConfig(
                "organize", options={"excludeByName": {"Time": True}, "renameByName": renamed}
            ),
        ]
    )
    panel = panel.sort_by([common.TableSortByFieldState().display_name(names[0]).desc(desc=True)])
    asked = [
        instant(expr).ref_id(ref)
        for ref, (_, expr) in zip("ABCDEFGHIJKL", columns.values(), strict=False)
    ]
    return _told(panel, title, meaning, "short", asked)


def matrix(title: str, meaning: str, unit: str, expr: str, across: str, down: str) -> table.Panel:
    """Show a table of one label by another."""
    panel = table.Panel().span(12).height(9)
    options = {"columnField": across, "rowField": down, "valueField": "Value", "emptyValue": "zero"}
    panel = panel.transformations([DataTransformerConfig("groupingToMatrix", options=options)])
    return _told(panel, title, meaning, unit, [instant(expr)])


def _told(panel: Panel, title: str, meaning: str, unit: str, queries: Sequence[Query]) -> Panel:
    panel = panel.title(title).description(meaning).unit(unit).no_value(NO_DATA)
    return panel.datasource(SOURCE).targets(list(queries))


def _colour(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": colour})


def _steps(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    made = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE)
    return made.steps([Threshold(value, colour) for value, colour in steps])
