"""Captures as input, and the logs of others."""

from __future__ import annotations

import gzip
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue import forensics
from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def capture(data: Path, tmp_path: Path) -> Path:
    path = tmp_path / "lab.pcap"
    path.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    return path


def test_a_capture_is_analysed_by_zeek(
    capture: Path, lab: list[dict[str, Any]], require: Callable[[str], str]
) -> None:
    require("zeek")
    frame = forensics.load(capture)
    assert Counter(frame["outcome"]) == Counter(one["outcome"] for one in lab)
    assert Counter(frame["query"]) == Counter(one["query"] for one in lab)


def test_a_capture_is_analysed_by_tshark_where_there_is_no_zeek(
    capture: Path,
    lab: list[dict[str, Any]],
    require: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require("tshark")
    monkeypatch.setattr("pano_glue.forensics.readers.pcap.find_zeek", lambda: None)
    frame = forensics.load(capture)
    assert Counter(frame["outcome"]) == Counter(one["outcome"] for one in lab)


def test_a_capture_that_is_none(tmp_path: Path, require: Callable[[str], str]) -> None:
    require("zeek")
    path = tmp_path / "cut.pcap"
    path.write_bytes(b"\xd4\xc3\xb2\xa1 and no more")
    with pytest.raises(PanoError, match=r"cut\.pcap"):
        forensics.load(path)


def test_a_topic_has_to_be_named() -> None:
    with pytest.raises(SettingError, match="no topic"):
        forensics.load("kafka://127.0.0.1:9092")


def test_the_log_of_zeeks_own_scripts(
    capture: Path, lab: list[dict[str, Any]], tmp_path: Path, require: Callable[[str], str]
) -> None:
    """What it calls answered is that a reply came; its replies are those of our log."""
    command = [require("zeek"), "-b", "-C", "-r", str(capture), "base/protocols/dns"]
    folder = tmp_path / "stock"
    folder.mkdir()
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    assert (folder / "dns.log").read_text().startswith("#separator")
    frame = forensics.load(folder)
    ours = Counter(one["rcode_name"] for one in lab if "rcode_name" in one)
    theirs = Counter(frame["rcode_name"].dropna())
    assert {name: theirs[name] for name in ("NXDOMAIN", "REFUSED")} == {
        name: ours[name] for name in ("NXDOMAIN", "REFUSED")
    }
    answered = frame[frame["outcome"] == "answered"]
    assert len(answered) == frame["rcode"].notna().sum()
