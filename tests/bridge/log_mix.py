"""A log written, rotated and read in every way at random, and the bridge must count each record.

`python -m tests.bridge.log_mix --minutes 30 --seed 1` runs rounds until the time is up. In each a
writer changes format, settings and file as Zeek, zeekctl, zeek-archiver, logrotate and
administrators do, while the bridge is killed, stopped and started again on its checkpoint.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from tests.bridge.living import Living, wait_until
from tests.bridge.records import record, total

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN = 1_790_000_000
TYPES = {
    "ts": "time", "uid": "string", "id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr",
    "id.resp_p": "port", "proto": "enum", "trans_id": "count", "rtt": "interval",
    "query": "string", "qtype": "count", "rcode": "count", "TC": "bool",
    "answers": "vector[string]", "outcome": "string", "retransmits": "count",
    "query_bytes": "count", "reply_bytes": "count", "sensor": "string",
}  # fmt: skip
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


class Style:
    """How a Zeek was set to write."""

    def __init__(self, draw: random.Random) -> None:
        """Draw one."""
        self.tsv = draw.random() < 0.5
        self.end = draw.choice(["\n", "\n", "\r\n"])
        self.nulls = draw.random() < 0.2
        self.scope = draw.choice([".", ".", "_"])
        self.no_tc = draw.random() < 0.2
        self.separator = draw.choice(["\t", "\t", "|", ";"])
        self.set_separator, self.empty, self.unset = draw.choice(
            [(",", "(empty)", "-"), ("!", "EMPTY", "NONE"), (",", "(empty)", "")]
        )
        self.times = draw.choice(["epoch", "epoch", "millis", "iso"])
        self.path = draw.random() < 0.2
        self.mark = "\ufeff" if draw.random() < 0.1 else ""

    def names(self) -> dict[str, str]:
        """Give the columns by the names of their fields."""
        kept = [name for name in TYPES if not (self.no_tc and name == "TC")]
        return {name: name.replace("id.", f"id{self.scope}") for name in kept}

    def header(self, opened: int) -> bytes:
        """Write what a new file begins with."""
        if not self.tsv:
            return b""
        names = self.names()
        escaped = f"\\x{ord(self.separator):02x}"
        rows = [
            ("#set_separator", self.set_separator),
            ("#empty_field", self.empty),
            ("#unset_field", self.unset),
            ("#path", "dns"),
            ("#open", f"{opened}"),
            ("#fields", *names.values()),
            ("#types", *(TYPES[name] for name in names)),
        ]
        text = [f"#separator {escaped}", *(self.separator.join(row) for row in rows)]
        return "".join(line + self.end for line in text).encode()

    def line(self, fields: dict[str, Any]) -> bytes:
        """Write a record."""
        row = {new: fields.get(name) for name, new in self.names().items()}
        if self.tsv:
            return (self.separator.join(map(self._cell, row.values())) + self.end).encode()
        row = {key: value for key, value in row.items() if self.nulls or value is not None}
        if self.times == "millis":
            row["ts"] = round(fields["ts"] * 1000)
        elif self.times == "iso":
            row["ts"] = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(fields["ts"]))
        if self.path:
            row = {"_path": "dns", **row}
        return (json.dumps(row, separators=(",", ":")) + self.end).encode()

    def _cell(self, value: object) -> str:
        if value is None:
            return self.unset
        if isinstance(value, bool):
            return "T" if value else "F"
        if isinstance(value, list):
            items = (self._escaped(item, self.separator + self.set_separator) for item in value)
            return self.set_separator.join(items) or self.empty
        text = f"{value:.6f}" if isinstance(value, float) else str(value)
        return self._escaped(text, self.separator)

    def _escaped(self, text: str, marks: str) -> str:
        for mark in marks:
            text = text.replace(mark, f"\\x{ord(mark):02x}")
        return text


class Writer:
    """Writes the log, and does to it what is done to logs."""

    def __init__(self, folder: Path, draw: random.Random) -> None:
        """Begin with an empty log."""
        self.log = folder / "dns.log"
        self.archive = folder / "archive"
        (self.archive / "2026-09-21").mkdir(parents=True)
        self._draw = draw
        self.style = Style(draw)
        self.written = 0
        self.did: list[str] = []
        self._files = 0
        self._now = BEGIN
        self._file = self.log.open("ab", buffering=0)
        self._began = False
        self._log_beside(folder)

    def _log_beside(self, folder: Path) -> None:
        """Put files there that are of no rotation, and hold records all the same."""
        other = Style(self._draw)
        other.tsv = False
        text = b"".join(other.line(record(n)) for n in range(7))
        for name in ("dns-internal.log", "dns-tail.log", "dns.csv", "dns.log.bak", "dns_2.log"):
            (folder / name).write_bytes(text)

    def write(self) -> None:
        """Write some records, the last perhaps in two parts."""
        data = b"" if self._began else (self.style.mark.encode() + self.style.header(self._now))
        self._began = True
        for _ in range(self._draw.randrange(1, 120)):
            data += self.style.line(self._record())
        cut = self._draw.randrange(len(data)) if self._draw.random() < 0.5 else 0
        self._file.write(data[:cut])
        if cut and self._draw.random() < 0.3:
            time.sleep(0.15)
        self._file.write(data[cut:])

    def _record(self) -> dict[str, Any]:
        draw, n = self._draw, self.written
        self.written += 1
        self._now += draw.randrange(3)
        late = draw.random() < 0.1
        fields = record(n, answers=draw.choice([[], ["192.0.2.7"], ["a|b;c", "x,y"]]))
        fields |= {"ts": float(self._now - 5 * late), "query": draw.choice(["a.test", 'q"|;.test'])}
        if late:
            fields |= {"rcode": None, "rtt": None, "outcome": "timeout", "reply_bytes": None}
        elif draw.random() < 0.05:
            fields["rtt"] = -0.000212
        return fields

    def restyle(self) -> None:
        """Start Zeek anew with other settings, in the same file."""
        self.style = Style(self._draw)
        self.style.mark = ""
        if self.style.tsv:
            self._began = False

    def rotate(self) -> None:
        """Rename, with one program's names, and perhaps compress."""
        if not self._began:
            return  # nobody rotates an empty file
        self._close()
        stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime(BEGIN + self._files * 3600))
        clock = stamp[11:].replace("-", ":")
        folder = self._draw.choice([self.log.parent, self.archive, self.archive / "2026-09-21"])
        name = self._draw.choice(
            [
                f"dns.log.{self._files}",
                f"dns.{self._files}.log",
                f"dns.log-{stamp[:10].replace('-', '')}-{self._files}",
                f"dns-{stamp[2:10]}_{stamp[11:].replace('-', '.')}.log",
                f"dns.{stamp}.log",
                f"dns.{clock}-{clock[:-1]}9.log",
                f"dns__{stamp}__{stamp}__.log",
            ]
        )
        self._did(f"rotate to {name}")
        self.log.rename(folder / name)
        if self._draw.random() < 0.3:
            self._file.write(self.style.line(self._record()))  # it has not reopened yet
        self._reopen()
        if self._draw.random() < 0.5:
            self._compress(folder / name)

    def copy_and_truncate(self) -> None:
        """Rotate as logrotate's `copytruncate`."""
        if not self._began:
            return
        self._close()
        self._did("copytruncate")
        copy = self.log.with_name(f"dns.log.{self._files}")
        shutil.copy2(self.log, copy)
        os.truncate(self.log, 0)
        self._files += 1
        self._began = False
        self.style = Style(self._draw)

    def redate(self) -> None:
        """Touch, copy away and back, move or compress what was rotated long ago."""
        old = [path for path in self._old() if path.stat().st_size]
        if not old:
            return
        path = self._draw.choice(old)
        how = self._draw.choice(["touch", "copy", "restore", "move", "compress"])
        self._did(f"{how} {path.name}")
        if how == "touch":
            os.utime(path)
        elif how == "copy" and path.parent.name != "2026-09-21":
            shutil.copy(path, self.archive / "2026-09-21" / path.name)
        elif how == "restore":
            shutil.copy(path, self.log.parent / "restored")
            (self.log.parent / "restored").rename(path)
        elif how == "move":
            path.rename(self.archive / path.name)
        elif how == "compress" and path.suffix[1:] not in PACKERS:
            self._compress(path)

    def _old(self) -> list[Path]:
        beside = [path for path in self.log.parent.glob("dns*") if self._ours(path.name)]
        return beside + [path for path in self.archive.rglob("dns*") if path.is_file()]

    def _ours(self, name: str) -> bool:
        strangers = {"dns.log", "dns-internal.log", "dns-tail.log", "dns.csv", "dns.log.bak"}
        return name not in strangers | {"dns_2.log"}

    def _compress(self, path: Path) -> None:
        suffix = self._draw.choice(list(PACKERS))
        packed = path.with_name(f"{path.name}.{suffix}")
        data = PACKERS[suffix](path.read_bytes())
        half = len(data) // 2
        with packed.open("wb", buffering=0) as file:
            file.write(data[:half])
            file.write(data[half:])
        path.unlink()

    def _close(self) -> None:
        if self.style.tsv and self._draw.random() < 0.7:
            self._file.write(f"#close{self.style.separator}2026{self.style.end}".encode())

    def _reopen(self) -> None:
        self._file.close()
        self._files += 1
        self.style = Style(self._draw)
        self._began = False
        self._file = self.log.open("ab", buffering=0)

    def _did(self, what: str) -> None:
        self.did.append(f"{self.written}: {what}")


