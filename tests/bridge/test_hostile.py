"""Whatever a line holds, it is counted as something, and its neighbours as what they are."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config
from pano_glue.protocols.dns.record import LOGS, DnsRecord, DnsRow, mended
from pano_glue.protocols.lines import LineDecoder
from pano_glue.sources import Batch
from tests.bridge.records import read_page, record, total

NAMES = sorted(record())
RESULTS = ("counted", "malformed", "skipped")

# NaN and Infinity too, which Python writes and JSON does not know.
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
changed = st.dictionaries(st.sampled_from(NAMES), values, max_size=3).map(
    lambda wrong: json.dumps({**record(), **wrong}).encode()
)
tagged = st.tuples(st.sampled_from(["dns", "conn", "pano_stats"]), changed).map(
    lambda pair: b'{"%s":%s}' % (pair[0].encode(), pair[1])
)
cut = st.tuples(changed, st.integers(0, 400)).map(lambda pair: pair[0][: pair[1]])
noise = st.binary(max_size=80).map(lambda raw: raw.replace(b"\n", b""))
lines = st.lists(changed | tagged | cut | noise, max_size=12)


@settings(deadline=None, max_examples=200)
@given(lines)
def test_a_line_is_what_it_is_whatever_stands_beside_it(batch: list[bytes]) -> None:
    decoder = LineDecoder(LOGS, DnsRecord, DnsRow, mended)
    together = decoder.decode(b"\n".join(batch))
    alone = [decoder.decode(line) for line in batch]
    apart = [row for one in alone for row in zip(*one.columns, strict=True)]
    assert list(zip(*together.columns, strict=True)) == apart
    assert together.malformed == sum(one.malformed for one in alone)
    assert together.skipped == sum(one.skipped for one in alone)
    filled = sum(1 for line in batch if line.strip())
    assert together.counted + together.malformed + together.skipped == filled


@settings(deadline=None, max_examples=50)
@given(st.lists(changed, min_size=1, max_size=12))
def test_what_is_counted_is_a_number_that_dns_can_carry(batch: list[bytes]) -> None:
    counting = Counting(Config(), lambda: 1_700_000_100.0)
    counting.apply("log:t", Batch("dns", b"\n".join(batch)))
    page = read_page(Pages(counting, None).page(Visit("test"), openmetrics=False)[0].decode())
    seconds = total(page, "pano_dns_rtt_seconds_sum")
    assert math.isfinite(seconds)
    assert 0 <= seconds <= 86400 * len(batch)
    results = [total(page, "pano_bridge_records_total", result=name) for name in RESULTS]
    assert sum(results) == len(batch)
