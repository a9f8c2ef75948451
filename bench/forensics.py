"""Questions to millions of records, beside what else answers them, in one interleaved run.

The recorded log is repeated with new names. Each command is a process of its own; its CPU seconds,
wall seconds and peak memory are the kernel's (wait4), the least of the rounds. pandas and zat give
the same columns (bench/rivals/frames.py); jq, zeek-cut and awk give the main table, as one does by
hand. `--ours` leaves the others out, `--folder` keeps the logs for another run.
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
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.rivals.frames import MARK
from pano_glue.paths import find_zeek
from tests.forensics.conftest import tsv

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "data" / "dns.log.gz"
PANO = [sys.executable, "-c", "from pano_glue.cli import main; main()", "forensics"]
FRAMES = [sys.executable, str(Path(__file__).with_name("rivals") / "frames.py")]
QUESTIONS = ("slow", "timeline", "names", "tunnels", "show")
# What questions need to be told. Those beside QUESTIONS (`--questions wasted …`) have no rivals.
TOLD = {
    "show": [MARK],
    "compare": ["2026-11-22T21:00/1h", "2026-11-23T01:00/1h"],
    "new-names": ["--since", "2026-11-23T01:00"],
    "upstream": ["--resolver", "10.77.0.3"],
    "report": ["--output", os.devnull],
}

# What follows is done by hand where there is nothing else: the question's main table, from columns
# that jq, zeek-cut or awk cut out. `tunnels` has no kinds of types and bytes so.
QUANTILES = (
    "sort -k1,1 -k2,2g | awk '$1 != s { if (n) print s, a[int(n/2)], a[int(n*.95)], a[int(n*.99)]; "
    "s = $1; n = 0 } { a[n++] = $2 } END { print s, a[int(n/2)], a[int(n*.95)], a[int(n*.99)] }'"
)
DOMAIN = 'k = split($1, l, "."); d = l[k-1] "." l[k]'
TABLES = {
    "slow": "grep -v -- '-$' | " + QUANTILES,
    "timeline": (
        'awk \'{ b = int($1 / 300); n[b]++; if ($4 == "timeout") t[b]++; else if ($3 == 3) x[b]++; '
        'else if ($3 > 0) f[b]++; if ($2 != "-") print b, $2 } '
        'END { for (b in n) print b, n[b], x[b], f[b], t[b] > "/dev/stderr" }\' | ' + QUANTILES
    ),
    "names": (
        f"awk '{{ {DOMAIN}; q[d]++; if (!((d, $2) in c)) {{ c[d, $2]; clients[d]++ }} "
        "if (!($1 in s)) { s[$1]; names[d]++ } if ($3 == 3) x[d]++; else if ($3 != 0) f[d]++; "
        'if ($4 != "-") print d, $4 } END { for (d in q) '
        'print q[d], clients[d], names[d], x[d], f[d], d > "/dev/stderr" }\' | ' + QUANTILES
    ),
    "tunnels": (
        f'awk \'{{ {DOMAIN}; p = $2 " " d; q[p]++; b[p] += length($1); '
        "if (!s[p $1]++) u[p]++ } END { for (p in q) print q[p], u[p], b[p] / q[p], p }'"
    ),
}
COLUMNS = {  # by name, and by place in the TSV
    "slow": ("id.resp_h rtt", "$5, $9"),
    "timeline": ("ts rtt rcode outcome", "$1, $9, $15, $25"),
    "names": ("query id.orig_h rcode rtt", "$10, $3, $15, $9"),
    "tunnels": ("query id.orig_h", "$10, $3"),
}
FILTERS = {
    name: ", ".join(f'(.["{each}"] // "-")' for each in columns.split())
    for name, (columns, _) in COLUMNS.items()
}
JQ = {
    name: f"jq -r '[{cells}] | @tsv' PATH | {TABLES[name]}" for name, cells in FILTERS.items()
} | {
    "show": f"n=$(jq -r 'select(.uid == \"{MARK}\").query' PATH); "
    f'jq -c --arg n "$n" \'select(.uid == "{MARK}" or .query == $n)\' PATH'
}
CUT = {
    name: f"zeek-cut {columns} < PATH | {TABLES[name]}" for name, (columns, _) in COLUMNS.items()
} | {
    "show": f"n=$(zeek-cut uid query < PATH | awk '$1 == \"{MARK}\" {{ print $2 }}'); "
    f"zeek-cut < PATH | awk -F'\\t' -v n=\"$n\" '$2 == \"{MARK}\" || $10 == n'"
}
# zeek-cut's work by awk alone: the columns of this log are known.
AWK = {
    name: f"awk -F'\\t' '!/^#/ {{ print {places} }}' PATH | {TABLES[name]}"
    for name, (_, places) in COLUMNS.items()
} | {
    "show": f"n=$(awk -F'\\t' '$2 == \"{MARK}\" {{ print $10 }}' PATH); "
    f"awk -F'\\t' -v n=\"$n\" '$2 == \"{MARK}\" || $10 == n' PATH"
}


class Cost(NamedTuple):
    """What a command took: seconds of CPU, of wall, and bytes at its peak."""

    cpu: float
    wall: float
    peak: int

    def __str__(self) -> str:
        """Write it as a row's cells."""
        return f"{self.cpu:7.1f} s CPU {self.wall:7.1f} s {self.peak / 1e6:7,.0f} MB"


