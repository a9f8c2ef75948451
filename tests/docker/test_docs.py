"""The documentation's links lead somewhere, and its commands exist."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from pano_glue.agent.cli import app as agent
from pano_glue.cli import app as bridge
from pano_glue.forensics.cli import app as forensics
from tests.docker.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TARGET = re.compile(r"\bmake ([a-z][a-z-]+)")
BLOCK = re.compile(r"^(?: {4}|```\w*\n)(.+)$", re.MULTILINE)
PROGRAMS = {"pano-agent": agent, "pano-bridge": bridge, "forensics": forensics}


def anchors(page: Path) -> set[str]:
    """Name a page's headings as links do."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(page.read_text())
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{link} is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = {
        target
        for line in re.findall(r"`([^`\n]+)`|^ {4}(.+)$", page.read_text(), re.MULTILINE)
        for target in TARGET.findall("".join(line))
    }
    assert said <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page: Path) -> None:
    text = page.read_text().replace("\\\n", " ")
    for line in BLOCK.findall(text):
        words = line.split("#")[0].split()
        for at, word in enumerate(words):
            name = word.rsplit("/", 1)[-1]
            if "systemctl" in words or "journalctl" in words:
                break  # there they are units
            if name in PROGRAMS and re.fullmatch(r"[a-z][a-z-]*", " ".join(words[at + 1 : at + 2])):
                check_command(name, words[at + 1 :], line)


@cache
def commands_of(program: str) -> dict[str, Any]:
    """Name a program's commands."""
    return typer.main.get_command(PROGRAMS[program]).commands  # type: ignore[attr-defined,no-any-return]


def check_command(program: str, words: list[str], line: str) -> None:
    """Fail when a program has no such command, or the command no such option."""
    commands = commands_of(program)
    assert words[0] in commands, line
    if words[0] == "forensics":  # a program by itself, as far as options go
        if words[1] != "COMMAND":
            check_command(words[0], words[1:], line)
        return
    params = commands[words[0]].params
    known = {one for option in params for one in (*option.opts, *option.secondary_opts)}
    given = {word.split("=")[0] for word in words if word.startswith("--")}
    assert given <= known | {"--help"}, line
