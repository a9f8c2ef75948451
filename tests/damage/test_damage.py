"""Damaged captures and mutated messages, for seconds; `python -m tests.damage` is for hours."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.damage import analysers, messages
from tests.damage.rules import open_ledger
from tests.damage.run import check, episodes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ANALYSERS = {"tshark": analysers.with_tshark, "zeek": analysers.with_zeek}


@pytest.mark.parametrize("analyser", ANALYSERS)
# Not 2, in which a socket is used again after half a reply: Zeek's TCP joins the two connections.
@pytest.mark.parametrize("seed", [1, 3])
def test_no_damage_invents_or_hides_anything(
    analyser: str, seed: int, tmp_path: Path, require: Callable[[str], str]
) -> None:
    require(analyser)
    made = episodes(Random(seed), 300)  # noqa: S311 - to be repeated
    broken = list(check(tmp_path / "damaged.pcap", made, ANALYSERS[analyser]))
    assert [each.rule for each in broken] == [], f"python -m tests.damage --seed {seed}"


@pytest.mark.parametrize("analyser", ANALYSERS)
def test_no_message_is_too_strange(
    analyser: str, tmp_path: Path, require: Callable[[str], str]
) -> None:
    require(analyser)
    pcap = tmp_path / "mutated.pcap"
    messages.write(pcap, Random(1), 5000)  # noqa: S311 - to be repeated
    records, stats, complaints = ANALYSERS[analyser](pcap)
    assert complaints == ""
    assert list(open_ledger(stats, records)) == []
    assert stats["dns_queries"] > 1000
