"""What the bridge asks of a Kafka library, and which library is here."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from pano_glue.config import Kafka

# Library: its package, the module of ours that imports it; the fastest first.
LIBRARIES = {
    "confluent-kafka": ("confluent_kafka", "pano_glue.kafka.confluent"),
    "kafka-python": ("kafka", "pano_glue.kafka.kafka_python"),
}

FETCH_BYTES = 8 << 20  # about what one poll returns at most; bounds memory
FETCH_MESSAGES = 10_000
METADATA_SECONDS = 10.0  # how soon a new topic or partition is seen
# How long a crashed member's partitions wait for another. Were it shorter than a restart of Kafka,
# each such restart would scatter the partitions uncommitted (KIP-735).
SESSION_SECONDS = 45.0
# How soon a member hears that the group divides its partitions anew. Those who have heard wait for
# those who have not, and their commits wait with them (Kafka answers one connection in turn): for
# less than a bridge that ends has for its last one.
HEARTBEAT_SECONDS = 0.5
REACH_SECONDS = 3.0  # how long we wait for an answer before Kafka counts as away
CONNECT_SECONDS = 3.0

FENCED = (
    "another member has taken our place in the group",
    "if this state directory is a copy, remove its checkpoint, or set [kafka] group_instance_id",
)

Role = Literal["consumer", "producer"]


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


class Fetched(NamedTuple):
    """Consecutive messages of one partition: the offset after each, and each value.

    Kept as two columns, since a value is only ever joined to its neighbours. Without values there
    is one offset, and nothing to read before it: marks and aborted messages of transactions.
    """

    partition: Partition
    offsets: Sequence[int]
    values: Sequence[bytes]


class Kept(NamedTuple):
    """What Kafka keeps of a partition: the offsets of its first message and of the next one."""

    first: int
    next: int


class Done(Protocol):
    """Told once, from any thread, how a request ended."""

    def __call__(self, failure: Exception | None) -> None:
        """Take note: it is done (None), or why it failed."""


class KafkaAwayError(OSError):
    """Kafka did not answer, or not in time; it is worth trying again."""

    def __init__(self, why: str) -> None:
        """Say why, in `strerror` as other OSErrors do."""
        super().__init__(why)
        self.strerror = why


class KafkaRefusedError(PanoError):
    """Kafka refuses us for what we are or ask; trying again would not help."""


class TooLargeError(PanoError):
    """Kafka takes no batch of messages as large as ours (`max.message.bytes`)."""


class Consumer(Protocol):
    """A member of a consumer group, connected; its offsets move by `commit` only.

    It belongs to the thread that polls: confluent-kafka makes every other one wait. Questions raise
    KafkaAwayError when no answer comes within `REACH_SECONDS`.
    """

    def poll(self, seconds: float) -> Sequence[Fetched]:
        """Wait for messages. `Group` is called from in here.

        Raises:
            KafkaAwayError: when the consumer is of no use any more and should be made anew.
            KafkaRefusedError: when it never can be.
        """

    def ask(self) -> None:
        """Ask the group's coordinator something, to see whether it is there."""

    def commit(self, offsets: Mapping[Partition, int], done: Done) -> None:
        """Ask Kafka to commit; `done` may be called in a later `poll` only."""

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Ask for the group's offsets; partitions without one are left out."""

    def kept(self, partitions: Collection[Partition]) -> Mapping[Partition, Kept]:
        """Ask what is kept of partitions."""

    def next(self, partition: Partition) -> int | None:
        """Give the newest known `Kept.next` of a partition of ours, without asking."""

    def topics(self) -> Collection[str]:
        """Ask for the names of all topics that we may see; creates none."""

    def partitions(self, topic: str) -> Collection[Partition]:
        """Ask for the partitions of a topic that is there."""

    def compacted(self, topic: str) -> bool:
        """Ask whether Kafka deletes messages of a topic for newer ones of the same key."""

    def close(self) -> None:
        """Leave the group."""


class Group(Protocol):
    """Told about the partitions that the group gives and takes, in the thread that polls."""

    def assigned(
        self, consumer: Consumer, partitions: Collection[Partition]
    ) -> Mapping[Partition, int]:
        """Take the partitions; returns the offset at which each begins."""

    def revoked(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Give the partitions up; returns what must be committed before they go."""

    def committed(self, offsets: Mapping[Partition, int], failure: Exception | None) -> None:
        """Take note how the commit of what `revoked` returned ended. Called from any thread."""

    def lost(self, partitions: Collection[Partition]) -> None:
        """Take note that the partitions are gone and can no longer be committed."""


class Producer(Protocol):
    """An idempotent producer, connected; it repeats what was not confirmed, forever."""

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        """Queue a message; `delivered` is called once Kafka has it, or never will.

        Raises:
            KafkaAwayError: when it has no room; worth trying again.
        """

    def serve(self, seconds: float) -> None:
        """Let outstanding `delivered` be called, for `seconds` at most."""

    def reason(self) -> str:
        """Say what the library said last about its connections."""

    def close(self) -> None:
        """Drop what is not delivered yet."""


class Library(Protocol):
    """One Kafka library."""

    def check(self, settings: Kafka, role: Role) -> None:
        """Try the settings, without connecting.

        Raises:
            SettingError: for one that the library refuses.
        """

    def open_consumer(
        self, servers: str, topics: Sequence[str], name: str, settings: Kafka, group: Group
    ) -> Consumer:
        """Connect and join consumer group `name`.

        Raises:
            KafkaAwayError: when no server answers.
            KafkaRefusedError: when it does not let us in.
        """

    def open_producer(self, servers: str, settings: Kafka, batch_bytes: int) -> Producer:
        """Connect, to send messages in batches of about that size; raises as `open_consumer`."""


def settings_named(names: Mapping[str, str], settings: Kafka) -> dict[str, str]:
    """Give the settings of `[kafka]` as a library `names` them; empty ones stay at its default."""
    sasl = settings.security_protocol.startswith("SASL")
    values = {field: getattr(settings, field) for field in names}
    return {
        names[field]: value
        for field, value in values.items()
        if value and (sasl or not field.startswith("sasl"))
    }


def check_files(settings: Kafka) -> None:
    """Check that the PEM files can be read: the libraries tell less.

    Raises:
        SettingError: naming the first that cannot.
    """
    for field in ("ssl_ca", "ssl_cert", "ssl_key"):
        path = getattr(settings, field)
        try:
            if path:
                Path(path).open("rb").close()
        except OSError as error:
            what = f"[kafka] {field}: {path}: {error.strerror}"
            raise SettingError(what, "name a PEM file to read") from error


def refuse_own(settings: Kafka, own: Collection[str]) -> None:
    """Check that `[kafka.options]` leave alone what the promises rest on.

    Raises:
        SettingError: naming the first of `own` that stands there.
    """
    for option in settings.options:
        if option in own:
            raise SettingError(
                f"[kafka.options] {option}: set by PANO itself", "remove it; see docs/transports.md"
            )


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
