"""Programs on interfaces: tcx links where the kernel has them (6.6), else clsact filters."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pano_glue.agent import libbpf
from pano_glue.agent.kernel import refusal
from pano_glue.agent.layout import DIRECTIONS
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.agent.devices import Network

CLSACT = "clsact"  # in the label of filters on a clsact that came with them
TCX = (libbpf.TCX_INGRESS, libbpf.TCX_EGRESS)


class Way(StrEnum):
    """How to attach: `auto` is tcx until the kernel says that it has none."""

    AUTO = "auto"
    TCX = "tcx"
    CLSACT = "clsact"


class Attachment(Protocol):
    """A program on one side of one interface."""

    def is_there(self) -> bool:
        """Tell whether it is still attached, whoever may have detached it."""

    def detach(self) -> None:
        """Take the program away; harmless when the interface has gone."""


class TcxLink:
    """Ends with this process, whatever ends the process."""

    def __init__(self, programs: libbpf.BpfObject, fd: int) -> None:
        """Own the link's descriptor."""
        self._programs = programs
        self._fd = fd

    def is_there(self) -> bool:
        """Ask the kernel."""
        return self._programs.is_linked(self._fd)

    def detach(self) -> None:
        """Close the link."""
        os.close(self._fd)


class ClsactFilter:
    """Outlives this process when it is killed: `pano-agent cleanup` and `run` remove it."""

    def __init__(self, network: Network, index: int, direction: int, mirror: str) -> None:
        """Remember the place and whose it is."""
        self._network = network
        self._index = index
        self._direction = direction
        self._mirror = mirror

    def is_there(self) -> bool:
        """Look among the interface's filters."""
        return any(
            one.direction == self._direction and one.owner == self._mirror
            for one in self._network.own_filters(self._index)
        )

    def detach(self) -> None:
        """Remove the filter, and the clsact that was added for it when nobody uses it."""
        remove_filters(self._network, self._index, {self._mirror}, {self._direction})


def remove_filters(network: Network, index: int, mirrors: set[str], directions: set[int]) -> int:
    """Remove the filters that agents with these mirrors added; returns how many.

    The clsact of an interface goes too when an agent added it and it is empty. Which agent
    did is written on every filter, so that it is known even after a kill.
    """
    removed = 0
    for one in list(network.own_filters(index)):
        if one.owner in mirrors and one.direction in directions:
            network.remove_filter(one)
            removed += 1
            if one.label.endswith(f"/{CLSACT}"):
                network.remove_empty_clsact(index)
    return removed


@dataclass(slots=True)
class Hook:
    """A place where a program is to be; `times` counts how often it had to be attached again."""

    program: str
    index: int
    direction: int
    attachment: Attachment | None
    times: int = 0

    def is_there(self) -> bool:
        """Tell whether the program is still attached."""
        return self.attachment is not None and self.attachment.is_there()

    def detach(self) -> None:
        """Take the program away, if it is there."""
        if self.attachment:
            self.attachment.detach()
            self.attachment = None


class Attacher:
    """Puts the programs of one object on interfaces, before every neighbour's."""

    def __init__(self, network: Network, programs: libbpf.BpfObject, mirror: str, way: Way) -> None:
        """Attach in this `way`."""
        self._network = network
        self._programs = programs
        self._mirror = mirror
        self._own_clsact: set[int] = set()
        self._hooks: list[Hook] = []
        self.way = way

    def attach(self, program: str, index: int, direction: int) -> Hook:
        """Attach a program to one side (0 is ingress, 1 is egress) of an interface.

        Raises:
            OSError: ENODEV when the interface has gone.
            PanoError: when the kernel refuses, or another's qdisc is in the way.
        """
        hook = Hook(program, index, direction, self._attach(program, index, direction))
        self._hooks.append(hook)
        return hook

    def detach(self, hook: Hook) -> None:
        """Take a program away."""
        self._hooks.remove(hook)
        hook.detach()

    def detach_all(self) -> None:
        """Take all programs away, the youngest first."""
        while self._hooks:
            self._hooks.pop().detach()

    def attach_again(self, refused: list[PanoError]) -> Iterator[Hook]:
        """Attach again what somebody detached; yields those hooks.

        Errors of those that cannot be attached now are added to `refused`; the next call tries
        them again.
        """
        gone = [hook for hook in self._hooks if not hook.is_there()]
        for hook in gone:
            hook.detach()
            self._own_clsact.discard(hook.index)
        for hook in gone:
            try:
                hook.attachment = self._attach(hook.program, hook.index, hook.direction)
            except PanoError as error:
                refused.append(error)
            except OSError:
                continue  # its interface went, and it will be forgotten
            else:
                hook.times += 1
                yield hook

    def _attach(self, program: str, index: int, direction: int) -> Attachment:
        try:
            return self._attach_by_tcx(program, index, direction) or self._add_filter(
                self._programs.program(program), index, direction
            )
        except OSError as error:
            if error.errno == errno.ENODEV:
                raise
            side = f"{program} at {DIRECTIONS[direction]} of interface {index}"
            raise refusal(f"attach {side}", error, needs=("CAP_NET_ADMIN",)) from error

    def _attach_by_tcx(self, program: str, index: int, direction: int) -> TcxLink | None:
        """Return None when clsact is wanted, or the kernel has no tcx."""
        if self.way is Way.CLSACT:
            return None
        try:
            link = self._programs.link(program, index, TCX[direction])
        except OSError as error:
            if self.way is Way.TCX or error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            self.way = Way.CLSACT
            return None
        self.way = Way.TCX
        return TcxLink(self._programs, link)

    def _add_filter(self, program: int, index: int, direction: int) -> ClsactFilter:
        if self._network.add_clsact(index):
            self._own_clsact.add(index)
        own = index in self._own_clsact
        label = f"{self._mirror}/{CLSACT}" if own else self._mirror
        self._network.add_filter(index, direction, program, label)
        return ClsactFilter(self._network, index, direction, self._mirror)
