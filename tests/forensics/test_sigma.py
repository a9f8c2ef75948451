"""Sigma rules for `product: zeek, service: dns`, made DuckDB's SQL by pySigma, over our Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pano_glue.forensics.records import open_records
from pano_glue.forensics.to_parquet import to_parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.data.planted import Planted

LOGSOURCE = "logsource: {product: zeek, service: dns}\nlevel: medium\nstatus: experimental\n"
# Our own rules, in the style of public ones.
RULES: dict[str, tuple[str, Callable[[dict[str, object]], bool]]] = {
    "TXT lookups below one domain": (
        (
            "detection:\n  selection:\n    qtype_name: TXT\n    query|endswith: .cat.example\n"
            "  condition: selection\n"
        ),
        lambda one: one["qtype_name"] == "TXT" and str(one["query"]).endswith(".cat.example"),
    ),
    "NULL lookups": (
        (
            "detection:\n  selection:\n    qtype_name: 'NULL'\n"
            "  filter:\n    rcode_name: NXDOMAIN\n"
            "  condition: selection and not filter\n"
        ),
        lambda one: one["qtype_name"] == "NULL" and one["rcode_name"] != "NXDOMAIN",
    ),
    "long names with large replies": (
        (
            "detection:\n  selection:\n    query|contains: .t1.\n    reply_bytes|gte: 300\n"
            "    rcode_name:\n      - NOERROR\n      - NXDOMAIN\n  condition: selection\n"
        ),
        lambda one: ".t1." in str(one["query"]) and int(str(one["reply_bytes"])) >= 300,
    ),
}


@pytest.fixture(scope="module")
def lake(planted_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sigma") / "lake"
    with open_records(planted_log) as records:
        to_parquet(records, folder)
    return folder


@pytest.mark.parametrize("title", RULES)
def test_rules_find_what_they_describe(title: str, planted: Planted, lake: Path) -> None:
    import duckdb

    collection = pytest.importorskip("sigma.collection", reason="pySigma is not installed")
    backend = pytest.importorskip(
        "sigma_backend_duckdb.backend", reason="pySigma's DuckDB backend is not installed"
    )
    rule, describes = RULES[title]
    sql = backend.DuckDBBackend().convert(
        collection.SigmaCollection.from_yaml(f"title: {title}\n{LOGSOURCE}{rule}")
    )[0]
    _, _, condition = sql.partition("WHERE")
    found = (
        duckdb.connect()
        .execute(
            f"SELECT uid FROM read_parquet('{lake}/**/*.parquet') WHERE {condition or sql}"  # noqa: S608
        )
        .fetchall()
    )
    expected = {one["uid"] for one in planted.records if describes(one)}
    assert expected
    assert {uid for (uid,) in found} == expected
