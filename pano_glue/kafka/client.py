"""What the bridge asks of a Kafka library, and which library is here."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pano_glue.config import Kafka

# Library: its package, the module of ours that imports it; the fastest first.
LIBRARIES = {
    "confluent-kafka": ("confluent_kafka", "pano_glue.kafka.confluent"),
    "kafka-python": ("kafka", "pano_glue.kafka.kafka_python"),
}

FETCH_BYTES = 8 << 20  # about what one poll returns at most; bounds memory
FETCH_MESSAGES = 10_000
METADATA_SECONDS = 10.0  # how soon a new topic or partition is seen
SESSION_SECONDS = 10.0  # how long a crashed member's partitions wait for another
REACH_SECONDS = 3.0  # how long an idle consumer waits for an answer before Kafka counts as away


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Fetched(NamedTuple):
    """Consecutive messages of one partition: the offset after each, and each value, never empty.

    Kept as two columns, since a value is only ever joined to its neighbours.
    """

    partition: Partition
    offsets: Sequence[int]
    values: Sequence[bytes]


class Done(Protocol):
    """Told once, from any thread, how a request ended."""

    def __call__(self, failure: str | None) -> None:
        """Take note: it is done (None), or why it failed."""


class KafkaAwayError(OSError):
    """Kafka did not answer, or not in time; it is worth trying again."""

    def __init__(self, why: str) -> None:
        """Say why, in `strerror` as other OSErrors do."""
        super().__init__(why)
        self.strerror = why


class KafkaRefusedError(PanoError):
    """Kafka refuses us for what we are or ask; trying again would not help."""


class Group(Protocol):
    """What a consumer asks and tells about the partitions that its group gives and takes."""

    def assigned(self, partitions: Collection[Partition]) -> None:
        """Take note that these partitions are ours from now on."""

    def when_settled(self, partitions: Collection[Partition], then: Callable[[], None]) -> None:
        """Call `then` as soon as the partitions may go: maybe at once, twice, from any thread."""

    def revoked(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Give the partitions up; returns what must be committed before they go."""

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Take note that Kafka has confirmed these."""

    def lost(self, partitions: Collection[Partition]) -> None:
        """Take note that the partitions are gone and can no longer be committed."""


class Consumer(Protocol):
    """A member of a consumer group, connected; offsets move by `commit` only.

    It belongs to the thread that polls: confluent-kafka makes every other one wait.
    """

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """Wait for messages. `Group` is called from in here.

        Raises:
            KafkaAwayError: when the consumer is of no use any more and should be made anew.
            KafkaRefusedError: when it never can be.
        """

    def reachable(self) -> bool:
        """Ask Kafka something; False when no answer comes within `REACH_SECONDS`."""

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """Ask Kafka to commit; `done` may be called in a later `poll` only."""

    def committed(self, partition: Partition) -> int | None:
        """Ask for the group's committed offset; None when there is none.

        Raises:
            KafkaAwayError: when no answer comes within `REACH_SECONDS`.
        """

    def beginning(self, partition: Partition) -> int:
        """Ask for the offset of the first message that is still kept; raises as `committed`."""

    def close(self) -> None:
        """Leave the group."""


class Producer(Protocol):
    """An idempotent producer, connected; it repeats what was not confirmed, forever."""

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        """Queue a message; `delivered` is called once Kafka has it, or never will."""

    def serve(self, seconds: float) -> None:
        """Let outstanding `delivered` be called, for `seconds` at most."""

    def close(self) -> None:
        """Drop what is not delivered yet."""


class Library(Protocol):
    """One Kafka library."""

    def open_consumer(
        self, servers: str, topics: Sequence[str], name: str, settings: Kafka, group: Group
    ) -> Consumer:
        """Connect and join consumer group `name`.

        Raises:
            KafkaAwayError: when no server answers.
            KafkaRefusedError: when it does not let us in.
        """

    def open_producer(self, servers: str, settings: Kafka) -> Producer:
        """Connect; raises as `open_consumer`."""


def settings_named(names: Mapping[str, str], settings: Kafka) -> dict[str, str]:
    """Give the settings of `[kafka]` as a library `names` them; empty ones stay at its default."""
    sasl = settings.security_protocol.startswith("SASL")
    values = {field: getattr(settings, field) for field in names}
    return {
        names[field]: value
        for field, value in values.items()
        if value and (sasl or not field.startswith("sasl"))
    }


def open_library(named: str = "") -> Library:
    """Find a Kafka library: the `named` one, else the fastest that is installed.

    Raises:
        SettingError: when there is none, or `named` is none.
    """
    if named and named not in LIBRARIES:
        raise SettingError(f"{named} is no Kafka library", f"name {' or '.join(LIBRARIES)}")
    for library in [named] if named else LIBRARIES:
        package, module = LIBRARIES[library]
        if find_spec(package):
            return cast("Library", import_module(module))
    raise SettingError(
        f"no Kafka library ({named or ' or '.join(LIBRARIES)}) is installed",
        "pip install 'pano-glue[kafka]', or 'pano-glue[fast]' for speed",
    )
