"""How Zeek is started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pano_glue.pipeline import zeek_launch
from pano_glue.pipeline.zeek_launch import zeek_command, zeek_environment


def test_tcmalloc_is_really_loaded() -> None:
    if zeek_launch.find_tcmalloc() is None:
        pytest.skip("tcmalloc is not installed (libtcmalloc-minimal4)")
    printed = subprocess.run(
        ["cat", "/proc/self/maps"],
        env=zeek_environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "libtcmalloc_minimal" in printed.stdout
    assert not printed.stderr


def test_another_preload_stays() -> None:
    found = zeek_environment({"LD_PRELOAD": "/lib/other.so", "PATH": "/bin"})
    assert found["LD_PRELOAD"].endswith("/lib/other.so")
    assert found["PATH"] == "/bin"


def test_without_tcmalloc_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zeek_launch, "find_library", lambda _: None)
    assert zeek_environment({"PATH": "/bin"}) == {"PATH": "/bin"}
    assert "-O" not in zeek_command(Path("zeek"), Path("scripts"), "pano0", [])
