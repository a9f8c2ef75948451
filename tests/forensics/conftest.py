"""Logs whose truth is known, in every form that is read."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue.cli import main
from tests.data.planted import Planted, plant, write

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("duckdb", reason="DuckDB is not installed")

DATA = Path(__file__).parents[1] / "data"
COLUMNS = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
    "proto": "enum",
    "trans_id": "count",
    "rtt": "interval",
    "query": "string",
    "qclass": "count",
    "qclass_name": "string",
    "qtype": "count",
    "qtype_name": "string",
    "rcode": "count",
    "rcode_name": "string",
    "AA": "bool",
    "TC": "bool",
    "RD": "bool",
    "RA": "bool",
    "Z": "count",
    "answers": "vector[string]",
    "TTLs": "vector[interval]",
    "rejected": "bool",
    "outcome": "string",
    "retransmits": "count",
    "query_bytes": "count",
    "reply_bytes": "count",
    "sensor": "string",
}
HEADER = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
    "#open\t2026-09-21-14-13-20\n"
)


def tsv(records: list[dict[str, Any]]) -> str:
    """Write records as Zeek's TSV."""
    fields, types = "\t".join(COLUMNS), "\t".join(COLUMNS.values())
    rows = ["\t".join(_cell(record.get(name)) for name in COLUMNS) for record in records]
    return (
        f"{HEADER}#fields\t{fields}\n#types\t{types}\n"
        + "\n".join(rows)
        + "\n#close\t2026-09-21-20-13-20\n"
    )


def _cell(value: Any) -> str:  # noqa: ANN401 - what JSON has
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, list):
        return ",".join(_cell(one).replace(",", "\\x2c") for one in value) or "(empty)"
    if isinstance(value, float):
        return f"{value:.6f}"
    if value == "":
        return "(empty)"
    text = str(value)
    return "\\x2d" if text == "-" else text.replace("\\", "\\x5c").replace("\t", "\\x09")


@pytest.fixture(scope="session")
def planted() -> Planted:
    """What was planted."""
    return plant()


@pytest.fixture(scope="session")
def planted_log(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted log."""
    return write(planted.records, tmp_path_factory.mktemp("planted") / "dns.log")


@pytest.fixture(scope="session")
def lab_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's log, recorded by Zeek."""
    path = tmp_path_factory.mktemp("lab") / "dns.log"
    path.write_bytes(gzip.decompress((DATA / "dns.log.gz").read_bytes()))
    return path


@pytest.fixture(scope="session")
def lab(lab_log: Path) -> list[dict[str, Any]]:
    """The lab's records."""
    return [json.loads(line) for line in lab_log.read_bytes().splitlines()]


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `pano-bridge forensics` as its users do, but in this process, which has pandas."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        argv = ["pano-bridge", "forensics", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", argv)
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return subprocess.CompletedProcess(argv, int(ended.value.code or 0), said.out, said.err)

    return run
