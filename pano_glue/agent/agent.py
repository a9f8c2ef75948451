"""The running agent: what it has made in the kernel, from `start` to `stop`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pano_glue.agent import layout, libbpf
from pano_glue.agent.attach import Attacher, Way
from pano_glue.agent.choice import Choice, Dedup, apply_choice
from pano_glue.agent.counts import Counts, HookCount
from pano_glue.agent.devices import INGRESS, Interface, Network
from pano_glue.agent.hooks import BARE, ETHERNET, Hooks, describe_hooks
from pano_glue.agent.kernel import require_kernel
from pano_glue.agent.leftovers import hold_mirror, remove_leftovers
from pano_glue.agent.mirror import (
    Mirror,
    Target,
    make_crossing,
    make_local,
    make_onward,
)
from pano_glue.agent.namespace import NamespaceId, enter_namespace, open_namespace, which_namespace
from pano_glue.agent.tap import DEVICE, open_tap
from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PROGRAM = Path(__file__).with_name("mirror.bpf.o")


@dataclass(frozen=True, slots=True)
class Settings:
    """What stays the same while an agent runs. `netns` is where the interfaces are."""

    globs: tuple[str, ...]
    target: Target
    netns: str = ""
    way: Way = Way.AUTO
    keep_mirror: bool = False


class GoneError(PanoError):
    """What the agent stands on was taken away: it ends, and whoever runs it starts it again."""


class Agent:
    """Clones what the interfaces that match the globs carry to the mirror.

    The mirror is in the network namespace that the thread calling `start` is in.
    """

    def __init__(self, settings: Settings, choice: Choice) -> None:
        """Touch nothing yet."""
        self._settings = settings
        self._choice = choice
        self._undo: list[Callable[[], object]] = []
        self._hooks: Hooks | None = None
        self._relay = 0
        self.trouble = ""  # what the last look at interfaces and hooks could not do
        self._namespace: NamespaceId | None = None

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
        require_kernel(os.uname().release)
        name = self._settings.target.name
        home = self._open_network()
        library = libbpf.open_library()
        self._programs = libbpf.BpfObject(library, PROGRAM)
        self._undo.append(self._programs.close)
        onward = make_onward(home, self._settings.target, self._undo)
        if self._settings.netns:
            namespace = open_namespace(self._settings.netns)
            tapped = make_crossing(home, self._settings.target, namespace, self._undo)
            os.close(namespace)
        else:
            keep = self._settings.keep_mirror
            tapped = make_local(home, name, self._undo, keep=keep)
        self._home, self._tapped = home, tapped
        self._attachers = [self._make_attacher(home)]
        self._attachers[0].attach("finish", tapped.index, INGRESS)
        self._field, entry = self._enter_field(home, tapped)
        self._mirror = Mirror(
            entry=entry,
            flags=layout.CLONE_TO_INGRESS if entry is tapped else 0,
            onward=onward.index if onward else 0,
            sensor=self._settings.target.far_end,
        )
        self._programs.map(".data.devices").update(layout.ONLY_KEY, self._mirror.pack(0))
        self._attach(library.libbpf_num_possible_cpus())

    def _open_network(self) -> Network:
        """Open the namespace that we are in, clean, with the mirror's name claimed."""
        name = self._settings.target.name
        self._undo.append(hold_mirror(name).close)
        network = Network()
        self._undo.append(network.close)
        remove_leftovers(network, mine=name)
        return network

    def _enter_field(self, home: Network, tapped: Interface) -> tuple[Network, Interface]:
        """Go where the interfaces are; returns that namespace, and where clones enter there."""
        if not self._settings.netns:
            return home, tapped
        enter_namespace(self._settings.netns)
        self._namespace = which_namespace(self._settings.netns)
        field = self._open_network()
        return field, field.silence(f"{tapped.name}-p", owner=tapped.name)

    def _make_attacher(self, network: Network) -> Attacher:
        name = self._settings.target.name
        attacher = Attacher(network, self._programs, name, self._settings.way)
        self._undo.append(attacher.detach_all)
        return attacher

    def _attach(self, cpus: int) -> None:
        self._attacher = self._make_attacher(self._field)
        self._attachers.append(self._attacher)
        counts = Counts(self._programs.map("counts"), cpus)
        hooks = Hooks(self._field, self._attacher, counts, self._settings.globs)
        hooks.require_matches()
        self._hooks = hooks
        self._undo.append(hooks.detach)
        # Listen for changes before the first look, so that none falls between.
        self.changes = self._field.watch()
        self._undo.append(self.changes.close)
        self.look_again()

    def look_again(self) -> None:
        """Attach to matching interfaces that have come, and forget those that have gone."""
        if self._hooks:
            try:
                self._hooks.look_again(self._make_relay)
            finally:
                self.choose(self._choice)

    def mend(self) -> Iterator[str]:
        """Repair what somebody else undid; yields a line for each thing.

        Raises:
            GoneError: when the mirror or the interfaces' namespace has gone, so that only another
                start helps.
            PanoError: of the first program that cannot be attached again now, after all others.
        """
        if self._namespace and which_namespace(self._settings.netns) != self._namespace:
            raise GoneError(f"the network namespace {self._settings.netns} has gone", "start again")
        name = self._settings.target.name
        mirror = self._home.find(name)
        if mirror is None or mirror.index != self._tapped.index:
            raise GoneError(f"{name} has gone: somebody removed or renamed it", "start again")
        if not mirror.up:
            self._home.set_up(mirror)
            yield f"{name} was down: set up again"
        refused: list[PanoError] = []
        for attacher in self._attachers:
            for hook in attacher.attach_again(refused):
                yield f"{hook.program} was detached from interface {hook.index}: attached again"
        if refused:
            raise refused[0]

    def choose(self, choice: Choice) -> None:
        """Follow another choice from now on, without detaching."""
        self._choice = choice
        several = len(self.interface_names()) > 1
        once = several if choice.dedup is Dedup.AUTO else choice.dedup is Dedup.ON
        apply_choice(self._programs, choice, once=once)

    def change(self, changes: dict[str, Any]) -> Choice:
        """Change a part of the choice, given as JSON would have it; returns the whole.

        Raises:
            SettingError: when a value cannot be used; the choice stays as it was.
        """
        try:
            choice = msgspec.convert(msgspec.to_builtins(self._choice) | changes, Choice)
        except msgspec.ValidationError as error:
            raise SettingError(f"cannot set that ({error})", "see pano-agent set --help") from error
        self.choose(choice)
        return choice

    def _make_relay(self) -> None:
        """Make the interface where packets without an Ethernet header get one."""
        if self._relay:
            return
        name = f"{self._settings.target.name}-l"
        try:
            fd = open_tap(name, bare=True)
        except OSError as error:
            raise PanoError(
                f"packets without an Ethernet header need {DEVICE} ({error.strerror})",
                "load the kernel's tun, or keep such interfaces out of --iface",
            ) from error
        self._undo.append(partial(os.close, fd))
        relay = self._field.silence(name, owner=self._settings.target.name)
        self._attacher.attach("dress", relay.index, INGRESS)
        self._relay = relay.index
        self._programs.map(".data.devices").update(layout.ONLY_KEY, self._mirror.pack(relay.index))

    def interface_names(self) -> list[str]:
        """Name the interfaces that are attached now."""
        return [one.name for one in self._hooks.interfaces()] if self._hooks else []

    def counts(self) -> Iterable[tuple[str, str, HookCount]]:
        """List interface, direction and count for each hook; safe from any thread."""
        return list(self._hooks.counts()) if self._hooks else []

    def troubles(self) -> list[str]:
        """Say what keeps us from mirroring all that we were asked to; safe from any thread."""
        if not self.interface_names():
            return ["attached to no interface"]
        return [self.trouble] if self.trouble else []

    def attached_again(self) -> Iterable[tuple[str, str, int]]:
        """List interface, direction and how often its program had to be attached again."""
        return list(self._hooks.attached_again()) if self._hooks else []

    def run_times(self) -> dict[str, libbpf.RunTime]:
        """Return the run time of each program that ran while the kernel's statistics were on."""
        if not self._hooks:
            return {}
        times = {name: self._programs.run_time(name) for name in (*ETHERNET, *BARE, "finish")}
        return {name: time for name, time in times.items() if time.runs}

    def status(self) -> dict[str, Any]:
        """Return what `pano-agent status --json` prints.

        Raises:
            PanoError: while the agent is only starting.
        """
        if not self._hooks:
            raise PanoError("the agent is only starting", "ask again")
        return {
            "mirror": self._settings.target.name,
            "attached": str(self._attacher.way),
            "choice": msgspec.to_builtins(self._choice),
            "programs": {
                name: {"seconds": time.nanoseconds / layout.NANOSECONDS, "runs": time.runs}
                for name, time in self.run_times().items()
            },
            "interfaces": describe_hooks(self.counts(), self.attached_again()),
        }

    def stop(self) -> None:
        """Detach everywhere and remove what was made, in reverse order."""
        while self._undo:
            self._undo.pop()()