def measure(argv: list[str]) -> Cost | None:
    """Run a command; None when it fails, for want of memory for instance."""
    begun = time.monotonic()
    process = subprocess.Popen(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    complaint = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = complaint.decode(errors="replace").strip()[-200:]
        print(f"{' '.join(argv[-3:])[:60]}: {last}", file=sys.stderr)
        return None
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begun, usage.ru_maxrss * 1024)


def fill(folder: Path, records: int) -> dict[str, Path]:
    """Write the same records in every form."""
    recorded = [json.loads(line) for line in gzip.decompress(RECORDED.read_bytes()).splitlines()]
    paths = {form: folder / form / "dns.log" for form in ("json", "tsv")}
    paths["gzip"] = folder / "gzip" / "dns.log.gz"
    for path in paths.values():
        path.parent.mkdir(parents=True)
    turns = max(1, records // len(recorded))
    with paths["json"].open("w") as lines:
        lines.writelines(_repeated(_lines(recorded), recorded, turns))
    header, *rows, close = tsv([_marked(one) for one in recorded]).splitlines(keepends=True)[7:]
    with paths["tsv"].open("w") as table:
        table.writelines(tsv(recorded[:1]).splitlines(keepends=True)[:7])
        table.write(header)
        table.writelines(_repeated(rows, recorded, turns))
        table.write(close)
    with paths["gzip"].open("wb") as packed:
        subprocess.run(["gzip", "-1c", str(paths["json"])], stdout=packed, check=True)
    paths["parquet"] = folder / "parquet"
    cost = measure([*PANO, "to-parquet", str(paths["parquet"]), str(paths["json"])])
    sizes = ", ".join(f"{form} {_size(path) / 1e6:,.0f} MB" for form, path in paths.items())
    print(f"{turns * len(recorded):,} records: {sizes}; to-parquet {cost}", flush=True)
    return paths


def _marked(record: dict[str, Any]) -> dict[str, Any]:
    """Put marks where each repetition has its own: time, uid, query."""
    return record | {"ts": 1.0, "uid": "@uid@", "query": "@query@"}


def _lines(recorded: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(_marked(one), separators=(",", ":")) + "\n" for one in recorded]


def _repeated(templates: list[str], recorded: list[dict[str, Any]], turns: int) -> Iterator[str]:
    """Yield the lines of all repetitions: a new time and uid, every other time a new name."""
    cut = [
        template.replace("1.000000", "@ts@", 1)
        .replace('"ts":1.0', '"ts":@ts@', 1)
        .replace("@uid@", "@ts@")
        .replace("@query@", "@ts@")
        .split("@ts@")
        for template in templates
    ]
    told = [(one["ts"], one["uid"][:9], one["query"] or ".") for one in recorded]
    for turn in range(turns):
        prefix = f"t{turn}." if turn % 2 else ""
        for place, (parts, (ts, uid, query)) in enumerate(zip(cut, told, strict=True)):
            begin, middle, until, end = parts
            own = MARK if turn == place == 0 else f"{uid}{turn:08x}"
            yield f"{begin}{ts + turn * 17:.6f}{middle}{own}{until}{prefix}{query}{end}"


def _size(path: Path) -> int:
    files = [path] if path.is_file() else list(path.rglob("*.parquet"))
    return sum(file.stat().st_size for file in files)


def commands(question: str, paths: dict[str, Path], *, ours: bool) -> dict[str, list[str]]:
    """Give the commands that answer a question, by tool; say which tools are missing."""
    own = TOLD.get(question, [])
    found = {f"pano {form}": [*PANO, question, *own, str(path)] for form, path in paths.items()}
    if ours or question not in QUESTIONS:
        return found
    found["pandas json"] = [*FRAMES, "pandas", question, str(paths["json"])]
    found["zat tsv"] = [*FRAMES, "zat", question, str(paths["tsv"])]
    for tool, scripts, form in (("jq", JQ, "json"), ("zeek-cut", CUT, "tsv"), ("awk", AWK, "tsv")):
        if shutil.which(tool):
            script = scripts[question].replace("PATH", str(paths[form]))
            found[f"{tool} {form}"] = ["sh", "-c", script]
        elif question == QUESTIONS[0]:
            print(f"{tool} is not installed: left out")
    return found


def compare(costs: dict[str, list[Cost]]) -> None:
    """Print the least cost of each tool, and how many times ours is faster on the same file."""
    best = {
        tool: Cost(*map(min, zip(*told, strict=True))) if told else None
        for tool, told in costs.items()
    }
    for tool, cost in best.items():
        form = tool.rpartition(" ")[2]
        mine = best.get(f"pano {form}")
        ratio = ""
        if cost and mine and not tool.startswith("pano"):
            ratio = (
                f"  pano: {cost.wall / mine.wall:.1f}x in time, {cost.cpu / mine.cpu:.1f}x in CPU"
            )
        print(f"{tool:14} {cost or 'failed'}{ratio}", flush=True)


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=10_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--ours", action="store_true")
    options.add_argument("--only", nargs="+", default=[""], help="parts of names, as `pano zat`")
    options.add_argument("--folder", type=Path, help="keep the logs here, and use them again")
    options.add_argument("--questions", nargs="+", default=list(QUESTIONS))
    chosen = options.parse_args()
    os.environ["LC_ALL"] = "C"  # sort and awk are faster so
    zeek = find_zeek()
    if zeek:
        os.environ["PATH"] += f":{zeek.parent}"
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.folder or Path(name) / "logs"
        paths = _there(folder) if folder.exists() else fill(folder, chosen.records)
        for question in chosen.questions:
            tools = commands(question, paths, ours=chosen.ours)
            tools = {
                tool: argv
                for tool, argv in tools.items()
                if any(one in tool for one in chosen.only)
            }
            costs: dict[str, list[Cost]] = {tool: [] for tool in tools}
            for _ in range(chosen.rounds):
                for tool, argv in tools.items():
                    cost = measure(argv)
                    costs[tool] += [cost] if cost else []
            print(f"-- {question}", flush=True)
            compare(costs)


def _there(folder: Path) -> dict[str, Path]:
    names = {"json": "json/dns.log", "tsv": "tsv/dns.log", "gzip": "gzip/dns.log.gz"}
    return {form: folder / name for form, name in (names | {"parquet": "parquet"}).items()}


if __name__ == "__main__":
    main()
