"""tshark's fields into packets: who sent what to whom.

tshark takes off what is around UDP and TCP (VLANs, tunnels, fragments) and hands the payload over
as it was; the messages are read in tshark_dns.py. Its own DNS and TCP dissectors stay out of it:
over TCP they show parts of messages, lose all that follows a gap, and list the fields of several
messages without saying whose they are.
"""

from __future__ import annotations

from typing import NamedTuple

FIELDS = (
    "frame.number",
    "frame.time_epoch",
    "frame.len",
    "frame.protocols",
    "vlan.id",  # and in which network, as the same address may be another host in each
    "vxlan.vni",
    "geneve.vni",
    "ip.src",
    "ip.dst",
    "ip.id",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "udp.payload",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.flags",
    "tcp.payload",
    "icmp.type",
    "icmp.code",
    "icmpv6.type",
)
# Port 53's payload is left alone, by tshark's TCP reassembly too.
OPTIONS = (
    *("-d", "udp.port==53,data", "-d", "tcp.port==53,data"),
    *("-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE"),
)
DISPLAY = "udp.port == 53 || tcp.port == 53"  # also of the packets that ICMP quotes
# Destination unreachable (RFC 792, RFC 4443 section 3.1); a packet that is too long for a link is
# no server's doing.
UNREACHABLE, UNREACHABLE6, TOO_LONG = "3", "1", "4"
AGGREGATOR = "\x1f"
DNS = 53
UDP_HEADER = 8
SYN = 0x02


class Flow(NamedTuple):
    """One direction of what two ends say to each other."""

    src: str
    src_port: int
    dst: str
    dst_port: int
    proto: str
    vlan: str


class Packet(NamedTuple):
    """One packet; `missing` is how many bytes of its payload the capture left out.

    When `quoted` it is not on the wire again, but in an ICMP error, which says, when
    `unreachable`, that it did not arrive.
    """

    number: int  # of the frame in the capture, from 1
    time: float  # epoch seconds
    size: int  # bytes of the frame on the wire
    flow: Flow
    ip_id: str
    payload: bytes
    missing: int
    seq: int
    flags: int
    quoted: bool
    unreachable: bool


class UnreadPacketError(ValueError):
    """A line of tshark's that is no packet with UDP or TCP on port 53."""


def read_packet(line: str) -> Packet:
    """Read one line of tshark's output.

    Raises:
        UnreadPacketError: when fields are missing, as in a packet whose headers are cut off.
    """
    try:
        return _packet(*line.split("\t"))
    except (TypeError, ValueError) as error:
        raise UnreadPacketError(line) from error


def _packet(  # noqa: PLR0913, PLR0917 - as many as FIELDS, in their order
    number: str,
    time: str,
    size: str,
    protocols: str,
    vlan: str,
    vxlan: str,
    geneve: str,
    ip_src: str,
    ip_dst: str,
    ip_id: str,
    ip6_src: str,
    ip6_dst: str,
    udp_src: str,
    udp_dst: str,
    udp_length: str,
    udp_payload: str,
    tcp_src: str,
    tcp_dst: str,
    tcp_seq: str,
    tcp_flags: str,
    tcp_payload: str,
    icmp_type: str,
    icmp_code: str,
    icmp6_type: str,
) -> Packet:
    # The innermost of a tunnel.
    is_tcp = protocols.rfind(":tcp") > protocols.rfind(":udp")
    is_six = protocols.rfind("ipv6:") > protocols.rfind("ip:")
    src_port, dst_port = (tcp_src, tcp_dst) if is_tcp else (udp_src, udp_dst)
    flow = Flow(
        _last(ip6_src if is_six else ip_src),
        int(_last(src_port)),
        _last(ip6_dst if is_six else ip_dst),
        int(_last(dst_port)),
        "tcp" if is_tcp else "udp",
        f"{vlan}/{vxlan}/{geneve}" if vlan or vxlan or geneve else "",
    )
    if DNS not in (flow.src_port, flow.dst_port):
        raise UnreadPacketError("a tunnel on port 53")
    payload = bytes.fromhex(_last(tcp_payload if is_tcp else udp_payload))
    return Packet(
        number=int(number),
        time=float(time),
        size=int(size),
        flow=flow,
        ip_id="" if is_six else _last(ip_id),
        payload=payload,
        missing=0 if is_tcp else max(0, int(_last(udp_length)) - UDP_HEADER - len(payload)),
        seq=int(_last(tcp_seq)) if is_tcp else 0,
        flags=int(_last(tcp_flags) or "0", 16) if is_tcp else 0,
        quoted=bool(icmp_type or icmp6_type),
        unreachable=icmp6_type == UNREACHABLE6
        or (icmp_type == UNREACHABLE and icmp_code != TOO_LONG),
    )


def _last(values: str) -> str:
    """Return the last value: a tunnel has others before it."""
    return values.rpartition(AGGREGATOR)[2]
