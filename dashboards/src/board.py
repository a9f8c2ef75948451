"""What every board has: variables, links to the others, annotations, rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.src.panels import BLUE, RED, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TAG = "pano"
ALL = VariableOption(selected=True, text="All", value="$__all")
# Where values of a label come from, the more general first; each is narrowed by those before it.
QUERIES = "pano_dns_queries_total"
FROM = {
    "job": (QUERIES, "Job"),
    "instance": (QUERIES, "Instance"),
    "sensor": (QUERIES, "Sensor"),
    "server": (QUERIES, "Server"),
    "proto": (QUERIES, "Protocol"),
    "role": (QUERIES, "Role"),
    "group": ("pano_dns_client_queries_total", "Client group"),
}
HERE = 'job=~"$job",instance=~"$instance"'
DNS = f'{HERE},sensor=~"$sensor",server=~"$server",proto=~"$proto",role=~"$role"'
SENSOR = 'sensor=~"$sensor"'


def board(
    uid: str,
    title: str,
    meaning: str,
    variables: Sequence[str],
    rows: Mapping[str, Sequence[Any]],
) -> dashboard.Dashboard:
    """Put a board together from rows of panels, with variables of `FROM`; widths add up to 24."""
    made = dashboard.Dashboard(title).uid(uid).description(meaning).tags([TAG]).readonly()
    made = made.time("now-1h", "now").refresh("30s").timezone("browser")
    made = made.tooltip(DashboardCursorSync.CROSSHAIR)
    made = made.with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    for name in variables:
        made = made.with_variable(_variable(name, variables))
    links = dashboard.DashboardLink("PANO").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    made = made.link(links.include_vars(include_vars=True).keep_time(keep_time=True))
    for note in _annotations():
        made = made.annotation(note)
    for name, panels in rows.items():
        made = made.with_row(dashboard.Row(name))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def written(made: dashboard.Dashboard) -> str:
    """Give a board's JSON, with a number for each panel and a letter for each query."""
    built = made.build()
    for number, panel in enumerate(built.panels or [], 1):
        panel.id_val = number
        for letter, target in zip(
            "ABCDEFGHIJKL", getattr(panel, "targets", None) or [], strict=False
        ):
            target.ref_id = letter
    built.schema_version = 41
    return JSONEncoder(sort_keys=True, indent=1).encode(built) + "\n"


def _variable(name: str, variables: Sequence[str]) -> dashboard.QueryVariable:
    family, label = FROM[name]
    before = list(variables)[: list(variables).index(name)]
    # Client groups are of all sensors together.
    general = ("job", "instance") if name == "group" else ("job", "instance", "sensor")
    where = ",".join(f'{one}=~"${one}"' for one in before if one in general)
    asked = f"label_values({family}{{{where}}}, {name})"
    made = dashboard.QueryVariable(name).label(label).datasource(SOURCE)
    made = made.query({"query": asked, "refId": "A", "qryType": 1}).definition(asked)
    made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(multi=True)
    made = made.sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC).current(ALL)
    return made.include_all(include_all=True).all_value(".+")


def _annotations() -> list[dashboard.AnnotationQuery]:
    firing = 'ALERTS{alertname=~"Pano.+",alertstate="firing"}'
    started = 'process_start_time_seconds and on (job, instance) {__name__=~"pano_(agent|bridge)_build_info"}'
    return [
        _annotation("Alerts", firing, RED, "{{alertname}}", "{{severity}} {{server}}{{sensor}}"),
        _annotation(
            "Starts", f"({started}) * 1000", BLUE, "start", "{{instance}}"
        ).use_value_for_time(use_value_for_time=True),
    ]


def _annotation(
    name: str, expr: str, colour: str, title: str, text: str
) -> dashboard.AnnotationQuery:
    made = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(enable=True)
    made = made.icon_color(colour).expr(expr).title_format(title).text_format(text)
    return made.target(Dataquery().expr(expr).ref_id("Anno"))
