"""Packets through tshark, where Zeek is not installed: for trials, and for checking Zeek.

`tshark:IFACE?netns=NAME&sensor=NAME` captures; `tshark:FILE.pcap` reads a capture to its end.
`netns` is a name that `ip netns` knows, or a process whose network namespace it is. dumpcap
captures into a pipe, because tshark alone would write every packet to a file that grows and grows.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError
from pano_glue.sources import reject_unknown_options
from pano_glue.sources.base import Batch
from pano_glue.sources.pairing import Pairing
from pano_glue.sources.tshark_fields import (
    AGGREGATOR,
    FIELDS,
    QR,
    UnreadFrameError,
    json_line,
    messages,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pano_glue.sources.base import SourceContext, SourceUri
    from pano_glue.sources.pairing import Transaction

# Port 53, and the fragments that have no ports.
CAPTURE = "port 53 or (ip[6:2] & 0x1fff != 0) or (ip6[6] == 44)"
# ICMP quotes the packets that it complains about; they are not on the wire again.
DISPLAY = "dns && (udp.port == 53 || tcp.port == 53) && !icmp && !icmpv6"
REASSEMBLE = "tcp.reassemble_out_of_order:TRUE"
POLL = 0.2  # seconds
BLOCK = 1 << 16


def open_source(uri: SourceUri, context: SourceContext) -> TsharkSource:
    """Make the source for a `tshark:` URI.

    Raises:
        SettingError: for an unknown option, or when tshark is not installed.
    """
    reject_unknown_options(uri, {"netns", "sensor"})
    if shutil.which("tshark") is None:
        raise SettingError(f"--source {uri.name}: no tshark", "apt-get install tshark")
    return TsharkSource(uri, context)


class TsharkSource:
    """One interface, or one capture file."""

    def __init__(self, uri: SourceUri, context: SourceContext) -> None:
        """Prepare to read what `uri` names."""
        self.name = uri.name
        self._target = uri.target
        self._netns = uri.options.get("netns", "")
        self._sensor = uri.options.get("sensor", socket.gethostname())
        self._ledger = context.ledger
        self._stop = Event()
        self._pairing = Pairing()
        self._now = 0.0  # the newest packet's time
        self._said = b""  # dumpcap's last line before it captured, or gave up

    def batches(self) -> Iterator[Batch]:
        """Yield records as transactions finish; what is under way at the end is a timeout.

        Raises:
            PanoError: when tshark or dumpcap gives up.
        """
        capture, tshark = self._start()
        try:
            for lines in self._output(capture, tshark):
                records = b"\n".join(json_line(done, self._sensor) for done in lines)
                if records:
                    yield Batch("dns", records)
            self._check(capture, tshark)
        finally:
            for process in filter(None, (capture, tshark)):
                process.kill()
                process.communicate()

    def commit(self, position: object) -> None:
        """Packets cannot be read again."""

    def stop(self) -> None:
        """End the capture."""
        self._stop.set()

    def close(self) -> None:
        """Nothing outlives `batches`."""

    def _start(self) -> tuple[subprocess.Popen[bytes] | None, subprocess.Popen[bytes]]:
        argv = ["tshark", "-n", "-l", "-Y", DISPLAY, "-T", "fields", "-E", "occurrence=a"]
        argv += ["-E", f"aggregator={AGGREGATOR}", "-o", REASSEMBLE]
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
        capture = subprocess.Popen(inside, stdout=pipe, stderr=pipe, bufsize=0)
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
            if not ready:
                # Without packets, time passes by the clock.
                yield self._pairing.until(self._now + time.monotonic() - heard)
                continue
            heard = time.monotonic()
            chunk = os.read(output, BLOCK)
            if not chunk:
                yield self._pairing.end()
                return
            *lines, half = (half + chunk).split(b"\n")
            yield self._transactions(lines)

    def _transactions(self, lines: list[bytes]) -> Iterator[Transaction]:
        for line in lines:
            try:
                read = messages(line.decode("utf-8", "replace"))
            except UnreadFrameError as error:
                self._ledger.skipped(self.name, error.messages)
                continue
            for message in read:
                self._now = max(self._now, message.time)
                yield from self._pairing.until(self._now)
                if message.flags & QR:
                    yield from self._pairing.reply(message)
                else:
                    yield from self._pairing.query(message)

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
            if "dropped" in "".join(last):
                print(f"pano-bridge: {self.name}: {''.join(last)}", file=sys.stderr)
