"""Tunnels, beacons, new domains and a slow upstream, beside what looks like them and is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pano_glue import forensics
from tests.data.planted import FRESH, SLOW, Planted, plant, write
from tests.data.planted_otherwise import NEW_SINCE, plant_otherwise

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

OTHER_SEEDS = (2, 3)


def pairs(frame: pd.DataFrame, *columns: str) -> set[tuple[str, ...]]:
    return set(frame[list(columns)].itertuples(index=False, name=None))


def test_tunnels_are_found_and_nothing_else(planted: Planted, planted_log: Path) -> None:
    found = forensics.tunnels(planted_log, all=True).frame
    assert pairs(found[found["verdict"] == "tunnel"], "client", "domain") == planted.tunnels
    # The hard negatives were looked at, and each fired something.
    others = found[found["verdict"] != "tunnel"].set_index("domain")
    assert {"cdn.test", "dnsbl.test", "scanner.test"} <= set(others.index)
    assert others.loc["scanner.test", "verdict"] == "reputation list"
    assert all(others.loc[["cdn.test", "dnsbl.test", "scanner.test"], "score"] >= 1)


def test_each_rule_says_by_how_much(planted: Planted, planted_log: Path) -> None:
    found = forensics.tunnels(planted_log).frame.set_index("domain")
    names = [one["query"] for one in planted.records if one["query"].endswith(".tunnel.test")]
    below = [len(name) - len(".tunnel.test") for name in names]
    row = found.loc["tunnel.test"]
    assert row["names"] == len(set(names))
    assert row["length"] == pytest.approx(sum(below) / len(below))
    assert row["bytes_below"] == sum(below)
    assert row["odd_types_share"] == 1
    assert f"names {len(set(names)) / 50:.1f}x" in row["rules"]


def test_beacons_are_found_and_nothing_else(planted: Planted, planted_log: Path) -> None:
    found = forensics.beacons(planted_log, all=True).frame
    beacons = found[found["verdict"] == "beacon"]
    assert pairs(beacons, "client", "query") == planted.beacons
    harmless = found[found["verdict"] != "beacon"]
    assert pairs(harmless, "client", "query") >= planted.rhythms
    steps = dict(zip(beacons["query"], beacons["interval_seconds"], strict=True))
    assert steps["c2.beacon.test"] == pytest.approx(60, abs=1)
    assert steps["ping.quiet.example"] == pytest.approx(300, abs=15)


def test_new_domains_are_found_and_nothing_else(planted: Planted, planted_log: Path) -> None:
    found = forensics.new_names(planted_log, since=str(int(FRESH))).frame
    assert dict(zip(found["domain"], found["first_client"], strict=True)) == planted.fresh


def test_a_state_file_makes_the_past_needless(planted: Planted, tmp_path: Path) -> None:
    before = write([one for one in planted.records if one["ts"] < FRESH], tmp_path / "old.dns.log")
    after = write([one for one in planted.records if one["ts"] >= FRESH], tmp_path / "new.dns.log")
    state = tmp_path / "state"
    first = forensics.new_names(before, state=state)
    assert not set(planted.fresh) & set(first.frame["domain"])
    found = forensics.new_names(after, state=state).frame
    assert dict(zip(found["domain"], found["first_client"], strict=True)) == planted.fresh
    assert forensics.new_names(after, state=state).frame.empty


def test_the_slow_upstream_is_what_costs(planted: Planted, planted_log: Path) -> None:
    answer = forensics.upstream(planted_log)
    cost = answer.tables["upstreams"].set_index("upstream")["waited_seconds"]
    for upstream, microseconds in planted.upstream_microseconds.items():
        assert cost[upstream] == microseconds / 1e6
    assert answer.tables["upstreams"]["upstream"][0] == SLOW
    side = answer.tables["client side"].set_index("how")
    asked = sum(one["id.resp_h"] == "10.1.255.53" for one in planted.records)
    assert side.loc["asked upstream", "queries"] == planted.misses
    assert side.loc["from the cache", "queries"] == asked - planted.misses
    assert side.loc["asked upstream", "own_p50_seconds"] == pytest.approx(0.0002)


def test_search_suffixes_are_waste(planted: Planted, planted_log: Path) -> None:
    answer = forensics.wasted(planted_log)
    reasons = answer.frame.set_index("reason")["queries"]
    assert reasons["search suffix"] == planted.suffixed
    suffixes = answer.tables["search suffixes"].set_index("suffix")["queries"]
    assert suffixes["svc.cluster.test"] == planted.suffixed / 3


@pytest.mark.parametrize("seed", [77, 78])
def test_a_log_with_which_no_threshold_was_chosen(seed: int, tmp_path: Path) -> None:
    """Other tools, timers, suffixes and look-alikes: what is found, and what is rightly not."""
    other = plant_otherwise(seed)
    log = write(other.records, tmp_path / "dns.log")
    tunnels = forensics.tunnels(log, all=True).frame
    assert pairs(tunnels[tunnels["verdict"] == "tunnel"], "client", "domain") == other.tunnels
    assert {"maps.test", "spam.test", "av.example"} <= set(tunnels["domain"])
    beacons = forensics.beacons(log, all=True).frame
    assert pairs(beacons[beacons["verdict"] == "beacon"], "client", "query") == other.beacons
    assert {"updates.os.test", "feed.news.test"} <= set(beacons["query"])
    new = forensics.new_names(log, since=str(int(NEW_SINCE))).frame
    assert dict(zip(new["domain"], new["first_client"], strict=True)) == other.fresh


@pytest.mark.parametrize("seed", OTHER_SEEDS)
def test_verdicts_do_not_hang_on_one_seed(seed: int, tmp_path: Path) -> None:
    other = plant(seed)
    log = write(other.records, tmp_path / "dns.log")
    assert pairs(forensics.tunnels(log).frame, "client", "domain") == other.tunnels
    assert pairs(forensics.beacons(log).frame, "client", "query") == other.beacons


def test_a_conn_log_tells_who_was_never_visited(
    planted: Planted, planted_log: Path, tmp_path: Path
) -> None:
    conn = tmp_path / "conn.log"
    conn.write_text(
        '{"ts":1,"id.orig_h":"10.1.0.15","id.resp_h":"203.0.113.80","proto":"tcp","service":"ssl"}\n'
        '{"ts":1,"id.orig_h":"10.1.0.13","id.resp_h":"10.1.255.53","proto":"udp","service":"dns"}\n'
    )
    found = forensics.tunnels(planted_log, all=True, conn=[str(conn)]).frame.set_index("domain")
    assert found.loc["cdn.test", "unvisited_share"] == 0
    assert found.loc["leak.test", "unvisited_share"] == 1
    assert "unvisited" in found.loc["leak.test", "rules"]
    assert ("fd00:1::1", "leak.test") in planted.tunnels
