"""`packets`: the packets of one transaction, cut out of a capture with tshark."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.forensics.answer import Answer
from pano_glue.forensics.options import CutTo, Pcap, TransId, Uid
from pano_glue.forensics.records import Records
from pano_glue.forensics.schema import quoted

if TYPE_CHECKING:
    import pandas as pd

BEFORE, AFTER = timedelta(seconds=1), timedelta(seconds=15)  # around a transaction without a reply
CUT_SHORT = b"cut short in the middle of a packet"  # tshark's word for one that is being written
CAPTURES = {".pcap", ".pcapng", ".cap"}
FIELDS = (
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "ip.dst",
    "ipv6.dst",
    "dns.id",
    "dns.flags.response",
    "dns.qry.name",
    "dns.flags.rcode",
    "frame.len",
)


def packets(
    records: Records, uid: Uid, pcap: Pcap, trans_id: TransId = None, write: CutTo = None
) -> Answer:
    """Cut the packets of a transaction or connection out of a capture, or of a ring of them."""
    if shutil.which("tshark") is None:
        raise SettingError("packets needs tshark", "apt-get install tshark")
    chosen = f"uid = {quoted(uid)}"
    if trans_id is not None:
        chosen += f" AND trans_id = {trans_id}"
    records.keep("ts, client, client_port, server, server_port, proto, trans_id, rtt", chosen)
    found = records.frame("SELECT * FROM records ORDER BY ts, trans_id")
    if found.empty:
        raise PanoError(f"no record has uid {uid}", "check it, the range and the logs")
    captures = _captures(pcap)
    with tempfile.TemporaryDirectory() as name:
        cut = write or Path(name) / "cut.pcapng"
        partly = _cut(captures, _display_filter(found, whole=trans_id is None), cut, Path(name))
        table = _listed(cut)
    fact = f"{len(table):,} packets in {len(captures):,} captures"
    facts = [fact + (f", written to {write}" if write else "")]
    facts += [f"{path} ends in the middle of a packet" for path in partly]
    return Answer("packets", facts, {"packets": table})


def _display_filter(found: pd.DataFrame, *, whole: bool) -> str:
    """Write tshark's filter: the addresses, ports and time, and the id of a single transaction."""
    one = found.iloc[0]
    family = "ipv6" if ":" in one["client"] else "ip"
    first = found["ts"].min() - BEFORE
    last = found["ts"].max() + AFTER + timedelta(seconds=float(found["rtt"].fillna(0).max()))
    parts = [
        f"{family}.addr == {one['client']}",
        f"{family}.addr == {one['server']}",
        f"{one['proto']}.port == {one['client_port']}",
        f"{one['proto']}.port == {one['server_port']}",
        f"frame.time_epoch >= {first.timestamp():.6f} && frame.time_epoch <= {last.timestamp():.6f}",
    ]
    if not whole and one["proto"] == "udp":
        parts.append(f"dns.id == {one['trans_id']}")
    return " && ".join(parts)


def _captures(pcap: Path) -> list[Path]:
    """Give the capture, or those of a folder by age.

    Raises:
        PanoError: when there is none.
    """
    if pcap.is_file():
        return [pcap]
    found = [path for path in pcap.glob("*") if path.suffix in CAPTURES] if pcap.is_dir() else []
    if not found:
        raise PanoError(
            f"--pcap {pcap}: no capture there", "name a .pcap or .pcapng file, or a folder"
        )
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def _cut(captures: list[Path], display_filter: str, into: Path, folder: Path) -> list[Path]:
    """Write the packets of all captures; gives the captures that end within a packet."""
    parts, partly = [], []
    for number, capture in enumerate(captures):
        part = into if len(captures) == 1 else folder / f"{number}.pcapng"
        argv = ["tshark", "-n", "-r", str(capture), "-Y", display_filter, "-w", str(part)]
        done = subprocess.run(argv, capture_output=True, check=False)
        if CUT_SHORT in done.stderr:  # it is being written, or what wrote it was killed
            partly.append(capture)
        elif done.returncode and not capture.exists():  # its ring has dropped it meanwhile
            continue
        else:
            _complain(done, capture)
        parts.append(part)
    if len(captures) > 1:
        _run(["mergecap", "-w", str(into), *map(str, parts)], into)
    return partly


def _listed(cut: Path) -> pd.DataFrame:
    import pandas as pd

    argv = ["tshark", "-n", "-r", str(cut), "-T", "fields", "-E", "occurrence=f"]
    for field in FIELDS:
        argv += ["-e", field]
    lines = _run(argv, cut).splitlines()
    frame = pd.DataFrame([line.split("\t") for line in lines], columns=list(FIELDS), dtype="str")
    seconds = pd.to_numeric(frame["frame.time_epoch"])
    return pd.DataFrame(
        {
            "ts": pd.to_datetime(
                (seconds * 1_000_000).round().astype("int64"), unit="us", utc=True
            ),
            "client": frame["ip.src"] + frame["ipv6.src"],
            "server": frame["ip.dst"] + frame["ipv6.dst"],
            "trans_id": frame["dns.id"].map(lambda text: int(text, 16) if text else None),
            "what": frame["dns.flags.response"]
            .map({"True": "reply", "1": "reply"})
            .fillna("query"),
            "query": frame["dns.qry.name"],
            "rcode": frame["dns.flags.rcode"],
            "frame_bytes": pd.to_numeric(frame["frame.len"]),
        }
    ).rename(columns={"client": "source", "server": "destination"})


def _run(argv: list[str], path: Path) -> str:
    done = subprocess.run(argv, capture_output=True, check=False)
    _complain(done, path)
    return done.stdout.decode("utf-8", "replace")


def _complain(done: subprocess.CompletedProcess[bytes], path: Path) -> None:
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise PanoError(f"{path}: {''.join(last) or done.args[0] + ' failed'}", "check the capture")
