"""docker/k8s: every object against Kubernetes' own schemas, and rights as the docs state them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from tests.docker.tree import DOCKER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

K8S = DOCKER / "k8s"
OWN_KINDS = {"Kustomization", "Component"}
OF_OPERATORS = {"PodMonitor", "ServiceMonitor", "PrometheusRule"}  # no schema in Kubernetes itself
WHOLE = sorted(K8S.rglob("*.yaml"))


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """Read the objects of a file."""
    yield from (one for one in yaml.safe_load_all(path.read_text()) if one)


def is_patch(path: Path) -> bool:
    """Tell whether a file is only a part of an object: its kustomization lists it as a patch."""
    (listing,) = documents(path.with_name("kustomization.yaml"))
    return path.name in {one["path"] for one in listing.get("patches", [])}


def check(found: dict[str, Any]) -> None:
    """Validate strictly: no unknown field, no wrong type."""
    if found["kind"] not in OWN_KINDS | OF_OPERATORS:
        kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: str(path.relative_to(K8S)))
def test_objects_are_what_kubernetes_takes(path: Path) -> None:
    if not is_patch(path):
        for one in documents(path):
            check(one)


def test_an_unknown_field_is_found() -> None:
    sensor = next(documents(K8S / "base/sensor.yaml"))
    sensor["spec"]["template"]["spec"]["hostNetworks"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        check(sensor)


def build(folder: Path) -> list[dict[str, Any]]:
    """Put an overlay together as `kubectl apply -k` does."""
    for argv in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(argv[0]):
            done = subprocess.run([*argv, folder], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return [one for one in yaml.safe_load_all(done.stdout) if one]
    pytest.skip("neither kustomize nor kubectl is installed")


OVERLAYS = sorted(one.parent for one in K8S.glob("overlays/*/kustomization.yaml"))


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda folder: folder.name)
def test_an_overlay_builds_into_what_kubernetes_takes(folder: Path) -> None:
    for one in build(folder):
        check(one)


def pods(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Find each pod's specification and its containers in a file."""
    for one in documents(path):
        if one["kind"] in {"DaemonSet", "StatefulSet", "Deployment"}:
            pod = one["spec"]["template"]["spec"]
            for container in pod["containers"] + pod.get("initContainers", []):
                yield pod, container


ALLOWED = {"agent": ["BPF", "NET_ADMIN", "PERFMON"], "zeek": ["NET_RAW"], "own-state": ["CHOWN"]}


def test_every_container_is_confined_and_bounded() -> None:
    seen = set()
    for path in WHOLE:
        for pod, container in pods(path):
            name = container["name"]
            seen.add(name)
            rights = container["securityContext"]
            assert rights["capabilities"]["drop"] == ["ALL"], name
            assert rights["capabilities"].get("add", []) == ALLOWED.get(name, []), name
            assert rights["allowPrivilegeEscalation"] is False, name
            assert rights["readOnlyRootFilesystem"] is True, name
            if name not in ALLOWED:
                assert {**pod.get("securityContext", {}), **rights}["runAsNonRoot"], name
            if name != "own-state":
                assert container["resources"]["limits"]["memory"], name
                assert "livenessProbe" in container, name
            assert ":" not in container["image"], f"{name}: the base's `images` has the tag"
    assert seen == {"agent", "zeek", "bridge", "relay", "own-state"}


def test_monitors_find_the_pods_and_ports_that_there_are() -> None:
    ports: dict[str, set[str]] = {}
    for path in WHOLE:
        for one in documents(path):
            if one["kind"] in {"DaemonSet", "StatefulSet"}:
                names = {
                    port["name"]
                    for container in one["spec"]["template"]["spec"]["containers"]
                    for port in container.get("ports", [])
                }
                ports.setdefault(one["metadata"]["namespace"], set()).update(names)
    asked = {
        one["metadata"]["namespace"]: {
            end["port"]
            for end in one["spec"].get("podMetricsEndpoints", one["spec"].get("endpoints"))
        }
        for one in documents(K8S / "components/operator/monitors.yaml")
    }
    assert asked == ports


def test_nothing_asks_the_api_server() -> None:
    kinds = {one["kind"] for path in WHOLE for one in documents(path)}
    assert not any("Role" in kind or kind == "ServiceAccount" for kind in kinds)
    for path in (K8S / "base/sensor.yaml", K8S / "overlays/kafka/bridge.yaml"):
        for pod, _ in pods(path):
            assert pod["automountServiceAccountToken"] is False
