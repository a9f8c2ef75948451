"""DNS transactions as records of dns.log, and their totals as records of pano_stats."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec

from pano_glue.protocols.dns.names import QTYPES, RCODES
from pano_glue.sources.tshark_dns import AA, AD, CD, RA, RCODE, RD, TC, Z

if TYPE_CHECKING:
    from pano_glue.sources.pairing import Transaction
    from pano_glue.sources.pairing_windows import Message
    from pano_glue.sources.tshark_analysis import Analysis


def json_line(transaction: Transaction, sensor: str) -> bytes:
    """Write a transaction as a record of dns.log, without `answers`, `TTLs` and `ecs`."""
    query, reply = transaction.query, transaction.reply
    asked = query or reply
    if asked is None:
        raise ValueError("a transaction has a query or a reply")
    flow = repr((*asked[1:6], asked.vlan)).encode()
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
    if query is not None:
        record["query_bytes"] = query.size
        if query.edns_bufsize is not None:
            record["edns_bufsize"] = query.edns_bufsize
    if reply is not None:
        record |= _reply_fields(reply)
    if query is not None and reply is not None:
        if reply.time >= query.time:
            record["rtt"] = round(reply.time - query.time, 6)
        if transaction.retransmits and reply.time >= transaction.repeated:
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


def stats_line(analysis: Analysis, sensor: str, dropped: int = 0) -> bytes:
    """Write the totals of `analysis` as a record of pano_stats."""
    totals = analysis.totals
    record = {
        "ts": analysis.newest,
        "sensor": sensor,
        "packets_received": analysis.packets,
        "packets_dropped": dropped,
        "bytes_received": analysis.bytes,
        **asdict(totals),
        "pending": analysis.pairing.pending,
        "records_logged": totals.answered
        + totals.timeouts
        + totals.unreachable
        + totals.late
        + totals.orphans,
    }
    return msgspec.json.encode(record)
