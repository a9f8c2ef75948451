"""What is on its way to Kafka: bounded, and confirmed in the order it was read."""

from __future__ import annotations

from collections import Counter, deque
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import Event

WINDOW_BYTES = 32 << 20
WAKE_SECONDS = 0.2  # how soon a full window sees that it should stop


class Sent:
    """One batch on its way: its position, its records by topic, what is not confirmed of it."""

    def __init__(self, position: object | None) -> None:
        """Begin without messages; it is `complete` once all have been sent."""
        self.position = position
        self.records: Counter[str] = Counter()
        self.waiting = 0
        self.complete = False


class Window:
    """The batches on their way, oldest first; safe from any thread."""

    def __init__(self, most: int = WINDOW_BYTES) -> None:
        """Let at most `most` bytes be on their way, or one message."""
        self._most = most
        self._batches: deque[Sent] = deque()
        self._changed = Condition()
        self.bytes = 0  # with what has room and is about to be sent
        self.unanswered = 0  # messages that Kafka has
        self.changes = 0

    @property
    def empty(self) -> bool:
        """Tell whether everything that was read is confirmed and was taken note of."""
        return not self._batches

    def begin(self, position: object | None) -> Sent:
        """Open a new batch."""
        batch = Sent(position)
        with self._changed:
            self._batches.append(batch)
        return batch

    def complete(self, batch: Sent) -> None:
        """Take note that all messages of a batch were sent."""
        with self._changed:
            batch.complete = True
            self.changes += 1

    def admit(self, batch: Sent, size: int, stop: Event) -> bool:
        """Wait until a message of `size` bytes has room; False when `stop` came first."""
        with self._changed:
            while self.bytes and self.bytes + size > self._most:
                if stop.is_set():
                    return False
                self._changed.wait(WAKE_SECONDS)
            self.bytes += size
            batch.waiting += 1
        return True

    def sending(self) -> None:
        """Take note that a message goes to Kafka now."""
        with self._changed:
            self.unanswered += 1

    def delivered(self, batch: Sent, size: int) -> None:
        """Take note that a message of `batch` is in Kafka."""
        with self._changed:
            self.bytes -= size
            self.unanswered -= 1
            batch.waiting -= 1
            self.changes += 1
            self._changed.notify_all()

    def returned(self, size: int) -> None:
        """Take note that a message came back: it is not on its way, and its batch waits for it."""
        with self._changed:
            self.bytes -= size
            self.unanswered -= 1
            self._changed.notify_all()

    def divide(self, batch: Sent, sizes: list[int]) -> None:
        """Send a message that came back in parts, which have its room."""
        with self._changed:
            self.bytes += sum(sizes)
            batch.waiting += len(sizes) - 1

    def confirmed(self) -> list[Sent]:
        """Forget the batches that are in Kafka with all before them; returns them in order."""
        done = []
        with self._changed:
            while self._batches and self._batches[0].complete and not self._batches[0].waiting:
                done.append(self._batches.popleft())
        return done
