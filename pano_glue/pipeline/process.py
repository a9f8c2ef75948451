"""One child process: dies with us, logs to a file, is waited for by condition."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 5


def _die_with_parent(libc: ctypes.CDLL) -> Callable[[], None]:
    """Return what a child runs before exec: SIGTERM when its parent dies, even by SIGKILL."""

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare


class Child:
    """A stage's process. `log` holds what it printed; `stop` is SIGTERM, then SIGKILL."""

    def __init__(
        self, name: str, argv: Sequence[str], folder: Path, *, cwd: Path | None = None
    ) -> None:
        """Start `argv` as `name`, printing to `folder/name.log`.

        Raises:
            PanoError: when the program is not installed or may not be run.
        """
        self.name = name
        self.log = folder / f"{name}.log"
        libc = ctypes.CDLL(None, use_errno=True)
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    process_group=0,  # Ctrl-C is ours to turn into an ordered stop
                    preexec_fn=_die_with_parent(libc),  # noqa: PLW1509 - before any thread is started
                )
            except OSError as error:
                raise PanoError(
                    f"{name}: cannot start {argv[0]} ({error.strerror})",
                    "`pano-bridge doctor` says what is missing and how to get it",
                ) from error
        self.pid = self._process.pid

    def running(self) -> bool:
        """Tell whether it still runs."""
        return self._process.poll() is None

    def output(self) -> str:
        """Return everything that it has printed so far."""
        return self.log.read_text(errors="replace")

    def failure(self) -> PanoError:
        """Describe an end that nobody asked for, with the last lines that it printed."""
        tail = " | ".join(self.output().strip().splitlines()[-LOG_TAIL_LINES:])
        return PanoError(f"{self.name} ended with exit code {self._process.poll()}: {tail}")

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait for `ready`.

        Raises:
            PanoError: when it ends first or `seconds` pass.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running():
                raise self.failure()
            if time.monotonic() > deadline:
                raise PanoError(f"{self.name}: no {what} after {seconds:.0f} s", f"see {self.log}")
            time.sleep(POLL_SECONDS)

    def wait(self, seconds: float) -> None:
        """Wait for its end.

        Raises:
            PanoError: when it still runs after `seconds`.
        """
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise PanoError(
                f"{self.name} has not ended after {seconds:.0f} s", f"see {self.log}"
            ) from None

    def stop(self, seconds: float = 15) -> None:
        """End it: SIGTERM, and SIGKILL if it has not gone after `seconds`."""
        if self.running():
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until `condition` holds; False when `seconds` passed first."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
