"""The few functions of libbpf that the agent needs, through its stable C ABI (libbpf >= 1.0).

Every function that can fail raises OSError with the kernel's errno; see
<bpf/libbpf.h> and <bpf/bpf.h> for what each does.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from pano_glue.agent.complaints import complaints, what_failed
from pano_glue.agent.kernel import refusal
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = "libbpf.so.1"
TCX_INGRESS = 46  # enum bpf_attach_type of Linux 6.6; libbpf 1.1 passes numbers on
TCX_EGRESS = 47
BPF_F_BEFORE = 1 << 3  # without a neighbour named: before all of them

SKB = struct.Struct("=40xI108xQ")  # struct __sk_buff: ifindex, tstamp
LINK_INFO = struct.Struct("=16xI")  # struct bpf_link_info of a tcx link: ifindex
PROG_INFO = struct.Struct("=192xQQ")  # struct bpf_prog_info: run_time_ns, run_cnt
ROOM = 256  # a program may make a packet longer

INT = ctypes.c_int
POINTER = ctypes.c_void_p
TEXT = ctypes.c_char_p
SIZE = ctypes.c_size_t
NUMBER = ctypes.c_uint64

SIGNATURES: dict[str, tuple[type, list[type]]] = {
    "libbpf_set_print": (POINTER, [POINTER]),
    "libbpf_num_possible_cpus": (INT, []),
    "bpf_object__open_file": (POINTER, [TEXT, POINTER]),
    "bpf_object__load": (INT, [POINTER]),
    "bpf_object__close": (None, [POINTER]),  # type: ignore[dict-item] # ctypes' name for void
    "bpf_object__find_program_by_name": (POINTER, [POINTER, TEXT]),
    "bpf_object__find_map_by_name": (POINTER, [POINTER, TEXT]),
    "bpf_program__fd": (INT, [POINTER]),
    "bpf_map__fd": (INT, [POINTER]),
    "bpf_map_update_elem": (INT, [INT, POINTER, POINTER, NUMBER]),
    "bpf_map_lookup_elem": (INT, [INT, POINTER, POINTER]),
    "bpf_map_delete_elem": (INT, [INT, POINTER]),
    "bpf_map_get_next_key": (INT, [INT, POINTER, POINTER]),
    "bpf_link_create": (INT, [INT, INT, INT, POINTER]),
    "bpf_obj_get_info_by_fd": (INT, [INT, POINTER, POINTER]),
    "bpf_prog_test_run_opts": (INT, [INT, POINTER]),
}


class LinkOptions(ctypes.Structure):
    """The start of `struct bpf_link_create_opts`; `sz` says that the rest is not there."""

    _fields_ = (("sz", SIZE), ("flags", ctypes.c_uint32), ("pad", ctypes.c_uint32))


class TestRunOptions(ctypes.Structure):
    """`struct bpf_test_run_opts` of libbpf 1.0."""

    _fields_ = (
        ("sz", SIZE),
        ("data_in", POINTER),
        ("data_out", POINTER),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", POINTER),
        ("ctx_out", POINTER),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", INT),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


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
        """Set a key; for a per-CPU map `value` holds one value after another, for each CPU."""
        check(self._library.bpf_map_update_elem(self._fd, key, value, 0), self._name)

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

    def __init__(self, library: ctypes.CDLL, path: Path) -> None:
        """Open and load the object.

        Raises:
            PanoError: when the object was not built, or the kernel refuses a map or a program.
        """
        self._library = library
        if not path.exists():
            raise PanoError(f"{path} is missing", "build it with: make -C ebpf-agent")
        self._object = library.bpf_object__open_file(os.fsencode(path), None)
        if not self._object:
            raise PanoError(f"{path} is no BPF object", "build it again: make -C ebpf-agent")
        with complaints(library) as said:
            loaded = library.bpf_object__load(self._object)
        try:
            check(loaded, path.name)
        except OSError as error:
            self.close()
            raise refusal(f"load {what_failed(said, path.name)}", error) from error

    def close(self) -> None:
        """Let go of programs and maps; those that a link or filter holds stay with it."""
        self._library.bpf_object__close(self._object)

    def program(self, name: str) -> int:
        """Return the file descriptor of a program; it is ours until `close`."""
        program = self._library.bpf_object__find_program_by_name(self._object, name.encode())
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
