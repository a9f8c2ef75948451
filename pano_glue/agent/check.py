"""`pano-agent run --check`: what the agent would need, item by item, by trying it."""

from __future__ import annotations

import fnmatch
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pano_glue.agent import libbpf
from pano_glue.agent.attach import Attacher, Way
from pano_glue.agent.devices import INGRESS, Network
from pano_glue.agent.kernel import holds, require_kernel
from pano_glue.agent.mirror import make_local
from pano_glue.agent.namespace import enter_namespace
from pano_glue.agent.tap import DEVICE
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pano_glue.agent.agent import Settings

WANTED = ("CAP_NET_ADMIN", "CAP_BPF", "CAP_PERFMON")
CHEAPER = "with it a DNS packet costs 10 to 70 ns less (no fences)"
COPIED = "the kernel takes it, reading copies: CAP_PERFMON would save 25 ns a packet, 70 for DNS"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `needed` is False where the agent has another way."""

    what: str
    good: bool
    note: str
    needed: bool = True

    def __str__(self) -> str:
        """Return the finding as one line."""
        word = "ok" if self.good else "missing" if self.needed else "without"
        return f"{word:8} {self.what}: {self.note}"


def check_all(settings: Settings, program: Path) -> Iterator[Finding]:
    """Do what `run` with these settings would do, short of touching the watched interfaces.

    The mirror is made under its own name if that is free, and all is gone at the end.
    """
    kernel = _kernel()
    yield kernel
    yield from _capabilities(settings)
    if kernel.good:
        yield from _program(settings, program)
    yield from _interfaces(settings)


def _kernel() -> Finding:
    release = os.uname().release
    try:
        require_kernel(release)
    except PanoError as error:
        return Finding("kernel", good=False, note=str(error))
    return Finding("kernel", good=True, note=f"Linux {release}")


def _capabilities(settings: Settings) -> Iterator[Finding]:
    for name in (*WANTED, "CAP_SYS_ADMIN") if settings.netns else WANTED:
        has = holds(name)
        needed = name != "CAP_PERFMON"
        lack = "run as root, or grant it" if needed else CHEAPER
        yield Finding(name, has, "held" if has else lack, needed)


def _program(settings: Settings, path: Path) -> Iterator[Finding]:
    """Load the program, make a mirror and attach to it, and undo that."""
    with ExitStack() as stack:
        try:
            programs = libbpf.BpfObject(libbpf.open_library(), path)
        except PanoError as error:
            yield Finding("program", good=False, note=str(error))
            return
        stack.callback(programs.close)
        yield Finding(
            "program", good=True, note=COPIED if programs.copies else "the kernel takes it"
        )
        network = Network()
        stack.callback(network.close)
        name = settings.target.name
        there = network.find(name)
        if there:
            note = "an agent's, live or dead" if there.owner else "somebody else's interface"
            yield Finding(name, bool(there.owner), note)
            return
        yield from _mirror(settings, network, programs, stack)


def _mirror(
    settings: Settings, network: Network, programs: libbpf.BpfObject, stack: ExitStack
) -> Iterator[Finding]:
    name = settings.target.name
    undo: list[Callable[[], object]] = []
    stack.callback(lambda: [one() for one in reversed(undo)])
    good = os.access(DEVICE, os.R_OK | os.W_OK)
    note = "the mirror ends with the agent"
    if not good:
        note = "the mirror will be a dummy or veth, removed by the next run after a kill"
    yield Finding(DEVICE, good, note, needed=False)
    try:
        made = make_local(network, name, undo)
        attacher = Attacher(network, programs, name, settings.way)
        undo.append(attacher.detach_all)
        attacher.attach("finish", made.index, INGRESS)
    except (OSError, PanoError) as error:
        yield Finding(name, good=False, note=str(error))
        return
    yield Finding(name, good=True, note="can be made")
    has = attacher.way is Way.TCX
    note = "links end with the agent" if has else "clsact filters (Linux before 6.6, or --attach)"
    yield Finding("tcx", has, note, needed=False)


def _interfaces(settings: Settings) -> Iterator[Finding]:
    if settings.netns:
        try:
            enter_namespace(settings.netns)
        except PanoError as error:
            yield Finding("netns", good=False, note=str(error))
            return
    names = [one.name for one in Network().interfaces()]
    for glob in settings.globs:
        matching = fnmatch.filter(names, glob)
        note = " ".join(matching) or f"matches no interface; there are {' '.join(names)}"
        yield Finding(f"--iface {glob}", bool(matching), note)
