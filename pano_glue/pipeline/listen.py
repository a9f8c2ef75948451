"""Addresses to serve on: free before anything is started, and named by their option if not."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

HIGHEST_PORT = 65535


def free_addresses(wanted: Mapping[str, str]) -> list[str]:
    """Check that each option's HOST:PORT can be listened on; port 0 becomes one that is free.

    Raises:
        SettingError: for what is no address of this host, naming the option.
        PanoError: for an address that somebody else listens on, or another option has.
    """
    with ExitStack() as held:  # all at one time, so that no two get the same
        return [_claim(option, text, held) for option, text in wanted.items()]


def _claim(option: str, text: str, held: ExitStack) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > HIGHEST_PORT:
        raise SettingError(f"{option} {text}: no address", "write HOST:PORT, as 127.0.0.1:15353")
    bare = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    probe = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
    try:
        probe.bind((bare, int(port)))
        probe.listen()
    except socket.gaierror as error:
        raise SettingError(f"{option} {text}: {error.strerror}", "name an address") from error
    except OSError as error:
        cure = "name an address of this host, and a port that you may use"
        if error.errno == errno.EADDRINUSE:
            cure = f"stop what listens there, or give {option} {host}:0, which takes a free port"
        raise PanoError(f"{option} {text}: {error.strerror}", cure) from error
    return f"{host}:{probe.getsockname()[1]}"
