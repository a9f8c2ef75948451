"""A bridge as a process of its own, as it is run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

from tests.bridge.records import Page, read_page

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

COMMAND = [sys.executable, "-X", "faulthandler", "-c", "from pano_glue.cli import main; main()"]
WAIT = 60.0


def wait_until(condition: Callable[[], bool], what: str = "") -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)


def pano(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `pano-bridge` to its end; it keeps no state unless told where."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT,
        env=os.environ | {"PANO_BRIDGE_STATE_DIR": "none"} | environment,
    )


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes


class Living:
    """A running bridge."""

    def __init__(
        self, folder: Path, *arguments: str, tls: ssl.SSLContext | None = None, stdin: bytes = b""
    ) -> None:
        """Start `pano-bridge run` and wait until it serves."""
        self.tls = tls
        self._errors = folder / "bridge.err"
        if "--state-dir" not in arguments:
            arguments += ("--state-dir", "none")
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, "run", "--listen", "127.0.0.1:0", *arguments],
                stderr=errors,
                stdin=subprocess.PIPE,
            )
        if self.process.stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        wait_until(lambda: "serving" in self.errors(), "the bridge serves")
        found = re.search(r"serving (\S+)/metrics", self.errors())
        assert found
        self.url = found[1]

    def errors(self) -> str:
        return self._errors.read_text()

    def page(self, path: str = "/metrics") -> Page:
        with urllib.request.urlopen(self.url + path, timeout=WAIT, context=self.tls) as answer:  # noqa: S310 - our own
            return read_page(answer.read().decode())

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for anything, with headers (`_` for `-`); errors are answers, too."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, headers=named)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=WAIT, context=self.tls) as answer:  # noqa: S310 - our own
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # so that faulthandler shows where it hangs
            self.process.wait(WAIT)
            raise AssertionError(self.errors()) from None
