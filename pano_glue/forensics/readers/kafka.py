"""A Kafka topic, from a point in time (or its beginning) to its end as of now, into a file.

Not the bridge's consumer: nothing is committed and no group is joined, so that a question disturbs
nobody's position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pano_glue.errors import PanoError, SettingError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

POLL = 500  # ms


def fetch(uri: str, since: datetime | None, folder: Path) -> Path:
    """Write a topic's messages, as they are, into a file of lines below `folder`.

    `uri` is `kafka://host:port[,host:port]/topic`; `since` is compared with the messages' times.

    Raises:
        PanoError: when Kafka is away, or has no such topic.
        SettingError: when the address is none, or kafka-python is not installed.
    """
    servers, topic = urlsplit(uri).netloc, urlsplit(uri).path.strip("/")
    if not servers or not topic:
        raise SettingError(f"{uri}: no topic", "write kafka://host:port/topic")
    try:
        from kafka import KafkaConsumer
        from kafka.errors import KafkaError
    except ImportError as error:
        raise SettingError(f"{uri}: no kafka-python", "pip install 'pano-glue[kafka]'") from error
    into = folder / f"{topic}.json"
    try:
        consumer = KafkaConsumer(bootstrap_servers=servers.split(","), enable_auto_commit=False)
        with into.open("wb") as file:
            _copy(consumer, topic, since, file)
        consumer.close()
    except KafkaError as error:
        raise PanoError(f"{uri}: {error}", "check the address, and that Kafka runs") from error
    return into


def _copy(consumer: Any, topic: str, since: datetime | None, file: Any) -> None:  # noqa: ANN401
    """Copy all partitions up to where they end now."""
    from kafka import TopicPartition

    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise PanoError(f"Kafka has no topic {topic}", "check its name")
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    if since is not None:
        moment = int(since.timestamp() * 1000)
        for partition, found in consumer.offsets_for_times(
            dict.fromkeys(partitions, moment)
        ).items():
            if found is not None:
                consumer.seek(partition, found.offset)
            else:
                consumer.seek_to_end(partition)
    ends = consumer.end_offsets(partitions)
    left = {partition for partition in partitions if consumer.position(partition) < ends[partition]}
    while left:
        for partition, messages in consumer.poll(POLL).items():
            for message in messages:
                if message.value and message.offset < ends[partition]:
                    file.write(message.value.rstrip(b"\n") + b"\n")
        left = {partition for partition in left if consumer.position(partition) < ends[partition]}
