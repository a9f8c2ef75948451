"""The relay: what arrives in Kafka, when a position is committed, and what waits for a Kafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer

from pano_glue.errors import PanoError
from pano_glue.relay.messages import LONGEST_LINE, VALUE_BYTES, messages
from pano_glue.relay.relay import Relay
from pano_glue.relay.window import Window
from pano_glue.sources import Batch
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pano_glue.kafka.client import Done
    from tests.transports.kafka_broker import KafkaBroker


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


def test_a_line_that_no_broker_takes_is_cut() -> None:
    huge = b'{"a":"' + b"x" * (4 << 20) + b'"}'
    small, cut = messages(Batch("dns", b'{"a":1}\n' + huge), None)
    assert small.value == b'{"a":1}'
    assert cut.value == huge[:LONGEST_LINE]


def test_a_full_window_waits_for_confirmation() -> None:
    window, stop, admitted = Window(most=100), Event(), Event()
    first = window.begin("first")
    assert window.admit(first, 90, stop)
    first.complete = True
    second = window.begin("second")

    def admit() -> None:
        if window.admit(second, 20, stop):
            admitted.set()

    waiting = Thread(target=admit)
    waiting.start()
    assert not admitted.wait(0.3)
    assert window.confirmed() is None
    window.delivered(first, 90)
    assert admitted.wait(10)
    assert window.confirmed() == "first"
    waiting.join()


def test_positions_are_confirmed_in_the_order_they_were_read() -> None:
    window, stop = Window(), Event()
    batches = [window.begin(number) for number in range(3)]
    for batch in batches:
        window.admit(batch, 1, stop)
        batch.complete = True
    window.delivered(batches[1], 1)
    window.delivered(batches[2], 1)
    assert window.confirmed() is None
    window.delivered(batches[0], 1)
    assert window.confirmed() == 2


class FakeProducer:
    """Refuses or forgets every message."""

    def __init__(self, refusal: str | None) -> None:
        """With a `refusal` say it, else never say anything."""
        self._refusal = refusal

    def send(self, topic: str, key: bytes, value: bytes, delivered: Done) -> None:
        assert (topic, key) == ("dns", b"s"), value
        if self._refusal is not None:
            delivered(self._refusal)

    def serve(self, seconds: float) -> None:
        Event().wait(seconds)

    def close(self) -> None:
        pass


class EndlessSource:
    """A source without end, which notes what was committed."""

    name = "endless:"

    def __init__(self) -> None:
        """Begin at position 1."""
        self.yielded = 0
        self.committed: list[object] = []
        self._stop = Event()

    def batches(self) -> Iterator[Batch]:
        while not self._stop.is_set():
            self.yielded += 1
            yield Batch("dns", record("s", 1) * 10_000, self.yielded)

    def commit(self, position: object) -> None:
        self.committed.append(position)

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        pass


def test_what_kafka_refuses_ends_the_relay_and_commits_nothing() -> None:
    source = EndlessSource()
    with pytest.raises(PanoError, match="too large"):
        Relay(source, lambda: FakeProducer("too large"), None).run()
    assert source.committed == []


def test_without_confirmation_the_source_is_held_up_and_nothing_committed() -> None:
    source = EndlessSource()
    relay = Relay(source, lambda: FakeProducer(None), None)
    running = Thread(target=relay.run)
    running.daemon = True
    running.start()
    seen = -1

    def held_up() -> bool:
        nonlocal seen
        before, seen = seen, source.yielded
        return seen > 1 and seen == before

    wait_until(held_up, every=0.5)
    (_, in_flight) = relay.families()
    assert float(in_flight.lines[0].split()[-1]) <= 32 << 20
    assert source.committed == []
    source.stop()


def test_a_log_arrives_in_kafka_once_although_the_relay_ends_and_kafka_dies(
    kafka: KafkaBroker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    topic = unique("relayed")
    log = tmp_path / "dns.log"
    command = [str(Path(sys.executable).with_name("pano-bridge")), "relay"]
    command += ["--source", f"log:{log}"]
    command += ["--to", f"kafka://{kafka.servers}/{topic}", "--state-dir", str(tmp_path / "state")]
    written = [record(f"s{number % 3}", number) for number in range(3000)]
    log.write_bytes(b"\n".join(written[:1000]) + b"\n")
    first = subprocess.Popen(command)
    consumer = KafkaConsumer(
        topic, bootstrap_servers=kafka.servers, group_id=None, auto_offset_reset="earliest"
    )
    arrived: list[bytes] = []

    def arrive(count: int) -> bool:
        for records in consumer.poll(200).values():
            for message in records:
                lines = message.value.split(b"\n")
                tags = [json.loads(line)["dns"] for line in lines]
                assert {tag["sensor"].encode() for tag in tags} == {message.key}
                arrived.extend(json.dumps(tag).encode() for tag in tags)
        return len(arrived) >= count

    wait_until(lambda: arrive(1000))
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    kafka.kill()
    second = subprocess.Popen(command)
    with log.open("ab") as more:
        more.write(b"\n".join(written[1000:2000]) + b"\n")
    kafka.start()
    wait_until(lambda: arrive(2000), seconds=60)
    with log.open("ab") as more:
        more.write(b"\n".join(written[2000:]) + b"\n")
    wait_until(lambda: arrive(3000), seconds=60)
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 0
    consumer.close()
    assert sorted(arrived) == sorted(written)
