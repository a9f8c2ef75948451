"""Network interfaces that live as long as a file descriptor (tun(4)).

Such an interface takes clones like any other, and the kernel removes it with its owner,
whatever ends the owner.
"""

from __future__ import annotations

import fcntl
import os
import struct

DEVICE = "/dev/net/tun"
TUNSETIFF = 0x400454CA
TUNSETPERSIST = 0x400454CB
IFF_TUN = 0x0001
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
REQUEST = struct.Struct("16sH22x")  # struct ifreq


def open_tap(name: str, *, bare: bool = False, keep: bool = False) -> int:
    """Create an interface with Ethernet headers, or a `bare` one without; closing removes it.

    With `keep`, closing leaves it; an interface that was kept is opened again.

    Raises:
        OSError: when /dev/net/tun is not there, or not for us.
    """
    fd = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = (IFF_TUN if bare else IFF_TAP) | IFF_NO_PI
    try:
        fcntl.ioctl(fd, TUNSETIFF, REQUEST.pack(name.encode(), kind))
        fcntl.ioctl(fd, TUNSETPERSIST, int(keep))
    except OSError:
        os.close(fd)
        raise
    return fd
