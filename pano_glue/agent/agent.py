"""The running agent: which interfaces it is attached to, and what it has counted there."""

from __future__ import annotations

import errno
import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pano_glue.agent import layout, libbpf
from pano_glue.agent.attach import Attacher, Attachment, Way
from pano_glue.agent.devices import EGRESS, INGRESS, Interface, Network
from pano_glue.agent.leftovers import hold_mirror, remove_leftovers
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).with_name("mirror.bpf.o")
PROGRAMS = ("mirror_ingress", "mirror_egress")
LOOPBACK = 772  # ARPHRD_LOOPBACK


@dataclass(frozen=True, slots=True)
class Settings:
    """What to mirror, and where to."""

    globs: tuple[str, ...]
    mirror: str
    ports: tuple[int, ...] = (53,)
    way: Way = Way.AUTO


class Agent:
    """Clones what the interfaces that match the globs carry, from `start` to `stop`.

    Belongs to the network namespace that the thread calling `start` is in.
    """

    def __init__(self, settings: Settings) -> None:
        """Touch nothing yet."""
        self._settings = settings
        self._hooks: dict[int, tuple[Interface, list[Attachment]]] = {}
        self._undo: list[Callable[[], object]] = []
        self._claim: socket.socket | None = None

    def start(self) -> None:
        """Remove what dead agents left, make the mirror, load the programs and attach them.

        Raises:
            PanoError: when something is missing; whatever was made is gone again by then.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self._claim = hold_mirror(self._settings.mirror)
        self._undo.append(self._claim.close)
        self._network = Network()
        self._undo.append(self._network.close)
        remove_leftovers(self._network, mine=self._settings.mirror)
        self._require_matches()
        library = libbpf.open_library()
        self._cpus = library.libbpf_num_possible_cpus()
        mirror = self._network.make_mirror(self._settings.mirror)
        self._undo.append(lambda: self._network.remove_interface(mirror.index))
        devices = layout.DEVICES.pack(mirror.index, layout.CLONE_TO_INGRESS)
        programs = libbpf.BpfObject(library, PROGRAM, {".rodata.devices": devices})
        self._undo.append(programs.close)
        self._counters = programs.map("counters")
        choice = layout.pack_ports(self._settings.ports)
        programs.map(".data.choice").update(layout.ONLY_KEY, choice)
        self._attacher = Attacher(
            self._network, programs, self._settings.mirror, self._settings.way
        )
        self._undo.append(self._attacher.attach("drop", mirror.index, INGRESS).detach)
        self.look_again()

    def look_again(self) -> None:
        """Attach to matching interfaces that have come, and forget those that have gone."""
        present = {one.index: one for one in self._matching()}
        for index in self._hooks.keys() - present.keys():
            self._forget(index)
        for index in present.keys() - self._hooks.keys():
            self._attach(present[index])

    def _attach(self, interface: Interface) -> None:
        # What leaves through loopback comes in again at once.
        directions = (INGRESS,) if interface.link_type == LOOPBACK else (INGRESS, EGRESS)
        zero = bytes(layout.COUNTERS.size * self._cpus)
        attached: list[Attachment] = []
        self._hooks[interface.index] = (interface, attached)
        try:
            for direction in directions:
                self._counters.update(layout.HOOK.pack(interface.index, direction), zero)
                one = self._attacher.attach(PROGRAMS[direction], interface.index, direction)
                attached.append(one)
        except OSError as error:
            self._forget(interface.index)
            if error.errno != errno.ENODEV:  # it went while we looked at it
                raise

    def _forget(self, index: int) -> None:
        _, attached = self._hooks.pop(index)
        for one in attached:
            one.detach()
        for direction in (INGRESS, EGRESS):
            self._counters.delete(layout.HOOK.pack(index, direction))

    def _matching(self) -> Iterator[Interface]:
        for interface in self._network.interfaces():
            if not interface.owner and any(
                fnmatch.fnmatch(interface.name, g) for g in self._settings.globs
            ):
                yield interface

    def _require_matches(self) -> None:
        names = [one.name for one in self._network.interfaces()]
        for glob in self._settings.globs:
            if not fnmatch.filter(names, glob):
                raise PanoError(
                    f"--iface {glob} matches no interface", f"there are: {' '.join(names)}"
                )

    def interface_names(self) -> list[str]:
        """Name the interfaces that are attached now."""
        return [interface.name for interface, _ in list(self._hooks.values())]

    def counts(self) -> Iterator[tuple[str, str, layout.HookCount]]:
        """Yield interface, direction and count for each hook; safe from any thread."""
        for interface, _ in list(self._hooks.values()):
            for direction, word in enumerate(layout.DIRECTIONS):
                count = layout.read_count(self._counters, interface.index, direction, self._cpus)
                if count is not None:
                    yield interface.name, word, count

    def status(self) -> dict[str, Any]:
        """Return what `pano-agent status --json` prints."""
        return {
            "mirror": self._settings.mirror,
            "interfaces": [
                {
                    "interface": interface,
                    "direction": direction,
                    "matched": count.matched,
                    "mirrored": count.mirrored,
                    "duplicate": count.duplicate,
                    "error": count.error,
                    "errors": {cause: n for cause, n in count.errors.items() if n},
                }
                for interface, direction, count in self.counts()
            ],
        }

    def stop(self) -> None:
        """Detach everywhere and remove what was made, in reverse order."""
        for index in list(self._hooks):
            self._forget(index)
        while self._undo:
            self._undo.pop()()
