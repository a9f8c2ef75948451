"""Label values from the wire, made few: names from the configuration, caps, and `other`."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.metrics.counters import Counters
from pano_glue.metrics.family import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "other"


class ServerNames:
    """Names of servers by address or prefix; the longest prefix wins, an unnamed one stays."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the `[servers]` table.

        Raises:
            SettingError: for a key that is neither an address nor a prefix.
        """
        try:
            networks = [(ip_network(key), name) for key, name in names.items()]
        except ValueError as error:
            cure = 'write it as "192.0.2.53" or "192.0.2.0/24"'
            raise SettingError(f"[servers] {error}", cure) from error
        self._networks = sorted(networks, key=lambda entry: -entry[0].prefixlen)

    def name(self, server: str) -> str:
        """Name one server as its records write it."""
        if not self._networks:
            return server
        try:
            address = ip_address(server)
        except ValueError:
            return server
        for network, name in self._networks:
            if address in network:
                return name
        return server


class Folds:
    """The labels (sensor, server, proto) of records, each within its cap.

    At most `sensors` sensors, `servers` servers and `groups` combinations of the two get labels of
    their own; whatever comes later is `other`, and `folded` counts its records by label.
    """

    def __init__(self, sensors: int, servers: int, groups: int, names: ServerNames) -> None:
        """Set the caps and the names of servers."""
        self.names = names
        self.folded = Counters(
            "pano_bridge_folded_labels",
            "Records whose label value was beyond its cap and became `other`.",
            ("label",),
        )
        self._caps = {"sensor": sensors, "server": servers}
        self._known: dict[str, set[str]] = {"sensor": set(), "server": set()}
        self._groups = groups
        self._pairs: set[tuple[str, str]] = set()
        self._cache: dict[tuple[str, str, str], tuple[str, str, str]] = {}

    def labels(self, sensor: str, server: str, proto: str, records: int) -> tuple[str, str, str]:
        """Give the labels for `records` records of this origin."""
        origin = (sensor, server, proto)
        cached = self._cache.get(origin)
        if cached is not None:
            return cached
        sensor = self.sensor(sensor, records)
        server = self._capped("server", escaped(self.names.name(server)), records)
        if (sensor, server) not in self._pairs and OTHER not in (sensor, server):
            if len(self._pairs) < self._groups:
                self._pairs.add((sensor, server))
            else:
                self.folded.add(("server",), records)
                server = OTHER
        labels = (sensor, server, proto)
        if OTHER not in labels:
            # Folded origins are not kept: there may be millions of them.
            self._cache[origin] = labels
        return labels

    def sensor(self, sensor: str, records: int) -> str:
        """Give the label for `records` records of one sensor."""
        return self._capped("sensor", escaped(sensor), records)

    def rename(self, names: ServerNames) -> None:
        """Use other names from here on; what was counted keeps its name."""
        self.names = names
        self._cache.clear()

    def _capped(self, label: str, value: str, records: int) -> str:
        known = self._known[label]
        if value in known:
            return value
        if len(known) < self._caps[label]:
            known.add(value)
            return value
        self.folded.add((label,), records)
        return OTHER
