"""The `[tls]` table: HTTPS for the bridge's pages."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError

if TYPE_CHECKING:
    from pano_glue.config import Tls


def tls_context(tls: Tls) -> ssl.SSLContext | None:
    """Make the context for the `[tls]` table; None when it is empty.

    A new one is made for each reload: authorities can be added to a context, but not taken out.

    Raises:
        SettingError: when a file cannot be used.
    """
    if not tls.cert and not tls.key and not tls.client_ca:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.cert, tls.key or None, lambda: _password(tls))
        if tls.client_ca:
            context.load_verify_locations(tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (tls.cert or "tls.cert (not set)", tls.key, tls.client_ca)))
        raise SettingError(f"[tls] {files}: {error}", "give PEM files of a pair") from error
    return context


def _password(tls: Tls) -> str:
    if not tls.key_password:
        raise SettingError(f"[tls] {tls.key or tls.cert}: has a password", "set tls.key_password")
    return tls.key_password
