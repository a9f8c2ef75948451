"""Was something asked of this host or site, by it, or did it only pass through?

`[local]` networks tell; without them the addresses that a sensor says are its own host's. Loopback
addresses are always local: what goes there goes to the host itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.metric import Birth, thawed
from pano_glue.metrics.networks import Networks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INBOUND, OUTBOUND, TRANSIT = "inbound", "outbound", "transit"
KNOWN = 1 << 16  # addresses of which is remembered whether they are local
ADDRESSES = 256  # of one sensor's host that are kept
LOOPBACK = ("127.0.0.0/8", "::1")


class RolesState(msgspec.Struct, array_like=True):
    """The addresses that each sensor told last."""

    own: dict[str, list[str]]


class Roles:
    """The role of transactions, by their two ends."""

    name = "roles"

    def __init__(self, networks: Sequence[str]) -> None:
        """Take the networks of `[local]`.

        Raises:
            SettingError: for one that is neither an address nor a network.
        """
        self._own: dict[str, list[str]] = {}  # by sensor, as it told
        self.rename(networks)

    def rename(self, networks: Sequence[str]) -> None:
        """Use other networks from here on; raises as the constructor."""
        self._told = bool(networks)
        self._networks = Networks(dict.fromkeys([*networks, *LOOPBACK], "local"), "[local]")
        self._known: dict[str, bool] = {}  # of all sensors
        self._own_addresses = {sensor: frozenset(own) for sensor, own in self._own.items()}

    def learn(self, sensor: str, addresses: Iterable[str]) -> None:
        """Take over the addresses of a sensor's host; whoever calls bounds the sensors."""
        own = sorted(addresses)[:ADDRESSES]
        if own and own != self._own.get(sensor):
            self._own[sensor] = own
            self._own_addresses[sensor] = frozenset(own)

    def divided(
        self, sensor: str, server: str, clients: Iterable[str]
    ) -> tuple[str, frozenset[str]]:
        """Give the role of what `clients` asked `server`.

        The role is that of all but the clients that come with it: those are `transit`.
        """
        own = frozenset[str]() if self._told else self._own_addresses.get(sensor, frozenset())
        if server in own or self._local(server):
            return INBOUND, frozenset()
        if not (own or self._told):
            return TRANSIT, frozenset()
        different = frozenset(clients)
        ours = frozenset(filter(self._local, different)) if self._told else different & own
        if not ours:
            return TRANSIT, frozenset()
        return OUTBOUND, different - ours

    def freeze(self, birth: Birth) -> RolesState:  # noqa: ARG002 - addresses are no series
        """See `metric.Part`."""
        return RolesState(self._own.copy())

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`."""
        for sensor, own in thawed(state, RolesState).own.items():
            self.learn(sensor, own)
        return True

    def _local(self, address: str) -> bool:
        local = self._known.get(address)
        if local is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            local = self._known[address] = self._networks.name(address) is not None
        return local
