"""What every source hands over, and what the bridge asks of it.

A source is one transport. It begins after the position that the newest checkpoint holds of it,
yields batches of whole JSON lines, each with its own position, and is told, later, which position
is in a checkpoint. The bridge drives it like this, in one thread per source:

    for batch in source.batches():
        count(batch)            # done before the next batch is asked for

and, from whichever thread wrote a checkpoint:

    source.checkpointed(position)     # the newest position whose counts that checkpoint holds

so whatever was yielded before the generator was resumed has been counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec

from pano_glue.errors import PanoError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from pano_glue.config import Config
    from pano_glue.sources.tsv import Table

Position = TypeVar("Position")
Lines: TypeAlias = "bytes | Table"


class Batch(NamedTuple):
    """Whole lines of one log.

    `topic` is the log's name (`dns`, `pano_stats`), which chooses the protocol. `lines` are JSON
    objects, a line each; the last newline may be missing. A reader that has said which `fields` it
    wants may get a `Table` of TSV rows instead. Without lines a batch only moves the
    position, as where a source begins at the end. `position` stands for this batch and everything
    the source yielded before it; msgspec must be able to encode it. Where nothing can be read again
    (Broker, WebSocket) it is what the next life counts its gap from; None (a pipe) where not even
    that is known.
    """

    topic: str
    lines: Lines
    position: object | None = None

    def json_lines(self) -> bytes:
        """Give the lines as JSON, whatever they are."""
        return self.lines if isinstance(self.lines, bytes) else self.lines.json_lines()


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

    def checkpointed(self, position: object) -> None:
        """Take note that `position` and all before it is in a checkpoint that is on disk.

        Called from any thread, with ever newer positions, maybe the same one twice, and perhaps
        once more after `batches` ended. It must not wait: a source that passes positions on
        (Kafka) does so from `batches`, and, after that has ended, in `close`.
        """

    def stop(self) -> None:
        """Ask `batches` to drain and return soon. Called from another thread."""

    def close(self) -> None:
        """Pass on the last position and release what outlives `batches`. Called once, last."""


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

    def skipped(self, source: str, log: str, records: int) -> None:
        """Count records that were received and are of no log the bridge knows."""

    def backlog_bytes(self, source: str, size: int) -> None:
        """Say how many bytes of a log wait to be read."""

    def backlog_messages(self, source: str, messages: Mapping[tuple[str, int], int]) -> None:
        """Say how many messages wait to be read, by topic and partition; others do no longer."""


def no_checkpoint() -> None:
    """Keep nothing: for a reader that has no state directory."""


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source may use besides its URI.

    `config` is the whole configuration: a source reads the table named after its scheme and
    `config.limits.line_bytes`, the longest line handed over whole (a longer one is handed over cut,
    so that it is counted as malformed). `fields` are, by topic, the only ones of its records that
    anybody will look at: a source that has to convert records may leave out the others.
    `positions` are those of the newest checkpoint, by source name. `checkpoint` makes one of
    everything counted so far and returns when it is on disk (OSError when it could not be written):
    for a source that must give something up. `instance` is the same in all lives of a program that
    keeps checkpoints, and nobody else's; otherwise "".
    """

    ledger: Ledger
    config: Config
    fields: Mapping[str, Collection[str]] = field(default_factory=dict)
    positions: Mapping[str, msgspec.Raw] = field(default_factory=dict)
    checkpoint: Callable[[], None] = no_checkpoint
    instance: str = ""

    def position(self, source: str, kind: type[Position]) -> Position | None:
        """Give the position after which `source` begins; None when it was never read.

        Raises:
            PanoError: when the checkpoint holds something else under its name.
        """
        stored = self.positions.get(source)
        if stored is None:
            return None
        try:
            return msgspec.msgpack.decode(stored, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PanoError(
                f"--source {source}: the checkpoint has no position of this kind: {error}",
                "it was written by another version: remove the checkpoint to begin anew",
            ) from error


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
        return without_credentials(f"{self.scheme}:{slashes}{self.target}")


def without_credentials(uri: str) -> str:
    """Leave `user:password@` out of a URI, for labels and errors."""
    return re.sub(r"^(\w+://)[^/]*@", r"\1", uri)
