"""A sensor and `forensics --anonymize`, with one key, come to the same pseudonyms."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.paths import shared_folder
from tests.data.captures import answers, header
from tests.data.packets import write_pcap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pano_glue.forensics.pseudonyms import Key

SECRET = bytes(range(100, 132))


def analyse(zeek: str, capture: Path, folder: Path, *settings: str) -> list[dict[str, Any]]:
    folder.mkdir()
    command = [zeek, "-b", "-r", str(capture), str(shared_folder("zeek-scripts")), *settings]
    subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60)
    lines = (folder / "dns.log").read_text(encoding="utf-8").splitlines()
    return [{**json.loads(line), "uid": ""} for line in lines]


def mapped(record: dict[str, Any], key: Key) -> dict[str, Any]:
    """Map a record as the exports of forensics are, but for the sensor's own name."""
    ways = {"id.orig_h": key.address, "id.resp_h": key.address, "query": key.name}
    told: dict[str, Any] = {name: way(record[name]) for name, way in ways.items() if name in record}
    if "ecs" in record:
        told["ecs"] = key.network(record["ecs"])
    if "answers" in record:
        told["answers"] = [key.address(one) for one in record["answers"]]
    return record | told


@pytest.fixture(scope="module")
def suffix_list() -> str:
    pytest.importorskip("yacryptopan", reason="yacryptopan is not installed")
    return str(pytest.importorskip("publicsuffixlist").PSLFILE)


@pytest.mark.parametrize("name", ["built", "bad-names"])
def test_the_same_key_gives_the_same_record(
    name: str, suffix_list: str, data: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    from pano_glue.forensics.pseudonyms import Key

    zeek, key_file = require("zeek"), tmp_path / "key"
    key_file.write_text(SECRET.hex() + "\n")
    capture = data / "cases" / "bad-names.pcap"
    if name == "built":
        capture = tmp_path / "built.pcap"
        write_pcap(capture, sorted([*answers(), *header()], key=lambda packet: packet[0]))
    plain = analyse(zeek, capture, tmp_path / "plain")
    settings = (f"PANO::pseudonyms={key_file}", f"PANO::public_suffix_list={suffix_list}")
    told = analyse(zeek, capture, tmp_path / "told", *settings)
    key = Key(SECRET)
    assert len(plain) > 10
    assert told == [mapped(record, key) for record in plain]
    wire = {one.get("query", "") for one in plain} - {"", "."}
    assert not wire & {one.get("query") for one in told}
