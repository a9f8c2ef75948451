"""The registered domain of every name in question (https://publicsuffix.org/list/).

Few suffixes are looked up instead of many names: the engine gives the different last two labels,
and one more only below suffixes that some rule of the list goes deeper in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.metrics.domains import RegisteredDomains

if TYPE_CHECKING:
    from pano_glue.forensics.records import Records

MOST_LABELS = 12  # more than any rule has, to end for certain

# Names that nobody can register (RFC 6761, 6762, 7686, 8375, 9476; the reverse trees).
SPECIAL = ("alt", "arpa", "internal", "invalid", "local", "localhost", "onion")


class Suffixes(RegisteredDomains):
    """The public suffix list, asked about the ends of names."""

    def of_end(self, end: str, labels: int) -> str | None:
        """Give the registered domain of names that end so; None when more labels may change it."""
        if end.count(".") + 1 == labels and (end in self._deeper or self._is_public(end)):
            return None
        return self.of(end)

    def _is_public(self, end: str) -> bool:
        """Tell whether names are registered one label below, so that one more has to be known."""
        return self.of(f"x.{end}") == f"x.{end}"


def suffixes(*, ascii_only: bool = False) -> Suffixes:
    """Read the list; `ascii_only` leaves rules in other scripts out.

    Raises:
        SettingError: when it is not installed: answers would differ without being noticed.
    """
    try:
        from publicsuffixlist import PSLFILE
    except ImportError as error:
        cure = "pip install 'pano-glue[forensics]'"
        raise SettingError("registered domains need the public suffix list", cure) from error
    lines = Path(PSLFILE).read_text(encoding="utf-8").splitlines()
    return Suffixes(line for line in lines if not ascii_only or line.isascii())


def name_domains(records: Records) -> None:
    """Make the relation `named`: `records` with their `domain`.

    `records` has to have `query`; those without a name are left out.
    """
    import pandas as pd

    engine, rules, done = records.engine, suffixes(), []
    engine.table("names_1", "SELECT DISTINCT query FROM records WHERE query <> ''")
    for labels in range(2, MOST_LABELS):
        before, after = f"names_{labels - 1}", f"names_{labels}"
        ends = records.frame(f"SELECT DISTINCT {_end(labels)} AS name_end FROM {before}")
        if ends.empty:
            break
        ends["domain"] = [rules.of_end(end, labels) for end in ends["name_end"]]
        engine.put(f"ends_{labels}", pd.DataFrame(ends, dtype="object"))
        joined = f"FROM {before} JOIN ends_{labels} ON {_end(labels)} = name_end"
        engine.table(f"domains_{labels}", f"SELECT query, domain {joined} WHERE domain IS NOT NULL")
        engine.table(after, f"SELECT query {joined} WHERE domain IS NULL")
        done.append(f"SELECT query, domain FROM domains_{labels}")
    if not done:
        done = ["SELECT query, query AS domain FROM names_1"]
    engine.view("domains", " UNION ALL ".join(done))
    engine.view("named", "SELECT records.*, domain FROM records JOIN domains USING (query)")


def registrable(domain: str = "domain") -> str:
    """Write the condition that somebody could have registered a domain."""
    special = " AND ".join(
        f"NOT ends_with({domain}, '.{name}') AND {domain} <> '{name}'" for name in SPECIAL
    )
    return f"({domain} LIKE '%.%' AND {special})"


def below(query: str = "query", domain: str = "domain") -> str:
    """Write the part of a name that is below its registered domain, without the dot."""
    return f"substr({query}, 1, greatest(length({query}) - length({domain}) - 1, 0))"


def _end(labels: int) -> str:
    """Write the last `labels` labels of a name, or all of one that has fewer."""
    pattern = f"[^.]+([.][^.]+){{{labels - 1}}}$"
    return f"coalesce(nullif(regexp_extract(query, '{pattern}', 0), ''), query)"
