"""Which answers a client went to: dns.log beside conn.log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pano_glue.errors import PanoError
from pano_glue.forensics.readers.inputs import find_files
from pano_glue.forensics.readers.open import blocks
from pano_glue.forensics.readers.tsv_rows import TsvRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from pano_glue.forensics.records import Records

# An address, as opposed to a name or text in `answers`.
ADDRESS = "regexp_matches(answer, '^[0-9.]+$|^[0-9a-fA-F:]*:[0-9a-fA-F:.]*$')"


def unvisited(records: Records, conn: Sequence[str]) -> pd.DataFrame:
    """Give, by client and domain, the share of answered addresses never connected to.

    Raises:
        PanoError: when a file has no connections.
    """
    import pandas as pd

    pairs = {pair for path in find_files(conn) for pair in _connections(path)}
    records.engine.put("visits", pd.DataFrame(sorted(pairs), columns=["client", "answer"]))
    return records.frame(
        "SELECT client, domain, 1 - count(visits.answer) / CAST(count(*) AS DOUBLE) AS "
        "unvisited_share FROM (SELECT DISTINCT client, domain, answer FROM (SELECT client, domain, "
        f"unnest(answers) AS answer FROM named) WHERE {ADDRESS}) AS told "
        "LEFT JOIN visits USING (client, answer) GROUP BY client, domain"
    )


def _connections(path: Path) -> Iterator[tuple[str, str]]:
    """Yield who connected where, of a conn.log of either form."""
    rows, found = TsvRows(), False
    for line in _lines(path):
        if line.startswith(b"#"):
            rows.header(line)
            continue
        try:
            row = msgspec.json.decode(line) if line.startswith(b"{") else rows.row(line)
        except msgspec.DecodeError:
            continue
        if isinstance(row, dict) and "id.orig_h" in row and "id.resp_h" in row:
            found = True
            if row.get("service") != "dns":
                yield row["id.orig_h"], row["id.resp_h"]
    if not found:
        raise PanoError(f"--conn {path}: no connections in it", "give a conn.log of Zeek")


def _lines(path: Path) -> Iterator[bytes]:
    half = b""
    for block in blocks(path):
        *lines, half = (half + block).split(b"\n")
        yield from lines
    yield half
