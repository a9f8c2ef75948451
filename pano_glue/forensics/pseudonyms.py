r"""Pseudonyms of addresses and names: one key, one mapping, as on a sensor (PANO::pseudonyms).

Addresses that share a prefix share one of the same length afterwards (Crypto-PAn, Xu et al. 2002).
A name keeps its public suffix and the number of its labels; equal labels have equal pseudonyms. The
mapping is a contract, described in docs/forensics.md step by step: change neither alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.forensics.domains import suffixes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = re.compile(rb"[0-9a-fA-F]{64}\r?\n?")
LENGTH = 10  # characters of a label's pseudonym, 50 bits
CACHE = 1 << 17


class Key:
    """The mapping of one key, which is 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        """Derive what Crypto-PAn and the names need, each its own, from `secret`."""
        from yacryptopan import CryptoPAn

        pan = CryptoPAn(hashlib.sha256(b"pano addresses" + secret).digest())
        self._secret = hashlib.sha256(b"pano names" + secret).digest()
        self._rules = suffixes(ascii_only=True)  # a sensor reads no others
        self._pan: Callable[[str], str] = lru_cache(CACHE)(pan.anonymize)
        self._label: Callable[[str], str] = lru_cache(CACHE)(self._pseudonym)

    def address(self, text: str) -> str:
        """Map an address; what is none is mapped as a name."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return self.name(text)
        if isinstance(address, ipaddress.IPv6Address):
            if address.scope_id is not None:  # no address that a record could hold: a name
                return self.name(text)
            address = address.ipv4_mapped or address
        return str(ipaddress.ip_address(self._pan(str(address))))

    def network(self, text: str) -> str:
        """Map a network; its length stays."""
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return self.name(text)
        mapped = self._pan(str(network.network_address))
        return str(ipaddress.ip_network(f"{mapped}/{network.prefixlen}", strict=False))

    def name(self, text: str) -> str:
        """Map a name, label by label; its public suffix stays. Other text is one pseudonym."""
        if not text or text == ".":
            return text
        if any(letter in " \t\r\n" for letter in text):
            return self._label(text)
        labels = text.rstrip(".").split(".")
        # Below one label more than the name has, what is registered is that label or the name's.
        public = self._rules.of(f"x.{text.rstrip('.').lower()}").count(".")
        cut = max(1, len(labels) - public) if len(labels) > 1 else 1
        return ".".join([*(self._label(label) for label in labels[:cut]), *labels[cut:]])

    def _pseudonym(self, label: str) -> str:
        # Of bytes only ASCII letters have a lower case, as in DNS (RFC 4343).
        text = label.encode("utf-8", "surrogatepass").lower()
        digest = hmac.digest(self._secret, text, "sha256")
        return base64.b32encode(digest).decode().lower()[:LENGTH]


def read_key(path: Path) -> Key:
    """Read a key file: one line of 64 hexadecimal digits, in a file that nobody else can read.

    Raises:
        SettingError: when it cannot be used, or the library is missing.
    """
    cure = f"make one: (umask 077; openssl rand -hex 32 > {path})"
    try:
        line = path.read_bytes()
        if path.stat().st_mode & 0o077:
            raise SettingError(f"--anonymize {path}: others can read it", f"chmod 600 {path}")
    except OSError as error:
        raise SettingError(f"--anonymize {path}: {error.strerror}", cure) from error
    if not KEY.fullmatch(line):
        raise SettingError(f"--anonymize {path}: no key of 64 hexadecimal digits", cure)
    try:
        return Key(bytes.fromhex(line.decode()))
    except ImportError as error:
        raise SettingError(
            "--anonymize needs yacryptopan", "pip install 'pano-glue[forensics]'"
        ) from error
