"""What `slow`, `timeline`, `names`, `tunnels` and `show` answer, in pandas: the same columns.

`python bench/rivals/frames.py pandas|zat QUESTION LOG`: pandas reads JSON lines, zat reads TSV.
Domains are the last two labels here, which is less work than the public suffix list.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "CbEnCh00000000000"  # the uid that `show` looks for
LIMIT = 20
STEP = 300  # seconds
NXDOMAIN = 3
SLOW = "ts uid trans_id id.orig_h id.resp_h query qtype_name rcode_name outcome retransmits rtt"
COLUMNS = {
    "slow": SLOW.split(),
    "timeline": ["ts", "outcome", "rcode", "rtt"],
    "names": ["ts", "id.orig_h", "query", "outcome", "rcode", "rtt"],
    "tunnels": ["ts", "id.orig_h", "query", "qtype_name", "query_bytes", "reply_bytes"],
    "show": None,  # every field
}
QUANTILES = [0.5, 0.95, 0.99]


def read(tool: str, question: str, path: str) -> pd.DataFrame:
    """Load what the question needs."""
    if tool == "zat":
        from zat.log_to_dataframe import LogToDataFrame

        return LogToDataFrame().create_dataframe(path, ts_index=False, usecols=COLUMNS[question])
    frame: pd.DataFrame = pd.read_json(path, lines=True, convert_dates=False)
    return frame


def slow(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The slowest transactions, and where the time went."""
    timed = frame[frame["rtt"].notna()]
    tables = [timed.nlargest(LIMIT, "rtt")]
    for column in ("id.resp_h", "query"):
        waited = timed.groupby(column, observed=True)["rtt"].sum().nlargest(LIMIT)
        group = timed[timed[column].isin(waited.index)].groupby(column, observed=True)["rtt"]
        tables += [group.quantile(QUANTILES).unstack(), group.agg(["count", "max", "sum"])]
    return tables


def timeline(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Counts and quantiles in steps of time."""
    seconds = pd.to_numeric(frame["ts"]) if frame["ts"].dtype.kind != "M" else frame["ts"]
    steps = seconds.dt.floor("5min") if seconds.dtype.kind == "M" else seconds // STEP
    kinds = frame.assign(
        timeout=frame["outcome"] == "timeout",
        nxdomain=frame["rcode"] == NXDOMAIN,
        failed=(frame["outcome"] == "timeout") | ~frame["rcode"].isin([0, NXDOMAIN]),
    ).groupby(steps)
    return [kinds[["timeout", "nxdomain", "failed"]].sum(), kinds["rtt"].quantile(QUANTILES)]


def names(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Registered domains: counts, clients, names, failures, times."""
    domain = frame["query"].astype(str).str.extract(r"([^.]+[.][^.]+)$")[0]
    groups = frame.assign(
        domain=domain,
        nxdomain=frame["rcode"] == NXDOMAIN,
        failed=frame["outcome"] == "timeout",
    ).groupby("domain")
    counted = groups.agg(
        {
            "query": ["size", "nunique"],
            "id.orig_h": "nunique",
            "nxdomain": "sum",
            "failed": "sum",
            "ts": ["min", "max"],
        }
    )
    most = counted.nlargest(LIMIT, ("query", "size"))
    return [most, groups["rtt"].quantile([0.5, 0.99]).unstack().loc[most.index]]


def tunnels(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Pairs of client and domain: names, length, kinds; without entropy and verdicts."""
    query = frame["query"].astype(str)
    groups = frame.assign(
        domain=query.str.extract(r"([^.]+[.][^.]+)$")[0],
        length=query.str.len(),
        odd=frame["qtype_name"].isin(["TXT", "NULL", "CNAME", "MX", "SRV"]),
    ).groupby(["id.orig_h", "domain"], observed=True)
    sums = {"query": ["size", "nunique"], "length": ["mean", "sum"], "odd": "mean"}
    return [groups.agg(sums | {"query_bytes": "sum", "reply_bytes": "sum", "ts": ["min", "max"]})]


def show(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """One record, and who else asked for its name."""
    one = frame[frame["uid"] == MARK]
    same = frame[frame["query"].isin(one["query"])]
    keys = ["id.orig_h", "id.resp_h", "outcome"]
    return [one, same.groupby(keys, observed=True)["ts"].agg(["size", "min", "max"])]


ANSWERS: dict[str, Callable[[pd.DataFrame], list[pd.DataFrame]]] = {
    "slow": slow,
    "timeline": timeline,
    "names": names,
    "tunnels": tunnels,
    "show": show,
}

if __name__ == "__main__":
    _, tool_, question_, path_ = sys.argv
    for table in ANSWERS[question_](read(tool_, question_, path_)):
        print(table)
