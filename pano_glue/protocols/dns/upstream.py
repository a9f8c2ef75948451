"""Both legs of a resolver: what it was asked, and what it asked others meanwhile.

An answer is a miss when a query of the same sensor's host for its name and type, to anybody, ended
while it waited; else a hit. The time that such queries took, of the time that it waited, is the
upstream's; the rest is the resolver's own: so is what it spent on other names (CNAMEs, name
servers, keys), which are not joined. Queries that nobody answered end after `TIMEOUT`.

Memory is bounded: what ended more than `WINDOW` ago is forgotten, and the oldest of too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER
from pano_glue.metrics.metric import Birth, thawed
from pano_glue.protocols.dns.record import UNSET
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns.metrics import Labels
    from pano_glue.protocols.dns.record import DnsRecord

Span = tuple[int, float, float]
"""A query's type, and from when to when it waited, in epoch seconds."""

WINDOW = 15.0  # seconds; a resolver gives up earlier
TIMEOUT = 5.0  # seconds; as PANO::query_timeout
NAMES = 1 << 14  # of all sensors, that are remembered
RESOLVERS = 50  # of all sensors that have a label here
SPANS = 8  # of one name: several types, servers and tries
HIT, MISS = "hit", "miss"


class SpansState(msgspec.Struct, array_like=True):
    """What was asked lately, by sensor and name."""

    asked: dict[str, dict[str, list[Span]]]


class Spans:
    """When each sensor's host asked others for a name, lately."""

    name = "dns_upstream_spans"

    def __init__(self) -> None:
        """Begin without any."""
        self._asked: dict[str, dict[str, list[Span]]] = {}
        self._ends: dict[str, dict[str, float]] = {}  # of the last span of each name
        self._newest = 0.0

    def add(self, sensor: str, outbound: Sequence[DnsRecord]) -> None:
        """Take in queries to others that came to an end."""
        names, ends = self._asked.setdefault(sensor, {}), self._ends.setdefault(sensor, {})
        for record in outbound:
            begun = epoch_seconds(record.ts)
            if begun is None:
                continue
            ended = begun + (TIMEOUT if record.rtt is None else record.rtt)
            spans = names.pop(record.query, [])  # to stand last, as the newest
            names[record.query] = [*spans[1 - SPANS :], (record.qtype, begun, ended)]
            ends[record.query] = max(ended, ends.get(record.query, 0.0))
            self._newest = max(self._newest, ended)

    def asked(self, sensor: str) -> bool:
        """Tell whether a sensor's host asked anybody anything lately."""
        return bool(self._asked.get(sensor))

    def during(self, sensor: str, answers: Sequence[DnsRecord]) -> dict[int, float]:
        """Tell for how many seconds others were asked while an answer waited, by its place.

        Nobody was asked for those that are not told.
        """
        names, ends = self._asked.get(sensor, {}), self._ends.get(sensor, {})
        known = [(n, record) for n, record in enumerate(answers) if record.query in ends]
        found = {}
        for n, record in known:
            if type(record.ts) is float and ends[record.query] <= record.ts:
                continue  # long ago, nearly always
            upstream = spent_upstream(record, names[record.query])
            if upstream is not None:
                found[n] = upstream
        return found

    def forget(self) -> None:
        """Forget what is too old or too much."""
        oldest = self._newest - WINDOW
        for sensor, names in self._asked.items():
            surplus = len(names) - NAMES // len(self._asked)
            ends = self._ends[sensor]
            stale = [name for n, name in enumerate(names) if n < surplus or ends[name] < oldest]
            for name in stale:
                del names[name], ends[name]

    def freeze(self, birth: Birth) -> SpansState:  # noqa: ARG002 - no series
        """See `metric.Part`; a name's list is never changed in place."""
        return SpansState({sensor: names.copy() for sensor, names in self._asked.items()})

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        self._asked = thawed(state, SpansState).asked
        self._ends = {
            sensor: {name: max(end for _, _, end in spans) for name, spans in names.items()}
            for sensor, names in self._asked.items()
        }
        ends = (end for names in self._ends.values() for end in names.values())
        self._newest = max(ends, default=0.0)
        return True


