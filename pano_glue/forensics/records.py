"""The records that a question is about, wherever they come from."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pano_glue.forensics.duck import DuckEngine
from pano_glue.forensics.filters import Filter
from pano_glue.forensics.logs import Logs
from pano_glue.forensics.readers.engine_parquet import select_columns
from pano_glue.forensics.readers.inputs import find_files
from pano_glue.forensics.schema import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    import pandas as pd

    from pano_glue.forensics.engine import Engine
    from pano_glue.forensics.readers.reading import Reading

Source = "str | Path | Sequence[str | Path] | pd.DataFrame"
ALL = ", ".join(f'"{name}"' for name in NAMES)
# Engines look at the columns that they are asked for: this has every one looked at.
LOOKED_AT = f"hash({ALL}) IS NOT NULL"


@dataclass
class Records:
    """Records in an engine, as these relations.

    `records`: what `keep` asked for, of the records that the filter lets through. `every`: all
    records with all columns, filter or not; read again each time, so only for few of them, and
    after `keep`, which finds damage.
    """

    engine: Engine
    logs: Logs | None = None
    filter: Filter = field(default_factory=Filter)
    relation: str = ""
    paths: Sequence[Path] = ()
    spark_readings: Sequence[Reading] = ()
    whole: bool = False  # `records` has all of the range, and their `ts`

    def keep(
        self,
        columns: str = ALL,
        where: str = "TRUE",
        *,
        unfiltered: bool = False,
        often: bool = False,
    ) -> None:
        """Make `records` of some columns; `often` says that they are asked again and again."""
        only_time = replace(self.filter, since=None, until=None) == Filter()
        self.whole = where == "TRUE" and only_time and columns.startswith(("ts", '"ts"'))
        wanted = where if unfiltered else f"({self.filter.where()}) AND ({where})"
        if self.logs is None or self.logs.only_parquet:
            self.engine.view("every", self._every())
            chosen = f"SELECT {columns} FROM every WHERE {wanted}"
            if often:
                self.engine.table("kept", chosen)
                chosen = "SELECT * FROM kept"
            self.engine.view("records", chosen)
            return
        self.logs.keep("kept", columns, wanted)
        self.engine.view("records", "SELECT * EXCLUDE (fault, file_index) FROM kept")
        self.engine.view("every", self._every())

    def frame(self, sql: str) -> pd.DataFrame:
        """Ask the engine; times come in UTC."""
        frame = self.engine.frame(sql)
        for name in frame.columns[frame.dtypes.map(lambda kind: kind.kind == "M")]:
            if frame[name].dt.tz is None:
                frame[name] = frame[name].dt.tz_localize("UTC")
        return frame

    def number(self, sql: str) -> Any:  # noqa: ANN401 - what the query gives
        """Ask for one value."""
        return self.frame(sql).iloc[0, 0]

    def span(self) -> tuple[datetime, datetime] | None:
        """Give the times of the first and the last record; None without records."""
        columns = self.frame("SELECT * FROM records LIMIT 0").columns
        relation = "records" if "ts" in columns else "every"
        ends = self.frame(
            f"SELECT min(ts) AS first, max(ts) AS last FROM {relation} HAVING count(*) > 0"
        )
        if ends.empty:
            return None
        return ends["first"][0].to_pydatetime(), ends["last"][0].to_pydatetime()

    def readings(self) -> list[Reading]:
        """Tell what became of each file."""
        return list(self.logs.readings.values() if self.logs else self.spark_readings)

    def _every(self) -> str:
        relation = self.logs.relation() if self.logs else self.relation
        return f"SELECT {ALL} FROM ({relation}) WHERE NOT fault"


@contextmanager
def open_records(
    source: Any,  # noqa: ANN401 - Source
    wanted: Filter | None = None,
    *,
    spark: str = "",
    progress: Callable[[float], None] | None = None,
) -> Iterator[Records]:
    """Open logs by path, or a frame as `load` gives it, for questions.

    Raises:
        PanoError: when there is nothing to read.
        SettingError: when the filter or the engine cannot be used.
    """
    chosen = wanted or Filter()
    chosen.where()  # complains before anything is read
    if spark:
        from pano_glue.forensics.spark import open_spark

        with open_spark(source, spark) as (session, relation, readings):
            yield Records(session, filter=chosen, relation=relation, spark_readings=readings)
        return
    engine = DuckEngine(progress)
    try:
        if hasattr(source, "columns"):
            yield _of_frame(engine, source, chosen)
        else:
            yield _of_files(engine, source, chosen)
    finally:
        engine.close()


def _of_frame(engine: DuckEngine, frame: pd.DataFrame, chosen: Filter) -> Records:
    engine.put("given", frame)
    described = engine.frame("DESCRIBE SELECT * FROM given")
    types = dict(zip(described["column_name"], described["column_type"], strict=True))
    relation = select_columns("given", types, "the DataFrame")
    return Records(engine, filter=chosen, relation=relation)


def _of_files(engine: DuckEngine, source: Any, chosen: Filter) -> Records:  # noqa: ANN401 - Source
    from pano_glue.forensics.readers.kafka import fetch
    from pano_glue.forensics.readers.pcap import analyse

    texts = [str(text) for text in ([source] if isinstance(source, str | Path) else source)]
    topics = [text for text in texts if text.startswith("kafka://")]
    files = find_files([text for text in texts if text not in topics])
    fetched = [fetch(topic, chosen.since, engine.folder) for topic in topics]
    logs = Logs(engine, [*files, *fetched], analyse)
    return Records(engine, logs, chosen, paths=files)
