"""What is generated is what is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from dashboards.src.__main__ import FOLDER, METRICS, families, generated

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", generated(), ids=lambda path: path.name)
def test_a_generated_file_is_current(path: Path) -> None:
    assert path.read_text() == generated()[path], "run `python -m dashboards.src`"


def test_the_table_of_who_reads_which_family_is_current() -> None:
    assert METRICS.read_text() == families(), "run `python -m dashboards.src`"


def test_the_kubernetes_object_has_the_rules_of_all_files() -> None:
    written = yaml.safe_load((FOLDER / "kubernetes" / "rules.yaml").read_text())
    groups = [
        group
        for path in sorted((FOLDER / "rules").glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
    ]
    assert written["spec"]["groups"] == groups
