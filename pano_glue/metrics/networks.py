"""Names by address or network, as tables of the configuration give them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Networks:
    """Names by address or prefix; the longest prefix wins."""

    def __init__(self, names: Mapping[str, str], table: str) -> None:
        """Take a `table` of the configuration.

        Raises:
            SettingError: for a key that is neither an address nor a prefix.
        """
        try:
            networks = [(ip_network(key), name) for key, name in names.items()]
        except ValueError as error:
            cure = 'write it as "192.0.2.53" or "192.0.2.0/24"'
            raise SettingError(f"{table} {error}", cure) from error
        self._networks = sorted(networks, key=lambda entry: -entry[0].prefixlen)

    def __bool__(self) -> bool:
        """Tell whether there are any names."""
        return bool(self._networks)

    def name(self, host: str) -> str | None:
        """Name an address as records write it; None when it has no name."""
        try:
            address = ip_address(host)
        except ValueError:
            return None
        for network, name in self._networks:
            if address in network:
                return name
        return None
