"""Apache Spark, for logs that one machine does not hold: `--spark local[2]`, `--spark spark://…`.

The questions' SQL is the same; sqlglot writes it in Spark's dialect, and what Spark lacks is given
to it as functions. Spark's own readers read JSON lines, TSV and Parquet, here or in `s3a://` and
`hdfs://`; the TSV's header is read by zat. Quantiles are exact in both engines.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pano_glue.errors import PanoError, SettingError
from pano_glue.forensics.readers.engine_json import meanings
from pano_glue.forensics.readers.engine_parquet import select_columns
from pano_glue.forensics.readers.engine_tsv import UNESCAPE, value_of
from pano_glue.forensics.readers.inputs import find_files
from pano_glue.forensics.readers.reading import Reading
from pano_glue.forensics.readers.sniff import Kind, kind_of
from pano_glue.forensics.readers.tsv_rows import unescape
from pano_glue.forensics.schema import FAULT, FIELDS, PATH, SYSTEM, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

# What the questions use and Spark calls otherwise, or not at all.
FUNCTIONS = (
    "epoch_us(t TIMESTAMP) RETURNS BIGINT RETURN unix_micros(t)",
    (
        "list_slice(l ARRAY<STRING>, f INT, t INT) RETURNS ARRAY<STRING> "
        "RETURN slice(l, f, greatest(t - f + 1, 0))"
    ),
)
SPARK_TYPES = {"DOUBLE": "double", "INTEGER": "int", "VARCHAR": "string", "BOOLEAN": "boolean"}
LISTED = re.compile(r"quantile_disc\((\w+), \[([^]]*)\]\)\[(\d+)\]")
QUANTILE = re.compile(r"quantile_disc\((\w+), ([\d.]+)\)")
HIDDEN = re.compile(r"HIDDEN_QUANTILE\((\w+), ([\d.]+)\)")


class SparkEngine:
    """One Spark session."""

    def __init__(self, master: str) -> None:
        """Connect.

        Raises:
            SettingError: when Spark or the translation of SQL is not installed.
        """
        try:
            import sqlglot
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise SettingError(
                f"--spark {master}: no Spark", "pip install 'pano-glue[spark]'"
            ) from error
        self._translate = sqlglot.transpile
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the workers' Python, too
        try:
            self.session = (
                SparkSession.builder.master(master)
                .appName("pano-bridge forensics")
                .config("spark.sql.session.timeZone", "UTC")
                .config("spark.ui.enabled", "false")
                .config("spark.ui.showConsoleProgress", "false")
                .config("spark.log.level", "ERROR")
                .config(
                    "spark.sql.shuffle.partitions", "8" if master.startswith("local") else "200"
                )
                .getOrCreate()
            )
        except Exception as error:  # whatever py4j makes of it
            cure = "check the master's address, and that Java 17 is installed"
            raise SettingError(f"--spark {master}: {str(error).splitlines()[0]}", cure) from error
        for function in FUNCTIONS:
            self.session.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {function}")
        self.function(UNESCAPE, unescape)

    def sql(self, duckdb: str) -> Any:  # noqa: ANN401 - Spark's frame
        """Run SQL that is written for DuckDB."""
        return self.session.sql(self.translated(duckdb))

    def translated(self, duckdb: str) -> str:
        """Write SQL in Spark's dialect."""
        # sqlglot takes quantile_disc for an approximation: hide it, and write what Spark has.
        single = LISTED.sub(
            lambda one: f"quantile_disc({one[1]}, {one[2].split(', ')[int(one[3]) - 1]})", duckdb
        )
        hidden = QUANTILE.sub(r"hidden_quantile(\1, \2)", single)
        written = self._translate(hidden, read="duckdb", write="spark")[0]
        return HIDDEN.sub(r"percentile_disc(\2) WITHIN GROUP (ORDER BY \1)", written)

    def frame(self, sql: str) -> pd.DataFrame:
        """Run a query."""
        frame: pd.DataFrame = self.sql(sql).toPandas()
        return frame

    def view(self, name: str, sql: str) -> None:
        """Name a query."""
        self.sql(sql).createOrReplaceTempView(name)

    def table(self, name: str, sql: str) -> None:
        """Run a query and keep its result, in memory and on disk."""
        self.sql(sql).persist().createOrReplaceTempView(name)

    def put(self, name: str, frame: pd.DataFrame) -> None:
        """Give a frame as a table."""
        kinds = {"i": "bigint", "f": "double", "b": "boolean"}
        schema = ", ".join(
            f"`{column}` {kinds.get(frame[column].dtype.kind, 'string')}" for column in frame
        )
        rows = frame.astype("object").where(frame.notna(), None).to_numpy().tolist()
        self.session.createDataFrame(rows, schema).createOrReplaceTempView(name)

    def function(self, name: str, of: Callable[[str], str]) -> None:
        """Give a function from text to text."""
        # Spark calls it for rows that a CASE leaves out, too.
        self.session.udf.register(name, lambda text: None if text is None else of(text))

    def close(self) -> None:
        """Forget what was kept; the session may be another's too."""
        self.session.catalog.clearCache()
        for view in self.session.catalog.listTables():
            if view.isTemporary:
                self.session.catalog.dropTempView(view.name)


