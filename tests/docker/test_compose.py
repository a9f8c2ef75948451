"""docker/compose.yaml gives away no more than each service needs, and says what can be set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.docker.tree import DOCKER

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT = (DOCKER / "compose.yaml").read_text()
SERVICES: Mapping[str, Any] = yaml.safe_load(TEXT)["services"]
DATA_FLOW = ["agent", "zeek", "bridge", "prometheus", "grafana"]
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def test_services_stand_in_the_order_in_which_data_flows() -> None:
    assert [name for name, one in SERVICES.items() if "profiles" not in one] == DATA_FLOW


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined_watched_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert not {"pid", "ipc", "userns_mode"} & service.keys()
    assert service["read_only"] is (name != "kafka")
    assert {"healthcheck", "mem_limit", "pids_limit"} <= service.keys()
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_capabilities_and_the_host_network_are_where_packets_are() -> None:
    assert {name: one["cap_add"] for name, one in SERVICES.items() if "cap_add" in one} == {
        "agent": ["BPF", "NET_ADMIN", "PERFMON"],
        "zeek": ["NET_RAW"],
    }
    on_host = [name for name, one in SERVICES.items() if one.get("network_mode") == "host"]
    assert on_host == ["agent", "zeek"]


def test_ports_are_open_to_this_host_only() -> None:
    ports = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_have_tags_that_do_not_move() -> None:
    images = [VARIABLE.sub(r"\2", one["image"]) for one in SERVICES.values()]
    assert all(re.search(r":(?!latest$)\S+$", image) for image in images)


def test_the_example_settings_are_those_of_the_file_with_its_defaults() -> None:
    example = dict(
        line.removeprefix("#").split("=", 1)
        for line in (DOCKER / ".env.example").read_text().splitlines()
        if re.match(r"#[A-Z_]+=", line)
    )
    defaults = dict(VARIABLE.findall(TEXT))
    assert example.keys() - {"COMPOSE_PROFILES"} == defaults.keys()
    del defaults["PANO_SOURCES"]  # the example has the other way
    assert {name: example[name] for name in defaults} == defaults
