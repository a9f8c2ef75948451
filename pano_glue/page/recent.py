"""The newest transactions that failed, in a ring of fixed length."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

KEPT = 50
FINE = (0, 3)  # NOERROR, NXDOMAIN


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
    """Keeps the newest failures."""

    def __init__(self) -> None:
        """Begin without any."""
        self._kept: deque[Failure] = deque(maxlen=KEPT)

    def add(self, failure: Failure) -> None:
        """Keep one that came after all others."""
        self._kept.append(failure)

    def newest(self) -> list[Failure]:
        """Give them, newest first."""
        return list(reversed(self._kept.copy()))
