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
from pano_glue.agent.hooks import BARE, ETHERNET, Hooks
from pano_glue.agent.leftovers import hold_mirror, remove_leftovers
from pano_glue.agent.mirror import (
    Mirror,
    Target,
    make_crossing,
    make_local,
    make_onward,
)
from pano_glue.agent.namespace import enter_namespace, open_namespace
from pano_glue.agent.tap import DEVICE, open_tap
from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PROGRAM = Path(__file__).with_name("mirror.bpf.o")


@dataclass(frozen=True, slots=True)
class Settings:
    """What stays the same while an agent runs. `netns` is where the interfaces are."""

    globs: tuple[str, ...]
    target: Target
    netns: str = ""
    way: Way = Way.AUTO


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
            tapped = make_local(home, name, self._undo)
        ways = Attacher(home, self._programs, name, self._settings.way)
        self._undo.append(ways.attach("finish", tapped.index, INGRESS).detach)
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
        field = self._open_network()
        return field, field.silence(f"{tapped.name}-p", owner=tapped.name)

    def _attach(self, cpus: int) -> None:
        self._attacher = Attacher(
            self._field, self._programs, self._settings.target.name, self._settings.way
        )
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
            self._hooks.look_again(self._make_relay)
            self.choose(self._choice)

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
        self._undo.append(self._attacher.attach("dress", relay.index, INGRESS).detach)
        self._relay = relay.index
        self._programs.map(".data.devices").update(layout.ONLY_KEY, self._mirror.pack(relay.index))

    def interface_names(self) -> list[str]:
        """Name the interfaces that are attached now."""
        return [one.name for one in self._hooks.interfaces()] if self._hooks else []

    def counts(self) -> Iterable[tuple[str, str, HookCount]]:
        """List interface, direction and count for each hook; safe from any thread."""
        return list(self._hooks.counts()) if self._hooks else []

    def run_times(self) -> dict[str, libbpf.RunTime]:
        """Return the run time of each program that ran while the kernel's statistics were on."""
        if not self._hooks:
            return {}
        times = {name: self._programs.run_time(name) for name in (*ETHERNET, *BARE, "finish")}
        return {name: time for name, time in times.items() if time.runs}

    def status(self) -> dict[str, Any]:
        """Return what `pano-agent status --json` prints."""
        return {
            "mirror": self._settings.target.name,
            "attached": str(self._attacher.way),
            "choice": msgspec.to_builtins(self._choice),
            "programs": {
                name: {"seconds": time.nanoseconds / layout.NANOSECONDS, "runs": time.runs}
                for name, time in self.run_times().items()
            },
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
        while self._undo:
            self._undo.pop()()
