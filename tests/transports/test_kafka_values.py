"""Values into lines by log, and addresses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.bridge.counting import Counting
from pano_glue.config import Config
from pano_glue.errors import SettingError
from pano_glue.kafka.address import parse_address
from pano_glue.kafka.values import cut_long_lines, lines_by_log
from pano_glue.sources import Batch, SourceContext, open_source

if TYPE_CHECKING:
    from pathlib import Path


def test_untagged_values_are_joined_as_they_are() -> None:
    assert lines_by_log("dns", [b'{"a":1}\n{"a":2}\n', b'{"a":3}']) == {
        "dns": b'{"a":1}\n{"a":2}\n\n{"a":3}'
    }


def test_tags_choose_the_log_also_among_untagged_lines() -> None:
    values = [b'{"dns": {"a":{"b":1}}}', b'{ "http" : {"c":2} }\n{"dns":{"d":3}}', b'{"e":4}']
    assert lines_by_log("zeek", values) == {
        "dns": b'{"a":{"b":1}}\n{"d":3}',
        "http": b'{"c":2}',
        "zeek": b'{"e":4}',
    }


def test_what_the_plugin_adds_after_the_record_is_left_out(
    data: Path, context: SourceContext
) -> None:
    values = (data / "kafka-extra-values.values").read_bytes().splitlines()
    found = lines_by_log("zeek", values)
    expected = [json.loads(value)["dns"] for value in values]
    assert [json.loads(line) for line in found.pop("dns").split(b"\n")] == expected
    assert found == {}
    counting = Counting(context.config)
    counting.apply("kafka://k/zeek", Batch("dns", lines_by_log("zeek", values)["dns"]))
    records = counting.ledger.metrics()[0].values
    assert records["kafka://k/zeek", "dns", "counted"] == 3
    assert records["kafka://k/zeek", "dns", "malformed"] == 0


@pytest.mark.parametrize(
    "first", [b"", b"ping", b'{"query":"a"}', b'{"SITE": "fra1"}', b"{", b"null"]
)
def test_what_stands_at_the_head_of_a_fetch_decides_nothing(first: bytes) -> None:
    values = [first, b'{"dns":{"n":1}}', b'{"n":2}', first, b'{"http":{"n":3}}']
    found = lines_by_log("zeek", values)
    assert found.pop("dns") == b'{"n":1}'
    assert found.pop("http") == b'{"n":3}'
    assert found["zeek"].split(b"\n") == [line for line in (first, b'{"n":2}', first) if line]


def test_braces_inside_a_record_and_its_constants_harm_nothing() -> None:
    odd = b'{"dns": {"query":"}}\\"},{", "answers":[]}, "A": "}", "B": "{\\"dns\\": {"}'
    assert json.loads(lines_by_log("zeek", [odd])["dns"]) == json.loads(odd)["dns"]


RECORDS = st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=4)


@given(st.lists(st.tuples(st.sampled_from(["dns", "pano_stats"]), RECORDS), min_size=1))
def test_no_tagged_record_is_lost_or_changed(tagged: list[tuple[str, dict[str, object]]]) -> None:
    values = [json.dumps({log: record}).encode() for log, record in tagged]
    found = [
        (log, json.loads(line))
        for log, lines in lines_by_log("zeek", values).items()
        for line in lines.split(b"\n")
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, tagged))


@given(st.lists(st.binary(), min_size=1))
def test_nothing_in_a_value_raises_or_vanishes_untold(values: list[bytes]) -> None:
    found = lines_by_log("dns", values)
    lines = sum(len([line for line in value.split(b"\n") if line.strip()]) for value in values)
    kept = [line for text in found.values() for line in text.split(b"\n") if line.strip()]
    assert len(kept) == lines


def test_long_lines_are_cut() -> None:
    assert cut_long_lines(b"aaaa\nbb\ncccc", 3) == b"aaa\nbb\nccc"


@pytest.mark.parametrize(
    ("target", "servers", "topics"),
    [
        ("a:1,b:2/dns", "a:1,b:2", ["dns"]),
        ("a/dns,pano_stats", "a:9092", ["dns", "pano_stats"]),
        ("[::1]:9/dns", "[::1]:9", ["dns"]),
        ("[::1]/dns", "[::1]:9092", ["dns"]),
        ("a:1", "a:1", []),
    ],
)
def test_addresses(target: str, servers: str, topics: list[str]) -> None:
    assert parse_address(target, "--to") == (servers, topics)


@pytest.mark.parametrize(
    "uri",
    [
        "kafka://a:1",
        "kafka://a:x/dns",
        "kafka:///dns",
        "kafka://a:1/d ns",
        "kafka://a:1/dns?grupp=x",
        "kafka://a:1/dns?from=middle",
        "kafka://user:pass@a:1/dns",
        "kafka://a:1/dns?client=librdkafka",
    ],
)
def test_wrong_uris_are_refused_in_one_sentence(uri: str, context: SourceContext) -> None:
    with pytest.raises(SettingError) as refused:
        open_source(uri, context)
    assert "\n" not in str(refused.value)
    assert refused.value.cure


def test_a_configuration_is_enough_to_open(context: SourceContext) -> None:
    source = open_source("kafka://a:1/dns?group=g", context)
    assert source.name == "kafka://a:1/dns"
    assert context.config == Config()
