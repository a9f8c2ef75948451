"""Every script parses and is formatted, with or without Zeek; with it, the btests pass."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize("btest", BTESTS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_btest(btest: Path, require: Callable[[str], str]) -> None:
    zeek = Path(require("zeek"))
    path = os.pathsep.join([str(zeek.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [Path(sys.executable).parent / "btest", "-d", btest.relative_to(HERE)],
        cwd=HERE,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