def run_round(folder: Path, draw: random.Random) -> tuple[int, float, str]:
    """Run one; returns records written and counted, and what was done."""
    writer = Writer(folder, draw)
    source = f"log:{writer.log}?from=beginning&archive={writer.archive}"
    arguments = ("--source", source, "--state-dir", str(folder / "state"))
    bridge = Living(folder, *arguments)
    steps = [writer.write] * 6 + [writer.rotate] * 3
    steps += [writer.copy_and_truncate, writer.restyle, writer.redate, writer.redate]
    counted = 0.0
    said = ""
    try:
        for _ in range(draw.randrange(15, 50)):
            draw.choice(steps)()
            if draw.random() < 0.4:
                time.sleep(draw.random() * 0.3)
            if draw.random() < 0.3:
                bridge.page()  # which makes a checkpoint
            chance = draw.random()
            if chance < 0.1:
                if chance < 0.07:
                    bridge.kill()
                else:
                    bridge.end()
                said += bridge.errors()
                writer.did.append(f"{writer.written}: restart")
                for _ in range(draw.randrange(6)):  # while it is down
                    draw.choice(steps)()
                bridge = Living(folder, *arguments)
        writer.write()

        def settled() -> bool:
            nonlocal counted
            page = bridge.page()
            counted = total(page, "pano_bridge_records_total", result="counted")
            bad = total(page, "pano_bridge_records_total", result="malformed")
            return counted + bad >= writer.written and not total(page, "pano_bridge_backlog_bytes")

        try:
            wait_until(settled, "all is counted")
            time.sleep(2.5)  # a look at all files later it must still be so
            settled()
        except AssertionError:
            pass
        said += bridge.errors()
    finally:
        bridge.kill()
    return writer.written, counted, "\n".join([*writer.did, said])


def main() -> None:
    """Run rounds until the time is up; exit code 1 when one was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1 << 30)
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.minutes
    rounds = records = wrong = 0
    while time.monotonic() < end and rounds < arguments.rounds:
        seed = f"{arguments.seed} {rounds}"
        folder = Path(tempfile.mkdtemp(prefix="log_mix."))
        draw = random.Random(seed)  # noqa: S311 - a round that can be run again
        written, counted, story = run_round(folder, draw)
        rounds += 1
        records += written
        if counted == written:
            shutil.rmtree(folder)
            continue
        wrong += 1
        print(f"round {seed}: {written} written, {counted:g} counted, in {folder}\n{story}")
        sys.stdout.flush()
    print(f"{rounds} rounds, {records} records, {wrong} rounds wrong")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
