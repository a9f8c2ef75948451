"""Client addresses made shorter, so that a page names networks and not people."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from pano_glue.errors import SettingError

WHOLE = (32, 128)  # bits of IPv4 and IPv6 addresses


class Prefixes:
    """Shortens addresses to so many bits: `24/56` are 24 of IPv4 and 56 of IPv6."""

    def __init__(self, setting: str) -> None:
        """Read the setting; empty keeps addresses whole.

        Raises:
            SettingError: when it is not two numbers of bits.
        """
        four, _, six = setting.partition("/") if setting else ("32", "/", "128")
        bits = (int(four), int(six)) if four.isdecimal() and six.isdecimal() else (-1, -1)
        if not (0 <= bits[0] <= WHOLE[0] and 0 <= bits[1] <= WHOLE[1]):
            raise SettingError(f"top.clients_prefix: {setting}", "write bits as 24/56, or nothing")
        self._bits = bits

    def of(self, address: str) -> str:
        """Shorten one address; what is none stays as it is."""
        if self._bits == WHOLE:
            return address
        try:
            bits = self._bits[ip_address(address).version == 6]  # noqa: PLR2004 - IPv6
            return str(ip_network((address, bits), strict=False))
        except ValueError:
            return address
