"""The numbers of records that have the same labels, gathered until they are worth being counted.

Adding to a counter costs the same for one record as for ten thousand, nearly.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.metrics.histograms import Exemplar
from pano_glue.protocols.dns.columns import picker
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pano_glue.protocols.dns.columns import DnsColumns

RESULT_OF = {0: "success", 3: "nxdomain"}  # by return code; the rest is a failure
FAILURE = "failure"
SUMMED = ("retransmits", "TC", "AD", "CD", "DO", "ecs")


class Group:
    """Records of one sensor, server, protocol, role, outcome and return code."""

    __slots__ = (
        "_newest",
        "_slowest",
        "empty",
        "filled",
        "places",
        "qtypes",
        "query_bytes",
        "records",
        "reply_bytes",
        "result",
        "seconds",
        "sums",
    )

    def __init__(self, rcode: int) -> None:
        """Begin without records."""
        self.result = RESULT_OF.get(rcode, FAILURE)
        self.records = 0
        self.qtypes: list[int] = []
        self.query_bytes: list[int] = []  # 0 is unknown
        self.reply_bytes: list[int] = []
        self.places: list[int] = []  # of the times, in the histogram's buckets
        self.seconds = 0.0
        self.sums: Counter[str] = Counter()  # of the columns `SUMMED`
        self.empty = 0  # NODATA, if the sensor tells of answers at all
        self.filled = False
        self._slowest: Exemplar | None = None
        self._newest: Exemplar | None = None

    def add(
        self,
        columns: DnsColumns,
        places: Sequence[int | None],
        numbers: Sequence[int],
        summed: Sequence[str],
    ) -> None:
        """Take in the records with these numbers; of the columns `summed` some are not zero."""
        pick = picker(numbers)
        self.records += len(numbers)
        self.qtypes += pick(columns.qtype)
        self.query_bytes += pick(columns.query_bytes)
        self.reply_bytes += pick(columns.reply_bytes)
        for name in summed:
            values = pick(getattr(columns, name))
            self.sums[name] += len(values) - values.count("") if name == "ecs" else sum(values)
        if self.result == "success":
            self._add_answers(columns, numbers, pick(columns.TTLs))
        elif self.result == FAILURE:
            self._newest = exemplar(columns, numbers[-1])
        self._add_times(columns, numbers, pick(columns.rtt), pick(places))

    def exemplars(self) -> list[Exemplar]:
        """Give the slowest answer, and the newest failure."""
        return [one for one in (self._slowest, self._newest) if one is not None]

    def _add_answers(
        self, columns: DnsColumns, numbers: Sequence[int], ttls: Sequence[object]
    ) -> None:
        """Count NODATA: NOERROR without an answer, whole, from one who should know (RFC 2308).

        Who is neither authoritative nor recursive refers to others.
        """
        if not all(ttls):
            for n in numbers:
                if not columns.TTLs[n] and not columns.TC[n] and not columns.opcode[n]:
                    self.empty += columns.AA[n] or columns.RA[n]
        self.filled = self.filled or any(ttls)

    def _add_times(
        self,
        columns: DnsColumns,
        numbers: Sequence[int],
        rtts: Sequence[float | None],
        places: Sequence[int | None],
    ) -> None:
        times = [rtt for rtt in rtts if rtt is not None]
        if not times:
            return
        self.places += [place for place in places if place is not None]
        self.seconds += sum(times)
        longest = max(times)
        if self._slowest is None or longest > self._slowest.value:
            self._slowest = exemplar(columns, numbers[rtts.index(longest)])


def exemplar(columns: DnsColumns, number: int) -> Exemplar:
    """Name a record by connection and transaction, and its reply by its time."""
    sent, rtt = epoch_seconds(columns.ts[number]) or 0.0, columns.rtt[number] or 0.0
    return Exemplar(columns.uid[number], columns.trans_id[number], rtt, sent + rtt)
