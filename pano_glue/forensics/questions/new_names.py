"""`new-names`: registered domains that were never asked for before."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.domains import name_domains, registrable
from pano_glue.forensics.measures import NXDOMAIN, QUERY, SEEN
from pano_glue.forensics.options import Limit, State
from pano_glue.forensics.records import Records
from pano_glue.forensics.times import literal

if TYPE_CHECKING:
    import pandas as pd

HEADER = "# domains seen by pano-bridge forensics new-names, one a line"


def new_names(records: Records, state: State = None, limit: Limit = 100) -> Answer:
    """Registered domains never seen before --since, or before the last run with --state.

    Names that nobody can register (mDNS's .local, reverse lookups, single labels) are none.
    """
    since = records.filter.since
    if since is None and state is None:
        cure = "say since when, or give --state FILE, which remembers what was seen"
        raise SettingError("new-names needs --since or --state", cure)
    known = _read(state) if state else []
    # What was before --since is looked at too: it is what is known.
    records.filter = records.filter.without_since()
    records.keep("ts, client, query, outcome, rcode", f"query <> '' AND {QUERY}")
    name_domains(records)
    _put_known(records, known)
    is_new = f"first_seen >= {literal(since)}" if since else "TRUE"
    records.engine.table(
        "seen",
        f"SELECT domain, {SEEN}, arg_min(client, (ts, client)) AS first_client, "
        "arg_min(query, (ts, query)) AS first_name, count(*) AS queries, "
        f"count(DISTINCT client) AS clients, count(DISTINCT query) AS names, {NXDOMAIN} "
        f"FROM named WHERE {registrable()} GROUP BY domain",
    )
    fresh = f"FROM seen WHERE {is_new} AND domain NOT IN (SELECT domain FROM known)"
    table = records.frame(f"SELECT * {fresh} ORDER BY first_seen, domain LIMIT {limit}")
    found = int(records.number(f"SELECT count(*) {fresh}"))
    seen = records.frame("SELECT domain FROM seen")["domain"]
    if state:
        _write(state, {*known, *seen})
    fact = f"{found:,} new of {len(seen):,} registered domains; {len(known):,} were known before"
    return Answer("new-names", [fact], {"new names": table})


def _put_known(records: Records, known: list[str]) -> None:
    import pandas as pd

    frame: pd.DataFrame = pd.DataFrame({"domain": pd.Series(known, dtype="str")})
    records.engine.put("known", frame)


def _read(state: Path) -> list[str]:
    """Read the state; none yet is an empty one.

    Raises:
        PanoError: when the file is something else.
    """
    try:
        lines = state.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise PanoError(
            f"--state {state}: {error}", "name another file, or remove this one"
        ) from error
    if not lines or lines[0] != HEADER:
        raise PanoError(f"--state {state} is no state of new-names", "name another file")
    return lines[1:]


def _write(state: Path, domains: set[str]) -> None:
    """Replace the state as a whole, so that it is never half.

    Raises:
        PanoError: when it cannot be written.
    """
    beside = state.with_name(f".{state.name}.{os.getpid()}")
    text = "\n".join([HEADER, *sorted(domain for domain in domains if domain.isprintable())])
    try:
        with beside.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(state)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise PanoError(f"--state {state}: {error.strerror}", "name a file to write") from error
