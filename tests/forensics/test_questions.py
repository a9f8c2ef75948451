"""Every question's numbers, against the same computed otherwise: in plain Python, by jq, by awk."""

from __future__ import annotations

import json
import math
import subprocess
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue import forensics
from pano_glue.errors import PanoError, SettingError
from tests.data.planted import BEGIN, RESOLVER, Planted
from tests.forensics.conftest import tsv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pano_glue.forensics.answer import Answer

Rows = list[dict[str, Any]]
NETWORK = "10.77.0.0/30"


def rank(values: Iterable[float], part: float) -> float:
    """Give the smallest value that `part` of all are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def test_slow(lab: Rows, lab_log: Path) -> None:
    answer = forensics.slow(lab_log, limit=5)
    timed = sorted((one for one in lab if "rtt" in one), key=lambda one: -one["rtt"])
    assert list(answer.frame["rtt_seconds"]) == [one["rtt"] for one in timed[:5]]
    assert list(answer.frame["uid"]) == [one["uid"] for one in timed[:5]]
    by_server: dict[str, list[float]] = defaultdict(list)
    for one in timed:
        by_server[one["id.resp_h"]].append(one["rtt"])
    for row in answer.tables["servers"].to_dict("records"):
        rtts = by_server[row["server"]]
        assert row["answers"] == len(rtts)
        assert row["p50_seconds"] == rank(rtts, 0.5)
        assert row["p99_seconds"] == rank(rtts, 0.99)
        assert row["max_seconds"] == max(rtts)
        assert row["waited_seconds"] == sum(round(rtt * 1e6) for rtt in rtts) / 1e6


def test_failures_are_what_jq_counts(lab_log: Path, require: Callable[[str], str]) -> None:
    script = (
        'if .outcome == "timeout" then "timeout" elif .rcode != 0 then .rcode_name else empty end'
    )
    done = subprocess.run(
        [require("jq"), "-r", script, str(lab_log)], capture_output=True, text=True, check=True
    )
    answer = forensics.failures(lab_log)
    assert dict(zip(answer.frame["result"], answer.frame["records"], strict=True)) == Counter(
        done.stdout.split()
    )


def test_names_are_what_awk_counts(
    lab: Rows, tmp_path: Path, require: Callable[[str], str]
) -> None:
    log = tmp_path / "dns.log"
    log.write_text(tsv(lab))
    program = (
        '!/^#/ { n = split($10, l, "."); c[l[n-1] "." l[n]]++ } END { for (d in c) print d, c[d] }'
    )
    done = subprocess.run(
        [require("awk"), "-F\t", program, str(log)], capture_output=True, text=True, check=True
    )
    answer = forensics.names(log)
    counted = {name: int(count) for name, count in map(str.split, done.stdout.splitlines())}
    assert dict(zip(answer.frame["domain"], answer.frame["queries"], strict=True)) == counted


def test_names_full_and_clients_and_servers(lab: Rows, lab_log: Path) -> None:
    full = forensics.names(lab_log, full=True, limit=1000).frame
    assert dict(zip(full["query"], full["queries"], strict=True)) == Counter(
        one["query"] for one in lab
    )
    clients = forensics.clients(lab_log).frame.set_index("client")
    for client, count in Counter(one["id.orig_h"] for one in lab).items():
        own = [one for one in lab if one["id.orig_h"] == client]
        assert clients.loc[client, "queries"] == count
        assert clients.loc[client, "names"] == len({one["query"] for one in own})
        assert clients.loc[client, "nxdomain"] == sum(one.get("rcode") == 3 for one in own)
        assert clients.loc[client, "bytes_out"] == sum(one["query_bytes"] for one in own)
    servers = forensics.servers(lab_log).frame.set_index("server")
    for server, count in Counter(
        one["id.resp_h"] for one in lab if one["outcome"] == "timeout"
    ).items():
        assert servers.loc[server, "timeouts"] == count


def test_timeline(lab: Rows, lab_log: Path) -> None:
    frame = forensics.timeline(lab_log, bucket="2s").frame
    expected = Counter(int(one["ts"]) // 2 * 2 for one in lab)
    found = {
        int(time.timestamp()): queries
        for time, queries in zip(frame["time"], frame["queries"], strict=True)
    }
    assert {time: count for time, count in found.items() if count} == expected
    steps = frame["time"].diff().dropna().dt.total_seconds()
    assert set(steps) == {2.0}  # empty steps are there, too


def test_search_and_show(lab: Rows, lab_log: Path) -> None:
    newest = forensics.search(lab_log, limit=7).frame
    expected = sorted(lab, key=lambda one: (one["ts"], one["uid"], one["trans_id"]))[-7:]
    assert list(newest["trans_id"]) == [one["trans_id"] for one in expected]
    one = lab[1234]
    same = [
        other for other in lab if (other["uid"], other["trans_id"]) == (one["uid"], one["trans_id"])
    ]
    fields = forensics.show(lab_log, uid=one["uid"], trans_id=one["trans_id"]).frame.set_index(
        "field"
    )
    assert fields.loc["query", "record 1"] == same[0]["query"]
    assert fields.loc["client", "record 1"] == same[0]["id.orig_h"]
    whole = forensics.show(lab_log, uid=one["uid"], limit=2)
    assert whole.facts == [
        f"{sum(other['uid'] == one['uid'] for other in lab):,} records of this connection"
    ]
    with pytest.raises(PanoError, match="no record has uid nothing"):
        forensics.show(lab_log, uid="nothing")


def test_compare_names_what_changed(planted: Planted, planted_log: Path) -> None:
    """The tunnel ran for 630 s in the third hour: it explains the most."""
    tunnel = f"{int(BEGIN + 9000)}/630s"
    answer = forensics.compare(planted_log, a=f"{int(BEGIN + 8000)}/630s", b=tunnel)
    queries = answer.frame[
        (answer.frame["measure"] == "queries") & (answer.frame["by"] == "domain")
    ]
    assert queries.iloc[0]["value"] == "tunnel.test"
    rate = sum(one["query"].endswith(".tunnel.test") for one in planted.records) / 630
    assert queries.iloc[0]["b"] == pytest.approx(rate)


def test_repeats_within_the_ttl(tmp_path: Path) -> None:
    def record(when: float, name: str, **more: Any) -> str:  # noqa: ANN401 - any field
        return (
            json.dumps(
                {
                    "ts": BEGIN + when,
                    "id.orig_h": "10.0.0.1",
                    "id.resp_h": RESOLVER,
                    "query": name,
                    "qtype": 1,
                    "rcode": 0,
                    **more,
                }
            )
            + "\n"
        )

    answered = {"answers": ["192.0.2.1"], "TTLs": [60.0]}
    log = tmp_path / "dns.log"
    log.write_text(
        record(0, "a.test", **answered)
        + record(59, "a.test", **answered)  # a repeat
        + record(120, "a.test", **answered)
        + record(121, "a.test", qtype=28)  # no data, and A has
        + record(130, "b.test", qtype=28)  # no data, and nothing says that A has
    )
    reasons = forensics.wasted(log).frame
    assert dict(zip(reasons["reason"], reasons["queries"], strict=True)) == {
        "repeat": 1,
        "no such family": 1,
    }


def test_registered_domains_are_those_of_the_list(tmp_path: Path) -> None:
    """Of names of any depth, and below suffixes of any depth; the package itself tells which."""
    rules = pytest.importorskip("publicsuffixlist", reason="publicsuffixlist is not installed")
    suffixes = ["com", "ac.uk", "co.uk", "co.jp", "github.io", "kawasaki.jp", "city.kawasaki.jp"]
    suffixes += ["x.ck", "www.ck", "eu-west-1.compute.amazonaws.com", "nosuchtld"]
    names = [f"{sub}{suffix}" for suffix in suffixes for sub in ("a.b.c.new.", "a.new.", "new.")]
    log = tmp_path / "dns.log"
    record = {"id.orig_h": "10.0.0.1", "id.resp_h": "10.0.0.2", "qtype": 1, "rcode": 0}
    log.write_text(
        "".join(json.dumps(record | {"ts": BEGIN, "query": name}) + "\n" for name in names)
    )
    frame = forensics.names(log, limit=1000).frame
    expected = Counter(rules.PublicSuffixList().privatesuffix(name) or name for name in names)
    assert dict(zip(frame["domain"], frame["queries"], strict=True)) == expected


FILTERS: dict[str, tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = {
    "client": ({"client": "fd77::/16"}, lambda one: one["id.orig_h"].startswith("fd77")),
    "clients": ({"client": ["fd77::1", "10.77.0.1"]}, lambda _: True),
    "server": ({"server": NETWORK}, lambda one: one["id.resp_h"] in {"10.77.0.2", "10.77.0.3"}),
    "suffix": (
        {"name": "Any.Example.org."},
        lambda one: ("." + one["query"]).endswith(".any.example.org"),
    ),
    "glob": (
        {"name": "h?.example.*"},
        lambda one: one["query"].startswith("h") and len(one["query"]) == 14,
    ),
    "qtype": ({"qtype": ["txt", "28"]}, lambda one: one["qtype_name"] in {"TXT", "AAAA"}),
    "rcode": ({"rcode": "NXDOMAIN"}, lambda one: one.get("rcode") == 3),
    "outcome": ({"outcome": "timeout"}, lambda one: one["outcome"] == "timeout"),
    "sensor": ({"sensor": "lab"}, lambda _: True),
    "nobody": ({"sensor": "l'ab"}, lambda _: False),
    "since": ({"since": "2026-11-22T20:25:10"}, lambda one: one["ts"] >= 1795379110),
    "until": ({"until": "2026-11-22T20:25:10Z"}, lambda one: one["ts"] < 1795379110),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(name: str, lab: Rows, lab_log: Path) -> None:
    options, expected = FILTERS[name]
    assert len(forensics.load(lab_log, **options)) == sum(map(expected, lab))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("client", "10.0.0.300"),
        ("since", "soon"),
        ("outcome", "lost"),
        ("until", "25:00"),
        ("colour", "red"),
    ],
)
def test_wrong_filters_are_refused_by_name(option: str, value: str, lab_log: Path) -> None:
    with pytest.raises(SettingError, match=option):
        forensics.load(lab_log, **{option: value})


def _same(one: Answer, other: Answer) -> None:
    import pandas as pd

    assert one.facts == other.facts
    for title, table in one.tables.items():
        pd.testing.assert_frame_equal(
            table, other.tables[title], check_dtype=False, check_exact=True
        )


QUESTIONS: dict[str, dict[str, Any]] = {
    "slow": {},
    "failures": {},
    "clients": {},
    "names": {},
    "servers": {},
    "timeline": {},
    "wasted": {},
    "tunnels": {},
    "beacons": {},
    "upstream": {},
    "search": {},
    "new_names": {"since": str(int(BEGIN + 9000))},
    "compare": {"a": f"{int(BEGIN)}/2h", "b": f"{int(BEGIN + 7200)}/2h"},
    "show": {"uid": "C00000000000000100"},
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_parquet_and_frames_answer_the_same(name: str, planted_log: Path, parquet: Path) -> None:
    ask = getattr(forensics, name)
    answer = ask(planted_log, **QUESTIONS[name])
    assert not answer.frame.empty
    assert answer.complete == "completeness unknown: no pano_stats.log beside the logs"
    _same(answer, ask(parquet, **QUESTIONS[name]))
    if name in {"slow", "names", "tunnels"}:
        _same(answer, ask(forensics.load(planted_log), **QUESTIONS[name]))


@pytest.fixture(scope="module")
def parquet(planted_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pano_glue.forensics.records import open_records
    from pano_glue.forensics.to_parquet import to_parquet

    folder = tmp_path_factory.mktemp("parquet") / "lake"
    with open_records(planted_log) as records:
        to_parquet(records, folder)
    assert [path.name for path in folder.iterdir()] == ["day=2026-09-21"]
    assert (folder / "day=2026-09-21" / "sensor=planted").is_dir()
    return folder


@pytest.mark.parametrize("name", ["slow", "names", "tunnels", "search"])
def test_tsv_answers_the_same(
    name: str, planted: Planted, planted_log: Path, tmp_path: Path
) -> None:
    log = tmp_path / "dns.log"
    log.write_text(tsv(planted.records))
    _same(getattr(forensics, name)(planted_log), getattr(forensics, name)(log))


def test_all_types(tmp_path: Path) -> None:
    log = tmp_path / "dns.log"
    with log.open("w") as file:
        for qtype in range(300):
            file.write(
                json.dumps(
                    {
                        "ts": BEGIN + qtype,
                        "id.orig_h": "::1",
                        "id.resp_h": "::2",
                        "query": ".",
                        "qtype": qtype,
                    }
                )
                + "\n"
            )
    frame = forensics.load(log)
    assert list(frame["qtype"]) == list(range(300))
    assert frame["qtype_name"][257] == "TYPE257"
    assert set(frame["outcome"]) == {"timeout"}
    assert len(forensics.load(log, qtype="TYPE64")) == 1


def test_clocks_that_jump(tmp_path: Path) -> None:
    """A clock that is set back, and one that was never set: each record counts, at its time."""
    jumps = [0, 60, -3600, -3540, 120, 1 - BEGIN]
    log = tmp_path / "dns.log"
    with log.open("w") as file:
        for place, jump in enumerate(jumps):
            record = {"ts": BEGIN + jump, "uid": f"C{place}", "query": "a.test", "qtype": 1}
            record |= {"id.orig_h": "10.0.0.1", "id.resp_h": "10.0.0.2", "rcode": 0}
            record |= {"answers": ["192.0.2.1"], "TTLs": [90.0]}
            file.write(json.dumps(record) + "\n")
    assert forensics.timeline(log).frame["queries"].sum() == len(jumps)
    assert len(forensics.timeline(log).frame) <= 10_001
    assert list(forensics.search(log).frame["uid"]) == ["C5", "C2", "C3", "C0", "C1", "C4"]
    # Three came within 90 s of the one before by the clock.
    assert forensics.wasted(log).frame["queries"].sum() == 3
    assert forensics.beacons(log, least=2, all=True).frame.empty
