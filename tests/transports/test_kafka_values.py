"""Values into lines by log, and addresses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.config import Config
from pano_glue.errors import SettingError
from pano_glue.kafka.address import parse_address
from pano_glue.kafka.values import cut_long_lines, lines_by_log
from pano_glue.sources import SourceContext, open_source


def test_untagged_values_are_joined_as_they_are() -> None:
    assert lines_by_log("dns", [b'{"a":1}\n{"a":2}\n', b'{"a":3}']) == {
        "dns": b'{"a":1}\n{"a":2}\n\n{"a":3}'
    }


def test_tags_choose_the_log_also_among_untagged_lines() -> None:
    values = [b'{"dns": {"a":{"b":1}}}', b'{ "http" : {"c":2} }\n{"dns":{"d":3}}', b'{"e":4}']
    assert lines_by_log("zeek", values) == {
        "dns": b'{"a":{"b":1}}\n{"d":3}',
        "http": b'{"c":2} ',
        "zeek": b'{"e":4}',
    }


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
    assert sum(len(text.split(b"\n")) for text in found.values()) >= lines


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
