"""The record of one DNS transaction, as far as it is counted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from pano_glue.protocols.dns import REGISTRATION
from pano_glue.sources.times import epoch_seconds
from pano_glue.sources.tsv import Table, field_name

DAY = 86400.0
UNSET = -1  # a number that the record does not have
NO_TTLS = msgspec.Raw()

Outcome = Literal["answered", "timeout", "late", "orphan", "unreachable"]
Address = Annotated[str, Meta(max_length=45)]
Size = Annotated[int, Meta(ge=0, le=65535)]
SizeOrUnset = Annotated[int, Meta(ge=UNSET, le=65535)]
LOGS = REGISTRATION.names
# Every dns.log has these, some with exceptions (`Log::Filter$exclude`); no other log has one.
TELLING = ("trans_id", "query", "qtype", "qtype_name", "rcode", "rcode_name")


class DnsRecord(msgspec.Struct, gc=False, kw_only=True):
    """The fields of a dns.log record that are counted; the others are passed over.

    They stand in the log's own order, in which they are decoded fastest. Numbers outside what DNS
    can carry make a record malformed. `proto` and `TC` stand in nearly every dns.log, stock or not,
    and tell it from the other logs of Zeek; `_path` does where it is written.
    """

    log: Literal["dns", "pano_dns"] = field(name="_path", default="dns")
    ts: float | str = 0.0
    uid: Annotated[str, Meta(max_length=64)] = ""
    client: Address = field(name="id.orig_h")
    server: Address = field(name="id.resp_h")
    proto: Literal["udp", "tcp"]
    trans_id: Size = UNSET
    rtt: Annotated[float, Meta(ge=0, le=DAY)] | None = None
    query: Annotated[str, Meta(max_length=1024)] = ""
    qtype: Size = UNSET
    rcode: Annotated[int, Meta(ge=0, le=4095)] = UNSET
    AA: bool = False
    TC: bool
    RA: bool = False
    TTLs: msgspec.Raw = NO_TTLS
    opcode: Annotated[int, Meta(ge=0, le=15)] = 0
    outcome: Outcome | None = None
    retransmits: Annotated[int, Meta(ge=0, le=65535)] = 0
    query_bytes: Size = 0  # no message is shorter than 12
    reply_bytes: Size = 0
    AD: bool = False
    CD: bool = False
    DO: bool = False
    ecs: Annotated[str, Meta(max_length=64)] = ""
    told: Annotated[str, Meta(max_length=255)] = field(name="server", default="")
    sensor: Annotated[str, Meta(max_length=255)] = ""


class DnsRow(DnsRecord, array_like=True, gc=False, kw_only=True):
    """The same from a TSV log, where what is unset stands as its default, and `TC` may lack."""

    ts: float = 0.0  # text of other forms is read with the slower JSON
    trans_id: SizeOrUnset = UNSET
    qtype: SizeOrUnset = UNSET
    rcode: Annotated[int, Meta(ge=UNSET, le=4095)] = UNSET
    TC: bool = False
    TTLs: str = ""  # type: ignore[assignment] # of the cell, not parsed either


def mended(fields: dict[str, Any]) -> dict[str, Any]:
    """Give a record's fields as `DnsRecord` has them, where Zeek was set to write them otherwise.

    Fields that are null are unset (`LogAscii::json_include_unset_fields`), `id_orig_h` is
    `id.orig_h` (`Log::default_scope_sep`), a log without the column `TC` is one of DNS if it has
    another that only that has, and an `rtt` that no transaction can have (a clock was set back) is
    lost, and not the record.
    """
    mended = {field_name(name): value for name, value in fields.items() if value is not None}
    if "TC" not in mended and any(name in fields for name in TELLING):
        mended["TC"] = False
    if "TTLs" in mended:
        mended["TTLs"] = msgspec.Raw(msgspec.json.encode(mended["TTLs"]))
    rtt = mended.get("rtt")
    if isinstance(rtt, int | float) and not 0 <= rtt <= DAY:
        del mended["rtt"]
    return mended


def least_ttl(ttls: bytes | str) -> float:
    """Tell how long an answer may be cached, in seconds, by its TTLs; 0 where that is not told."""
    text = ttls if isinstance(ttls, str) else bytes(ttls).strip(b"[]").decode()
    try:
        return min(max(min(map(float, text.split(","))), 0.0), DAY)
    except ValueError:
        return 0.0


class Times(msgspec.Struct):
    """When a record's transaction was complete; only the last line of a batch is asked."""

    ts: float | str
    rtt: float


TIMES = msgspec.json.Decoder(Times)


def newest_of(lines: bytes | Table) -> float | None:
    """Tell when the last of some lines was complete on the wire, in epoch seconds.

    None for a timeout, which was that long ago, and where it cannot be told.
    """
    text = lines.rows if isinstance(lines, Table) else lines
    end = len(text) - text.endswith(b"\n")  # stripping would copy a megabyte
    last = text[text.rfind(b"\n", 0, end) + 1 : end]
    if isinstance(lines, Table):
        last = Table(lines.layout, last).json_lines()
    try:
        times = TIMES.decode(last)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    sent = epoch_seconds(times.ts)
    return sent + times.rtt if sent is not None and 0 <= times.rtt <= DAY else sent
