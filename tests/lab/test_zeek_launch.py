"""How Zeek is started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pano_glue.lab.network import Namespace
from pano_glue.pipeline import zeek_launch
from pano_glue.pipeline.zeek_launch import own_addresses, zeek_command, zeek_environment


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


def test_a_sensor_knows_its_own_addresses(tmp_path: Path) -> None:
    network = Namespace("addresses", tmp_path)
    try:
        network.run("ip", "link", "add", "a0", "type", "veth", "peer", "name", "a1")
        for address in ("192.0.2.7/24", "2001:db8::7/64"):
            network.run("ip", "address", "add", address, "dev", "a0")
        found = own_addresses(network.enter)
    finally:
        network.child.stop()
    assert found == ["192.0.2.7", "2001:db8::7"]
    assert zeek_environment({}, found)["PANO_ADDRESSES"] == "192.0.2.7,2001:db8::7"
    assert zeek_environment({"PANO_ADDRESSES": "::1"}, found)["PANO_ADDRESSES"] == "::1"


def test_without_ip_nobody_knows_the_addresses() -> None:
    assert own_addresses(lambda _: ["/nowhere/ip"]) == []
