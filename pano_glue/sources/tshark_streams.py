"""All TCP streams of a capture, within bounds, and the time that their gaps are waited for."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from pano_glue.sources.tshark_tcp import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.sources.pairing import Totals
    from pano_glue.sources.tshark_fields import Flow, Packet
    from pano_glue.sources.tshark_tcp import IsExpected, WholeMessage

MAX_STREAMS = 20_000
MAX_BYTES = 64 << 20  # of all streams, in messages that are not whole yet


class Streams:
    """The streams of a capture, `MAX_STREAMS` and `MAX_BYTES` at most; the idlest leave first."""

    def __init__(self, totals: Totals, is_expected: IsExpected) -> None:
        """Begin without any; what is lost is counted in `totals`."""
        self._totals = totals
        self._is_expected = is_expected
        self._streams: OrderedDict[Flow, Stream] = OrderedDict()
        self._bytes = 0
        self._gaps: deque[tuple[float, Flow]] = deque()  # when they may be due

    def segment(self, packet: Packet, now: float) -> Iterator[WholeMessage]:
        """Take in a segment at `now`, in seconds; yields the messages that it completes."""
        flow = packet.flow
        stream = self._streams.get(flow)
        if stream is None:
            stream = self._streams[flow] = Stream(flow, self._totals, self._is_expected)
        self._streams.move_to_end(flow)
        before, due = stream.size, stream.gap_due
        yield from stream.segment(packet, now)
        self._note(flow, stream, before, due)
        while len(self._streams) > MAX_STREAMS or self._bytes > MAX_BYTES:
            _, idlest = self._streams.popitem(last=False)
            self._bytes -= idlest.size
            self._totals.evicted += idlest.size > 0

    def until(self, now: float) -> Iterator[WholeMessage]:
        """Let time pass: what was missing for too long is a gap."""
        while self._gaps and self._gaps[0][0] <= now:
            _, flow = self._gaps.popleft()
            stream = self._streams.get(flow)
            if stream is not None:
                before, due = stream.size, stream.gap_due
                yield from stream.until(now)
                self._note(flow, stream, before, due)

    def end(self) -> Iterator[WholeMessage]:
        """Hand over what is left when the capture ends."""
        for stream in self._streams.values():
            yield from stream.end()

    def _note(self, flow: Flow, stream: Stream, before: int, due: float | None) -> None:
        self._bytes += stream.size - before
        if stream.gap_due is not None and stream.gap_due != due:
            self._gaps.append((stream.gap_due, flow))
