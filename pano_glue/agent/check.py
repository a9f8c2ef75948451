"""`pano-agent run --check`: what the agent would need, item by item, without touching anything."""

from __future__ import annotations

import errno
import fnmatch
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.agent import libbpf
from pano_glue.agent.devices import Network
from pano_glue.agent.namespace import enter_namespace
from pano_glue.agent.tap import DEVICE
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.agent.agent import Settings

# Bit numbers of capabilities(7), and what each is for.
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_BPF": 39, "CAP_PERFMON": 38}
FOR_NETNS = {"CAP_SYS_ADMIN": 21}
NO_INTERFACE = 0x7FFFFFFF


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
    """Look at everything that `run` with these settings would need."""
    yield from _capabilities(settings)
    yield _tap()
    yield from _program(program)
    yield from _interfaces(settings)


def _capabilities(settings: Settings) -> Iterator[Finding]:
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    wanted = CAPABILITIES | (FOR_NETNS if settings.netns else {})
    for name, bit in wanted.items():
        has = bool(effective >> bit & 1)
        # Kernels differ in whether the verifier wants it; loading the program will tell.
        needed = name != "CAP_PERFMON"
        lack = "run as root, or grant it" if needed else "not needed where the program loads"
        yield Finding(name, has, "held" if has else lack, needed)


def _tap() -> Finding:
    good = os.access(DEVICE, os.R_OK | os.W_OK)
    note = "the mirror ends with the agent"
    if not good:
        note = "the mirror will be a dummy or veth, removed by the next run after a kill"
    return Finding(DEVICE, good, note, needed=False)


def _program(path: Path) -> Iterator[Finding]:
    try:
        programs = libbpf.BpfObject(libbpf.open_library(), path)
    except PanoError as error:
        yield Finding("program", good=False, note=str(error))
        return
    yield Finding("program", good=True, note="the kernel takes it")
    try:
        programs.link("finish", NO_INTERFACE, libbpf.TCX_INGRESS)
    except OSError as error:
        # A kernel without tcx does not get as far as looking for the interface.
        has = error.errno == errno.ENODEV
        note = "links end with the agent" if has else "kernel before 6.6: clsact filters instead"
        yield Finding("tcx", has, note, needed=False)
    programs.close()


def _interfaces(settings: Settings) -> Iterator[Finding]:
    mirror = settings.target.name
    there = Network().find(mirror)
    free = there is None or bool(there.owner)
    yield Finding(mirror, free, "the name is free" if free else "somebody else's interface")
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
