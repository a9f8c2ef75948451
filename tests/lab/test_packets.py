"""The ring of captures stays within its size, whoever wrote it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pano_glue.errors import SettingError
from pano_glue.pipeline.packets import drop_oldest, packet_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_oldest_go_first_and_the_newest_stays(tmp_path: Path) -> None:
    for age, name in enumerate(("ring_2.pcapng", "ring_1.pcapng", "ring_3.pcapng")):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    (tmp_path / "mine.pcapng").write_bytes(b"x" * 1000)
    drop_oldest(tmp_path, 200)
    assert {path.name for path in tmp_path.iterdir()} == {
        "ring_1.pcapng",
        "ring_3.pcapng",
        "mine.pcapng",
    }
    drop_oldest(tmp_path, 10)
    assert {path.name for path in tmp_path.iterdir()} == {"ring_3.pcapng", "mine.pcapng"}


def test_sizes(require: Callable[[str], str]) -> None:
    require("dumpcap")
    assert packet_bytes("") == 0
    assert packet_bytes("1.5GB") == 1_500_000_000
    assert packet_bytes("20m") == 20_000_000
    for wrong in ("much", "-1GB", "10kB"):
        with pytest.raises(SettingError, match="--keep-packets"):
            packet_bytes(wrong)
