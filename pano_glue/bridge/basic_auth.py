"""Who may see the pages: users and hashed passwords, as in Prometheus' web configuration.

https://prometheus.io/docs/prometheus/latest/configuration/https/ (`basic_auth_users`); the header
is that of RFC 7617. The hashes are bcrypt's, made with `htpasswd -nB USER`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from threading import Lock
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

BCRYPT = ("$2a$", "$2b$", "$2y$")
REMEMBERED = 100  # headers that were right, so that not every scrape costs a bcrypt


class BasicAuth:
    """Checks the Authorization header of requests; without users everybody may."""

    def __init__(self, users: Mapping[str, str]) -> None:
        """Take `[auth]`: the bcrypt hash of each user's password.

        Raises:
            SettingError: when one is no bcrypt hash, or the library is missing.
        """
        self._hashes = {user: hashed.encode() for user, hashed in users.items()}
        for user, hashed in users.items():
            if not hashed.startswith(BCRYPT):
                cure = f"make one with `htpasswd -nB {user}`"
                raise SettingError(f"[auth] {user}: not a bcrypt hash", cure)
        if users:
            try:
                import bcrypt
            except ImportError as error:
                cure = "pip install 'pano-glue[auth]'"
                raise SettingError("[auth] needs the library bcrypt", cure) from error
            self._check = bcrypt.checkpw
            self._decoy = bcrypt.hashpw(b"", bcrypt.gensalt())
        self._key = os.urandom(16)
        self._right: set[bytes] = set()
        self._lock = Lock()

    def allows(self, authorization: str) -> bool:
        """Tell whether a request with this header may go on."""
        if not self._hashes:
            return True
        digest = hashlib.blake2b(authorization.encode(), key=self._key).digest()
        if digest in self._right:
            return True
        with self._lock:  # one bcrypt at a time, whoever asks how often
            if not self._right_password(authorization):
                return False
            if len(self._right) >= REMEMBERED:
                self._right.clear()
            self._right.add(digest)
        return True

    def _right_password(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        # An unknown user takes as long as a wrong password.
        hashed = self._hashes.get(user.decode(errors="replace"), self._decoy)
        return (
            scheme.lower() == "basic"
            and self._check(password[:72], hashed)
            and (hashed is not self._decoy)
        )
