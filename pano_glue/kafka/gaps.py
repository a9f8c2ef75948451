"""What Kafka deleted before it was read: by retention, or by compaction.

Offsets alone do not tell: transactions leave gaps of their own. So what retention took is what lies
before the first message that is kept, and what compaction took are the gaps of a topic with that
policy.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from pano_glue.kafka.client import KafkaAwayError, KafkaRefusedError

if TYPE_CHECKING:
    from pano_glue.kafka.client import Consumer, Fetched

logger = logging.getLogger(__name__)
ASKED_MOST = 3  # questions for a topic's policy that nobody answers


class Gaps:
    """The gaps of one source's topics."""

    def __init__(self, name: str) -> None:
        """Look for the source `name`."""
        self._name = name
        self._compacted: dict[str, bool] = {}
        self._asked = Counter[str]()  # how often that was asked

    def deleted(self, consumer: Consumer, fetched: Fetched, expected: int) -> int:
        """Count the messages that are missing from `expected` on to the last of a fetch.

        Raises:
            KafkaAwayError: when that cannot be told now; the fetch should be read again.
        """
        partition, offsets, _ = fetched
        came = offsets[0] - 1
        if came < expected:
            logger.warning("%s: %s/%d was made anew: read from %d", self._name, *partition, came)
            expected = came
        if offsets[-1] - expected == len(offsets):
            return 0
        if self._is_compacted(consumer, partition.topic):
            return offsets[-1] - expected - len(offsets)
        if came == expected:
            return 0
        return max(0, min(came, consumer.kept([partition])[partition].first) - expected)

    def _is_compacted(self, consumer: Consumer, topic: str) -> bool:
        if topic not in self._compacted:
            self._asked[topic] += 1
            try:
                self._compacted[topic] = consumer.compacted(topic)
            except (KafkaRefusedError, LookupError):
                self._compacted[topic] = False  # not ours to know
            except KafkaAwayError:
                if self._asked[topic] < ASKED_MOST:
                    raise
                self._compacted[topic] = False
            if self._compacted[topic]:
                logger.warning(
                    "%s: topic %s is compacted: Kafka deletes records for newer ones of their key "
                    "(set cleanup.policy=delete)",
                    self._name,
                    topic,
                )
        return self._compacted[topic]
