"""Questions to 10 million records, beside what else answers them, interleaved.

The recorded log is repeated with new names. Each command runs as a process of its own; its CPU
seconds, wall seconds and peak memory are the kernel's (wait4), the least of the rounds.
`--records N` makes it shorter, `--ours` leaves the others out, `--questions` chooses.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pano_glue.paths import find_zeek
from tests.forensics.conftest import tsv

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "data" / "dns.log.gz"
PANO = [sys.executable, "-c", "from pano_glue.cli import main; main()", "forensics"]
QUESTIONS = ("slow", "timeline", "names", "tunnels", "show")
MARK = "CbEnCh00000000000"  # the uid that `show` looks for

PANDAS = "import pandas as pd; f = pd.read_json({path!r}, lines=True); print({answer})"
ZAT = (
    "from zat.log_to_dataframe import LogToDataFrame as L; import pandas as pd; "
    "f = L().create_dataframe({path!r}, ts_index=False, usecols={columns!r}); print({answer})"
)
ANSWERS = {
    "slow": "f.groupby('id.resp_h')['rtt'].quantile([.5, .95, .99])",
    "timeline": "pd.to_datetime(f['ts'], unit='s').dt.floor('1min').value_counts()",
    "names": "f['query'].str.extract(r'([^.]+[.][^.]+)$')[0].value_counts().head(20)",
    "show": f"f[f['uid'] == '{MARK}']",
}
COLUMNS = {"slow": ["id.resp_h", "rtt"], "timeline": ["ts"], "names": ["query"], "show": ["uid"]}
QUANTILES = (
    "sort -k1,1 -k2,2g | awk '$1 != s { if (n) print s, a[int(n/2)], a[int(n*.95)], a[int(n*.99)]; "
    "s = $1; n = 0 } { a[n++] = $2 } END { print s, a[int(n/2)], a[int(n*.95)], a[int(n*.99)] }'"
)
DOMAINS = (
    'awk \'{ n = split($1, l, "."); c[l[n-1] "." l[n]]++ } END { for (d in c) print c[d], d }\''
)
MINUTES = "awk '{ c[int($1 / 60)]++ } END { for (m in c) print m, c[m] }'"
JQ = {
    "slow": 'jq -r \'select(.rtt) | "\\(.["id.resp_h"]) \\(.rtt)"\' PATH | ' + QUANTILES,
    "timeline": "jq -r .ts PATH | " + MINUTES,
    "names": "jq -r .query PATH | " + DOMAINS,
    "show": f"jq -c 'select(.uid == \"{MARK}\")' PATH",
}
CUT = {
    "slow": "zeek-cut id.resp_h rtt < PATH | grep -v -- '-$' | " + QUANTILES,
    "timeline": "zeek-cut ts < PATH | " + MINUTES,
    "names": "zeek-cut query < PATH | " + DOMAINS,
    "show": f"zeek-cut < PATH | awk -F'\\t' '$2 == \"{MARK}\"'",
}


class Cost(NamedTuple):
    """What a command took: seconds of CPU, of wall, and bytes at its peak."""

    cpu: float
    wall: float
    peak: int


def measure(argv: list[str]) -> Cost | None:
    """Run a command; None when it fails."""
    begun = time.monotonic()
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(
            f"{argv[-1][:60]}: {complaint.decode(errors='replace').strip()[-200:]}", file=sys.stderr
        )
        return None
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begun, usage.ru_maxrss * 1024)


def fill(folder: Path, records: int, forms: list[str]) -> dict[str, Path]:
    """Write the same records in every form."""
    recorded = [json.loads(line) for line in gzip.decompress(RECORDED.read_bytes()).splitlines()]
    paths = {form: folder / form / "dns.log" for form in forms}
    paths["gzip"] = folder / "gzip" / "dns.log.gz"
    for path in paths.values():
        path.parent.mkdir()
    with paths["json"].open("w") as lines, paths["tsv"].open("w") as rows:
        for turn in range(max(1, records // len(recorded))):
            block = [_turned(record, turn) for record in recorded]
            if turn == 0:
                block[0]["uid"] = MARK
            lines.writelines(json.dumps(one, separators=(",", ":")) + "\n" for one in block)
            text = tsv(block)
            rows.write(
                text
                if turn == 0
                else "".join(line + "\n" for line in text.splitlines() if line[0] != "#")
            )
    with paths["gzip"].open("wb") as packed:
        subprocess.run(["gzip", "-1c", str(paths["json"])], stdout=packed, check=True)
    paths["parquet"] = folder / "parquet"
    cost = measure([*PANO, "to-parquet", str(paths["parquet"]), str(paths["json"])])
    sizes = ", ".join(f"{form} {_size(path) / 1e6:,.0f} MB" for form, path in paths.items())
    print(f"{records:,} records: {sizes}; to-parquet {_said(cost)}", flush=True)
    return paths


def _turned(record: dict[str, Any], turn: int) -> dict[str, Any]:
    changed = {"ts": record["ts"] + turn * 17, "uid": f"{record['uid'][:9]}{turn:08x}"}
    if turn % 2 and record["query"]:
        changed["query"] = f"t{turn}.{record['query']}"
    return record | changed


def _size(path: Path) -> int:
    files = [path] if path.is_file() else list(path.rglob("*.parquet"))
    return sum(file.stat().st_size for file in files)


def commands(question: str, paths: dict[str, Path], *, ours: bool) -> dict[str, list[str]]:
    """Give the commands that answer a question, by tool."""
    own = [MARK] if question == "show" else []
    found = {f"pano {form}": [*PANO, question, *own, str(path)] for form, path in paths.items()}
    if ours or question not in ANSWERS:
        return found
    plain = PANDAS.format(path=str(paths["json"]), answer=ANSWERS[question])
    zat = ZAT.format(path=str(paths["tsv"]), columns=COLUMNS[question], answer=ANSWERS[question])
    found["pandas json"] = [sys.executable, "-c", plain]
    found["zat tsv"] = [sys.executable, "-c", zat]
    if shutil.which("jq"):
        found["jq json"] = ["sh", "-c", JQ[question].replace("PATH", str(paths["json"]))]
    if shutil.which("zeek-cut"):
        found["zeek-cut tsv"] = ["sh", "-c", CUT[question].replace("PATH", str(paths["tsv"]))]
    return found


def _said(cost: Cost | None) -> str:
    if cost is None:
        return "failed"
    return f"{cost.cpu:7.1f} s CPU {cost.wall:7.1f} s {cost.peak / 1e6:7,.0f} MB"


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=10_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--ours", action="store_true")
    options.add_argument("--questions", nargs="+", default=list(QUESTIONS))
    chosen = options.parse_args()
    zeek = find_zeek()
    if zeek:
        os.environ["PATH"] += f":{zeek.parent}"
    with tempfile.TemporaryDirectory() as name:
        paths = fill(Path(name), chosen.records, ["json", "tsv"])
        for question in chosen.questions:
            tools = commands(question, paths, ours=chosen.ours)
            costs: dict[str, list[Cost]] = {tool: [] for tool in tools}
            for _ in range(chosen.rounds):
                for tool, argv in tools.items():
                    cost = measure(argv)
                    if cost:
                        costs[tool].append(cost)
            print(f"-- {question}")
            for tool, told in costs.items():
                best = Cost(*map(min, zip(*told, strict=True))) if told else None
                print(f"{tool:14} {_said(best)}", flush=True)


if __name__ == "__main__":
    main()
