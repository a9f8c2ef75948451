"""The relay without a Kafka: messages, what is on its way, refusals, and what is too large."""

from __future__ import annotations

import json
from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING

import pytest

from pano_glue.errors import PanoError
from pano_glue.kafka.client import KafkaRefusedError, TooLargeError
from pano_glue.relay.messages import LONGEST_LINE, VALUE_BYTES, messages
from pano_glue.relay.relay import Relay
from pano_glue.relay.window import Window
from pano_glue.sources import Batch
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pano_glue.kafka.client import Done


def record(sensor: str, number: int) -> bytes:
    return json.dumps({"query": '"sensor":"no"', "sensor": sensor, "n": number}).encode()


def test_messages_are_keyed_by_sensor_in_order_and_bounded() -> None:
    lines = [record(f"s{number % 2}", number) for number in range(10_000)]
    divided = list(messages(Batch("dns", b"\n".join(lines) + b"\n"), None))
    assert {message.topic for message in divided} == {"dns"}
    assert max(len(message.value) for message in divided) <= VALUE_BYTES
    for sensor in ("s0", "s1"):
        values = [message.value for message in divided if message.key == sensor.encode()]
        expected = [line for line in lines if json.loads(line)["sensor"] == sensor]
        assert b"\n".join(values).split(b"\n") == expected
    assert sum(message.records for message in divided) == 10_000


def test_a_topic_of_another_name_gets_tags() -> None:
    (message,) = messages(Batch("pano_stats", record("s", 1)), "zeek")
    assert json.loads(message.value) == {"pano_stats": json.loads(record("s", 1))}
    (plain,) = messages(Batch("dns", record("s", 1)), "dns")
    assert plain.value == record("s", 1)


def test_a_log_whose_name_is_no_topic_is_sent_all_the_same() -> None:
    (message,) = messages(Batch('a "b" c', record("s", 1)), None)
    assert message.topic == "other"
    assert json.loads(message.value) == {'a "b" c': json.loads(record("s", 1))}


def test_a_line_that_no_broker_takes_is_cut() -> None:
    huge = b'{"a":"' + b"x" * (4 << 20) + b'"}'
    small, cut = messages(Batch("dns", b'{"a":1}\n' + huge), None)
    assert small.value == b'{"a":1}'
    assert cut.value == huge[:LONGEST_LINE]


def test_a_full_window_waits_for_confirmation() -> None:
    window, stop, admitted = Window(most=100), Event(), Event()
    first = window.begin("first")
    assert window.admit(first, 90, stop)
    window.complete(first)
    second = window.begin("second")

    def admit() -> None:
        if window.admit(second, 20, stop):
            admitted.set()

    waiting = Thread(target=admit)
    waiting.start()
    assert not admitted.wait(0.3)
    assert window.confirmed() == []
    window.delivered(first, 90)
    assert admitted.wait(10)
    assert [sent.position for sent in window.confirmed()] == ["first"]
    waiting.join()


def test_positions_are_confirmed_in_the_order_they_were_read() -> None:
    window, stop = Window(), Event()
    batches = [window.begin(number) for number in range(3)]
    for batch in batches:
        window.admit(batch, 1, stop)
        window.complete(batch)
    window.delivered(batches[1], 1)
    window.delivered(batches[2], 1)
    assert window.confirmed() == []
    window.delivered(batches[0], 1)
    assert [sent.position for sent in window.confirmed()] == [0, 1, 2]
    assert window.empty


class FakeProducer:
    """Says `failure` of every message, or takes up to `most` bytes, or says nothing."""

    def __init__(self, failure: Exception | None = None, most: int = 0) -> None:
        """Begin with nothing sent."""
        self._failure = failure
        self._most = most
        self.values: list[bytes] = []

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        assert (topic, key) == ("dns", b"s"), value
        if self._failure is not None and len(value) > self._most:
            delivered(self._failure)
        elif self._most:
            self.values.append(value)
            delivered(None)

    def serve(self, seconds: float) -> None:
        Event().wait(seconds)

    def reason(self) -> str:
        return "fake"

    def close(self) -> None:
        pass


class EndlessSource:
    """A source of `most` batches."""

    name = "endless:"

    def __init__(self, most: int = 1 << 30) -> None:
        """Begin at position 1."""
        self.yielded = 0
        self._most = most
        self._stop = Event()

    def batches(self) -> Iterator[Batch]:
        while not self._stop.is_set() and self.yielded < self._most:
            self.yielded += 1
            lines = b"\n".join([record("s", self.yielded)] * 2000)
            yield Batch("dns", lines, self.yielded)

    def checkpointed(self, position: object) -> None:
        pass

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        pass


def test_what_kafka_refuses_ends_the_relay_and_moves_nothing() -> None:
    refusal = KafkaRefusedError("no such right")
    relay = Relay(EndlessSource(), lambda _: FakeProducer(refusal), None)
    with pytest.raises(PanoError, match="no such right"):
        relay.run()
    assert relay.window.confirmed() == []


def test_without_confirmation_the_source_is_held_up_and_nothing_moves() -> None:
    source = EndlessSource()
    relay = Relay(source, lambda _: FakeProducer(), None)
    running = Thread(target=relay.run)
    running.start()
    seen = -1

    def held_up() -> bool:
        nonlocal seen
        before, seen = seen, source.yielded
        return seen > 1 and seen == before

    wait_until(held_up, every=0.5)
    assert relay.window.bytes <= 32 << 20
    assert relay.window.confirmed() == []
    relay.stop()
    relay.abandon()
    running.join(10)
    assert not running.is_alive()


def test_messages_that_are_too_large_are_sent_again_in_parts() -> None:
    source, made = EndlessSource(5), list[FakeProducer]()

    def open_producer(batch_bytes: int) -> FakeProducer:
        assert batch_bytes <= VALUE_BYTES
        made.append(FakeProducer(TooLargeError("too large"), 3000))
        return made[-1]

    relay = Relay(source, open_producer, None)
    relay.run()
    values = [value for producer in made for value in producer.values]
    lines = sorted(line for value in values for line in value.split(b"\n"))
    assert lines == sorted(line for n in range(1, 6) for line in [record("s", n)] * 2000)
    assert max(map(len, values)) <= 3000
    confirmed = relay.window.confirmed()
    assert [sent.position for sent in confirmed] == [1, 2, 3, 4, 5]
    assert sum(sent.records["dns"] for sent in confirmed) == 10_000


class Turns:
    """A lock that whoever sends waits for until the other has it, from its second message on."""

    def __init__(self) -> None:
        """Let the first who comes send its first message."""
        self._lock = Lock()
        self._sender = ""
        self._served = Event()

    def __enter__(self) -> None:
        """Take it in turn."""
        name = current_thread().name
        if name == self._sender:
            self._served.wait(10)
        self._sender = self._sender or name
        self._lock.acquire()
        if name != self._sender:
            self._served.set()

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._lock.release()


def test_what_is_about_to_be_sent_holds_nobody_up() -> None:
    def open_producer(_: int) -> FakeProducer:
        return FakeProducer(TooLargeError("too large"), 3000)

    relay = Relay(EndlessSource(3), open_producer, None)
    relay._sending = Turns()  # type: ignore[assignment] # noqa: SLF001 - the order that hurts
    running = Thread(target=relay.run, daemon=True)
    running.start()
    running.join(60)
    assert not running.is_alive()
    assert [sent.position for sent in relay.window.confirmed()] == [1, 2, 3]
