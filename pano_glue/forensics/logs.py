"""Files as one relation: clean ones read by DuckDB, the others cleaned first."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from pano_glue.errors import PanoError
from pano_glue.forensics.readers.damaged import HALF, clean
from pano_glue.forensics.readers.engine_json import select_json
from pano_glue.forensics.readers.engine_parquet import scan, select_columns
from pano_glue.forensics.readers.engine_tsv import UNESCAPE, misfits, select_tsv
from pano_glue.forensics.readers.open import blocks
from pano_glue.forensics.readers.reading import Reading
from pano_glue.forensics.readers.sniff import Kind, kind_of
from pano_glue.forensics.readers.tsv_rows import unescape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pano_glue.forensics.duck import DuckEngine

SELECT: dict[str, Callable[[Sequence[Path], Kind], str]] = {"json": select_json, "tsv": select_tsv}
CLEANED = Kind("json")
ATTEMPTS = 3  # scans that end at a damaged file, before all are read leniently
UNREADABLE = {
    "unknown": "neither JSON lines, TSV, Parquet nor a capture",
    "other": "another log",
    "pcap": "a compressed capture: uncompress it first",
}


class Part(NamedTuple):
    """Files that one query reads."""

    sql: str
    paths: Sequence[Path]


class Logs:
    """The records of some files, in the engine."""

    def __init__(
        self,
        engine: DuckEngine,
        paths: Sequence[Path],
        capture: Callable[[Path, Path], Path] | None = None,
    ) -> None:
        """Look at the files; nothing but their first lines is read yet.

        `capture` makes a log of a pcap: it takes the file and a folder, and gives the log's path.

        Raises:
            PanoError: when none of them can be read.
        """
        self.readings: dict[Path, Reading] = {path: Reading(str(path)) for path in paths}
        self._engine = engine
        self._capture = capture
        self._groups: dict[Kind, list[Path]] = {}
        self._cleaned: dict[Path, Path] = {}  # by the file that it is made of
        engine.function(UNESCAPE, unescape)
        for path in paths:
            self._look(path)
        if not self._groups and not self._cleaned:
            raise PanoError("; ".join(reading.sentence() for reading in self.readings.values()))

    @property
    def only_parquet(self) -> bool:
        """Tell whether reading again costs little."""
        return not self._cleaned and all(kind.form == "parquet" for kind in self._groups)

    def relation(self) -> str:
        """Write the query that gives the schema's columns, `fault` and `file_index`."""
        queries, offset = [], 0
        for part in self._parts():
            columns = f"* REPLACE (CAST(file_index + {offset} AS INTEGER) AS file_index)"
            queries.append(f"SELECT {columns} FROM ({part.sql})")
            offset += len(part.paths)
        return " UNION ALL BY NAME ".join(queries)

    def keep(self, name: str, columns: str, where: str) -> None:
        """Make the table `name` of the records that are `where`; clean the files that need it.

        Raises:
            PanoError: when nothing could be read.
        """
        wanted = f"SELECT {columns}, fault, file_index FROM"
        for attempt in count():
            try:
                self._engine.table(name, f"{wanted} ({self.relation()}) WHERE fault OR ({where})")
            except self._engine.failures as error:
                self._clean_failed(str(error))
            else:
                break
            if attempt == ATTEMPTS:
                self._become_lenient()
        files = [path for part in self._parts() for path in part.paths]
        self._count(name, files)
        for index, lines in self._faulty(name, files).items():
            path = files[index]
            if lines == 1 and _ends_in_half_a_line(path):
                self.readings[path].skipped[HALF] = 1
                self._engine.run(f"DELETE FROM {name} WHERE fault AND file_index = {index}")
                continue
            self._engine.run(f"DELETE FROM {name} WHERE file_index = {index}")
            cleaned = select_json([self._clean(path)], CLEANED)
            self._engine.run(f"INSERT INTO {name} {wanted} ({cleaned}) WHERE {where}")

    def _faulty(self, name: str, files: Sequence[Path]) -> Counter[int]:
        """Count, by place in `files`, the lines that are no record."""
        counts = self._engine.frame(
            f"SELECT file_index, count(*) AS lines FROM {name} WHERE fault GROUP BY 1"
        )
        found = Counter(dict(zip(counts["file_index"], counts["lines"], strict=True)))
        places = {str(path): place for place, path in enumerate(files)}
        for kind, paths in self._groups.items():
            if kind.form == "tsv":
                rejected = self._engine.frame(misfits(paths, kind))
                for path, lines in zip(rejected["file_path"], rejected["lines"], strict=True):
                    found[places[path]] += lines
        return found

    def _parts(self) -> list[Part]:
        parts = [
            Part(
                self._parquet(paths) if kind.form == "parquet" else SELECT[kind.form](paths, kind),
                paths,
            )
            for kind, paths in self._groups.items()
        ]
        if self._cleaned:
            parts.append(
                Part(select_json(list(self._cleaned.values()), CLEANED), list(self._cleaned))
            )
        return parts

    def _look(self, path: Path) -> None:
        reading = self.readings[path]
        try:
            kind = kind_of(path)
        except OSError as error:
            raise PanoError(f"{path}: {error.strerror}", "check its permissions") from error
        reading.form = kind.form
        if kind.form == "empty":
            reading.notes.append("empty")
        elif kind.form == "pcap" and kind.packed == "none" and self._capture:
            log = self._capture(path, self._engine.folder)
            self._cleaned[path] = self._clean(path, log)
        elif kind.form in UNREADABLE:
            reading.skipped["file"] += 1
            reading.notes.append(kind.detail or UNREADABLE[kind.form])
        elif not kind.plain:
            self._clean(path)
        else:
            self._groups.setdefault(kind, []).append(path)

    def _clean(self, path: Path, log: Path | None = None) -> Path:
        """Clean a file, which is `log` or what `path` names; from now on the clean one is read."""
        for kind, paths in list(self._groups.items()):
            if path in paths:
                paths.remove(path)
                if not paths:
                    del self._groups[kind]
        self._cleaned[path] = into = self._engine.folder / f"{len(self._cleaned)}.json"
        with into.open("wb") as file:
            clean(log or path, self.readings[path], file)
        return into

    def _clean_failed(self, complaint: str) -> None:
        """Clean the file that DuckDB complained about; all, where it does not tell which."""
        failing = [
            path for kind, paths in self._groups.items() if kind.form != "parquet" for path in paths
        ]
        named = [path for path in failing if str(path) in complaint.partition("LINE 1:")[0]]
        if not failing:
            raise PanoError(complaint.splitlines()[0], "check the file")
        for path in named or failing:
            self._clean(path)

    def _become_lenient(self) -> None:
        """Read all damaged files in one go, now that one after the other took too long."""
        groups, self._groups = self._groups, {}
        for kind, paths in groups.items():
            self._groups.setdefault(kind._replace(lenient=kind.form == "json"), []).extend(paths)
            if kind.form == "json":
                for path in paths:
                    self.readings[path].notes.append("values of a wrong type count as absent")

    def _count(self, name: str, files: Sequence[Path]) -> None:
        counts = self._engine.frame(
            f"SELECT file_index, count(*) AS records FROM {name} WHERE NOT fault GROUP BY 1"
        )
        for index, records in zip(counts["file_index"], counts["records"], strict=True):
            if files[index] not in self._cleaned:
                self.readings[files[index]].records = int(records)

    def _parquet(self, paths: Sequence[Path]) -> str:
        source = scan(paths)
        try:
            described = self._engine.frame(f"DESCRIBE SELECT * FROM {source}")
        except self._engine.failures as error:
            raise PanoError(str(error).splitlines()[0], "check the Parquet files") from error
        types = dict(zip(described["column_name"], described["column_type"], strict=True))
        return select_columns(source, types, str(paths[0]), "file_index")


def _ends_in_half_a_line(path: Path) -> bool:
    """Tell whether the only line without an end is the one that could not be read."""
    last = b""
    try:
        for block in blocks(path):
            last = (last + block)[-(1 << 16) :]
    except EOFError:
        return False  # more is missing than that
    return bool(last) and not last.endswith(b"\n") and not last.rstrip().endswith(b"}")
