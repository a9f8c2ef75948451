"""Every script parses and is formatted, with or without Zeek; with it, the btests pass."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "zeek-scripts"
SCRIPTS = sorted(PACKAGE.rglob("*.zeek"))
BTESTS = sorted(path for folder in HERE.iterdir() for path in folder.glob("*.zeek"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_parses_and_is_formatted(script: Path, tmp_path: Path) -> None:
    from zeekscript import Script  # type: ignore[import-untyped]  # it ships no types

    source = Script(script)
    assert source.parse(), source.get_error()
    out = tmp_path / script.name
    with out.open("wb") as stream:
        source.format(stream)
    assert out.read_text() == script.read_text(), f"run: zeek-script format -i {script}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_script_exports_is_documented(script: Path) -> None:
    text = script.read_text()
    start = text.find("export {")
    block = text[start : text.index("\n}", start)].splitlines() if start >= 0 else []
    for above, line in pairwise(block):
        if line.startswith(("\toption ", "\tconst ", "\tglobal ", "\ttype ", "\thook ")):
            assert above.startswith("\t##"), f"{script.name}: {line.strip()} needs a ## sentence"


def test_every_option_has_an_example() -> None:
    for script in SCRIPTS:
        comment: list[str] = []
        for line in script.read_text().splitlines():
            if line.startswith("\t##"):
                comment.append(line)
                continue
            if line.startswith("\toption ") or (line.startswith("\tconst ") and "&redef" in line):
                assert any("Example" in each for each in comment), f"{script.name}: {line.strip()}"
            comment = []


@pytest.fixture(scope="module")
def failures(require: Callable[[str], str]) -> dict[str, str]:
    """Run all btests at once; return what each that failed said."""
    zeek = Path(require("zeek"))
    path = os.pathsep.join([str(zeek.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    with (HERE / "btest.cfg").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two would take each other's files away
        done = subprocess.run(
            [Path(sys.executable).parent / "btest", "-d"],  # with -j it hangs now and then (1.3)
            cwd=HERE,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
    said = re.split(r"^(\w+\.\S+) \.\.\. (\w+)$", done.stdout + done.stderr, flags=re.MULTILINE)
    results = dict(zip(said[1::3], zip(said[2::3], said[3::3], strict=True), strict=True))
    assert len(results) == len(BTESTS), done.stdout + done.stderr
    return {name: text for name, (verdict, text) in results.items() if verdict != "ok"}


@pytest.mark.parametrize("btest", BTESTS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_btest(btest: Path, failures: dict[str, str]) -> None:
    assert failures.get(f"{btest.parent.name}.{btest.stem}") is None
