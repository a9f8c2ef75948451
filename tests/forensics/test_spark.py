"""The same questions on Spark: the same answers, to the last digit."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue import forensics
from pano_glue.errors import PanoError
from tests.data.planted import BEGIN, Planted, write
from tests.forensics.conftest import tsv

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pyspark", reason="pyspark is not installed")
pytest.importorskip("sqlglot", reason="sqlglot is not installed")
if shutil.which("java") is None:
    pytest.skip("java is not installed", allow_module_level=True)

MASTER = "local[2]"
QUESTIONS: dict[str, dict[str, Any]] = {
    "slow": {},
    "failures": {},
    "clients": {"client": "10.1.0.0/17"},
    "servers": {},
    "names": {},
    "timeline": {},
    "wasted": {},
    "tunnels": {"all": True},
    "beacons": {"all": True},
    "upstream": {},
    "search": {"name": "*.test"},
    "new_names": {"since": str(int(BEGIN + 3000))},
    "compare": {"a": f"{int(BEGIN)}/1h", "b": f"{int(BEGIN + 3600)}/1h"},
}


@pytest.fixture(scope="module")
def log(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(planted.records[:4000], tmp_path_factory.mktemp("spark") / "dns.log")


@pytest.mark.parametrize("name", QUESTIONS)
def test_spark_answers_the_same(name: str, log: Path) -> None:
    ask, options = getattr(forensics, name), QUESTIONS[name]
    here, there = ask(log, **options), ask(log, spark=MASTER, **options)
    assert here.facts == there.facts
    for title, table in here.tables.items():
        assert rows(table) == rows(there.tables[title]), title


@pytest.mark.parametrize("form", ["tsv", "parquet"])
def test_spark_reads_every_form(form: str, log: Path, planted: Planted, tmp_path: Path) -> None:
    from pano_glue.forensics.records import open_records
    from pano_glue.forensics.to_parquet import to_parquet

    other = tmp_path / "dns.log"
    if form == "tsv":
        other.write_text(tsv(planted.records[:4000]))
    else:
        with open_records(log) as records:
            to_parquet(records, other)
    assert rows(forensics.slow(other, spark=MASTER).frame) == rows(forensics.slow(log).frame)


def test_spark_counts_and_refuses_damage(log: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "dns.log"
    damaged.write_text(log.read_text() + "broken\n")
    answer = forensics.failures(damaged, spark=MASTER)
    assert answer.readings[0].skipped == {"lines that are no record": 1}
    damaged.write_text("broken\n" + log.read_text())
    with pytest.raises(PanoError, match="to-parquet"):
        forensics.failures(damaged, spark=MASTER)


def rows(frame: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a DataFrame
    from pano_glue.forensics.render import rows as plain

    return plain(frame)
