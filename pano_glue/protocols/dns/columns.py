"""The numbers of many records, gathered by column, until they are worth being counted.

Sorting, searching and adding to a counter cost the same for ten values as for ten thousand, nearly.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.metrics.histograms import Exemplar
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pano_glue.protocols.dns.record import DnsRecord

RESULT_OF = {0: "success", 3: "nxdomain"}  # by return code; the rest is a failure
FAILURE = "failure"


class Columns:
    """Records of one sensor, server, protocol and outcome."""

    __slots__ = (
        "_newest_failure",
        "_qtypes",
        "_rcodes",
        "_rtts",
        "_slowest",
        "authenticated",
        "dnssec_ok",
        "ecs",
        "empty",
        "filled",
        "query_bytes",
        "records",
        "reply_bytes",
        "retransmits",
        "truncated",
        "unchecked",
    )

    def __init__(self) -> None:
        """Begin without records."""
        self.records = 0
        self.retransmits = 0
        self.truncated = self.authenticated = self.unchecked = self.dnssec_ok = 0
        self.ecs = 0
        self.empty = 0  # NODATA, if the sensor tells of answers at all
        self.filled = False
        self._qtypes: list[int] = []
        self._rcodes: list[int] = []
        self.query_bytes: Counter[int] = Counter()  # how often each length came; 0 is unknown
        self.reply_bytes: Counter[int] = Counter()
        self._rtts: dict[str, list[float]] = {}
        self._slowest: dict[str, DnsRecord] = {}
        self._newest_failure: DnsRecord | None = None

    def add(self, group: Sequence[DnsRecord]) -> None:
        """Take in records."""
        self.records += len(group)
        self._qtypes += [record.qtype for record in group]
        rcodes = [record.rcode for record in group]
        self._rcodes += rcodes
        self.query_bytes.update([record.query_bytes for record in group])
        self.reply_bytes.update([record.reply_bytes for record in group])
        self.retransmits += sum([record.retransmits for record in group])
        self.truncated += sum([record.TC for record in group])
        self.authenticated += sum([record.AD for record in group])
        self.unchecked += sum([record.CD for record in group])
        self.dnssec_ok += sum([record.DO for record in group])
        self.ecs += len([1 for record in group if record.ecs])
        self._add_empty([r for r in group if not r.TTLs and not r.rcode], rcodes)
        if not any(rcodes):  # nearly always: all of them succeeded
            self._add_rtts("success", group)
            return
        results = {"success": [record for record in group if not record.rcode]}
        for record in group:
            if record.rcode:
                results.setdefault(RESULT_OF.get(record.rcode, FAILURE), []).append(record)
        for result, part in results.items():
            self._add_rtts(result, part)
        if FAILURE in results:
            self._newest_failure = results[FAILURE][-1]

    def qtypes(self) -> Counter[int]:
        """Count the records by type."""
        return Counter(self._qtypes)

    def answers(self) -> Counter[tuple[int, int]]:
        """Count the records by type and return code."""
        return Counter(zip(self._qtypes, self._rcodes, strict=True))

    def rtts(self) -> dict[str, list[float]]:
        """Sort the times by result, in seconds."""
        return {result: sorted(rtts) for result, rtts in self._rtts.items()}

    def exemplars(self, result: str) -> list[Exemplar]:
        """Give the slowest answer, and the newest failure."""
        chosen = [self._slowest.get(result)]
        if result == FAILURE:
            chosen.append(self._newest_failure)
        return [_exemplar(record) for record in chosen if record is not None]

    def _add_empty(self, empty: Sequence[DnsRecord], rcodes: Sequence[int]) -> None:
        """Count NODATA: NOERROR without an answer, whole, from one who should know (RFC 2308).

        Who is neither authoritative nor recursive refers to others.
        """
        if len(empty) < rcodes.count(0):
            self.filled = True
        if empty:
            nodata = [1 for r in empty if (r.AA or r.RA) and not r.TC and not r.opcode]
            self.empty += len(nodata)

    def _add_rtts(self, result: str, group: Sequence[DnsRecord]) -> None:
        rtts = [record.rtt for record in group if record.rtt is not None]
        if not rtts:
            return
        self._rtts.setdefault(result, []).extend(rtts)
        longest = max(rtts)
        slowest = self._slowest.get(result)
        if slowest is None or longest > (slowest.rtt or 0.0):
            self._slowest[result] = next(record for record in group if record.rtt == longest)


def _exemplar(record: DnsRecord) -> Exemplar:
    """Name a record by connection and transaction, and its reply by its time."""
    sent, rtt = epoch_seconds(record.ts) or 0.0, record.rtt or 0.0
    return Exemplar(record.uid, record.trans_id, rtt, sent + rtt)
