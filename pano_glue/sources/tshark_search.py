"""Where the next DNS message begins in a TCP stream, behind a gap.

What is found must be a whole message to its last byte, and be expected: what looks like a message
inside another one's rdata is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pano_glue.sources.tshark_dns import HEADER, may_be_dns, read_dns

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH = 2  # bytes before each message
LONGEST = LENGTH + 0xFFFF
# Where a message with one question or none may begin.
PLAUSIBLE = re.compile(rb"(?s)(?=.{6}\x00[\x00\x01])")


class Search:
    """Goes over growing data, over each place at most twice."""

    def __init__(self, is_expected: Callable[[bytes], bool]) -> None:
        """`is_expected` has the last word about a whole message."""
        self._is_expected = is_expected
        self.restart()

    def restart(self) -> None:
        """Begin with new data."""
        self._looked = 0  # where no message begins, but at the candidates
        self._candidates: list[int] = []  # whose ends have not come yet

    def find(self, data: bytearray) -> tuple[bool, int]:
        """Return whether a message was found, and how many bytes before it are useless.

        Those are to be taken off the data before the next call.
        """
        candidates, self._candidates = self._candidates, []
        last = len(data) - LENGTH - HEADER.size  # the last place that shows a header
        for found in PLAUSIBLE.finditer(data, self._looked):
            if found.start() > last:
                break
            candidates.append(found.start())
        for at in candidates:
            end = at + LENGTH + int.from_bytes(data[at : at + LENGTH])
            header = data[at + LENGTH : at + LENGTH + HEADER.size]
            if not may_be_dns(header, end - at - LENGTH):
                continue
            if end > len(data):
                self._candidates.append(at)
            elif self._is_one(bytes(data[at + LENGTH : end])):
                self.restart()
                return True, at
        looked = max(self._looked, last + 1)
        useless = max(0, min([looked, *self._candidates[:1]]), len(data) - LONGEST)
        self._looked = looked - useless
        self._candidates = [at - useless for at in self._candidates if at >= useless]
        return False, useless

    def _is_one(self, message: bytes) -> bool:
        dns = read_dns(message)
        return dns is not None and dns.length == len(message) and self._is_expected(message)
