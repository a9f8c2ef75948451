"""What a release is made of: the wheel, the sdist and the version."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.docker.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_wheel_and_sdist_need_no_compiler_and_no_checkout(tmp_path: Path) -> None:
    if not (ROOT / "pano_glue/agent/mirror.bpf.o").exists():
        pytest.skip("clang is not installed: no kernel program to pack")
    builder = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run(builder, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "pano_glue/agent/mirror.bpf.o" in names
    assert "pano_glue/share/zeek-scripts/__load__.zeek" in names
    for board in (ROOT / "dashboards/grafana").glob("*.json"):
        assert f"pano_glue/share/dashboards/grafana/{board.name}" in names
    assert not any(name.startswith("tests/") for name in names)
    (sdist,) = tmp_path.glob("*.tar.gz")  # what others make wheels from
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pano_glue/agent/mirror.bpf.o", "zeek-scripts/__load__.zeek", "LICENSE"} <= packed


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy the files that hold the version, and the command that sets it."""
    for name in (
        "tools/version.sh",
        "pano_glue/__init__.py",
        "docker/k8s/base/kustomization.yaml",
        "CHANGELOG.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def set_version(tree: Path, version: str) -> subprocess.CompletedProcess[str]:
    """Run the command in that tree."""
    argv = [str(tree / "tools/version.sh"), version]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_one_command_makes_the_version_everywhere(tree: Path) -> None:
    assert set_version(tree, "7.8.9").returncode == 0
    assert '__version__ = "7.8.9"' in (tree / "pano_glue/__init__.py").read_text()
    objects = (tree / "docker/k8s/base/kustomization.yaml").read_text()
    assert objects.count("newTag: 7.8.9}") == objects.count("newTag:") == 3
    changes = (tree / "CHANGELOG.md").read_text()
    assert changes.index("## [Unreleased]") < changes.index("## [7.8.9] - 2")


def test_a_version_that_is_none_or_was_there_changes_nothing(tree: Path) -> None:
    assert set_version(tree, "7.8.9").returncode == 0
    before = (tree / "CHANGELOG.md").read_text()
    for version in ("", "7", "7.8.9; true", "7.8.9"):
        refused = set_version(tree, version)
        assert refused.returncode != 0
        assert refused.stderr
    assert (tree / "CHANGELOG.md").read_text() == before
