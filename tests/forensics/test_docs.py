"""The investigation in docs/forensics.md, and its notebook, do what they say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.data.planted import Planted, write

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[str]:
    return BLOCK.findall((DOCS / "forensics.md").read_text(encoding="utf-8"))


def test_the_investigation(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(planted.records, tmp_path / "dns.log")
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for code in blocks():
        if "sigma" in code:
            pytest.importorskip("sigma_backend_duckdb", reason="pySigma is not installed")
        exec(compile(code, "docs/forensics.md", "exec"), scope)  # noqa: S102 - our own page


def test_the_notebook_is_the_same() -> None:
    cells = json.loads((DOCS / "forensics.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert code[1:] == [block.rstrip("\n") for block in blocks() if "sigma" not in block]
