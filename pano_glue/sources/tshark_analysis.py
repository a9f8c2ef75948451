"""From tshark's lines to finished transactions; all that is known about the traffic is here."""

from __future__ import annotations

import time
from collections import OrderedDict
from itertools import chain
from typing import TYPE_CHECKING

from pano_glue.sources.pairing import MAX_PENDING, Pairing, Totals, Transaction
from pano_glue.sources.pairing_windows import Message
from pano_glue.sources.tshark_dns import HEADER, QR, Dns, read_dns
from pano_glue.sources.tshark_fields import DNS, UnreadPacketError, read_packet
from pano_glue.sources.tshark_streams import Streams
from pano_glue.sources.tshark_tcp import WholeMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pano_glue.sources.tshark_fields import Flow, Packet

COPIES_WITHIN = 500e-6  # seconds, PANO::copies_within
MAX_RECENT = 10_000  # packets that a copy may be of
ID_SIZE = 2  # bytes
CLOCK_JUMP = 1.0  # seconds; packets that go back by less were reordered


class Clock:
    """Seconds of packet time since the first packet; stays where packets' clocks go back."""

    def __init__(self) -> None:
        """Stand at zero."""
        self.now = 0.0
        self._newest: float | None = None

    def packet(self, time: float) -> None:
        """Go on to a packet's time."""
        if self._newest is not None and time > self._newest:
            self.now += time - self._newest
        if self._newest is None or time > self._newest or time < self._newest - CLOCK_JUMP:
            self._newest = time

    def idle(self, seconds: float) -> None:
        """Go on without packets."""
        self.now += seconds
        if self._newest is not None:
            self._newest += seconds


class Copies:
    """The packets of the last moment, to know those that the capture shows twice."""

    def __init__(self) -> None:
        """Begin without any."""
        self._recent: OrderedDict[tuple[object, ...], float] = OrderedDict()  # oldest first

    def has(self, packet: Packet) -> bool:
        """Tell whether the same packet was seen just now, in whatever VLAN; take it in."""
        recent = self._recent
        same = (*packet.flow[:5], packet.ip_id, packet.seq, packet.payload)
        seen = recent.pop(same, None)
        recent[same] = packet.time
        while len(recent) > MAX_RECENT or not self._is_recent(next(iter(recent.values())), packet):
            recent.popitem(last=False)
        return seen is not None and self._is_recent(seen, packet)

    @staticmethod
    def _is_recent(time: float, packet: Packet) -> bool:
        return abs(packet.time - time) <= COPIES_WITHIN


class Analysis:
    """The transactions of one capture."""

    def __init__(self, max_pending: int = MAX_PENDING) -> None:
        """Begin before the first packet."""
        self.totals = Totals()
        self.packets = 0
        self.bytes = 0
        self.newest = time.time()  # packet's time, epoch seconds
        self.pairing = Pairing(self.totals, max_pending)
        self.clock = Clock()
        self._copies = Copies()
        self._streams = Streams(self.totals, self._is_expected)

    def line(self, line: bytes) -> Iterator[Transaction]:
        """Take in one line of tshark's; yields the transactions that it finishes."""
        try:
            packet = read_packet(line.decode("utf-8", "replace"))
        except UnreadPacketError:
            self.totals.malformed += 1
            return
        self.packets = packet.number
        self.bytes += packet.size
        self.newest = packet.time
        self.clock.packet(packet.time)
        yield from self._pass_time()
        if packet.quoted:
            yield from self._error(packet)
        elif packet.payload and self._copies.has(packet):
            self.totals.copies += 1
        elif packet.flow.proto == "tcp":
            yield from self._messages(self._streams.segment(packet, self.clock.now))
        elif packet.missing and len(packet.payload) < HEADER.size:
            self.totals.malformed += 1
        else:
            message = WholeMessage(packet.flow, packet.time, packet.payload)
            yield from self._message(message, packet.missing)

    def idle(self, seconds: float) -> Iterator[Transaction]:
        """Let time pass without packets."""
        self.clock.idle(seconds)
        yield from self._pass_time()

    def end(self) -> Iterator[Transaction]:
        """Report what is left when the capture ends."""
        yield from self._messages(self._streams.end())
        yield from self.pairing.end()

    def _pass_time(self) -> Iterator[Transaction]:
        now = self.clock.now
        yield from self._messages(self._streams.until(now))
        yield from self.pairing.until(now)

    def _messages(self, messages: Iterable[WholeMessage]) -> Iterator[Transaction]:
        return chain.from_iterable(map(self._message, messages))

    def _message(self, message: WholeMessage, missing: int = 0) -> Iterator[Transaction]:
        """Take in a message, of which the capture may have left out some bytes at the end."""
        dns = read_dns(message.data, missing)
        if dns is None:
            self.totals.not_dns += 1
            return
        if dns.opcode:
            self.totals.other_opcodes += 1
            return
        self.totals.malformed += dns.length == 0
        if dns.flags & QR:
            yield from self.pairing.reply(_directed(message, dns, missing))
        else:
            yield from self.pairing.query(_directed(message, dns, missing))

    def _error(self, packet: Packet) -> Iterator[Transaction]:
        """Take in an ICMP error, which quotes at least the id of a query over UDP, or nothing."""
        flow, ident = packet.flow, packet.payload[:2]
        if packet.unreachable and flow.proto == "udp" and len(ident) == ID_SIZE:
            yield from self.pairing.unreachable((*flow[:5], int.from_bytes(ident)))

    def _is_expected(self, flow: Flow, data: bytes) -> bool:
        """Tell whether a message found behind a gap is what this end says.

        That is a query to a server's port, or a reply that a query waits for; a reply's rdata may
        look like a query.
        """
        dns = read_dns(data)
        if dns is None or dns.opcode:
            return False
        if not dns.flags & QR:
            return flow.src_port != DNS
        return self.pairing.awaits(_directed(WholeMessage(flow, 0.0, data), dns))


def _directed(message: WholeMessage, dns: Dns, missing: int = 0) -> Message:
    """Tell client and server: who sends a query, and who sends a reply."""
    flow = message.flow
    ends = (flow.src, flow.src_port), (flow.dst, flow.dst_port)
    client, server = ends[::-1] if dns.flags & QR else ends
    return Message(
        time=message.time,
        client=client[0],
        client_port=client[1],
        server=server[0],
        server_port=server[1],
        proto=flow.proto,
        id=dns.id,
        flags=dns.flags,
        name=dns.name,
        qtype=dns.qtype,
        qclass=dns.qclass,
        size=len(message.data) + missing,
        records=dns.records,
        edns_bufsize=dns.edns_bufsize,
        do=dns.do,
        extended_rcode=dns.extended_rcode,
        vlan=flow.vlan,
    )
