"""A loaded program whose mirror is a tap, so that tests read what was cloned, byte for byte."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pano_glue.agent import layout, libbpf
from pano_glue.agent.agent import PROGRAM
from pano_glue.agent.choice import Choice, apply_choice
from pano_glue.agent.counts import KEY, Counts, HookCount
from pano_glue.agent.devices import Network
from pano_glue.agent.mirror import NO_ADDRESS, Mirror
from pano_glue.agent.namespace import CLONE_NEWNET
from pano_glue.agent.tap import open_tap
from pano_glue.lab.pair import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pano_glue.agent.devices import Interface

LOOPBACK = 1  # ifindex of lo
REMEMBERED = {"datagrams": 36, "sightings": 8}  # maps of what came before: bytes of a key


@dataclass
class Program:
    """A loaded program, the tap that its clones leave through, and that interface's number."""

    programs: libbpf.BpfObject
    tap: int
    counts: Counts
    other: int

    def choose(self, *, once: bool = False, **choice: object) -> None:
        """Follow a choice, as `pano-agent set` would."""
        apply_choice(self.programs, Choice(**choice), once=once)  # type: ignore[arg-type] # by name

    def sees(self, packet: bytes, ifindex: int = LOOPBACK, direction: str = "ingress") -> bool:
        """Run the program; tells whether it cloned the packet, which must be whole."""
        run = self.programs.run(f"mirror_{direction}", packet, ifindex)
        assert run.code == -1, "the next program decides"
        assert run.packet == packet, "the original is untouched"
        try:
            clone = os.read(self.tap, 65536)
        except BlockingIOError:
            return False
        assert clone == packet
        return True

    def count(self, ifindex: int = LOOPBACK, direction: int = 0) -> HookCount:
        """Read a hook's counters."""
        count = self.counts.read(ifindex, direction)
        assert count is not None
        return count


@pytest.fixture(scope="session")
def program_file(require: object) -> Path:
    """The compiled program; built when clang is here."""
    require("clang")  # type: ignore[operator] # a fixture's function
    folder = PROGRAM.parents[2] / "ebpf-agent"
    subprocess.run(["make", "-s", "-C", str(folder)], check=True)
    return PROGRAM


@contextmanager
def inside(namespace: int | None) -> Iterator[None]:
    """Put this thread into a network namespace, by descriptor, or into a new one."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home:  # noqa: PTH123 # of this thread
        if namespace is None:
            assert libc.unshare(CLONE_NEWNET) == 0
        else:
            assert libc.setns(namespace, CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0


@pytest.fixture
def own_namespace(require_bpf: None) -> Iterator[None]:  # noqa: ARG001 # skips
    """Run the test in a network namespace of its own."""
    with inside(None):
        yield


@dataclass
class Loaded:
    """A loaded program, and the namespace where its mirror is."""

    programs: libbpf.BpfObject
    tap: int
    mirror: Interface
    cpus: int
    namespace: int


@pytest.fixture(scope="session", params=[False, True], ids=["in place", "copies"])
def loaded(
    request: pytest.FixtureRequest,
    program_file: Path,
    require_bpf: None,  # noqa: ARG001 # skips
) -> Iterator[Loaded]:
    """Load each kind of program once, in a network namespace of its own."""
    library = libbpf.open_library()
    with inside(None):
        namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        tap = open_tap("pag0")
        network = Network()
        mirror = network.silence("pag0", owner="pag0")
        network.close()
    programs = libbpf.BpfObject(library, program_file, copies=request.param)
    devices = Mirror(mirror, flags=0, onward=0, sensor=NO_ADDRESS).pack(relay=0)
    programs.map(".data.devices").update(layout.ONLY_KEY, devices)
    yield Loaded(programs, tap, mirror, library.libbpf_num_possible_cpus(), namespace)
    programs.close()
    os.close(tap)
    os.close(namespace)


@pytest.fixture
def program(loaded: Loaded) -> Iterator[Program]:
    """Forget what packets came before; count for two interfaces, with the default choice."""
    programs = loaded.programs
    for name, size in REMEMBERED.items():
        for key in programs.map(name).keys(size):
            programs.map(name).delete(key)
    programs.map(".data.ceiling").update(layout.ONLY_KEY, bytes(8))
    table = programs.map("counts")
    for place in range(2 * loaded.mirror.index + 2 * layout.PROBES):
        table.update(KEY.pack(place), bytes(layout.COUNT.size * loaded.cpus))
    counts = Counts(table, loaded.cpus)
    hooks = [(ifindex, side) for ifindex in (LOOPBACK, loaded.mirror.index) for side in range(2)]
    for hook in hooks:
        counts.open(*hook)
    known = Program(programs, loaded.tap, counts, loaded.mirror.index)
    known.choose()
    with inside(loaded.namespace):
        yield known


@pytest.fixture
def lab(
    tmp_path: Path,
    require: Callable[[str], str],
    require_bpf: None,  # noqa: ARG001 # skips
    program_file: Path,  # noqa: ARG001 # builds
) -> Iterator[Pair]:
    for program in ("nsd", "dnsperf", "tcpdump", "tc"):
        require(program)
    with Pair(tmp_path) as lab:
        yield lab
