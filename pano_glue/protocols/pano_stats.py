"""pano_stats: what the sensors say about themselves, as the `pano_zeek_*` part of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.metric import thawed
from pano_glue.protocols.base import Tally
from pano_glue.protocols.lines import LineDecoder, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.metrics.metric import Birth, Metric, Part
    from pano_glue.sources.tsv import Table

Total = Annotated[int, Meta(ge=0)]


class StatsRecord(msgspec.Struct):
    """One pano_stats record: totals since the sensor's start, `pending` as of now."""

    ts: float
    sensor: Annotated[str, Meta(max_length=255)]
    packets_received: Total
    packets_dropped: Total
    bytes_received: Total
    dns_queries: Total
    dns_responses: Total
    answered: Total
    timeouts: Total
    late: Total
    orphans: Total
    retransmits: Total
    duplicate_replies: Total
    other_opcodes: Total
    malformed: Total
    pending: Total
    records_logged: Total
    batches_sent: Total = 0
    continued_replies: Total = 0
    evicted: Total = 0
    vetoed: Total = 0
    unreachable: Total = 0
    copies: Total = 0
    partial_messages: Total = 0
    not_dns: Total = 0
    evicted_replies: Total = 0


class StatsRow(StatsRecord, array_like=True):
    """The same from a TSV log."""


# metric: meaning, labels beyond `sensor`, and the field of each label value.
METRICS: dict[str, tuple[str, str, dict[str, str]]] = {
    "packets": (
        "Packets that reached Zeek, and those the capture dropped before it.",
        "state",
        {"received": "packets_received", "dropped": "packets_dropped"},
    ),
    "bytes": ("Bytes that reached Zeek.", "", {"": "bytes_received"}),
    "dns_messages": (
        "DNS messages seen, by kind.",
        "kind",
        {
            "query": "dns_queries",
            "response": "dns_responses",
            "other_opcode": "other_opcodes",
            "malformed": "malformed",
            "partial": "partial_messages",
            "not_dns": "not_dns",
        },
    ),
    "transactions": (
        "Transactions finished, by outcome.",
        "outcome",
        {
            "answered": "answered",
            "timeout": "timeouts",
            "unreachable": "unreachable",
            "late": "late",
            "orphan": "orphans",
        },
    ),
    "retransmits": ("Queries seen again before their reply.", "", {"": "retransmits"}),
    "duplicate_replies": ("Replies seen again.", "", {"": "duplicate_replies"}),
    "continued_replies": ("Further messages of zone transfers.", "", {"": "continued_replies"}),
    "copies": ("Packets seen twice, in no other count.", "", {"": "copies"}),
    "evicted_replies": (
        "Orphans before their time, for want of room.",
        "",
        {"": "evicted_replies"},
    ),
    "evicted": ("Timeouts before their time, for want of room.", "", {"": "evicted"}),
    "vetoed": ("Transactions that a hook kept out of the log.", "", {"": "vetoed"}),
    "records": ("Records written to dns.log.", "", {"": "records_logged"}),
    "batches": ("Batches of records sent.", "", {"": "batches_sent"}),
}


TOTALS = [field for _, _, fields in METRICS.values() for field in fields.values()]


class NewestRows:
    """The newest totals of each sensor, to tell what a row adds to those before it."""

    name = "pano_stats_rows"

    def __init__(self) -> None:
        """Begin without rows."""
        self.rows: dict[str, dict[str, int]] = {}

    def added(self, sensor: str, row: dict[str, int]) -> dict[str, int]:
        """Tell what `row` adds; a total below the last one is of a Zeek that began anew, at 0."""
        before = self.rows.get(sensor, {})
        self.rows[sensor] = row
        if any(total < before.get(field, 0) for field, total in row.items()):
            return row
        return {field: total - before.get(field, 0) for field, total in row.items()}

    def freeze(self, birth: Birth) -> dict[str, dict[str, int]]:  # noqa: ARG002 - no series
        """See `metric.Part`; rows are never changed in place."""
        return self.rows.copy()

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        self.rows = thawed(state, dict[str, dict[str, int]])
        return True


class PanoStats:
    """Adds up what the rows of each sensor tell, over any number of its Zeek's lives."""

    topic = "pano_stats"
    fields = names_of(StatsRecord)

    def __init__(self, folds: Folds) -> None:
        """Begin without sensors; `folds` bounds their number."""
        self._decoder = LineDecoder((self.topic,), StatsRecord, StatsRow)
        self._folds = folds
        self._newest = NewestRows()
        self._pending = Counters(
            "pano_zeek_pending", "Queries waiting for a reply.", ("sensor",), "gauge"
        )
        self._totals = {
            name: Counters(f"pano_zeek_{name}", meaning, ("sensor", label)[: 1 + bool(label)])
            for name, (meaning, label, _) in METRICS.items()
        }

    def count(self, lines: bytes | Table) -> Tally:
        """Take over the totals of whole lines; nothing in them raises."""
        records, malformed, skipped, samples = self._decoder.decode(lines)
        for record in records:
            sensor = self._folds.sensor(record.sensor, 1)
            self._pending.set((sensor,), record.pending)
            totals = {field: getattr(record, field) for field in TOTALS}
            added = self._newest.added(sensor, totals)
            for name, (_, label, fields) in METRICS.items():
                for value, total in fields.items():
                    key = (sensor, value) if label else (sensor,)
                    self._totals[name].add(key, added[total])
        newest = records[-1].ts if records else None
        return Tally(len(records), malformed, skipped, newest, samples)

    def why_not(self, lines: bytes | Table) -> str | None:
        """Tell why the first of some lines is none of its records; None when one of them is."""
        return self._decoder.why_not(lines)

    def configure(self, config: Config) -> None:
        """Nothing can change."""

    def settle(self) -> None:
        """Nothing waits."""

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from self._totals.values()
        yield self._pending

    def parts(self) -> tuple[Part, ...]:
        """Give the newest row of each sensor."""
        return (self._newest,)
