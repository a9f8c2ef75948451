"""The tables of `top`: which columns each has, and how a value is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.top.looks import Rates, Server, View

Value = str | float | None
NAME_CHARACTERS = 40


class Column(NamedTuple):
    """A title, and how a value below it is written."""

    title: str
    written: Callable[[Value], str]


class Table(NamedTuple):
    """Rows of values under columns; the first column names the row."""

    columns: list[Column]
    rows: list[list[Value]]

    def ranked(self, column: int, *, reverse: bool, wanted: str) -> list[list[Value]]:
        """Give the rows whose name contains `wanted`, ordered by a column."""
        found = [row for row in self.rows if wanted.lower() in str(row[0]).lower()]
        if column == 0:
            return sorted(found, key=lambda row: str(row[0]), reverse=not reverse)
        return sorted(found, key=lambda row: _number(row[column]), reverse=reverse)


def rate(value: Value) -> str:
    """Write so many each second."""
    return "-" if not isinstance(value, int | float) else f"{value:,.1f}"


def share(value: Value) -> str:
    """Write a share of one."""
    return "-" if not isinstance(value, int | float) else f"{100 * value:.1f}%"


def duration(value: Value) -> str:
    """Write seconds."""
    if not isinstance(value, int | float):
        return "-"
    return f"{value:.2f}s" if value >= 1 else f"{1000 * value:.2f}ms"


def word(value: Value) -> str:
    """Write what came from the wire so that no terminal takes it for a command, and cut it."""
    text = str(value)
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return plain if len(plain) <= NAME_CHARACTERS else plain[: NAME_CHARACTERS - 1] + "…"


def tables(view: View) -> dict[str, Table]:
    """Give every table, by the name of its tab."""
    return {
        "servers": _servers(view.servers),
        "domains": _counted("domain", view.domains),
        "clients": _counted("client", view.clients),
        "outcomes": _rates("outcome", view.outcomes),
        "pipeline": _pipeline(view),
    }


def drill(view: View, tab: str, name: str) -> Table:
    """Give what is known of one server, domain or client."""
    if tab == "servers":
        for server in view.servers:
            if server.server == name:
                return _one_server(server)
    counted = {"domains": view.domains, "clients": view.clients}.get(tab, {})
    return _rates(name, counted.get(name, {}))


def _servers(servers: list[Server]) -> Table:
    columns = [Column("server", word), Column("q/s", rate), Column("failed", share)]
    columns += [Column("p50", duration), Column("p99", duration)]
    columns += [Column(title, share) for title in ("timeout", "SERVF", "NXDOM", "again")]
    rows: list[list[Value]] = [
        [s.server, s.queries, s.failed, s.p50, s.p99, s.timeouts, s.servfail, s.nxdomain, s.again]
        for s in servers
    ]
    return Table(columns, rows)


def _counted(label: str, counted: dict[str, Rates]) -> Table:
    kinds = list(next(iter(counted.values()), {"queries": 0.0}))
    columns = [Column(label, word), *(Column(f"{kind}/s", rate) for kind in kinds)]
    return Table(columns, [[name, *rates.values()] for name, rates in counted.items()])


def _rates(label: str, rates: Rates) -> Table:
    return Table([Column(word(label), word), Column("per s", rate)], [[*r] for r in rates.items()])


def _one_server(server: Server) -> Table:
    rows: list[list[Value]] = [[f"code {name}", r] for name, r in server.rcodes.items()]
    rows += [[f"type {name}", r] for name, r in server.qtypes.items()]
    return Table([Column(word(server.server), word), Column("per s", rate)], rows)


def _pipeline(view: View) -> Table:
    health = view.health
    facts: dict[str, Value] = {
        **{f"records {result} per s": value for result, value in health.records.items()},
        "packets dropped": health.dropped,
        "records uncounted": health.uncounted,
        "batches or messages lost": health.lost,
        "checkpoints not written": health.failed_checkpoints,
        "bytes waiting in logs": health.backlog_bytes,
        "queries pending": health.pending,
        "bridge's memory, MB": health.resident / 1e6,
        "clients in 5 minutes": health.clients,
        "names in 5 minutes": health.names,
    }
    return Table([Column("pipeline", word), Column("", rate)], [[*fact] for fact in facts.items()])


def _number(value: Value) -> float:
    return value if isinstance(value, int | float) else -1.0
