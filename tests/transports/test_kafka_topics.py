"""Topics as others fill, delete and compact them, through each of the two libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from pano_glue.kafka.offsets import Position
from tests.transports.reading import Reader
from tests.transports.topics import (
    PARTITIONS,
    create,
    delete,
    delete_before,
    numbered,
    open_transaction,
    produce,
    transact,
)
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.transports.conftest import Ledger
    from tests.transports.kafka_broker import KafkaBroker


def test_a_null_or_a_ping_at_the_head_hides_nothing(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader]
) -> None:
    tagged = [b'{"dns": {"n":%d},"SITE": "fra1"}' % n for n in range(8)]
    others = [b'{"pano_stats": {"n":%d}}' % n for n in range(8)]
    produce(kafka, topic, [None, b"ping", b"", *tagged, b"pong", *others, None], partitions=1)
    reader = read(topic)
    wait_until(lambda: len(reader.lines) == 18)
    assert sorted(reader.lines) == sorted(
        [("dns", line) for line in numbered(0, 8)]
        + [("pano_stats", line) for line in numbered(0, 8)]
        + [(topic, b"ping"), (topic, b"pong")]
    )


def test_a_topic_that_does_not_exist_is_said_and_not_created(
    kafka: KafkaBroker,
    unique: Callable[[str], str],
    read: Callable[..., Reader],
    ledger: Ledger,
    caplog: pytest.LogCaptureFixture,
) -> None:
    topic = unique("absent")
    reader = read(topic)
    wait_until(lambda: f"there is no topic {topic}" in caplog.text)
    assert ledger.up[-1] is False
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    assert topic not in admin.list_topics()
    admin.close()
    create(kafka, topic)
    produce(kafka, topic, numbered(0, 8))
    wait_until(lambda: len(reader.lines) == 8, seconds=40)
    assert ledger.up[-1] is True
    assert caplog.text.count("there is no topic") == 1


def test_messages_deleted_before_they_were_read_are_counted(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], ledger: Ledger
) -> None:
    produce(kafka, topic, numbered(0, 20 * PARTITIONS))
    delete_before(kafka, topic, 3)  # nobody was here yet, so nobody lost it
    first = read(topic)
    wait_until(lambda: len(first.lines) == 17 * PARTITIONS)
    first.end()
    assert ledger.deleted_messages == 0
    produce(kafka, topic, numbered(20 * PARTITIONS, 20 * PARTITIONS))
    delete_before(kafka, topic, 25)
    second = read(topic, position=first.durable)
    wait_until(lambda: len(second.lines) == 15 * PARTITIONS)
    assert ledger.deleted_messages == 5 * PARTITIONS


def test_an_aborted_transaction_is_not_read_and_nothing_seems_lost_or_waiting(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], ledger: Ledger
) -> None:
    reader = read(topic)
    produce(kafka, topic, numbered(0, 5), partitions=1)
    transact(kafka, topic, numbered(100, 10), commit=False)
    transact(kafka, topic, numbered(5, 10), commit=True)
    transact(kafka, topic, numbered(200, 10), commit=False)
    wait_until(lambda: len(reader.lines) >= 15)
    # 5 + 10 aborted + mark + 10 + mark + 10 aborted + mark: all of it is passed by.
    wait_until(lambda: isinstance(at := reader.position, Position) and at.offsets[topic][0] == 38)
    wait_until(lambda: set(ledger.backlog.values()) == {0})
    assert sorted(reader.values()) == sorted(numbered(0, 15))
    assert ledger.deleted_messages == 0


def test_what_compaction_took_is_counted_and_said(
    kafka: KafkaBroker,
    unique: Callable[[str], str],
    read: Callable[..., Reader],
    ledger: Ledger,
    caplog: pytest.LogCaptureFixture,
) -> None:
    eager = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    topic = create(kafka, unique("squeezed"), 1, eager | {"max.compaction.lag.ms": "100"})
    reader = read(topic)
    wait_until(lambda: reader.position is not None)
    reader.end()
    produced = 0

    def squeezed() -> bool:
        nonlocal produced
        produce(kafka, topic, numbered(produced, 50), 1, key=b"sensor")
        produced += 50
        later = read(topic, group=f"look-{topic}-{produced}")
        wait_until(lambda: numbered(produced - 1, 1)[0] in set(later.values()))
        later.close()
        return len(later.lines) < produced

    wait_until(squeezed, seconds=200, every=0.5)  # when the broker likes to
    ledger.deleted_messages = 0
    again = read(topic, position=reader.durable)
    wait_until(lambda: numbered(produced - 1, 1)[0] in set(again.values()))
    assert len(again.lines) + ledger.deleted_messages == produced
    assert ledger.deleted_messages > 0
    assert "is compacted" in caplog.text


def test_a_topic_made_anew_is_read_from_its_beginning(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    produce(kafka, topic, numbered(0, 8))
    reader = read(topic, position=Position({topic: dict.fromkeys(range(PARTITIONS), 1000)}))
    wait_until(lambda: len(reader.lines) == 8)
    assert "made anew" in caplog.text


def test_what_waits_is_told_also_in_silence(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], ledger: Ledger
) -> None:
    reader = read(topic)
    nothing = {(topic, n): 0 for n in range(PARTITIONS)}
    wait_until(lambda: ledger.backlog == nothing)
    with open_transaction(kafka, topic, numbered(0, 10)):  # may not be read yet
        wait_until(lambda: ledger.backlog == nothing | {(topic, 0): 10})
        assert reader.lines == []
    wait_until(lambda: ledger.backlog == nothing)
    assert len(reader.lines) == 10
    reader.end()
    assert ledger.backlog == {}


def test_a_new_partition_is_read_from_its_beginning(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader]
) -> None:
    reader = read(topic, "")
    wait_until(lambda: reader.position is not None)
    reader.end()
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers)
    admin.create_partitions({topic: PARTITIONS + 2})
    admin.close()
    produce(kafka, topic, numbered(0, 6), PARTITIONS + 2)
    again = read(topic, "", reader.durable)
    wait_until(lambda: len(again.lines) == 6)


def test_a_kill_between_two_logs_of_one_fetch_counts_each_once(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = ("dns", "pano_stats", "http")
    mixed = [b'{"%s": {"n":%d}}' % (logs[n % 3].encode(), n) for n in range(30)]
    produce(kafka, topic, mixed, partitions=1)
    positions: list[tuple[int, object]] = []
    taken: list[Reader] = []

    def take(self: Reader, batch: object) -> None:
        original(self, batch)  # type: ignore[arg-type]
        positions.append((len(self.lines), self.position))

    original = Reader._take  # noqa: SLF001 - a spy
    monkeypatch.setattr(Reader, "_take", take)
    first = read(topic)
    wait_until(lambda: len(first.lines) == 30)
    first.close()
    expected = sorted(first.lines)
    halves = [(lines, at) for lines, at in positions if 0 < lines < 30]
    assert halves
    produce(kafka, topic, mixed, partitions=1)
    for number, (lines, at) in enumerate(halves):
        second = read(topic, position=at, group=f"again-{topic}-{number}")
        taken.append(second)
        wait_until(lambda: len(second.lines) >= 60 - lines)  # noqa: B023
        assert sorted(first.lines[:lines] + second.lines) == sorted(expected * 2)


def test_a_topic_made_anew_while_it_is_read_is_read_again(
    topic: str, kafka: KafkaBroker, read: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    produce(kafka, topic, numbered(0, 40))
    reader = read(topic)
    wait_until(lambda: len(reader.lines) == 40)
    delete(kafka, topic)

    def again() -> bool:
        try:
            create(kafka, topic)
        except TopicAlreadyExistsError:
            return False
        return True

    wait_until(again)
    produce(kafka, topic, numbered(40, 8))
    wait_until(lambda: len(reader.lines) == 48, seconds=60)
    assert "made anew" in caplog.text
