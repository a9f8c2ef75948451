"""DNS / Records: single transactions, from Loki. docs/records.md says how they come there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard, logs, loki
from grafana_foundation_sdk.builders import timeseries as plots
from grafana_foundation_sdk.models.common import DataSourceRef, GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

from dashboards.src.board import TAG

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder

LOKI = DataSourceRef("loki", "${records}")
# What may be typed, and how it stands in a line; what is empty lets everything through.
FILTERS = {
    "uid": ("Connection (uid)", "uid"),
    "name": ("Name contains", "query"),
    "client": ("Client", "id_orig_h"),
    "server": ("Server", "id_resp_h"),
    "rcode": ("Code", "rcode_name"),
    "outcome": ("Outcome", "outcome"),
}
WHERE = "".join(f' | {field}=~"(?i).*${{{name}:regex}}.*"' for name, (_, field) in FILTERS.items())
SELECTED = f'{{log="dns"}} | json{WHERE}'


def records() -> dashboard.Dashboard:
    """Make the board."""
    made = dashboard.Dashboard("DNS / Records").uid("pano-records").tags([TAG]).readonly()
    made = made.description("Search single transactions. Needs dns.log in Loki: docs/records.md.")
    made = made.time("now-1h", "now").timezone("browser")
    made = made.with_variable(
        dashboard.DatasourceVariable("records").label("Data source").type("loki")
    )
    for name, (label, _) in FILTERS.items():
        made = made.with_variable(dashboard.TextBoxVariable(name).label(label).default_value(""))
    links = dashboard.DashboardLink("PANO").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    made = made.link(links.include_vars(include_vars=True).keep_time(keep_time=True))
    counted = f"sum by (rcode_name) (count_over_time({SELECTED} | keep rcode_name [$__auto]))"
    bars = _told(plots.Panel(), "Records", "Found records over time, by code.", counted)
    found = _told(
        logs.Panel(), "Transactions", "Newest first; open one for all its fields.", SELECTED
    )
    made = made.with_panel(bars.span(24).height(6).draw_style(GraphDrawStyle.BARS).unit("short"))
    return made.with_panel(
        found.span(24)
        .height(20)
        .show_time(show_time=True)
        .wrap_log_message(wrap_log_message=True)
        .enable_log_details(enable_log_details=True)
    )


def _told(panel: Any, title: str, meaning: str, expr: str) -> Any:  # noqa: ANN401 - two builders
    asked: Builder[Any] = loki.Dataquery().expr(expr).datasource(LOKI)
    return (
        panel.title(title)
        .description(meaning)
        .datasource(LOKI)
        .with_target(asked)
        .no_value("No records")
    )
