"""Sketches against exact counts, and the public suffix list against its own package."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.metrics.distinct import Distinct
from pano_glue.metrics.domains import RegisteredDomains, registered_domains
from pano_glue.metrics.top import Top

publicsuffixlist = pytest.importorskip("publicsuffixlist")


def shown(top: Top) -> dict[str, int]:
    return {line.split('"')[1]: int(line.split()[-1]) for line in top.family().lines}


def test_heavy_hitters_are_found_in_a_flood_and_never_overstated() -> None:
    draw = random.Random(1)  # noqa: S311 - a fixed sequence
    truth: Counter[str] = Counter()
    top = Top("t", "", "domain", 10)
    for _ in range(200):
        batch = Counter(f"flood{draw.random()}" for _ in range(400))
        batch.update(f"heavy{int(draw.paretovariate(1))}" for _ in range(400))
        truth.update(batch)
        top.add(batch)
    counts = shown(top)
    assert len(counts) == 10
    assert all(counts[value] <= truth[value] for value in counts)
    for value, count in truth.most_common(5):
        assert counts[value] == pytest.approx(count, rel=0.05)


def test_memory_of_a_top_list_is_bounded() -> None:
    top = Top("t", "", "domain", 3)
    for n in range(5000):
        top.add({f"v{n}": 1})
    assert len(top._counts) == len(top._smallest) == 150  # noqa: SLF001 - the bound itself
    assert len(top._inherited) <= 150  # noqa: SLF001 - as above


@pytest.mark.parametrize("size", [0, 1, 4000, 50_000])
def test_distinct_estimate(size: int) -> None:
    distinct = Distinct("d", "", lambda: 0.0)
    for start in range(0, size, 1000):
        block = [f"name{n}" for n in range(start, min(start + 1000, size))]
        distinct.add(block)
        distinct.add(block)
    assert distinct.estimate() == (size if size <= 4096 else pytest.approx(size, rel=0.1))


def test_distinct_forgets_after_five_minutes() -> None:
    now = [0.0]
    distinct = Distinct("d", "", lambda: now[0])
    for second in range(0, 600, 60):
        now[0] = float(second)
        distinct.add([f"{second}-{n}" for n in range(100)])
    assert distinct.estimate() == 500
    now[0] = 2000.0
    assert distinct.estimate() == 0


LABELS = """com uk co ck www jp kawasaki city io github a amazonaws s3 arpa in-addr compute example
xn--p1ai bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"""
LABEL = st.sampled_from(LABELS.split())


@given(st.lists(LABEL, min_size=1, max_size=7))
def test_registered_domain_agrees_with_the_package(labels: list[str]) -> None:
    name = ".".join(labels)
    assert OURS(name) == (THEIRS.privatesuffix(name) or name)


def test_without_the_list_two_labels_are_taken() -> None:
    assert RegisteredDomains(()).of("a.b.example.co.uk") == "co.uk"


OURS = registered_domains()
THEIRS = publicsuffixlist.PublicSuffixList()
