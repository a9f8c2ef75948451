"""pano_stats: what the sensors say about themselves, as the `pano_zeek_*` part of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from pano_glue.metrics.counters import Counters
from pano_glue.protocols.base import Tally
from pano_glue.protocols.lines import LineDecoder, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.metrics.family import Family
    from pano_glue.metrics.labels import Folds

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
        },
    ),
    "transactions": (
        "Transactions finished, by outcome.",
        "outcome",
        {"answered": "answered", "timeout": "timeouts", "late": "late", "orphan": "orphans"},
    ),
    "retransmits": ("Queries seen again before their reply.", "", {"": "retransmits"}),
    "duplicate_replies": ("Replies seen again.", "", {"": "duplicate_replies"}),
    "continued_replies": ("Further messages of zone transfers.", "", {"": "continued_replies"}),
    "evicted": ("Timeouts before their time, for want of room.", "", {"": "evicted"}),
    "vetoed": ("Transactions that a hook kept out of the log.", "", {"": "vetoed"}),
    "records": ("Records written to dns.log.", "", {"": "records_logged"}),
    "batches": ("Batches of records sent.", "", {"": "batches_sent"}),
}


class PanoStats:
    """Shows the newest totals of each sensor; a sensor's restart resets its counters."""

    topic = "pano_stats"
    fields = names_of(StatsRecord)

    def __init__(self, folds: Folds) -> None:
        """Begin without sensors; `folds` bounds their number."""
        self._decoder = LineDecoder(self.topic, StatsRecord)
        self._folds = folds
        self._pending = Counters(
            "pano_zeek_pending", "Queries waiting for a reply.", ("sensor",), "gauge"
        )
        self._totals = {
            name: Counters(f"pano_zeek_{name}", meaning, ("sensor", label)[: 1 + bool(label)])
            for name, (meaning, label, _) in METRICS.items()
        }

    def count(self, lines: bytes) -> Tally:
        """Take over the totals of whole JSON lines; nothing in them raises."""
        records, malformed, skipped = self._decoder.decode(lines)
        for record in records:
            sensor = self._folds.sensor(record.sensor, 1)
            self._pending.set((sensor,), record.pending)
            for name, (_, label, fields) in METRICS.items():
                for value, total in fields.items():
                    key = (sensor, value) if label else (sensor,)
                    self._totals[name].set(key, getattr(record, total))
        newest = records[-1].ts if records else None
        return Tally(len(records), malformed, skipped, newest)

    def why_not(self, line: bytes) -> str | None:
        """Tell why a line is none of its records; None when it is one."""
        return self._decoder.why_not(line)

    def families(self) -> Iterator[Family]:
        """Write the metrics as they are now."""
        for totals in self._totals.values():
            yield totals.family()
        yield self._pending.family()
