"""The few functions of libbpf that the agent needs, through its stable C ABI (libbpf >= 1.0).

Every function that can fail raises OSError with the kernel's errno; see
<bpf/libbpf.h> and <bpf/bpf.h> for what each does.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from pano_glue.agent.abi import (
    LINK_INFO,
    POINTER,
    PROG_INFO,
    SIGNATURES,
    SKB,
    LinkOptions,
    TestRunOptions,
)
from pano_glue.agent.complaints import complaints, what_failed
from pano_glue.agent.kernel import holds, refusal
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = "libbpf.so.1"
COPIES = "_copies"  # ends the name of a program that reads nothing of a packet in place
TCX_INGRESS = 46  # enum bpf_attach_type of Linux 6.6; libbpf 1.1 passes numbers on
TCX_EGRESS = 47
BPF_F_BEFORE = 1 << 3  # without a neighbour named: before all of them
ROOM = 256  # a program may make a packet longer


class RunTime(NamedTuple):
    """How long a program ran in all, and how often."""

    nanoseconds: int
    runs: int


class TestRun(NamedTuple):
    """What a program did with a packet: return code, packet and its time after it, ns per run."""

    code: int
    packet: bytes
    nanoseconds: int
    time: int


def open_library(name: str = LIBRARY) -> ctypes.CDLL:
    """Load libbpf and declare its functions; its own chatter on stderr is turned off.

    Raises:
        PanoError: when the library is not installed.
    """
    try:
        library = ctypes.CDLL(name, use_errno=True)
    except OSError as error:
        raise PanoError(f"cannot load {name} ({error})", "apt-get install libbpf1") from error
    for function, (result, arguments) in SIGNATURES.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    library.libbpf_set_print(None)
    return library


def check(result: int, what: str) -> int:
    """Return a result that is no failure; libbpf returns the negative errno."""
    if result < 0:
        raise OSError(-result, f"{what}: {os.strerror(-result)}")
    return result


class BpfMap:
    """One map of a loaded object; keys and values are bytes as the kernel lays them out."""

    def __init__(self, library: ctypes.CDLL, fd: int, name: str) -> None:
        """Wrap the file descriptor that the object owns."""
        self._library = library
        self._fd = fd
        self._name = name

    def update(self, key: bytes, value: bytes) -> None:
        """Set a key; for a per-CPU map `value` holds one value after another, for each CPU.

        Raises:
            PanoError: when the kernel refuses, as without memory.
        """
        try:
            check(self._library.bpf_map_update_elem(self._fd, key, value, 0), self._name)
        except OSError as error:
            raise refusal(f"write map {self._name}", error) from error

    def lookup(self, key: bytes, size: int) -> bytes | None:
        """Read the `size` bytes under a key (per-CPU: of all CPUs); None when there are none."""
        value = ctypes.create_string_buffer(size)
        if self._library.bpf_map_lookup_elem(self._fd, key, value) < 0:
            return None
        return value.raw

    def delete(self, key: bytes) -> None:
        """Forget a key, whether or not it is there."""
        self._library.bpf_map_delete_elem(self._fd, key)

    def keys(self, size: int) -> list[bytes]:
        """List the keys, each of `size` bytes."""
        found: list[bytes] = []
        following = ctypes.create_string_buffer(size)
        while (
            self._library.bpf_map_get_next_key(self._fd, found[-1] if found else None, following)
            == 0
        ):
            found.append(following.raw)
        return found


class BpfObject:
    """A compiled object in the kernel: its programs and maps live until `close`."""

    def __init__(self, library: ctypes.CDLL, path: Path, *, copies: bool | None = None) -> None:
        """Open and load the object.

        Of a program that there is twice, as NAME and NAME_copies, one is loaded: the second with
        `copies`; unless told, when the kernel refuses the first for want of CAP_PERFMON.

        Raises:
            PanoError: when the object was not built, or the kernel refuses a map or a program.
        """
        self._library = library
        self.copies = bool(copies)
        try:
            self._load(path)
        except OSError as error:
            if copies is not None or error.errno != errno.EACCES or holds("CAP_PERFMON"):
                raise refusal(f"load {error.filename}", error) from error
            self.copies = True
            try:
                self._load(path)
            except OSError as again:
                raise refusal(f"load {again.filename}", again) from again

    def _load(self, path: Path) -> None:
        if not path.exists():
            raise PanoError(f"{path} is missing", "build it with: make -C ebpf-agent")
        self._object = self._library.bpf_object__open_file(os.fsencode(path), None)
        if not self._object:
            raise PanoError(f"{path} is no BPF object", "build it again: make -C ebpf-agent")
        self._choose_programs()
        with complaints(self._library) as said:
            loaded = self._library.bpf_object__load(self._object)
        if loaded < 0:
            self.close()
            raise OSError(-loaded, os.strerror(-loaded), what_failed(said, path.name))

    def _choose_programs(self) -> None:
        """Leave out those programs whose twins are wanted."""
        found: dict[str, int] = {}
        program = None
        while program := self._library.bpf_object__next_program(self._object, program):
            found[self._library.bpf_program__name(program).decode()] = program
        for name, program in found.items():
            twin = name + COPIES in found
            wanted = self.copies if name.endswith(COPIES) else not (self.copies and twin)
            self._library.bpf_program__set_autoload(program, wanted)

    def close(self) -> None:
        """Let go of programs and maps; those that a link or filter holds stay with it."""
        self._library.bpf_object__close(self._object)

    def program(self, name: str) -> int:
        """Return the file descriptor of a program; it is ours until `close`."""
        find = self._library.bpf_object__find_program_by_name
        program = self.copies and find(self._object, f"{name}{COPIES}".encode())
        program = program or find(self._object, name.encode())
        return check(self._library.bpf_program__fd(program), name)

    def map(self, name: str) -> BpfMap:
        """Return a map by its name in the source, or by its section for global data."""
        found = self._library.bpf_object__find_map_by_name(self._object, name.encode())
        return BpfMap(self._library, check(self._library.bpf_map__fd(found), name), name)

    def link(self, program: str, ifindex: int, attach_type: int) -> int:
        """Attach at tcx before every neighbour; the link ends with the returned descriptor."""
        options = LinkOptions(sz=ctypes.sizeof(LinkOptions), flags=BPF_F_BEFORE)
        made = self._library.bpf_link_create(
            self.program(program), ifindex, attach_type, ctypes.byref(options)
        )
        return check(made, program)

    def is_linked(self, link: int) -> bool:
        """Tell whether a link's program is still attached to an interface that is there."""
        info = ctypes.create_string_buffer(256)
        size = ctypes.c_uint32(len(info))
        found = self._library.bpf_obj_get_info_by_fd(link, info, ctypes.byref(size))
        check(found, "link")
        (ifindex,) = LINK_INFO.unpack_from(info.raw)
        return bool(ifindex)

    def run_time(self, program: str) -> RunTime:
        """Read what the kernel's statistics say; zeros unless `kernel.bpf_stats_enabled` is 1."""
        info = ctypes.create_string_buffer(PROG_INFO.size)
        size = ctypes.c_uint32(len(info))
        found = self._library.bpf_obj_get_info_by_fd(
            self.program(program), info, ctypes.byref(size)
        )
        check(found, program)
        return RunTime(*PROG_INFO.unpack(info.raw))

    def run(
        self, program: str, packet: bytes, ifindex: int = 1, repeat: int = 1, time: int = 0
    ) -> TestRun:
        """Run a program on a packet as if an interface had it (BPF_PROG_RUN); 1 is loopback."""
        after = ctypes.create_string_buffer(len(packet) + ROOM)
        context = ctypes.create_string_buffer(SKB.pack(ifindex, time), ROOM)
        options = TestRunOptions(
            sz=ctypes.sizeof(TestRunOptions),
            data_in=ctypes.cast(ctypes.c_char_p(packet), POINTER),
            data_size_in=len(packet),
            data_out=ctypes.cast(after, POINTER),
            data_size_out=len(after),
            ctx_in=ctypes.cast(context, POINTER),
            ctx_size_in=SKB.size,
            ctx_out=ctypes.cast(context, POINTER),
            ctx_size_out=len(context),
            repeat=repeat,
        )
        ran = self._library.bpf_prog_test_run_opts(self.program(program), ctypes.byref(options))
        check(ran, program)
        code = ctypes.c_int32(options.retval).value
        _, time = SKB.unpack_from(context.raw)
        return TestRun(code, after.raw[: options.data_size_out], options.duration, time)
