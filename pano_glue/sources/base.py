"""What every source hands over, and what the bridge asks of it.

A source is one transport. It yields batches of whole JSON lines and is told, later, which of
them are safe to forget. The bridge drives it like this, in one thread per source:

    for batch in source.batches():
        count(batch)            # done before the next batch is asked for

and, from the thread that answered a scrape:

    source.commit(position)     # the newest position whose counts that scrape contained

so whatever was yielded before the generator was resumed has been counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from pano_glue.config import Config


class Batch(NamedTuple):
    """Whole lines of one log.

    `topic` is the log's name (`dns`, `pano_stats`), which chooses the protocol. `lines` are one
    or more JSON objects, a line each; the last newline may be missing. `position` stands for
    this batch and everything the source yielded before it. Where nothing can be read again
    (Broker, WebSocket) it is what the next life counts its gap from; None (a pipe) where not even
    that is known, and then `commit` is never called.
    """

    topic: str
    lines: bytes
    position: object | None = None


class Source(Protocol):
    """One transport, made from one URI."""

    name: str
    """The `source` label of its metrics: the URI without query and credentials."""

    def batches(self) -> Iterator[Batch]:
        """Yield batches, waiting for more, until `stop` or the end of a source that has one.

        After `stop` what can be read without waiting is still yielded; then the generator
        returns and releases what it holds. Called once.

        Raises:
            PanoError: when the source cannot be used as configured. What may heal by itself (a
                broker away, a file not there yet) is waited for, with backoff, forever.
        """

    def commit(self, position: object) -> None:
        """Make `position` durable: the next life begins after it.

        Called from another thread than `batches` (from the same, between two batches, with
        `--commit applied`), with ever newer positions, maybe the same one twice, and perhaps
        once more after `batches` ended (the last scrape). A source whose library
        belongs to one thread keeps the position and commits it from `batches`.

        Raises:
            OSError: when it could not be stored; the bridge says so and tries again with the
                next scrape.
        """

    def stop(self) -> None:
        """Ask `batches` to drain and return soon. Called from another thread."""

    def close(self) -> None:
        """Release what outlives `batches` so that `commit` could be called. Called once, last."""


class Ledger(Protocol):
    """Where a source writes down what happened to it; it becomes `pano_bridge_*` metrics.

    Every method may be called from any thread.
    """

    def lost(self, sensor: str, batches: int) -> None:
        """Count `batches` that a sensor sent (by its `seq`) and that never arrived."""

    def deleted(self, source: str, messages: int) -> None:
        """Count `messages` that were deleted before the source could read them."""

    def connection(self, source: str, *, up: bool) -> None:
        """Say that the source's connection came up or went away."""

    def skipped(self, source: str, records: int) -> None:
        """Count records that were received and are of no log the bridge knows."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source may use besides its URI.

    `state_dir` is where positions may be kept (one file per source); None keeps none, so the
    source begins anew each time. `config` is the whole configuration: a source reads the table
    named after its scheme and `config.limits.line_bytes`, the longest line handed over whole
    (a longer one is handed over cut, so that it is counted as malformed). `fields` are, by topic,
    the only ones of its records that anybody will look at: a source that has to convert records
    may leave out the others.
    """

    state_dir: Path | None
    ledger: Ledger
    config: Config
    fields: Mapping[str, Collection[str]] = field(default_factory=dict)


class SourceUri(NamedTuple):
    """A source's URI, split: `scheme`, what follows it, and the options after `?`.

    `log:/var/log/dns.log?archive=/logs` is `("log", "/var/log/dns.log", {"archive": "/logs"})`;
    for `kafka://a:1,b:2/dns?group=g` the target is `a:1,b:2/dns`.
    """

    scheme: str
    target: str
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        """The URI without options and credentials, as the `source` label."""
        slashes = "//" if self.scheme in {"kafka", "broker", "ws", "wss"} else ""
        return f"{self.scheme}:{slashes}{self.target.rpartition('@')[2]}"
