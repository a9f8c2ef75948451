"""`python -m dashboards.src` writes what is generated; `--runbooks URL` says where docs/ is."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from dashboards.src.board import written
from dashboards.src.kubernetes import prometheus_rule
from dashboards.src.overview import overview
from dashboards.src.pipeline import pipeline
from dashboards.src.records import records
from dashboards.src.resolver import resolver
from dashboards.src.series import documented

FOLDER = Path(__file__).parents[1]
METRICS = FOLDER.parent / "docs" / "metrics.md"
BOARDS = {"overview": overview, "resolver": resolver, "pipeline": pipeline, "records": records}


def generated(runbooks: str = "") -> dict[Path, str]:
    """Give the content of every generated file, by its path."""
    files = {FOLDER / "grafana" / f"{name}.json": written(make()) for name, make in BOARDS.items()}
    files[FOLDER / "kubernetes" / "rules.yaml"] = prometheus_rule(FOLDER / "rules", runbooks)
    return files


def families() -> str:
    """Give docs/metrics.md with what reads each family; boards must be written before."""
    return documented(METRICS, FOLDER)


def main() -> None:
    """Write them all."""
    parser = ArgumentParser(prog="python -m dashboards.src", description=__doc__)
    parser.add_argument("--runbooks", default="", metavar="URL", help="prefix of docs/runbooks.md")
    for path, content in generated(parser.parse_args().runbooks).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    METRICS.write_text(families())


if __name__ == "__main__":
    main()
