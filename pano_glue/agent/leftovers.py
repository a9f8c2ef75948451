"""What a killed agent leaves: its mirror and its clsact filters, never anybody else's.

A live agent holds an abstract Unix socket named after its mirror. Such a socket belongs to
the network namespace and goes with the process, so it tells a live agent's things from a
dead one's, across containers too.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from pano_glue.agent.attach import remove_filters
from pano_glue.agent.devices import EGRESS, INGRESS, MARK
from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from pano_glue.agent.devices import Network


def hold_mirror(name: str) -> socket.socket:
    """Claim a mirror's name in this namespace until the returned socket is closed.

    Raises:
        PanoError: when a live agent has it.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0{MARK}{name}")
    except OSError as error:
        claim.close()
        raise PanoError(
            f"another pano-agent mirrors to {name}", "stop it, or name another --mirror"
        ) from error
    return claim


def remove_leftovers(network: Network, mine: str = "", *, kept: bool = False) -> list[str]:
    """Remove what dead agents left in this namespace; returns a line for each thing.

    `mine` is the mirror that the caller holds: what it finds of that is a dead agent's too.
    Mirrors that are to outlive their agents go only with `kept`.
    """

    def is_dead(mirror: str) -> bool:
        return mirror == mine or not is_live(mirror)

    removed: list[str] = []
    for interface in list(network.interfaces()):
        owners = {one.owner for one in network.own_filters(interface.index)}
        dead = set(filter(is_dead, owners))
        filters = remove_filters(network, interface.index, dead, {INGRESS, EGRESS})
        removed += [f"filter on {interface.name}"] * filters
        if interface.owner and is_dead(interface.owner) and (kept or not interface.kept):
            network.remove_interface(interface.name)
            removed.append(f"interface {interface.name}")
    return removed


def is_live(mirror: str) -> bool:
    """Tell whether an agent of this namespace mirrors to this interface now."""
    try:
        hold_mirror(mirror).close()
    except PanoError:
        return True
    return False