@contextmanager
def open_spark(source: Any, master: str) -> Iterator[tuple[SparkEngine, str, list[Reading]]]:  # noqa: ANN401
    """Open logs; gives the engine, the relation of all records, and what was read.

    Raises:
        PanoError: when a file is of a kind that Spark is not given, or damaged.
        SettingError: when Spark is not here.
    """
    texts = [str(text) for text in ([source] if isinstance(source, str | Path) else source)]
    engine = SparkEngine(master)
    try:
        groups: dict[Kind, list[str]] = {}
        for path, kind in _kinds(texts):
            groups.setdefault(kind, []).append(path)
        parts = [
            _relation(engine, number, kind, paths)
            for number, (kind, paths) in enumerate(groups.items())
        ]
        engine.table("everything", " UNION ALL ".join(parts))
        yield engine, "SELECT * FROM everything", [_reading(engine, texts)]
    finally:
        engine.close()


def _reading(engine: SparkEngine, texts: list[str]) -> Reading:
    counts = engine.frame(
        "SELECT count(*) FILTER (WHERE NOT fault) AS records, count(*) FILTER (WHERE fault) AS bad "
        "FROM everything"
    )
    reading = Reading(" ".join(texts), "spark", int(counts["records"][0]))
    if counts["bad"][0]:
        reading.skipped["lines that are no record"] = int(counts["bad"][0])
    return reading


def _kinds(texts: list[str]) -> Iterator[tuple[str, Kind]]:
    """Tell of each input what it is: by a look where it is here, by its name where it is not."""
    for text in texts:
        if "://" in text:
            yield text, Kind("parquet" if ".parquet" in text or text.endswith("/") else "json")
    for path in find_files([text for text in texts if "://" not in text]):
        kind = kind_of(path)
        if kind.form == "empty":
            continue
        if kind.form not in {"json", "tsv", "parquet"} or not kind.plain:
            cure = "run to-parquet without --spark first: it reads what is damaged, and says so"
            raise PanoError(f"{path}: no clean JSON lines, TSV or Parquet", cure)
        yield str(path), kind._replace(packed="none", lenient=False)


def _relation(engine: SparkEngine, number: int, kind: Kind, paths: list[str]) -> str:
    name, read = f"raw_{number}", engine.session.read
    if kind.form == "parquet":
        frame = read.parquet(*paths)
        types = {column: "TIMESTAMP" if of == "timestamp" else of for column, of in frame.dtypes}
        frame.createOrReplaceTempView(name)
        return select_columns(name, types, paths[0])
    if kind.form == "json":
        schema = ", ".join(
            f"`{field.zeek.replace('.', kind.scope)}` "
            + _type(field.kind, text=field.name == "ts" and kind.iso)
            for field in FIELDS
        )
        read.schema(f"{schema}, `{PATH}` string, `{SYSTEM}` string").json(
            paths
        ).createOrReplaceTempView(name)
        raw = {field.name: f'"{field.zeek.replace(".", kind.scope)}"' for field in FIELDS}
        if kind.iso:
            raw["ts"] = "epoch_us(CAST(ts AS TIMESTAMPTZ)) / 1e6"
        others = f'"{PATH}", "{SYSTEM}"'
    else:
        columns = _header(paths[0])
        schema = ", ".join(f"`{column}` string" for column in columns)
        read.csv(
            paths, schema=schema, sep="\t", quote="", comment="#", nullValue="-"
        ).createOrReplaceTempView(name)
        raw = {
            field.name: _of_text(field) if field.zeek in columns else f"CAST(NULL AS {field.kind})"
            for field in FIELDS
        }
        others = f'CAST(NULL AS VARCHAR) AS "{PATH}", CAST(NULL AS VARCHAR) AS "{SYSTEM}"'
    listed = ", ".join(f'{sql} AS "{column}"' for column, sql in raw.items())
    return (
        f"SELECT {meanings()}, coalesce({FAULT}, FALSE) AS fault, 0 AS file_index FROM "
        f"(SELECT {listed}, {others} FROM {name})"
    )


def _of_text(field: Field) -> str:
    if field.kind == "BOOLEAN":
        return f"(\"{field.zeek}\" = 'T')"
    if field.kind in {"DOUBLE", "INTEGER"}:
        return f'CAST("{field.zeek}" AS {field.kind})'
    return value_of(field.zeek, field.kind)


def _header(path: str) -> list[str]:
    """Read the names of a TSV log's columns."""
    from zat.utils.field_info import get_field_info

    names, _ = get_field_info(log_filename=path)
    return list(names)


def _type(kind: str, *, text: bool) -> str:
    if text:
        return "string"
    inner = SPARK_TYPES[kind.removesuffix("[]")]
    return f"array<{inner}>" if kind.endswith("[]") else inner
