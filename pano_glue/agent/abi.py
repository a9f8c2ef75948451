"""libbpf's functions and structures that it shares with the kernel, as their C headers say."""

from __future__ import annotations

import ctypes
import struct

SKB = struct.Struct("=40xI108xQ")  # struct __sk_buff: ifindex, tstamp
LINK_INFO = struct.Struct("=16xI")  # struct bpf_link_info of a tcx link: ifindex
PROG_INFO = struct.Struct("=192xQQ")  # struct bpf_prog_info: run_time_ns, run_cnt
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
    "bpf_object__next_program": (POINTER, [POINTER, POINTER]),
    "bpf_program__name": (TEXT, [POINTER]),
    "bpf_program__set_autoload": (INT, [POINTER, ctypes.c_bool]),
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
