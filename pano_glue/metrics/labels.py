"""Label values from the wire, made few: names from the configuration, caps, and `other`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pano_glue.metrics.counters import Counters
from pano_glue.metrics.family import escaped
from pano_glue.metrics.metric import Birth, thawed
from pano_glue.metrics.seats import Seat, Seats

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.config import Limits
    from pano_glue.metrics.networks import Networks
    from pano_glue.metrics.roles import Roles

OTHER = "other"
KNOWN = 1 << 14  # servers whose name, or lack of one, is remembered


class FoldsState(msgspec.Struct, array_like=True):
    """The labels that were given: names of sensors, and the seats of each."""

    sensors: dict[str, dict[str, Seat]]


class Folds:
    """The labels (sensor, server, proto) of records, each within its cap.

    At most `sensors` sensors have labels of their own, and of each at most `servers` servers, the
    ones that matter now (`metrics.seats`); of all sensors together `groups`, of which each sensor
    can have its fair part whatever the others do. Servers with a name from the configuration always
    have it. What has no label is `other`, and `folded` counts its records by label.
    """

    name = "folds"

    def __init__(
        self, limits: Limits, names: Networks, roles: Roles, clock: Callable[[], float]
    ) -> None:
        """Set the caps, the names of servers and what is local; `clock` gives epoch seconds."""
        self.roles = roles
        self._told: dict[str, str] = {}  # names that sensors gave, escaped
        self.rename(names)
        self.folded = Counters(
            "pano_bridge_folded_labels",
            "Records whose label value was beyond its cap and became `other`.",
            ("label",),
        )
        self._limits = limits
        self._clock = clock
        self._sensors: dict[str, Seats] = {}
        self._taken = 0  # seats of all sensors, with those that are leaving
        self._gone: list[tuple[str, str]] = []  # before their time, for want of room

    def labels(
        self, sensor: str, server: str, proto: str, records: int, told: str = ""
    ) -> tuple[str, str, str]:
        """Give the labels for `records` records of this origin.

        `told` is the name that the sensor itself has for the server; one of ours goes before.
        """
        sensor = self.sensor(sensor, records)
        named = self._named.get(server)
        if named is None:
            name = self.names.name(server) if self.names else None
            named = "" if name is None else escaped(name)
            if len(self._named) >= KNOWN:
                self._named.clear()
            self._named[server] = named
        if not named and told:
            named = self._told_name(told)
        if named:
            return sensor, named, proto
        server = escaped(server)
        if self._has_seat(sensor, server, records):
            return sensor, server, proto
        self.folded.add(("server",), records)
        return sensor, OTHER, proto

    def sensor(self, sensor: str, records: int) -> str:
        """Give the label for `records` records of one sensor."""
        sensor = escaped(sensor)
        if sensor in self._sensors:
            return sensor
        if len(self._sensors) < self._limits.sensors:
            self._sensors[sensor] = Seats(self._limits.servers, self._clock())
            return sensor
        self.folded.add(("sensor",), records)
        return OTHER

    def turn(self) -> list[tuple[str, str]]:
        """Let servers change places; gives (sensor, server) whose series are to be forgotten."""
        now = self._clock()
        gone, self._gone = self._gone, []
        for sensor, seats in self._sensors.items():
            gone += [(sensor, server) for server in seats.turn(now)]
        self._taken = sum(len(seats.taken) for seats in self._sensors.values())
        return [(sensor, server) for sensor, server in gone if not self._holds(sensor, server)]

    def rename(self, names: Networks) -> None:
        """Use other names from here on; what was counted keeps its name."""
        self.names = names
        self._named: dict[str, str] = {}  # "": has none

    def freeze(self, birth: Birth) -> FoldsState:  # noqa: ARG002 - labels are no series
        """See `metric.Part`."""
        copied = {
            sensor: {server: Seat(seat.used, 0, seat.left) for server, seat in seats.taken.items()}
            for sensor, seats in self._sensors.items()
        }
        return FoldsState(copied)

    def thaw(self, state: msgspec.Raw) -> bool:
        """See `metric.Part`; labels once given stay, under smaller caps too."""
        for sensor, taken in thawed(state, FoldsState).sensors.items():
            self._sensors[sensor] = Seats(self._limits.servers, self._clock())
            self._sensors[sensor].taken = taken
            self._taken += len(taken)
        return True

    def _told_name(self, told: str) -> str:
        """Give a sensor's own name for a server, unless there are too many such names."""
        if told not in self._told and len(self._told) < self._limits.groups:
            self._told[told] = escaped(told)
        return self._told.get(told, "")

    def _has_seat(self, sensor: str, server: str, records: int) -> bool:
        if sensor == OTHER or self._limits.other_servers == "fold":
            return False
        seats = self._sensors[sensor]
        before = len(seats.taken)
        sits = seats.sit(server, records, self._clock(), lambda: self._room(seats))
        self._taken += len(seats.taken) - before
        return sits

    def _holds(self, sensor: str, server: str) -> bool:
        return server in self._sensors[sensor].taken

    def _room(self, seats: Seats) -> bool:
        """Make room for one more seat: if need be at the cost of the sensor that has most."""
        if self._taken < self._limits.groups:
            return True
        if len(seats.taken) >= self._limits.groups // len(self._sensors):
            return False
        sensor, most = max(self._sensors.items(), key=lambda item: len(item[1].taken))
        if most is seats:
            return False
        if self._taken >= self._limits.groups * 3 // 2:
            gone = most.hurry(self._clock())
            if gone is None:
                return False
            self._gone.append((sensor, gone))
            self._taken -= 1
        most.give_up_quietest(self._clock(), 1 << 62)
        return True
