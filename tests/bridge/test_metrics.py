"""Sketches against exact counts, and the public suffix list against its own package."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.metrics.distinct import Distinct
from pano_glue.metrics.domains import RegisteredDomains, registered_domains
from pano_glue.metrics.metric import LATEST, Birth
from pano_glue.metrics.top import Top

publicsuffixlist = pytest.importorskip("publicsuffixlist")


def shown(top: Top, seen: int = LATEST, number: int = 1) -> dict[str, float]:
    family = top.family(top.freeze(Birth(number, 0.0)), seen)
    return {line.split('"')[1]: float(line.split()[-1]) for line in family.lines}


def test_heavy_hitters_are_found_in_a_flood_and_never_overstated() -> None:
    draw = random.Random(1)  # noqa: S311 - a fixed sequence
    truth: Counter[str] = Counter()
    top = Top("t", "", "domain", 10, lambda: 0.0)
    for _ in range(200):
        batch = Counter(f"flood{draw.random()}" for _ in range(400))
        batch.update(f"heavy{int(draw.paretovariate(1))}" for _ in range(400))
        truth.update(batch)
        top.add(batch)
        top.settle()
    counts = shown(top)
    assert 5 <= len(counts) <= 20
    assert all(counts[value] <= truth[value] for value in counts)
    for value, count in truth.most_common(5):
        assert counts[value] == pytest.approx(count, rel=0.05)


def test_memory_of_a_top_list_is_bounded() -> None:
    top = Top("t", "", "domain", 3, lambda: 0.0)
    for n in range(5000):
        top.add({f"v{n}": 1})
        top.settle()
    state = top.freeze(Birth(1, 0.0))
    assert len(state.shown) <= 6
    assert all(len(counts) == 30 for counts, _, _ in state.windows[:1])


def test_an_attack_after_a_month_is_on_top_within_a_minute() -> None:
    now = [0.0]
    top = Top("t", "", "domain", 5, lambda: now[0])
    for minute in range(0, 30 * 24 * 60, 5):
        now[0] = minute * 60.0
        top.add({f"daily{n}.org": 1000 + n for n in range(20)})
        top.settle()
    before = shown(top, number=1)
    top.add({"attack.example": 40_000})
    now[0] += 60
    counts = shown(top, number=2)
    assert counts["attack.example"] == 40_000
    assert shown(top, seen=1, number=2)["attack.example"] == 0
    assert all(counts[value] >= before[value] for value in counts if value in before)
    for _ in range(20):  # it stays an hour, and goes when it is over
        now[0] += 400
        top.add({f"daily{n}.org": 1000 + n for n in range(20)})
        top.settle()
        if now[0] < 30 * 86_400 + 3000:
            assert "attack.example" in shown(top)
    assert "attack.example" not in shown(top)


def test_increase_of_a_shown_value_is_what_was_counted_over_its_turns() -> None:
    now = [0.0]
    top = Top("t", "", "domain", 1, lambda: now[0])
    added = last = 0.0
    for step in range(400):
        now[0] += 120
        top.add({"a": 10 if step // 100 % 2 else 1, "b": 5})
        value = shown(top).get("a")
        if value is not None:
            added += value - last if value >= last else value
            last = value
    assert 0 < added <= 2200


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
