"""From the first attachment to the last: waits for interfaces, questions and signals."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
from contextlib import ExitStack, suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from pano_glue.agent.agent import Agent, GoneError
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pano_glue.agent.control import ControlSocket
    from pano_glue.pipeline.stage import Stage

LOG = logging.getLogger(__name__)
MEND_SECONDS = 4.0  # from one look at whether all is in place to the next
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_agent(
    agent: Agent, control: ControlSocket, mirror: str, beside: Sequence[Stage] = ()
) -> None:
    """Start the agent, say so, serve until a signal to end, and stop it.

    `beside` are programs that run on the mirror as long as the agent does.
    """
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        stack.callback(control.close)
        endings = stack.enter_context(_ending_signals())
        stack.callback(agent.stop)
        agent.start()
        for stage in beside:
            stack.callback(stage.stop)
            stage.start()
        names = ", ".join(agent.interface_names())
        LOG.info("mirroring %s to %s", names, mirror)
        notify_systemd("READY=1")
        steps: dict[Any, Callable[[], object]] = {
            control: lambda: control.serve_one(partial(answer, agent)),
            agent.changes: lambda: _look_again(agent),
        }
        selector.register(endings, selectors.EVENT_READ)
        for source in steps:
            selector.register(source, selectors.EVENT_READ)
        due = monotonic() + MEND_SECONDS
        while True:
            ready = [key.fileobj for key, _ in selector.select(max(0.0, due - monotonic()))]
            if endings in ready:
                return
            for source in ready:
                steps[source]()
            for stage in beside:
                stage.look()
            if monotonic() >= due:
                _mend(agent)
                due = monotonic() + MEND_SECONDS


def answer(agent: Agent, request: dict[str, Any]) -> object:
    """Answer a line from the control socket: `{"ask": "status"}` or `{"set": {…}}`.

    Raises:
        PanoError: when it is neither, or cannot be done.
    """
    match request:
        case {"ask": "status"}:
            return agent.status()
        case {"set": dict() as changes}:
            return agent.change(changes)
    raise PanoError(f"unknown question {request}", "use the pano-agent of the same version")


def _ending_signals() -> socket.socket:
    """Return a socket that becomes readable when a signal asks us to end."""
    readable, written = socket.socketpair()
    written.settimeout(0)
    signal.set_wakeup_fd(written.detach())
    for ending in ENDINGS:
        signal.signal(ending, lambda *_: None)
    return readable


def _look_again(agent: Agent) -> None:
    # What is in the messages does not matter, and a full queue (ENOBUFS) loses nothing:
    # the list of interfaces is read anew.
    with suppress(OSError):
        while agent.changes.recv(65536):
            pass
    _mend(agent)


def _mend(agent: Agent) -> None:
    """Look at interfaces and hooks, and repair; only what makes going on useless ends the run."""
    before, agent.trouble = agent.trouble, ""
    for step in (_say_mended, Agent.look_again):
        try:
            step(agent)
        except GoneError:
            raise
        except (OSError, PanoError) as error:
            # One interface that cannot be attached is no reason to let go of the others.
            agent.trouble = agent.trouble or f"cannot attach ({error})"
    if agent.trouble not in ("", before):
        LOG.warning("%s", agent.trouble)


def _say_mended(agent: Agent) -> None:
    for line in agent.mend():
        LOG.warning("%s", line)


def notify_systemd(state: str) -> None:
    """Tell the service manager, if one started us (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier, suppress(OSError):
        notifier.connect(address)
        notifier.send(state.encode())
