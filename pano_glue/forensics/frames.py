"""Records as a pandas DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pano_glue.forensics.ask import filter_of
from pano_glue.forensics.records import ALL, open_records
from pano_glue.forensics.schema import FIELDS

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = [
    "id.orig_h",
    "id.resp_h",
    "proto",
    "qclass_name",
    "qtype_name",
    "rcode_name",
    "outcome",
    "server",
    "sensor",
    "opcode_name",
]
DURATIONS = ("rtt", "rtt_last")


def load(source: Any, **wanted: Any) -> pd.DataFrame:  # noqa: ANN401 - Source, and a Filter's fields
    """Load records into memory, oldest first, with Zeek's column names.

    `source` is one path or several: files, globs, folders. The options are those of every command
    (`since`, `until`, `client`, `server`, `name`, `qtype`, `rcode`, `outcome`, `sensor`). `ts` is
    in
    UTC, `rtt` and `rtt_last` are timedeltas, what repeats is categorical, `answers` and `TTLs` are
    lists. `attrs` tells `complete` and what was `skipped`, by file.

    Raises:
        PanoError: when there is nothing to read.
        SettingError: when an option cannot be used.
    """
    import pandas as pd

    with open_records(source, filter_of(wanted)) as records:
        records.keep(ALL)
        named = ", ".join(f'"{field.name}" AS "{field.zeek}"' for field in FIELDS)
        frame = records.frame(f"SELECT {named} FROM records ORDER BY ts, uid, trans_id")
        skipped = {
            one.name: one.sentence() for one in records.readings() if one.skipped or one.notes
        }
    for name in DURATIONS:
        frame[name] = pd.to_timedelta((frame[name] * 1e6).round(), unit="us")
    for name in CATEGORIES:
        frame[name] = frame[name].astype("category")
    frame.attrs["skipped"] = skipped
    return frame
