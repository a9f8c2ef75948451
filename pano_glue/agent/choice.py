"""Which packets to clone: what the user says, and the same in the kernel's maps."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from pano_glue.agent import layout
from pano_glue.errors import SettingError

if TYPE_CHECKING:
    from pano_glue.agent.libbpf import BpfObject

ANY = "any"
EXCLUDE = "!"
HIGHEST_PORT = 65535


class Protocol(StrEnum):
    """What carries DNS."""

    UDP = "udp"
    TCP = "tcp"


class Dedup(StrEnum):
    """Whether to look for the same packet on several interfaces."""

    AUTO = "auto"  # on as soon as two interfaces are attached
    ON = "on"
    OFF = "off"


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to mirror. `client` and `server` are networks; `!` in front excludes.

    `one_in` N takes one flow in N. `ceiling` is in packets per second; 0 is none.
    """

    port: tuple[int, ...] = (53,)
    protocol: tuple[Protocol, ...] = (Protocol.UDP, Protocol.TCP)
    client: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    one_in: int = 1
    ceiling: int = 0
    dedup: Dedup = Dedup.AUTO
    tunnels: bool = False

    def __post_init__(self) -> None:
        """Refuse what the kernel program could not follow (SettingError)."""
        for port in self.port:
            if not 0 < port <= HIGHEST_PORT:
                raise SettingError(f"--port {port} is no port", f"use 1 to {HIGHEST_PORT}")
        for name, value, least in (("one-in", self.one_in, 1), ("ceiling", self.ceiling, 0)):
            if not least <= value < 1 << 30:
                raise SettingError(f"--{name} {value} is out of range", f"use {least} or more")
        named = sum(len(parse_networks(role, getattr(self, role))) for role in layout.ROLES)
        if named > layout.NETWORKS:
            raise SettingError(
                f"--client and --server name {named} networks, {layout.NETWORKS} at most",
                "put neighbours together",
            )


def parse_networks(role: str, texts: tuple[str, ...]) -> dict[bytes, bool]:
    """Return the trie's keys for a role, and whether each network is in; `any` alone is none.

    What no network names is in when all of them exclude, else out.

    Raises:
        SettingError: when a text is no network.
    """
    if not texts or texts == (ANY,):
        return {}
    keys: dict[bytes, bool] = {}
    for text in texts:
        try:
            network = ipaddress.ip_network(text.removeprefix(EXCLUDE))
        except ValueError as error:
            raise SettingError(
                f"--{role} {text}: {error}", "write it as 192.0.2.0/24, !2001:db8::/32 or any"
            ) from error
        keys[layout.pack_network(role, network)] = not text.startswith(EXCLUDE)
    keys[layout.pack_network(role, None)] = not any(keys.values())
    return keys


def apply_choice(programs: BpfObject, choice: Choice, *, once: bool) -> None:
    """Write a choice into the maps of running programs; `once` is what `dedup` comes to now."""
    tries = [parse_networks(role, getattr(choice, role)) for role in layout.ROLES]
    wanted = {key: value for keys in tries for key, value in keys.items()}
    networks = programs.map("networks")
    for key, included in wanted.items():
        networks.update(key, bytes([included]))
    packed = layout.CHOICE.pack(
        layout.NANOSECONDS // choice.ceiling if choice.ceiling else 0,
        choice.one_in,
        Protocol.UDP in choice.protocol,
        Protocol.TCP in choice.protocol,
        once,
        choice.tunnels,
        sum(bool(keys) << bit for bit, keys in enumerate(tries)),
        layout.pack_ports(choice.port),
    )
    programs.map(".data.choice").update(layout.ONLY_KEY, packed)
    for key in networks.keys(layout.NETWORK.size):
        if key not in wanted:
            networks.delete(key)
