"""Pseudonyms: prefix-preserving addresses (Crypto-PAn), names label by label; one key, one mapping.

Addresses that share a prefix share one of the same length afterwards. A name keeps its public
suffix and the number of its labels; equal labels have equal pseudonyms. The key comes from a file:
a command line is seen by every process of the machine.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pano_glue.errors import SettingError
from pano_glue.forensics.domains import suffixes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from pano_glue.forensics.answer import Answer
    from pano_glue.forensics.duck import DuckEngine

LEAST = 32  # bytes of key
LENGTH = 10  # characters of a label's pseudonym, 50 bits
CACHE = 1 << 17

ADDRESSES = {
    "client",
    "server",
    "first_client",
    "upstream",
    "id.orig_h",
    "id.resp_h",
    "source",
    "destination",
}
NETWORKS = {"network", "ecs"}
NAMES = {"query", "domain", "suffix", "first_name", "sensor", "server_name"}
DIMENSIONS = ADDRESSES | NETWORKS | NAMES


class Key:
    """The mapping of one key."""

    def __init__(self, secret: bytes) -> None:
        """Derive what Crypto-PAn and the names need, each its own, from `secret`."""
        from yacryptopan import CryptoPAn

        pan = CryptoPAn(hashlib.sha256(b"pano addresses" + secret).digest())
        self._secret = hashlib.sha256(b"pano names" + secret).digest()
        self._rules = suffixes()
        self._pan: Callable[[str], str] = lru_cache(CACHE)(pan.anonymize)
        self._label: Callable[[str], str] = lru_cache(CACHE)(self._pseudonym)

    def address(self, text: str) -> str:
        """Map an address; what is none is mapped as a name."""
        try:
            ipaddress.ip_address(text)
        except ValueError:
            return self.name(text)
        return self._pan(text)

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
        if any(letter.isspace() for letter in text):
            return self._label(text)
        labels = text.rstrip(".").split(".")
        # Below one label more than the name has, what is registered is that label or the name's.
        public = self._rules.of(f"x.{text.rstrip('.').lower()}").count(".")
        cut = max(1, len(labels) - public) if len(labels) > 1 else 1
        return ".".join([*(self._label(label) for label in labels[:cut]), *labels[cut:]])

    def columns(self, engine: DuckEngine) -> dict[str, str]:
        """Write the SQL that maps a record's columns, by their names in our SQL."""
        for name, of in (("address", self.address), ("name", self.name), ("network", self.network)):
            engine.function(f"pseudonym_{name}", of)
        mapped = {"client": "address", "server": "address", "query": "name", "ecs": "network"}
        mapped |= {"sensor": "name", "server_name": "name"}
        columns = {column: f"pseudonym_{how}({column})" for column, how in mapped.items()}
        columns["answers"] = "list_transform(answers, lambda one: pseudonym_address(one))"
        return columns

    def value(self, column: str, value: Any) -> Any:  # noqa: ANN401 - any cell
        """Map one cell of a column."""
        if hasattr(value, "__len__") and not isinstance(value, str):
            return [self.value(column, one) for one in value]
        if not isinstance(value, str):
            return value
        if column in ADDRESSES or column == "answers":
            return self.address(value)
        if column in NETWORKS:
            return self.network(value)
        return self.name(value) if column in NAMES else value

    def _pseudonym(self, label: str) -> str:
        digest = hmac.digest(self._secret, label.lower().encode("utf-8", "surrogatepass"), "sha256")
        return base64.b32encode(digest).decode().lower()[:LENGTH]


def read_key(path: Path) -> Key:
    """Read a key file: 32 bytes or more, and nobody else's to read.

    Raises:
        SettingError: when it cannot be used, or the library is missing.
    """
    cure = f"make one: (umask 077; head -c 32 /dev/urandom > {path})"
    try:
        secret = path.read_bytes()
        if path.stat().st_mode & 0o077:
            raise SettingError(f"--anonymize {path}: others can read it", f"chmod 600 {path}")
    except OSError as error:
        raise SettingError(f"--anonymize {path}: {error.strerror}", cure) from error
    if len(secret) < LEAST:
        raise SettingError(f"--anonymize {path}: {len(secret)} bytes are no key", cure)
    try:
        return Key(secret)
    except ImportError as error:
        raise SettingError(
            "--anonymize needs yacryptopan", "pip install 'pano-glue[forensics]'"
        ) from error


def anonymized(answer: Answer, key: Key) -> Answer:
    """Map the names and addresses in an answer's tables; its sentences have none."""
    answer.tables = {title: _mapped(frame, key) for title, frame in answer.tables.items()}
    return answer


def _mapped(frame: pd.DataFrame, key: Key) -> pd.DataFrame:
    mapped = frame.copy()
    if "field" in mapped.columns:  # one row for each field, of `show`
        for name in mapped.columns[1:]:
            mapped[name] = [
                key.value(field, cell)
                for field, cell in zip(mapped["field"], mapped[name], strict=True)
            ]
    if "by" in mapped.columns:  # of `compare`
        mapped["value"] = [
            key.value(by, cell) for by, cell in zip(mapped["by"], mapped["value"], strict=True)
        ]
    for name in DIMENSIONS & set(mapped.columns) | {"answers"} & set(mapped.columns):
        mapped[name] = [key.value(name, cell) for cell in mapped[name]]
    return mapped
