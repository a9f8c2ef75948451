"""tshark's fields into DNS messages, and DNS transactions into dns.log records.

A TCP segment may carry several messages, and tshark then lists each field's values one after
another, without saying whose they are. Only fields that every message has, or whose number another
field tells, are asked for, so that the lists can be dealt out again.
"""

from __future__ import annotations

import hashlib

import msgspec

from pano_glue.protocols.dns_names import QTYPES, RCODES
from pano_glue.sources.pairing import Message, Transaction

SECTIONS = ("dns.count.queries", "dns.count.answers", "dns.count.auth_rr", "dns.count.add_rr")
FIELDS = (
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "tcp.srcport",
    "tcp.dstport",
    "dns.id",
    "dns.flags",
    "dns.length",  # TCP's length prefix
    *SECTIONS,
    "dns.qry.name",
    "dns.qry.type",
    "dns.qry.class",
    "dns.resp.type",
    "dns.resp.ext_rcode",
    "dns.rr.udp_payload_size",
    "dns.resp.z.do",
)
AGGREGATOR = "\x1f"
UDP_HEADER = 8
OPT = "41"
ENDS = ("src", "dst")
NO_QUESTION = ("", "-1", "0x0")
NO_EDNS = ("", "0", "0x0")
# Bits of the header's second word, RFC 1035 section 4.1.1 and RFC 4035 section 3.
QR, AA, TC, RD, RA, Z, AD, CD = (1 << bit for bit in (15, 10, 9, 8, 7, 6, 5, 4))
OPCODE, RCODE = 0x7800, 0x000F


class UnreadFrameError(ValueError):
    """A frame whose lists of fields do not fit together; `messages` is how many it has."""

    def __init__(self, messages: int) -> None:
        """Keep the number of messages that go uncounted."""
        super().__init__(messages)
        self.messages = messages


def messages(line: str) -> list[Message]:
    """Read the DNS queries and replies of one frame; messages of other opcodes are left out.

    Raises:
        UnreadFrameError: when the lists do not fit together, as in a malformed message.
    """
    values = (value.split(AGGREGATOR) if value else [] for value in line.split("\t"))
    frame = dict(zip(FIELDS, values, strict=False))
    ids = frame.get("dns.id", [])
    try:
        return _dealt(frame, len(ids))
    except (LookupError, ValueError, StopIteration) as error:
        raise UnreadFrameError(max(1, len(ids))) from error


def _dealt(frame: dict[str, list[str]], count: int) -> list[Message]:
    proto = "tcp" if frame["tcp.srcport"] else "udp"
    version = "ipv6" if frame["ipv6.src"] else "ip"
    # The last of them: a tunnel has others before it.
    ends = [(frame[f"{version}.{e}"][-1], int(frame[f"{proto}.{e}port"][-1])) for e in ENDS]
    sizes = frame["dns.length"] if proto == "tcp" else frame["udp.length"][-1:]
    header = 0 if proto == "tcp" else UDP_HEADER
    questions = zip(
        frame["dns.qry.name"], frame["dns.qry.type"], frame["dns.qry.class"], strict=True
    )
    types = iter(frame["dns.resp.type"])
    edns = zip(
        frame["dns.rr.udp_payload_size"],
        frame["dns.resp.z.do"],
        frame["dns.resp.ext_rcode"],
        strict=True,
    )
    dealt = []
    for i in range(count):
        flags = int(frame["dns.flags"][i], 16)
        asked, *sections = (int(frame[section][i]) for section in SECTIONS)
        (name, qtype, qclass), *_ = [next(questions) for _ in range(asked)] or [NO_QUESTION]
        records = [next(types) for _ in range(sum(sections))]
        bufsize, do, extended = next(edns) if OPT in records else NO_EDNS
        if flags & OPCODE:
            continue
        client, server = ends if not flags & QR else ends[::-1]
        dealt.append(
            Message(
                time=float(frame["frame.time_epoch"][0]),
                client=client[0],
                client_port=client[1],
                server=server[0],
                server_port=server[1],
                proto=proto,
                id=int(frame["dns.id"][i], 16),
                flags=flags,
                name="" if name == "<Root>" else name.lower(),
                qtype=int(qtype),
                qclass=int(qclass, 16),
                size=int(sizes[i]) - header,
                records=len(records),
                edns_bufsize=int(bufsize) if bufsize else None,
                do=do == "1",
                extended_rcode=int(extended, 16),
            )
        )
    return dealt


def json_line(transaction: Transaction, sensor: str) -> bytes:
    """Write a transaction as a record of dns.log, without `answers`, `TTLs` and `ecs`."""
    query, reply = transaction.query, transaction.reply
    asked = query or reply
    if asked is None:
        raise ValueError("a transaction has a query or a reply")
    flow = repr(asked[1:6]).encode()
    record: dict[str, object] = {
        "ts": asked.time,
        "uid": "C" + hashlib.blake2b(flow, digest_size=8).hexdigest(),
        "id.orig_h": asked.client,
        "id.orig_p": asked.client_port,
        "id.resp_h": asked.server,
        "id.resp_p": asked.server_port,
        "proto": asked.proto,
        "trans_id": asked.id,
        "RD": bool(asked.flags & RD),
        "Z": (asked.flags & (Z | AD | CD)) >> 4,
        "CD": bool(asked.flags & CD),
        "DO": asked.do,
        "TC": False,
        "outcome": transaction.outcome,
        "retransmits": transaction.retransmits,
        "sensor": sensor,
    }
    if asked.qtype >= 0:
        record |= {
            "query": asked.name,
            "qclass": asked.qclass,
            "qclass_name": "C_INTERNET" if asked.qclass == 1 else f"qclass-{asked.qclass}",
            "qtype": asked.qtype,
            "qtype_name": QTYPES.get(asked.qtype, f"TYPE{asked.qtype}"),
        }
    if asked.edns_bufsize is not None:
        record["edns_bufsize"] = asked.edns_bufsize
    if query is not None:
        record["query_bytes"] = query.size
    if reply is not None:
        record |= _reply_fields(reply)
    if query is not None and reply is not None:
        if reply.time >= query.time:
            record["rtt"] = round(reply.time - query.time, 6)
        if transaction.retransmits:
            record["rtt_last"] = round(reply.time - transaction.repeated, 6)
    return msgspec.json.encode(record)


def _reply_fields(reply: Message) -> dict[str, object]:
    rcode = reply.extended_rcode << 4 | reply.flags & RCODE  # RFC 6891 section 6.1.3
    return {
        "rcode": rcode,
        "rcode_name": RCODES.get(rcode, f"rcode-{rcode}"),
        "AA": bool(reply.flags & AA),
        "TC": bool(reply.flags & TC),
        "RA": bool(reply.flags & RA),
        "AD": bool(reply.flags & AD),
        "rejected": reply.records == 0,
        "reply_bytes": reply.size,
    }
