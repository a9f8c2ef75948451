"""Nothing that the tshark source keeps grows without a bound; what has to leave is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pano_glue.sources import tshark_streams, tshark_tcp
from pano_glue.sources.tshark_analysis import Analysis
from pano_glue.sources.tshark_fields import AGGREGATOR, FIELDS
from tests.data.packets import query, reply
from tests.data.streams import framed

if TYPE_CHECKING:
    from pano_glue.sources.pairing import Transaction

SYN = 0x02


class Wire:
    """Packets as tshark prints them, without tshark."""

    def __init__(self, analysis: Analysis) -> None:
        """Begin at packet 1."""
        self.analysis = analysis
        self.number = 0

    def sent(self, time: float, **fields: str) -> list[Transaction]:
        self.number += 1
        values = {"frame_number": str(self.number), "frame_time_epoch": f"{time:.9f}"}
        values |= {"frame_len": "100", "ip_src": "10.0.0.1", "ip_dst": "10.0.0.53"}
        values |= {"ip_id": hex(self.number)} | fields
        line = "\t".join(values.get(field.replace(".", "_"), "") for field in FIELDS)
        return list(self.analysis.line(line.encode()))

    def udp(self, time: float, message: bytes, *, back: bool = False) -> list[Transaction]:
        ports = ("53", "40000") if back else ("40000", "53")
        ends = {"ip_src": "10.0.0.53", "ip_dst": "10.0.0.1"} if back else {}
        return self.sent(
            time,
            frame_protocols="eth:ethertype:ip:udp:data",
            udp_srcport=ports[0],
            udp_dstport=ports[1],
            udp_length=str(len(message) + 8),
            udp_payload=message.hex(),
            **ends,
        )

    def tcp(self, time: float, port: int, seq: int, data: bytes, flags: int = 0x10) -> None:
        self.sent(
            time,
            frame_protocols="eth:ethertype:ip:tcp:data",
            tcp_srcport=str(port),
            tcp_dstport="53",
            tcp_seq_raw=str(seq % (1 << 32)),
            tcp_flags=hex(flags),
            tcp_payload=data.hex(),
        )


def test_queries_beyond_the_bound_leave_as_timeouts() -> None:
    wire = Wire(Analysis(max_pending=10))
    done = [each for n in range(50) for each in wire.udp(n / 1e4, query(n, "flood.example"))]
    totals = wire.analysis.totals
    assert [each.outcome for each in done] == ["timeout"] * 40
    assert (totals.timeouts, wire.analysis.pairing.pending) == (40, 10)
    assert totals.evicted == 40 + 30  # 10 of the 40 are still known, should they be answered late


def test_replies_without_a_query_beyond_the_bound_leave_as_orphans() -> None:
    wire = Wire(Analysis(max_pending=10))
    done = [
        each for n in range(50) for each in wire.udp(n / 1e4, reply(n, "flood.example"), back=True)
    ]
    assert [each.outcome for each in done] == ["orphan"] * 40
    assert wire.analysis.totals.evicted == 40
    assert len(list(wire.analysis.end())) == 10


def test_many_names_under_one_id_are_found_as_quickly_as_one() -> None:
    wire = Wire(Analysis())
    for n in range(3000):
        wire.udp(n / 1e5, query(1, f"n{n}.example"))
    (done,) = wire.udp(1, reply(1, "n2999.example"), back=True)
    assert done.query is not None
    assert done.query.name == "n2999.example"


def test_streams_beyond_the_bound_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tshark_streams, "MAX_STREAMS", 5)
    wire = Wire(Analysis())
    message = framed(query(1, "slow.example"))
    for port in range(10):
        wire.tcp(port / 100, 40000 + port, 0, b"", SYN)
        wire.tcp(port / 100 + 0.001, 40000 + port, 1, message[:9])
    for port in reversed(range(10)):
        wire.tcp(0.2, 40000 + port, 10, message[9:])
    assert wire.analysis.totals.dns_queries == 5
    assert wire.analysis.totals.evicted == 5


def test_bytes_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tshark_streams, "MAX_BYTES", 20_000)
    wire = Wire(Analysis())
    for port in range(10):
        wire.tcp(port / 100, 40000 + port, 0, b"", SYN)
        wire.tcp(port / 100 + 0.001, 40000 + port, 1, b"\xff\xff" + bytes(8) + bytes(4990))
    assert wire.analysis.totals.evicted == 6


def test_segments_that_wait_are_bounded() -> None:
    wire = Wire(Analysis())
    wire.tcp(0, 40000, 0, b"", SYN)
    for n in range(tshark_tcp.MAX_HELD + 1):
        wire.tcp(0.1, 40000, 100 + 2 * n, b"x")
    assert wire.analysis.totals.malformed == 1


@pytest.mark.parametrize("jump", [-3600.0, 3600.0 * 24 * 365])
def test_a_clock_that_jumps_stops_nothing(jump: float) -> None:
    wire = Wire(Analysis())
    wire.udp(1000, query(1, "before.example"))
    wire.udp(1000 + jump, query(2, "lost.example"))
    done = wire.udp(1001 + jump, query(3, "after.example"))
    done += wire.udp(1001.1 + jump, reply(3, "after.example"), back=True)
    done += wire.udp(1007 + jump, query(4, "later.example"))
    assert [each.outcome for each in done if each.query and each.query.id in {2, 3}] == [
        "answered",
        "timeout",
    ]


@pytest.mark.parametrize("line", [b"", b"\t" * 40, b"\xff\xfe", AGGREGATOR.encode() * 30])
def test_a_line_that_is_no_packet_is_malformed(line: bytes) -> None:
    analysis = Analysis()
    assert list(analysis.line(line)) == []
    assert analysis.totals.malformed == 1
