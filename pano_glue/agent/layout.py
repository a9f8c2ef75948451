"""The bytes that ebpf-agent/mirror.h defines, packed and unpacked: change both together."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pano_glue.agent.libbpf import BpfMap

DIRECTIONS = ("ingress", "egress")
VERDICTS = ("matched", "mirrored", "duplicate")
CAUSES = ("no_memory", "device_down", "congested", "refused")
CLONE_TO_INGRESS = 1  # BPF_F_INGRESS

HOOK = struct.Struct("=II")
DEVICES = struct.Struct("=II")
COUNTERS = struct.Struct(f"={len(VERDICTS) + len(CAUSES)}Q")
ONLY_KEY = struct.pack("=I", 0)  # of a section of global data
PORT_BYTES = 65536 // 8


@dataclass(frozen=True, slots=True)
class HookCount:
    """What one program on one side of one interface has seen, in packets."""

    matched: int
    mirrored: int
    duplicate: int
    errors: dict[str, int]

    @property
    def error(self) -> int:
        """Packets that should have been mirrored and were not, whatever the cause."""
        return sum(self.errors.values())


def pack_ports(ports: Iterable[int]) -> bytes:
    """Lay out `struct pano_choice`: one bit for each port."""
    bits = bytearray(PORT_BYTES)
    for port in ports:
        bits[port // 8] |= 1 << port % 8
    return bytes(bits)


def read_count(counters: BpfMap, ifindex: int, direction: int, cpus: int) -> HookCount | None:
    """Add up a hook's per-CPU counters; None when the hook has none."""
    value = counters.lookup(HOOK.pack(ifindex, direction), COUNTERS.size * cpus)
    if value is None:
        return None
    matched, mirrored, duplicate, *failed = (
        sum(column) for column in zip(*COUNTERS.iter_unpack(value), strict=True)
    )
    return HookCount(matched, mirrored, duplicate, dict(zip(CAUSES, failed, strict=True)))
