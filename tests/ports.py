"""Ports for the servers that tests start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Below what Linux hands out for outgoing connections (net.ipv4.ip_local_port_range), so that
# nothing takes the port of a server that a test has killed and will start again.
SERVER_PORTS = range(20000, 32768)


def free_port() -> int:
    """Find a TCP port of loopback that nobody listens on."""
    draw = random.SystemRandom()
    while True:
        port = draw.choice(SERVER_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
