"""The record of one DNS transaction, as far as it is counted."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

DAY = 86400.0
UNSET = -1  # a number that the record does not have

Outcome = Literal["answered", "timeout", "late", "orphan"]
Address = Annotated[str, Meta(max_length=45)]
Size = Annotated[int, Meta(ge=0, le=65535)]


class DnsRecord(msgspec.Struct, gc=False, kw_only=True):
    """The fields of a dns.log record that are counted; the others are passed over.

    They stand in the log's own order, in which they are decoded fastest. Numbers outside what DNS
    can carry make a record malformed. `proto` and `TC` stand in every dns.log, stock or not, and
    tell it from the other logs of Zeek.
    """

    uid: Annotated[str, Meta(max_length=64)] = ""
    client: Address = field(name="id.orig_h")
    server: Address = field(name="id.resp_h")
    proto: Literal["udp", "tcp"]
    rtt: Annotated[float, Meta(ge=0, le=DAY)] | None = None
    query: Annotated[str, Meta(max_length=1024)] = ""
    qtype: Size = UNSET
    rcode: Annotated[int, Meta(ge=0, le=4095)] = UNSET
    TC: bool
    outcome: Outcome | None = None
    retransmits: Annotated[int, Meta(ge=0, le=65535)] = 0
    query_bytes: Size = UNSET
    reply_bytes: Size = UNSET
    sensor: Annotated[str, Meta(max_length=255)] = ""


class Times(msgspec.Struct):
    """When a record's transaction was complete; only the last line of a batch is asked."""

    ts: float
    rtt: float
