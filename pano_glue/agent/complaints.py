"""What libbpf would write to stderr, kept to explain a failure."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 1024
# libbpf_print_fn_t: level, format, va_list (by pointer, as Linux's ABIs pass it).
PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


@contextmanager
def complaints(library: ctypes.CDLL) -> Iterator[list[str]]:
    """Collect libbpf's warnings, line by line, while the context lasts."""
    lines: list[str] = []
    libc = ctypes.CDLL(None)
    libc.vsnprintf.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]

    def keep(_level: int, form: bytes, arguments: int) -> int:
        text = ctypes.create_string_buffer(LONGEST)
        libc.vsnprintf(text, LONGEST, form, arguments)
        lines.extend(text.value.decode(errors="replace").splitlines())
        return 0

    callback = PRINT(keep)
    library.libbpf_set_print(callback)
    try:
        yield lines
    finally:
        library.libbpf_set_print(None)


def what_failed(lines: list[str], otherwise: str) -> str:
    """Name the map or program that the kernel did not take, from libbpf's words."""
    for line in lines:
        for kind, before in (("map", "map '"), ("program", "prog '")):
            if before in line and ("fail" in line):
                return f"{kind} {line.partition(before)[2].partition(chr(39))[0]}"
    return otherwise
