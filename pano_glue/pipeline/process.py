"""One child process: dies with us, logs to a file, is waited for by condition."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1  # prctl(2)
POLL_SECONDS = 0.05
TAIL_LINES = 3
TAIL = 400  # characters


def _die_with_parent(libc: ctypes.CDLL, parent: int) -> Callable[[], None]:
    """Return what a child runs before exec: SIGTERM when its parent dies, even by SIGKILL."""

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked to be told
            os.kill(os.getpid(), signal.SIGTERM)

    return prepare


class Child:
    """A process of ours. `log` holds what it and those before it of that name printed."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        folder: Path,
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start `argv` as `name`, printing to `folder/name.log`.

        Raises:
            PanoError: when the program is not installed or may not be run.
        """
        self.name = name
        self.log = folder / f"{name}.log"
        libc = ctypes.CDLL(None, use_errno=True)
        with self.log.open("ab") as log:
            self._begin = log.tell()
            try:
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    env=environment,
                    process_group=0,  # Ctrl-C is ours to turn into an ordered stop
                    # The kernel takes the end of the starting thread for the parent's: only the
                    # main thread starts children, and no other one runs beside it.
                    preexec_fn=_die_with_parent(libc, os.getpid()),  # noqa: PLW1509
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
        with self.log.open("rb") as log:
            log.seek(self._begin)
            return log.read().decode(errors="replace")

    def ending(self) -> str:
        """Say in one line how it ended, and what it printed last."""
        code = self._process.poll()
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        tail = " | ".join(self.output().strip().splitlines()[-TAIL_LINES:])
        if len(tail) > TAIL:
            tail = f"…{tail[-TAIL:]}"
        return f"{self.name} {how}, and printed last: {tail or 'nothing'}"

    def failure(self) -> PanoError:
        """Describe an end that nobody asked for."""
        return PanoError(self.ending())

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

    def terminate(self) -> None:
        """Ask it to end; `stop` waits until it has."""
        self._process.terminate()

    def stop(self, seconds: float = 15) -> bool:
        """End it: SIGTERM, and SIGKILL if it has not gone after `seconds`, which gives False."""
        self._process.terminate()
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True


def stop_all(children: Iterable[Child], seconds: float) -> None:
    """End children at one time: SIGTERM, and SIGKILL to those that are there after `seconds`."""
    deadline = time.monotonic() + seconds
    ending = list(children)
    for child in ending:
        child.terminate()
    for child in ending:
        child.stop(deadline - time.monotonic())


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until `condition` holds; False when `seconds` passed first."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
