"""`pano-bridge doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from ctypes.util import find_library
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import msgspec

from pano_glue.paths import find_zeek
from pano_glue.pipeline.zeek_launch import find_tcmalloc

# program: what it is for, and the Debian package that has it.
PROGRAMS = {
    "tshark": ("tshark: sources, checking Zeek", "tshark"),
    "prometheus": ("storing metrics", "prometheus"),
    "promtool": ("checking rules", "prometheus"),
    "clang": ("building the eBPF program", "clang"),
    "nsd": ("the lab's resolvers", "nsd"),
    "dnsperf": ("the lab's load", "dnsperf"),
}
# distribution: what it is for, and the extra of pano-glue that has it.
LIBRARIES = {
    "pyroute2": ("pano-agent", "agent"),
    "kafka-python": ("kafka: sources", "kafka"),
    "confluent-kafka": ("faster kafka: sources", "fast"),
    "websockets": ("ws: sources", "websocket"),
    "textual": ("the live screen of top", "top"),
    "publicsuffixlist": ("registered domains", "domains"),
    "pandas": ("forensics", "forensics"),
    "zat": ("forensics", "forensics"),
}


class Finding(NamedTuple):
    """One thing that PANO can use: where or which version it is; None when missing."""

    name: str
    purpose: str
    found: str | None
    cure: str


def doctor(*, as_json: bool) -> None:
    """Print the findings: a table, or JSON.

    The JSON is `{"findings": [{"name", "purpose", "found", "cure"}]}`, `found` null when missing.
    """
    findings = [*_host(), *_programs(), *_libraries()]
    if as_json:
        print(msgspec.json.encode({"findings": [f._asdict() for f in findings]}).decode())
        return
    for finding in findings:
        sign, note = ("ok", finding.found) if finding.found else ("--", finding.cure)
        print(f"{sign}  {finding.name:<17} {finding.purpose:<31} {note}")


def _host() -> list[Finding]:
    release = platform.release()
    kernel = tuple(map(int, re.findall(r"\d+", release)[:2]))
    tcx = f"{release}, tcx" if kernel >= (6, 6) else f"{release}, clsact"
    return [
        Finding("kernel", "eBPF mirror", tcx if Path("/sys/fs/bpf").exists() else None, "no eBPF"),
        Finding("root", "eBPF, namespaces", "yes" if os.geteuid() == 0 else None, "use sudo"),
        Finding("libbpf", "pano-agent", find_library("bpf"), "apt-get install libbpf1"),
        Finding("zeek", "analysing packets", _zeek(), "see https://zeek.org/get-zeek"),
        Finding(
            "tcmalloc",
            "Zeek with less CPU",
            find_tcmalloc(),
            "apt-get install libtcmalloc-minimal4",
        ),
    ]


def _zeek() -> str | None:
    zeek = find_zeek()
    if zeek is None:
        return None
    try:
        answer = subprocess.run([zeek, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return f"{zeek}, {answer.stdout.strip().removeprefix('zeek version ')}"


def _programs() -> list[Finding]:
    return [
        Finding(name, purpose, shutil.which(name), f"apt-get install {package}")
        for name, (purpose, package) in PROGRAMS.items()
    ]


def _libraries() -> list[Finding]:
    return [
        Finding(name, purpose, _version(name), f"pip install 'pano-glue[{extra}]'")
        for name, (purpose, extra) in LIBRARIES.items()
    ]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
