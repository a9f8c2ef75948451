"""`pano-bridge relay` into a real Kafka: every record once, whatever dies."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka import KafkaConsumer

from pano_glue.kafka.client import LIBRARIES
from tests.ports import free_port
from tests.transports.topics import create
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.transports.kafka_broker import KafkaBroker

COMMAND = [str(Path(sys.executable).with_name("pano-bridge")), "relay"]


def record(sensor: str, number: int, **more: str) -> bytes:
    return json.dumps({"query": '"sensor":"no"', "sensor": sensor, "n": number, **more}).encode()


@pytest.fixture(params=LIBRARIES)
def only_library(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Give an environment in which a relay finds one library only."""
    hidden = next(LIBRARIES[name][0] for name in LIBRARIES if name != request.param)
    (tmp_path / "hide").mkdir()
    hook = "import importlib.util as u; f = u.find_spec\n"
    hook += f"u.find_spec = lambda n, *a: None if n == {hidden!r} else f(n, *a)\n"
    (tmp_path / "hide" / "sitecustomize.py").write_text(hook)
    return {"PYTHONPATH": str(tmp_path / "hide")}


def arriving(consumer: KafkaConsumer) -> Iterator[list[bytes]]:
    """Yield the untagged records that have come so far, again and again."""
    arrived: list[bytes] = []
    while True:
        for records in consumer.poll(200).values():
            for message in records:
                tags = [json.loads(line)["dns"] for line in message.value.split(b"\n")]
                assert {tag["sensor"].encode() for tag in tags} == {message.key}
                arrived.extend(json.dumps(tag).encode() for tag in tags)
        yield arrived


def test_a_small_limit_of_a_topic_is_learnt(
    kafka: KafkaBroker,
    unique: Callable[[str], str],
    tmp_path: Path,
    only_library: dict[str, str],
) -> None:
    topic = create(kafka, unique("small"), 1, {"max.message.bytes": "4000"})
    log = tmp_path / "dns.log"
    chance = random.Random(1)  # noqa: S311 - what does not compress
    written = [record("s", n, noise=chance.randbytes(150).hex()) for n in range(3000)]
    log.write_bytes(b"\n".join(written) + b"\n")
    command = [*COMMAND, "--source", f"log:{log}?from=beginning"]
    command += ["--to", f"kafka://{kafka.servers}/{topic}", "--state-dir", str(tmp_path / "state")]
    relaying = subprocess.Popen(command, env=os.environ | only_library, stderr=subprocess.PIPE)
    settings = {"bootstrap_servers": kafka.servers, "auto_offset_reset": "earliest"}
    with closing(KafkaConsumer(topic, **settings)) as consumer:
        arrived = arriving(consumer)
        wait_until(lambda: len(next(arrived)) >= 3000, seconds=60)
        relaying.terminate()
        _, errors = relaying.communicate(timeout=30)
        assert b"max.message.bytes" in errors
        assert sorted(next(arrived)) == sorted(written)


def relayed(port: int) -> int:
    """Sum what the relay's page counts."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            page = answer.read().decode()
    except OSError:
        return 0
    return sum(int(float(v)) for v in re.findall(r"(?m)^pano_relay_records_total\S* (\S+)", page))


def test_every_record_arrives_and_is_counted_once_although_relay_and_kafka_die(
    kafka: KafkaBroker, unique: Callable[[str], str], tmp_path: Path
) -> None:
    topic, log, port = unique("relayed"), tmp_path / "dns.log", free_port()
    command = [*COMMAND, "--source", f"log:{log}?from=beginning", "--listen", f"127.0.0.1:{port}"]
    command += ["--to", f"kafka://{kafka.servers}/{topic}", "--state-dir", str(tmp_path / "state")]
    written = [record(f"s{number % 3}", number) for number in range(5000)]

    def write(first: int) -> None:
        with log.open("ab") as more:
            more.write(b"\n".join(written[first : first + 1000]) + b"\n")

    write(0)
    relaying = subprocess.Popen(command)
    settings = {"bootstrap_servers": kafka.servers, "auto_offset_reset": "earliest"}
    consumer = KafkaConsumer(topic, **settings, reconnect_backoff_max_ms=500)
    arrived = arriving(consumer)
    wait_until(lambda: len(next(arrived)) >= 1000, seconds=60)
    relaying.send_signal(signal.SIGTERM)
    assert relaying.wait(30) == 0
    kafka.kill()
    relaying = subprocess.Popen(command)
    write(1000)
    kafka.start()
    wait_until(lambda: len(next(arrived)) >= 2000, seconds=60)
    write(2000)
    wait_until(lambda: len(set(next(arrived))) >= 3000, seconds=60)
    relaying.kill()
    relaying.wait()
    relaying = subprocess.Popen(command)
    write(3000)
    wait_until(lambda: len(set(next(arrived))) >= 4000, seconds=60)
    wait_until(lambda: relayed(port) >= 4000)
    assert relayed(port) == 4000  # however often some of it was sent
    kafka.kill()
    write(4000)
    relaying.send_signal(signal.SIGTERM)  # with a full window and nobody to take it
    assert relaying.wait(30) == 0
    kafka.start()
    relaying = subprocess.Popen(command)
    wait_until(lambda: relayed(port) >= 5000, seconds=60)
    relaying.send_signal(signal.SIGTERM)
    assert relaying.wait(30) == 0
    wait_until(lambda: len(set(next(arrived))) == 5000)
    assert set(next(arrived)) == set(written)
    consumer.close()


@pytest.mark.parametrize("to", ["ftp://h", "kafka://user:secret@h:1/t", "kafka://h:1/a,b"])
def test_a_wrong_target_is_said_without_its_password(to: str, tmp_path: Path) -> None:
    command = [*COMMAND, "--source", f"log:{tmp_path}/dns.log", "--to", to, "--state-dir", "none"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--to" in ended.stderr
    assert "secret" not in ended.stderr
