"""Linters that people of the field trust, over what they are made for."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.docker.tree import DOCKER, ROOT

DOCKERFILES = sorted(DOCKER.glob("*/Dockerfile"))


def run(program: str, *arguments: Path | str) -> None:
    """Run a linter of the virtual environment or of PATH; its complaints fail the test."""
    beside = Path(sys.executable).with_name(program)
    found = beside if beside.exists() else shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    result = subprocess.run(
        [found, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_dockerfiles() -> None:
    assert DOCKERFILES
    run("hadolint", *DOCKERFILES)


def test_workflows() -> None:
    run("actionlint")


def test_shell_scripts() -> None:
    scripts = [
        one
        for folder in (DOCKER, ROOT / "tests/docker", ROOT / "tools")
        for one in folder.rglob("*")
        if one.is_file()
        and one.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash"))
    ]
    assert scripts
    run("shellcheck", "--severity=warning", *scripts)


@pytest.mark.parametrize("image", ["agent", "bridge"])
def test_locked_packages_are_those_that_the_package_asks_for(image: str) -> None:
    """`make lock` writes the files; what pyproject.toml asks for must be in them."""
    text = (DOCKER / image / "requirements.txt").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"agent": ["agent"], "bridge": ["fast", "websocket", "auth", "domains", "zstd"]}[image]
    wanted = project["dependencies"] + [
        one for extra in extras for one in project["optional-dependencies"][extra]
    ]
    for one in wanted:
        requirement = Requirement(one)
        assert locked[requirement.name] in requirement.specifier, f"{one}: run make lock"
