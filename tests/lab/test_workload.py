"""What is read from dnsperf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pano_glue.errors import PanoError
from pano_glue.lab.workload import WORKLOADS, Tally, read_summary, write_questions

if TYPE_CHECKING:
    from pathlib import Path

# Printed by dnsperf 2.10.0 against nsd with response rate limiting.
PRINTED = """\
[Status] Testing complete (time limit)

Statistics:

  Queries sent:         500
  Queries completed:    443 (88.60%)
  Queries lost:         57 (11.40%)

  Response codes:       NOERROR 381 (86.00%), SERVFAIL 16 (3.61%), \
NXDOMAIN 39 (8.80%), REFUSED 7 (1.58%)
  Average packet size:  request 46, response 120
"""


def test_summary_is_read() -> None:
    tally = read_summary("slow-udp4", PRINTED)
    rcodes = {"NOERROR": 381, "SERVFAIL": 16, "NXDOMAIN": 39, "REFUSED": 7}
    assert tally.as_json() == {"queries": 500, "responses": 443, "timeouts": 57, "rcodes": rcodes}


def test_an_end_without_summary_is_an_error() -> None:
    with pytest.raises(PanoError, match=r"slow-udp4 printed no summary.*all sockets"):
        read_summary("slow-udp4", "Error: all sockets reported failure, can not continue")


def test_questions_are_the_same_in_every_run(tmp_path: Path) -> None:
    texts = {write_questions(WORKLOADS[3], tmp_path).read_text() for _ in range(2)}
    assert len(texts) == 1
    assert "limited.test A" in texts.pop()


def test_tallies_add_up() -> None:
    total = Tally()
    total.add(read_summary("a", PRINTED))
    total.add(read_summary("b", PRINTED))
    assert (total.queries, total.rcodes["SERVFAIL"]) == (1000, 32)
