"""Addresses that are checked before anything is started."""

from __future__ import annotations

import socket

import pytest

from pano_glue.errors import PanoError, SettingError
from pano_glue.pipeline.listen import free_addresses


@pytest.mark.parametrize(
    "address", ["15353", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:http", ":1"]
)
def test_no_address(address: str) -> None:
    with pytest.raises(SettingError, match=r"--listen .*HOST:PORT"):
        free_addresses({"--listen": address})


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_port_0_becomes_a_free_one(host: str) -> None:
    first, second = free_addresses({"--listen": f"{host}:0", "--agent-listen": f"{host}:0"})
    assert first != second
    for address in (first, second):
        assert address.startswith(f"{host}:")
        assert int(address.rpartition(":")[2]) > 0


def test_a_taken_port_names_the_option_and_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(PanoError) as error:
            free_addresses({"--listen": "127.0.0.1:0", "--prometheus-listen": address})
    assert f"--prometheus-listen {address}: Address already in use" in str(error.value)
    assert "--prometheus-listen 127.0.0.1:0" in str(error.value)


def test_two_options_with_one_address() -> None:
    (address,) = free_addresses({"--listen": "127.0.0.1:0"})
    with pytest.raises(PanoError, match="--agent-listen"):
        free_addresses({"--listen": address, "--agent-listen": address})


def test_an_address_of_another_host() -> None:
    with pytest.raises(PanoError, match="an address of this host"):
        free_addresses({"--listen": "192.0.2.1:15353"})
