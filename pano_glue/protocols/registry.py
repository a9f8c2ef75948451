"""Which protocols there are: every folder beside this file is one.

A folder `NAME/` offers `REGISTRATION` in its `__init__.py`, which imports nothing heavy. Whatever
must know the protocols (sources, the log's name, `up`, the bridge) asks here, so that a new one is
one folder, and one Zeek script that writes its log.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pano_glue.config import Config
    from pano_glue.metrics.labels import Folds
    from pano_glue.protocols.base import RecordProtocol

USUAL = "dns"  # what a log is taken for whose name tells nothing


class Registration(NamedTuple):
    """One protocol.

    `topic` is the name of its log: of the file, the Kafka topic, the Broker topic below `pano/`,
    the label `log`. `beside` are names that its file may have too. `make` is called with the
    configuration, the bounds of labels and a clock of epoch seconds.
    """

    topic: str
    make: Callable[[Config, Folds, Callable[[], float]], RecordProtocol]
    beside: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All names that its log may have."""
        return (self.topic, *self.beside)


def registered(folders: Iterable[str], package: str) -> Mapping[str, Registration]:
    """Find the protocols below `folders`, which `package` was imported from, by topic."""
    found = {}
    for module in iter_modules(folders):
        if module.ispkg:
            registration = import_module(f"{package}.{module.name}").REGISTRATION
            found[registration.topic] = registration
    return dict(sorted(found.items(), key=lambda item: (item[0] != USUAL, item[0])))
