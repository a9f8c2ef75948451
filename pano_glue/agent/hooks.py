"""The programs on the interfaces that match: attached as they come, forgotten as they go."""

from __future__ import annotations

import errno
import fnmatch
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pano_glue.agent.devices import EGRESS, INGRESS, Interface, Network
from pano_glue.agent.layout import DIRECTIONS
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pano_glue.agent.attach import Attacher, Hook
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
    attached: list[Hook]


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

        Raises:
            PanoError: of the first interface that cannot be attached, when all others are.
        """
        present = {one.index: one for one in self._matching()}
        for index in list(self._hooked):
            if index not in present or self._is_another(present[index]):
                self._forget(index)
            else:  # it may have another name now
                self._hooked[index] = replace(self._hooked[index], interface=present[index])
        refused: list[PanoError] = []
        for index in sorted(present.keys() - self._hooked.keys()):
            try:
                if present[index].link_type in UNFRAMED:
                    before_bare()
                self._attach(present[index])
            except PanoError as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def _is_another(self, interface: Interface) -> bool:
        """Tell a new interface under an old one's number from one that was renamed."""
        hooked = self._hooked[interface.index]
        renamed = hooked.interface.name != interface.name
        return renamed and not all(one.is_there() for one in hooked.attached)

    def interfaces(self) -> list[Interface]:
        """List the interfaces that are attached now; safe from any thread."""
        return [hooked.interface for hooked in list(self._hooked.values())]

    def counts(self) -> Iterator[tuple[str, str, HookCount]]:
        """Yield interface, direction and count for each hook; safe from any thread.

        Each pair once: while interfaces swap names, two may seem to have the same.
        """
        sums: dict[tuple[str, str], HookCount] = {}
        for interface in self.interfaces():
            for direction, word in enumerate(DIRECTIONS):
                count = self._counts.read(interface.index, direction)
                if count is not None:
                    key = interface.name, word
                    sums[key] = sums[key] + count if key in sums else count
        for (name, word), count in sums.items():
            yield name, word, count

    def attached_again(self) -> Iterator[tuple[str, str, int]]:
        """Yield interface, direction and how often its program had to be attached again."""
        for hooked in list(self._hooked.values()):
            for hook in hooked.attached:
                yield hooked.interface.name, DIRECTIONS[hook.direction], hook.times

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
        attached: list[Hook] = []
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
            self._attacher.detach(one)
        for direction in (INGRESS, EGRESS):
            self._counts.close(index, direction)


def describe_hooks(
    counts: Iterable[tuple[str, str, HookCount]], again: Iterable[tuple[str, str, int]]
) -> list[dict[str, Any]]:
    """Lay out counts as `pano-agent status --json` has them, a row for each hook."""
    times = {(interface, direction): number for interface, direction, number in again}
    return [
        {
            "interface": interface,
            "direction": direction,
            "matched": count.matched,
            "mirrored": count.mirrored,
            "duplicate": count.duplicate,
            "error": count.error,
            "errors": {cause: number for cause, number in count.errors.items() if number},
            "attached_again": times.get((interface, direction), 0),
        }
        for interface, direction, count in counts
    ]
