"""Packets through tshark, where Zeek is not installed: for trials, and for checking Zeek.

`tshark:IFACE?netns=NAME&sensor=NAME` captures; `tshark:FILE.pcap` reads a capture to its end.
`netns` is a name that `ip netns` knows, or a process whose network namespace it is; `max_pending`
bounds what waits. dumpcap captures into a pipe, because tshark alone would write every packet to a
file that grows and grows.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.base import Batch
from pano_glue.sources.pairing import MAX_PENDING
from pano_glue.sources.tshark_analysis import Analysis
from pano_glue.sources.tshark_fields import AGGREGATOR, DISPLAY, FIELDS, OPTIONS
from pano_glue.sources.tshark_records import json_line, stats_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pano_glue.sources.base import SourceContext, SourceUri
    from pano_glue.sources.pairing import Transaction

# Port 53, the fragments that have no ports, and what says that a query did not arrive.
CAPTURE = (
    "port 53 or (ip[6:2] & 0x1fff != 0) or (ip6[6] == 44)"
    " or icmp[icmptype] == icmp-unreach or (icmp6 and ip6[40] == 1)"
)
# Whatever ends the bridge, its programs end with it: PR_SET_PDEATHSIG of prctl(2), which speaks of
# the thread that starts them, the one that runs `batches`.
WITH_US = ("setpriv", "--pdeathsig", "KILL")
POLL = 0.2  # seconds
STATS_INTERVAL = 10.0  # seconds, PANO::stats_interval
BLOCK = 1 << 16
DROPPED = re.compile(r"received/dropped on .*: \d+/(\d+) \(")  # dumpcap's last line


def open_source(uri: SourceUri, context: SourceContext) -> TsharkSource:
    """Make the source for a `tshark:` URI.

    Raises:
        SettingError: for an unknown or bad option, or when a program is not installed.
    """
    reject_unknown_options(uri, {"max_pending", "netns", "sensor"})
    for program, package in (("tshark", "tshark"), (WITH_US[0], "util-linux")):
        if shutil.which(program) is None:
            raise SettingError(f"--source {uri.name}: no {program}", f"apt-get install {package}")
    return TsharkSource(uri, context)


def _max_pending(uri: SourceUri) -> int:
    text = uri.options.get("max_pending", str(MAX_PENDING))
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise SettingError(
            f"--source {uri.name}: max_pending={text} is no number of queries",
            f"say a whole number above 0; without it {MAX_PENDING} may wait",
        )
    return int(text)


class TsharkSource:
    """One interface, or one capture file."""

    def __init__(self, uri: SourceUri, _context: SourceContext) -> None:
        """Prepare to read what `uri` names."""
        self.name = uri.name
        self._target = uri.target
        self._netns = uri.options.get("netns", "")
        self._sensor = uri.options.get("sensor", socket.gethostname())
        self._stop = Event()
        self._analysis = Analysis(_max_pending(uri))
        self._said = b""  # dumpcap's last line before it captured, or gave up
        self._dropped = 0

    def batches(self) -> Iterator[Batch]:
        """Yield records as transactions finish; what is under way at the end is a timeout.

        What was seen is told in `pano_stats`, at the start, every `STATS_INTERVAL` and at the end.

        Raises:
            PanoError: when tshark or dumpcap gives up.
        """
        capture, tshark = self._start()
        told = float("-inf")
        try:
            for transactions in self._output(capture, tshark):
                records = b"\n".join(json_line(each, self._sensor) for each in transactions)
                if records:
                    yield Batch("dns", records)
                if time.monotonic() - told >= STATS_INTERVAL:
                    told = time.monotonic()
                    yield Batch("pano_stats", stats_line(self._analysis, self._sensor))
            self._check(capture, tshark)
            yield Batch("pano_stats", stats_line(self._analysis, self._sensor, self._dropped))
        finally:
            for process in filter(None, (capture, tshark)):
                process.kill()
                process.communicate()

    def checkpointed(self, position: object) -> None:
        """Packets cannot be read again."""

    def stop(self) -> None:
        """End the capture."""
        self._stop.set()

    def close(self) -> None:
        """Nothing outlives `batches`."""

    def _start(self) -> tuple[subprocess.Popen[bytes] | None, subprocess.Popen[bytes]]:
        argv = [*WITH_US, "tshark", "-n", "-l", *OPTIONS, "-Y", DISPLAY]
        argv += ["-T", "fields", "-E", "occurrence=a", "-E", f"aggregator={AGGREGATOR}"]
        for field in FIELDS:
            argv += ["-e", field]
        pipe = subprocess.PIPE
        if Path(self._target).is_file():
            return None, subprocess.Popen(
                [*argv, "-r", self._target], stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL
            )
        inside = ["dumpcap", "-q", "-i", self._target, "-f", CAPTURE, "-B", "64", "-w", "-"]
        if self._netns.isdecimal():
            inside = ["nsenter", "--net", "--target", self._netns, *inside]
        elif self._netns:
            inside = ["ip", "netns", "exec", self._netns, *inside]
        # Unbuffered, so that nothing of stderr is taken from `communicate`.
        capture = subprocess.Popen([*WITH_US, *inside], stdout=pipe, stderr=pipe, bufsize=0)
        tshark = subprocess.Popen(
            [*argv, "-r", "-"], stdin=capture.stdout, stdout=pipe, stderr=pipe
        )
        if capture.stdout is not None:
            capture.stdout.close()  # tshark's alone, so that its end is noticed
        self._await_capture(capture)
        return capture, tshark

    def _await_capture(self, capture: subprocess.Popen[bytes]) -> None:
        """Wait until dumpcap has its filter in place, and say so for who waits to send."""
        for line in capture.stderr or ():
            self._said = line
            if line.startswith(b"File:"):  # "Capturing on" comes before it tries
                print(f"pano-bridge: {self.name}: capturing", file=sys.stderr, flush=True)
                return

    def _output(
        self, capture: subprocess.Popen[bytes] | None, tshark: subprocess.Popen[bytes]
    ) -> Iterator[Iterable[Transaction]]:
        """Yield the transactions of each piece of tshark's output."""
        if tshark.stdout is None:
            return
        output = tshark.stdout.fileno()
        half, heard = b"", time.monotonic()
        while True:
            if self._stop.is_set() and capture is not None:
                capture.terminate()
            ready, _, _ = select.select([output], [], [], POLL)
            passed, heard = time.monotonic() - heard, time.monotonic()
            if not ready:
                if capture is not None:  # without packets, time passes by the clock
                    yield self._analysis.idle(passed)
                continue
            chunk = os.read(output, BLOCK)
            if not chunk:
                yield self._analysis.end()
                return
            *lines, half = (half + chunk).split(b"\n")
            yield chain.from_iterable(map(self._analysis.line, lines))

    def _check(
        self, capture: subprocess.Popen[bytes] | None, tshark: subprocess.Popen[bytes]
    ) -> None:
        """Say why the programs ended.

        Raises:
            PanoError: when they were not asked to.
        """
        for process in filter(None, (capture, tshark)):
            _, complaint = process.communicate()
            last = (self._said + complaint).decode("utf-8", "replace").strip().splitlines()[-1:]
            if (capture and not self._stop.is_set()) or process.returncode > 0:
                cure = "check the interface's name, netns= and the permission to capture"
                raise PanoError(f"--source {self.name}: {''.join(last) or 'tshark ended'}", cure)
            if dropped := DROPPED.search("".join(last)):
                self._dropped = int(dropped[1])
                print(f"pano-bridge: {self.name}: {''.join(last)}", file=sys.stderr)
