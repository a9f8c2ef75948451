"""Programs on interfaces: tcx links where the kernel has them (6.6), else clsact filters."""

from __future__ import annotations

import errno
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pano_glue.agent import libbpf

if TYPE_CHECKING:
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

    def detach(self) -> None:
        """Take the program away; harmless when the interface has gone."""


class TcxLink:
    """Ends with this process, whatever ends the process."""

    def __init__(self, fd: int) -> None:
        """Own the link's descriptor."""
        self._fd = fd

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
        owner, _, came_with = one.label.partition("/")
        if owner in mirrors and one.direction in directions:
            network.remove_filter(one)
            removed += 1
            if came_with == CLSACT:
                network.remove_empty_clsact(index)
    return removed


class Attacher:
    """Puts the programs of one object on interfaces, before every neighbour's."""

    def __init__(self, network: Network, programs: libbpf.BpfObject, mirror: str, way: Way) -> None:
        """Attach in this `way`."""
        self._network = network
        self._programs = programs
        self._mirror = mirror
        self._own_clsact: set[int] = set()
        self.way = way

    def attach(self, program: str, index: int, direction: int) -> Attachment:
        """Attach a program to one side (0 is ingress, 1 is egress) of an interface."""
        if self.way is not Way.CLSACT:
            try:
                link = TcxLink(self._programs.link(program, index, TCX[direction]))
            except OSError as error:
                if self.way is Way.TCX or error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise
            else:
                self.way = Way.TCX
                return link
        self.way = Way.CLSACT
        return self._add_filter(self._programs.program(program), index, direction)

    def _add_filter(self, program: int, index: int, direction: int) -> ClsactFilter:
        if self._network.add_clsact(index):
            self._own_clsact.add(index)
        own = index in self._own_clsact
        label = f"{self._mirror}/{CLSACT}" if own else self._mirror
        self._network.add_filter(index, direction, program, label)
        return ClsactFilter(self._network, index, direction, self._mirror)
