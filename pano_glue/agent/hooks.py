"""The programs on the interfaces that match: attached as they come, forgotten as they go."""

from __future__ import annotations

import errno
import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pano_glue.agent.devices import EGRESS, INGRESS, Interface, Network
from pano_glue.agent.layout import DIRECTIONS
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.agent.attach import Attacher, Attachment
    from pano_glue.agent.counts import Counts, HookCount

ETHERNET = ("mirror_ingress", "mirror_egress")
BARE = ("bare_ingress", "bare_egress")
WILDCARDS = set("*?[")
LOOPBACK = 772  # ARPHRD_LOOPBACK
# ARPHRD_* of interfaces whose packets start with an Ethernet header.
FRAMED = frozenset({1, LOOPBACK})
# Without a header; the kernel's dev_is_mac_header_xmit() has the same list, less what is rare:
# PPP, TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE, RAWIP, NONE.
UNFRAMED = frozenset({512, 768, 769, 776, 778, 823, 519, 65534})


@dataclass(frozen=True, slots=True)
class Hooked:
    """An interface and the programs on it."""

    interface: Interface
    attached: list[Attachment]


class Hooks:
    """Programs on every interface of a namespace that matches one of the globs."""

    def __init__(
        self,
        network: Network,
        attacher: Attacher,
        counts: Counts,
        globs: tuple[str, ...],
    ) -> None:
        """Attach nothing yet."""
        self._network = network
        self._attacher = attacher
        self._counts = counts
        self._globs = globs
        self._hooked: dict[int, Hooked] = {}

    def require_matches(self) -> None:
        """Raise PanoError when nothing matches now, or a name without wildcards is not there."""
        names = [one.name for one in self._network.interfaces() if not one.owner]
        missing = [glob for glob in self._globs if not fnmatch.filter(names, glob)]
        fixed = [glob for glob in missing if not WILDCARDS & set(glob)]
        if fixed or len(missing) == len(self._globs):
            raise PanoError(
                f"--iface {(fixed or missing)[0]} matches no interface",
                f"there are: {' '.join(names)}",
            )

    def look_again(self, before_bare: Callable[[], object]) -> None:
        """Attach to what has come and forget what has gone.

        `before_bare` is called before the first interface without Ethernet headers is attached.
        """
        present = {one.index: one for one in self._matching()}
        for index in self._hooked.keys() - present.keys():
            self._forget(index)
        for index in present.keys() - self._hooked.keys():
            if present[index].link_type in UNFRAMED:
                before_bare()
            self._attach(present[index])

    def interfaces(self) -> list[Interface]:
        """List the interfaces that are attached now; safe from any thread."""
        return [hooked.interface for hooked in list(self._hooked.values())]

    def counts(self) -> Iterator[tuple[str, str, HookCount]]:
        """Yield interface, direction and count for each hook; safe from any thread."""
        for interface in self.interfaces():
            for direction, word in enumerate(DIRECTIONS):
                count = self._counts.read(interface.index, direction)
                if count is not None:
                    yield interface.name, word, count

    def detach(self) -> None:
        """Detach everywhere."""
        for index in list(self._hooked):
            self._forget(index)

    def _matching(self) -> Iterator[Interface]:
        for interface in self._network.interfaces():
            wanted = any(fnmatch.fnmatch(interface.name, glob) for glob in self._globs)
            if wanted and not interface.owner and interface.link_type in FRAMED | UNFRAMED:
                yield interface

    def _attach(self, interface: Interface) -> None:
        programs = ETHERNET if interface.link_type in FRAMED else BARE
        # What leaves through loopback comes in again at once.
        directions = (INGRESS,) if interface.link_type == LOOPBACK else (INGRESS, EGRESS)
        attached: list[Attachment] = []
        self._hooked[interface.index] = Hooked(interface, attached)
        try:
            for direction in directions:
                self._counts.open(interface.index, direction)
                one = self._attacher.attach(programs[direction], interface.index, direction)
                attached.append(one)
        except (OSError, PanoError) as error:
            self._forget(interface.index)
            if not isinstance(error, OSError) or error.errno != errno.ENODEV:
                raise
            # It went while we looked at it.

    def _forget(self, index: int) -> None:
        for one in self._hooked.pop(index).attached:
            one.detach()
        for direction in (INGRESS, EGRESS):
            self._counts.close(index, direction)
