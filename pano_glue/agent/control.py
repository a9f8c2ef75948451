"""`pano-agent status`: one JSON line asked, one answered, over a Unix socket."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONGEST = 1 << 20
PATIENCE = 5.0  # seconds; both sides answer in milliseconds


class ControlSocket:
    """The agent's end; only the owner (root) may connect."""

    def __init__(self, path: Path) -> None:
        """Listen at `path`, in place of a dead agent's socket.

        Raises:
            PanoError: when a live agent listens there.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if answers(path):
                raise PanoError(f"another pano-agent listens at {path}", "name another --control")
            path.unlink()
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        previous = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(previous)
        self._socket.listen(8)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def serve_one(self, answer: Callable[[Any], object]) -> None:
        """Accept one caller and answer it; a caller that breaks off harms nobody."""
        caller, _ = self._socket.accept()
        with caller:
            caller.settimeout(PATIENCE)
            try:
                reply = answer(msgspec.json.decode(_read_line(caller)))
            except PanoError as error:
                reply = {"error": str(error)}
            except (OSError, msgspec.MsgspecError):
                return
            try:
                caller.sendall(msgspec.json.encode(reply) + b"\n")
            except OSError:
                return

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Tell whether somebody listens at `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


def ask(path: Path, request: dict[str, Any]) -> Any:  # noqa: ANN401 # any JSON value
    """Ask the agent at `path`.

    Raises:
        PanoError: when no agent listens there, or the agent refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        asker.settimeout(PATIENCE)
        try:
            asker.connect(str(path))
            asker.sendall(msgspec.json.encode(request) + b"\n")
            reply = msgspec.json.decode(_read_line(asker))
        except PermissionError as error:
            raise PanoError(f"no permission to open {path}", "run as root") from error
        except (OSError, msgspec.MsgspecError) as error:
            raise PanoError(
                f"no pano-agent answers at {path}", "start one, or name its --control"
            ) from error
    if "error" in reply:
        raise PanoError(reply["error"])
    return reply


def _read_line(source: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST:
        some = source.recv(65536)
        if not some:
            break
        line += some
    return line