class Upstream:
    """How resolvers answer: out of their cache or not, and whose time it takes."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin at zero; `bounds` are those of the times, in seconds."""
        labels = ("sensor", "server")
        self.spans = Spans()
        self._answers = Counters(
            "pano_dns_cache_answers",
            "Answers of resolvers, out of the cache (hit) or after a query of their own (miss).",
            (*labels, "result"),
        )
        self._upstream = Histograms(
            "pano_dns_upstream_seconds",
            "Part of a miss's time in which others were asked for its name.",
            labels,
            bounds,
        )
        self._own = Histograms(
            "pano_dns_resolver_seconds",
            "Part of an answer's time in which nobody was asked for its name.",
            (*labels, "result"),
            bounds,
        )
        self._hits: dict[tuple[str, str], list[float]] = {}

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from (self._answers, self._upstream, self._own)

    def add(self, labels: Labels, inbound: Sequence[DnsRecord]) -> None:
        """Count answers of a local server; one that offers no recursion has no cache.

        Without a query to others the sensor sees no upstream, or there is none.
        """
        if not self.spans.asked(labels[0]) and not self._resolves(labels):
            return
        answers = [record for record in inbound if record.RA and record.rtt is not None]
        waits = [record.rtt or 0.0 for record in answers]
        during = self.spans.during(labels[0], answers)
        misses = [(upstream, max(waits[n] - upstream, 0.0)) for n, upstream in during.items()]
        for n in sorted(during, reverse=True):
            waits[n] = waits[-1]  # the order does not matter
            waits.pop()
        hits = waits
        self._count(self._label(labels), hits, misses)

    def settle(self) -> None:
        """Count the times of hits, and forget queries of long ago."""
        for key, hits in self._hits.items():
            self._own.add_sorted((*key, HIT), sorted(hits))
        self._hits.clear()
        self.spans.forget()

    def forget(self, sensor: str, server: str) -> None:
        """Let the series of a server go."""
        for metric in (self._answers, self._upstream, self._own):
            for key in [key for key in metric.values if key[:2] == (sensor, server)]:
                metric.forget(key)

    def _label(self, labels: Labels) -> tuple[str, str]:
        key = labels[:2]
        if (*key, HIT) in self._answers.values or len(self._answers.values) < 2 * RESOLVERS:
            return key
        return OTHER, OTHER

    def _resolves(self, labels: Labels) -> bool:
        return (*labels[:2], HIT) in self._answers.values

    def _count(
        self, key: tuple[str, str], hits: list[float], misses: list[tuple[float, float]]
    ) -> None:
        if not hits and not misses:
            return
        self._answers.open((*key, result) for result in (HIT, MISS))
        self._answers.add((*key, HIT), len(hits))
        self._hits.setdefault(key, []).extend(hits)
        if misses:
            self._answers.add((*key, MISS), len(misses))
            self._upstream.add_sorted(key, sorted([upstream for upstream, _ in misses]))
            self._own.add_sorted((*key, MISS), sorted([own for _, own in misses]))


def spent_upstream(record: DnsRecord, spans: Sequence[Span]) -> float | None:
    """Tell for how many seconds of its time others were asked; None when nobody was."""
    begun = epoch_seconds(record.ts)
    if begun is None or record.rtt is None or record.qtype == UNSET:
        return None
    ended = begun + record.rtt
    upstream, until, found = 0.0, begun, False
    ours = [span for span in spans if span[0] == record.qtype and begun < span[2] <= ended]
    for _, start, end in sorted(ours, key=lambda span: span[1]):
        found = True
        if end > until:
            upstream += end - max(start, until)
            until = end
    return upstream if found else None
