"""The newest transactions that failed, in a ring of fixed length."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pano_glue.protocols.dns.record import DnsRecord

KEPT = 50
FINE = (0, 3)  # NOERROR, NXDOMAIN
UNSET = -1


class Failure(NamedTuple):
    """One transaction that failed; names and addresses are as they were on the wire."""

    ts: float | str
    uid: str
    trans_id: int
    client: str
    server: str
    query: str
    qtype: int
    rcode: int  # -1: no reply
    outcome: str


class Failures:
    """Keeps the newest failures; adding costs a look at each record's code."""

    def __init__(self) -> None:
        """Begin without any."""
        self._kept: deque[DnsRecord] = deque(maxlen=KEPT)

    def add(self, records: Sequence[DnsRecord]) -> None:
        """Keep those of a batch, in the order in which they came, that failed."""
        self._kept += [r for r in records if r.rcode not in FINE][-KEPT:]

    def newest(self) -> list[Failure]:
        """Give them, newest first."""
        return [
            Failure(
                record.ts,
                record.uid,
                record.trans_id,
                record.client,
                record.server,
                record.query,
                record.qtype,
                record.rcode,
                record.outcome or ("timeout" if record.rcode == UNSET else "answered"),
            )
            for record in reversed(self._kept.copy())
        ]
