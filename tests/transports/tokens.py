"""Tokens that the tests' Kafka takes: JSON Web Tokens without a signature (RFC 7519, section 6)."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode

from kafka.net.sasl.oauth import AbstractTokenProvider


class Unsecured(AbstractTokenProvider):  # type: ignore[misc]
    """Gives a new token each time."""

    def token(self) -> str:
        now = time.time()
        parts = [{"alg": "none"}, {"sub": "reader", "iat": now, "exp": now + 3600}]
        encoded = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
        return b".".join([*encoded, b""]).decode()
