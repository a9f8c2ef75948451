"""Both legs of a resolver: what it was asked, and what it asked others meanwhile.

An answer is a miss when a query of the same sensor's host for its name and type, to anybody, ended
while it waited; else a hit. The time that such queries took, of the time that it waited, is the
upstream's; the rest is the resolver's own: so is what it spent on other names (CNAMEs, name
servers, keys), which are not joined. Queries that nobody answered end after `TIMEOUT`.

Memory is bounded: what ended more than `WINDOW` ago is forgotten, and the oldest of too many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.histograms import Histograms
from pano_glue.metrics.labels import OTHER
from pano_glue.metrics.metric import Birth, thawed
from pano_glue.protocols.dns.columns import picker
from pano_glue.protocols.dns.record import UNSET
from pano_glue.sources.times import epoch_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pano_glue.metrics.metric import Metric
    from pano_glue.protocols.dns.columns import DnsColumns
    from pano_glue.protocols.dns.metrics import Labels

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

    def add(self, sensor: str, columns: DnsColumns, outbound: Sequence[int]) -> None:
        """Take in queries to others that came to an end: those records."""
        names, ends = self._asked.setdefault(sensor, {}), self._ends.setdefault(sensor, {})
        for n in outbound:
            begun, rtt, name = epoch_seconds(columns.ts[n]), columns.rtt[n], columns.query[n]
            if begun is None:
                continue
            ended = begun + (TIMEOUT if rtt is None else rtt)
            spans = names.pop(name, [])  # to stand last, as the newest
            names[name] = [*spans[1 - SPANS :], (columns.qtype[n], begun, ended)]
            ends[name] = max(ended, ends.get(name, 0.0))
            self._newest = max(self._newest, ended)

    def asked(self, sensor: str) -> bool:
        """Tell whether a sensor's host asked anybody anything lately."""
        return bool(self._asked.get(sensor))

    def during(self, sensor: str, columns: DnsColumns, answers: Sequence[int]) -> dict[int, float]:
        """Tell for how many seconds others were asked while an answer waited, by its number.

        Nobody was asked for those that are not told.
        """
        names, ends = self._asked.get(sensor, {}), self._ends.get(sensor, {})
        queries, times = columns.query, columns.ts
        found = {}
        for n in [n for n in answers if queries[n] in ends]:
            sent = times[n]
            if type(sent) is float and ends[queries[n]] <= sent:
                continue  # long ago, nearly always
            upstream = spent_upstream(columns, n, names[queries[n]])
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
        self._hits: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)  # by bucket
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)

    def metrics(self) -> Iterator[Metric]:
        """Give what a page shows."""
        yield from (self._answers, self._upstream, self._own)

    def add(
        self,
        labels: Labels,
        columns: DnsColumns,
        places: Sequence[int | None],
        inbound: Sequence[int],
    ) -> None:
        """Count answers of a local server; one that offers no recursion has no cache.

        Without a query to others the sensor sees no upstream, or there is none.
        """
        if not self.spans.asked(labels[0]) and not self._resolves(labels):
            return
        pick = picker(inbound)
        answers = inbound
        if None in pick(columns.rtt) or not all(pick(columns.RA)):
            answers = [n for n in inbound if columns.RA[n] and columns.rtt[n] is not None]
        misses = self.spans.during(labels[0], columns, answers)
        if misses:
            answers = [n for n in answers if n not in misses]
        if answers or misses:
            key = self._label(labels)
            self._answers.open((*key, result) for result in (HIT, MISS))
            self._add_hits(key, columns, places, answers)
            self._add_misses(key, [(columns.rtt[n] or 0.0, spent) for n, spent in misses.items()])

    def settle(self) -> None:
        """Count the times of hits, and forget queries of long ago."""
        for key, hits in self._hits.items():
            self._own.add_placed((*key, HIT), hits, self._seconds[key])
        self._hits.clear()
        self._seconds.clear()
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

    def _add_hits(
        self,
        key: tuple[str, str],
        columns: DnsColumns,
        places: Sequence[int | None],
        hits: Sequence[int],
    ) -> None:
        pick = picker(hits)
        self._answers.add((*key, HIT), len(hits))
        self._hits[key].update([place or 0 for place in pick(places)])
        self._seconds[key] += sum(filter(None, pick(columns.rtt)))

    def _add_misses(self, key: tuple[str, str], times: Sequence[tuple[float, float]]) -> None:
        """Count misses by the time that they waited, and the part of it that others took."""
        self._answers.add((*key, MISS), len(times))
        for waited, upstream in times:
            own = max(waited - upstream, 0.0)
            self._upstream.add(key, upstream)
            self._own.add((*key, MISS), own)


def spent_upstream(columns: DnsColumns, number: int, spans: Sequence[Span]) -> float | None:
    """Tell for how many seconds of a record's time others were asked; None when nobody was."""
    begun, rtt, qtype = (
        epoch_seconds(columns.ts[number]),
        columns.rtt[number],
        columns.qtype[number],
    )
    if begun is None or rtt is None or qtype == UNSET:
        return None
    ended = begun + rtt
    upstream, until, found = 0.0, begun, False
    ours = [span for span in spans if span[0] == qtype and begun < span[2] <= ended]
    for _, start, end in sorted(ours, key=lambda span: span[1]):
        found = True
        if end > until:
            upstream += end - max(start, until)
            until = end
    return upstream if found else None
