"""`to-parquet`: records as Parquet by day and sensor, which every question reads fast."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.forensics.duck import DuckEngine
from pano_glue.forensics.records import LOOKED_AT
from pano_glue.forensics.schema import FIELDS

if TYPE_CHECKING:
    from pathlib import Path

    from pano_glue.forensics.pseudonyms import Key
    from pano_glue.forensics.records import Records

ROW_GROUP = 100_000


def to_parquet(records: Records, folder: Path, key: Key | None = None) -> int:
    """Write the records that the filter lets through below `folder`; returns how many.

    Columns have Zeek's names, `ts` is a timestamp in UTC. Files get their place when all are
    whole; with a `key`, addresses and names are pseudonyms.

    Raises:
        PanoError: when the folder holds something already, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        cure = "name a new folder: records that are written twice count twice"
        raise PanoError(f"{folder} is not empty", cure)
    if not isinstance(records.engine, DuckEngine):
        raise PanoError("to-parquet works without --spark", "leave it out")
    records.keep("ts", LOOKED_AT)
    written = int(records.number("SELECT count(*) FROM records"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(records, folder / ".writing", key)
        for part in sorted((folder / ".writing").iterdir()):
            part.replace(folder / part.name)
        (folder / ".writing").rmdir()
    except OSError as error:
        raise PanoError(
            f"{folder}: {error.strerror}", "name a folder that can be written"
        ) from error
    finally:
        shutil.rmtree(folder / ".writing", ignore_errors=True)
    return written


def write(records: Records, folder: Path, key: Key | None = None, where: str = "") -> None:
    """Write into a folder that does not exist yet; after `keep`, which finds damage.

    Raises:
        OSError: when there is no room.
    """
    engine = records.engine
    if not isinstance(engine, DuckEngine):
        raise TypeError("only DuckDB writes Parquet here")
    folder.mkdir()
    values = {field.name: f'"{field.name}"' for field in FIELDS} | {"ts": "ts::TIMESTAMPTZ"}
    if key is not None:
        from pano_glue.forensics.anonymize import mapped_columns

        values |= mapped_columns(key, engine)
    columns = ", ".join(f'{values[field.name]} AS "{field.zeek}"' for field in FIELDS)
    target = str(folder).replace("'", "''")
    try:
        engine.run(
            f"COPY (SELECT {columns}, "
            "strftime(ts, '%Y-%m-%d') AS day FROM every "
            f"WHERE {where or records.filter.where()}) TO '{target}' (FORMAT parquet, "
            "COMPRESSION zstd, PARTITION_BY (day, sensor), WRITE_PARTITION_COLUMNS true, "
            f"ROW_GROUP_SIZE {ROW_GROUP}, "
            "OVERWRITE_OR_IGNORE true)"
        )
    except engine.failures as error:
        raise OSError(0, str(error).splitlines()[0]) from error
