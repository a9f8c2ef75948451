"""Which records a question is about: one SQL condition from the options of every command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.forensics.addresses import within
from pano_glue.forensics.schema import quoted
from pano_glue.forensics.times import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

OUTCOMES = ("answered", "timeout", "late", "orphan", "unreachable")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a record has to be; several values of one kind are alternatives.

    `client` and `server` are addresses or networks, `name` suffixes (`example.org`, with all that
    is below) or globs (`*.evil.example`, `mail?.example.org`), `qtype` and `rcode` names or
    numbers.
    `since` is part of the range, `until` is not.
    """

    since: datetime | None = None
    until: datetime | None = None
    client: Sequence[str] = ()
    server: Sequence[str] = ()
    name: Sequence[str] = ()
    qtype: Sequence[str] = ()
    rcode: Sequence[str] = ()
    outcome: Sequence[str] = ()
    sensor: Sequence[str] = ()

    def without_since(self) -> Filter:
        """Give the same filter, for all of the past."""
        return replace(self, since=None)

    def where(self) -> str:
        """Write the condition, on the names of our SQL.

        Raises:
            SettingError: naming the option that cannot be used.
        """
        wanted: list[tuple[Sequence[str], Callable[[str], str]]] = [
            (self.client, lambda text: within("client", text, "--client")),
            (self.server, lambda text: within("server", text, "--server")),
            (self.name, _named),
            (self.qtype, lambda text: _coded("qtype", text)),
            (self.rcode, lambda text: _coded("rcode", text)),
            (self.outcome, _outcome),
            (self.sensor, lambda text: f"sensor = {quoted(text)}"),
        ]
        conditions = [
            "(" + " OR ".join(condition(text) for text in texts) + ")"
            for texts, condition in wanted
            if texts
        ]
        if self.since:
            conditions.append(f"ts >= {literal(self.since)}")
        if self.until:
            conditions.append(f"ts < {literal(self.until)}")
        if self.since and self.until and self.until <= self.since:
            raise SettingError("--until is not after --since", "swap the two times")
        return " AND ".join(conditions) or "TRUE"


def _named(text: str) -> str:
    name = text.lower().rstrip(".")
    if not set("*?") & set(name):
        return f"(query = {quoted(name)} OR ends_with(query, {quoted('.' + name)}))"
    for literally in "!%_":
        name = name.replace(literally, "!" + literally)
    return f"query LIKE {quoted(name.replace('*', '%').replace('?', '_'))} ESCAPE '!'"


def _coded(column: str, text: str) -> str:
    if text.isdecimal():
        return f"{column} = {int(text)}"
    return f"upper({column}_name) = {quoted(text.upper())}"


def _outcome(text: str) -> str:
    if text not in OUTCOMES:
        raise SettingError(f"--outcome {text}: no such outcome", f"name {', '.join(OUTCOMES)}")
    return f"outcome = {quoted(text)}"
