"""An interface in a network namespace, told from another that has its name later."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pano_glue.agent.namespace import enter_namespace

if TYPE_CHECKING:
    from pano_glue.lab.network import Namespace

SIOCGIFINDEX = 0x8933  # netdevice(7)
REQUEST = struct.Struct("16si20x")  # struct ifreq


class Interface:
    """A name that is looked up again and again where the interface is or will be."""

    def __init__(self, name: str, network: Namespace | None) -> None:
        """Look in `network`, None for our own namespace.

        Raises:
            PanoError: when we may not look there.
        """
        self.name = name
        self._network = network
        # A socket stays in the namespace that it was made in, and a namespace is entered by one
        # thread only: ours stays where it is.
        with ThreadPoolExecutor(1) as threads:
            self._socket = threads.submit(self._open).result()

    def index(self) -> int | None:
        """Return its number, which the kernel gives to no other; None while there is none."""
        try:
            answer = fcntl.ioctl(self._socket, SIOCGIFINDEX, REQUEST.pack(self.name.encode(), 0))
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
            return None
        return int(REQUEST.unpack(answer)[1])

    def close(self) -> None:
        """Look no more."""
        self._socket.close()

    def _open(self) -> socket.socket:
        if self._network:
            enter_namespace(str(self._network.child.pid))
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
