"""Addresses and networks as SQL conditions on addresses that are text."""

from __future__ import annotations

import ipaddress

from pano_glue.errors import SettingError
from pano_glue.forensics.schema import quoted


def within(column: str, text: str, option: str) -> str:
    """Write the condition that `column` is the address, or in the network, `text`.

    Raises:
        SettingError: naming `option`, when it is neither.
    """
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        cure = "give an address or a network, such as 192.0.2.7 or 2001:db8::/32"
        raise SettingError(f"{option} {text}: {error}", cure) from error
    if network.prefixlen == network.max_prefixlen:
        return f"{column} = {quoted(str(network.network_address))}"
    if isinstance(network, ipaddress.IPv4Network):
        return _within_v4(column, network)
    return _within_v6(column, network)


def _within_v4(column: str, network: ipaddress.IPv4Network) -> str:
    whole, bits = divmod(network.prefixlen, 8)
    octets = str(network.network_address).split(".")
    condition = f"{column} LIKE {quoted('.'.join(octets[:whole]) + '.%' if whole else '%.%')}"
    if bits:
        first = int(octets[whole])
        last = first + (1 << (8 - bits)) - 1
        octet = f"TRY_CAST(split_part({column}, '.', {whole + 1}) AS INTEGER)"
        condition += f" AND {octet} BETWEEN {first} AND {last}"
    return f"({condition} AND {column} NOT LIKE '%:%')"


def _within_v6(column: str, network: ipaddress.IPv6Network) -> str:
    """Compare hexadecimal digits, of the address written in full."""
    whole, bits = divmod(network.prefixlen, 4)
    digits = network.network_address.exploded.replace(":", "")
    full = written_in_full(column)
    condition = f"substr({full}, 1, {whole}) = {quoted(digits[:whole])}"
    if bits:
        first = int(digits[whole], 16)
        ok = ", ".join(f"'{digit:x}'" for digit in range(first, first + (1 << (4 - bits))))
        condition += f" AND substr({full}, {whole + 1}, 1) IN ({ok})"
    return f"({column} LIKE '%:%' AND {condition})"


def written_in_full(column: str) -> str:
    """Write SQL that gives an IPv6 address as its 32 hexadecimal digits."""
    # "::" stands once for as many zeros as are missing: pad what is left of it to the right.
    left, right = (
        "array_to_string(list_transform(string_split(split_part("
        f"{column}, '::', {part}), ':'), lambda digits: lpad(digits, 4, '0')), '')"
        for part in (1, 2)
    )
    left = f"(CASE WHEN {column} LIKE '::%' THEN '' ELSE {left} END)"
    right = f"(CASE WHEN split_part({column}, '::', 2) = '' THEN '' ELSE {right} END)"
    return f"lower({left} || repeat('0', 32 - length({left}) - length({right})) || {right})"


def tidy(network: str) -> str:
    """Write a network as people do: `fd77::/64`."""
    return str(ipaddress.ip_network(network))


def network_of(column: str) -> str:
    """Write SQL that gives an address's /24 or /64."""
    v4 = f"regexp_replace({column}, '[.][0-9]+$', '.0/24')"
    digits = f"substr({written_in_full(column)}, 1, 16)"
    groups = " || ':' || ".join(f"substr({digits}, {place}, 4)" for place in (1, 5, 9, 13))
    return f"CASE WHEN {column} LIKE '%:%' THEN {groups} || '::/64' ELSE {v4} END"
