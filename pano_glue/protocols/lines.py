"""Lines into typed columns: fast for good ones, one by one where a line is bad or untidy."""

from __future__ import annotations

from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from pano_glue.protocols.rows import RowDecoder, RowError, pieces
from pano_glue.sources.lines import BYTE_ORDER_MARK, whole_lines
from pano_glue.sources.tsv import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pano_glue.sources.tsv import Layout

Record = TypeVar("Record", bound=msgspec.Struct)

# What msgspec raises for input that is no such record; RecursionError is deep nesting.
BAD_LINE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
SAMPLES = 10  # malformed lines of one batch that are kept to be shown
SAMPLE_BYTES = 200


class Sample(NamedTuple):
    """The beginning of a malformed line, and why it is none."""

    line: bytes
    reason: str


class Decoded(NamedTuple):
    """Records of one batch by column, and how many of its lines were malformed or another log's.

    The columns are in the order of the record's fields; each is as long as there are records.
    """

    columns: Sequence[Sequence[Any]]
    malformed: int = 0
    skipped: int = 0
    samples: tuple[Sample, ...] = ()

    @property
    def counted(self) -> int:
        """The number of records."""
        return len(self.columns[0])

    def records(self, kind: type[Record]) -> list[Record]:
        """Give them one by one; `kind` takes its fields by position."""
        return [kind(*values) for values in zip(*self.columns, strict=True)]


class OtherLogError(Exception):
    """A record that says it is of another log."""


def names_of(record: type[msgspec.Struct]) -> frozenset[str]:
    """Give the names that a record's fields have in its log."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(record))


def as_they_are(fields: dict[str, Any]) -> dict[str, Any]:
    """Mend nothing."""
    return fields


class LineDecoder(Generic[Record]):
    """Decodes the lines of one log, as columns of `record`s: JSON, bare or tagged, and rows of TSV.

    Tagged is how the zeek-kafka plugin writes with `tag_json`, perhaps with constants of the site
    beside: `{"dns": {…}, "SITE": "fra1"}`.
    """

    def __init__(
        self,
        logs: tuple[str, ...],
        record: type[Record],
        row: type[Record],
        mended: Callable[[dict[str, Any]], dict[str, Any]] = as_they_are,
    ) -> None:
        """Prepare for `record`, a msgspec Struct, or `row`, the same as an array, of `logs`.

        What `record` does not fit is tried again with its fields `mended`.
        """
        self._logs = logs
        self._record = record
        self._row = row
        self._mended = mended
        self._bare = msgspec.json.Decoder(record)
        self._fields = msgspec.json.Decoder(dict[str, Any])
        self._layout: Layout | None = None
        self._rows: RowDecoder | RowError = RowError()

    def decode(self, lines: bytes | Table) -> Decoded:
        """Decode whole lines; nothing in them raises."""
        if isinstance(lines, Table):
            return self._decode_table(lines)
        try:
            return Decoded(self._by_column(self._bare.decode_lines(lines)))
        except BAD_LINE:
            return self._decode_singly(lines)

    def why_not(self, lines: bytes | Table) -> str | None:
        """Tell why the first of some lines is no record; None when there is a good one."""
        decoded = self.decode(lines)
        if decoded.counted or not (decoded.malformed or decoded.skipped):
            return None
        return decoded.samples[0].reason if decoded.samples else "it is of another log"

    def _by_column(self, records: Sequence[Record]) -> Sequence[Sequence[Any]]:
        columns = list(zip(*map(msgspec.structs.astuple, records), strict=True))
        return columns or [()] * len(self._record.__struct_fields__)

    def _decode_singly(self, lines: bytes) -> Decoded:
        records: list[Record] = []
        samples: list[Sample] = []
        malformed = skipped = 0
        for line in lines.split(b"\n"):
            try:
                records.append(self._bare.decode(line))
            except BAD_LINE as error:
                if not line.strip():
                    continue
                try:
                    records.append(self._untidy(line, error))
                except BAD_LINE as reason:
                    malformed += 1
                    if len(samples) < SAMPLES:
                        samples.append(Sample(line[:SAMPLE_BYTES], str(reason)))
                except OtherLogError:
                    skipped += 1
        return Decoded(self._by_column(records), malformed, skipped, tuple(samples))

    def _untidy(self, line: bytes, error: Exception) -> Record:
        """Decode a line that is no bare record for `error`, perhaps one with a mark before it.

        Raises:
            OtherLogError: when it says that it is of another log.
        """
        try:
            fields = self._fields.decode(line.removeprefix(BYTE_ORDER_MARK))
        except msgspec.DecodeError:
            raise error from None
        tags = [tag for tag, value in fields.items() if isinstance(value, dict)]
        ours = [tag for tag in tags if tag in self._logs]
        if ours:
            fields = fields[ours[0]]
        elif tags and "ts" not in fields:
            raise OtherLogError
        path = fields.get("_path")
        if isinstance(path, str) and path not in self._logs:
            raise OtherLogError
        return msgspec.convert(self._mended(fields), self._record)

    def _decode_table(self, table: Table) -> Decoded:
        rows = self._rows_of(table.layout)
        if isinstance(rows, RowError):
            return self._refused(table, str(rows))
        parts = (self._decode_piece(rows, table, piece) for piece in pieces(table.rows))
        return self._together(parts)

    def _decode_piece(self, rows: RowDecoder, table: Table, piece: bytes) -> Decoded:
        """Decode some rows; when one of them is bad, each for itself."""
        try:
            return Decoded(rows.columns(piece))
        except ValueError:
            return self._together(self._decode_row(rows, table, row) for row in whole_lines(piece))

    def _decode_row(self, rows: RowDecoder, table: Table, row: bytes) -> Decoded:
        """Decode one row; what is no record is mended as JSON is."""
        try:
            return Decoded(rows.columns(row))
        except ValueError as error:
            single = self._decode_singly(table._replace(rows=row).json_lines())
            sample = Sample(row[:SAMPLE_BYTES], str(error))
            return single._replace(samples=(sample,) * single.malformed)

    def _together(self, parts: Iterable[Decoded]) -> Decoded:
        columns: list[list[Any]] = [[] for _ in self._record.__struct_fields__]
        malformed = skipped = 0
        samples: tuple[Sample, ...] = ()
        for part in parts:
            for column, more in zip(columns, part.columns, strict=True):
                column.extend(more)
            malformed += part.malformed
            skipped += part.skipped
            samples = (samples + part.samples)[:SAMPLES]
        return Decoded(columns, malformed, skipped, samples)

    def _rows_of(self, layout: Layout) -> RowDecoder | RowError:
        if layout is not self._layout:
            self._layout = layout
            try:
                self._rows = RowDecoder(layout, self._row)
            except RowError as error:
                self._rows = error
        return self._rows

    def _refused(self, table: Table, reason: str) -> Decoded:
        """Count rows whose header is of another log, or of none."""
        rows = [row for row in table.rows.split(b"\n") if row.strip()]
        nothing = self._by_column(())
        if table.layout.path and PurePath(table.layout.path).name not in self._logs:
            return Decoded(nothing, skipped=len(rows))
        samples = tuple(Sample(row[:SAMPLE_BYTES], reason) for row in islice(rows, SAMPLES))
        return Decoded(nothing, len(rows), samples=samples)
