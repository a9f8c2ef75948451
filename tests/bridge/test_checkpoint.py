"""The checkpoint: whole or refused, of one moment, readable by versions before and after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pano_glue.bridge.checkpoint import Checkpoint, CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Limits
from pano_glue.errors import PanoError
from pano_glue.metrics.counters import Counters
from pano_glue.metrics.metric import Birth
from pano_glue.sources import Batch
from tests.bridge.living import pano
from tests.bridge.records import Page, lines, many, read_page, record, total

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def opened(folder: Path, config: Config | None = None) -> tuple[Counting, Pages]:
    counting = Counting(config or Config())
    return counting, Pages(counting, CheckpointFile(folder))


def page_of(pages: Pages, visit: Visit | None = None) -> Page:
    page, _ = pages.page(visit or Visit("test"), openmetrics=False)
    return read_page(page.decode())


def durable(page: Page) -> Page:
    """Leave out what tells of the process and not of records."""
    return {key: value for key, value in page.items() if key[0].startswith(("pano_dns", "pano_z"))}


VARIED = lines(
    record(1, rcode=3, query="a.example.org"),
    record(2, outcome="timeout", rcode=None, rtt=None, reply_bytes=None),
    record(3, outcome="late", rtt=6.0, id__resp_h="2001:db8::1", proto="tcp"),
    record(4, sensor='odd "\\\n é', query='hostile"\\\n.example.net', TC=True),
)


def test_everything_on_a_page_goes_on_where_it_was(tmp_path: Path) -> None:
    counting, pages = opened(tmp_path)
    counting.apply("log:t", Batch("dns", VARIED, {"at": 1}))
    counting.ledger.lost("s1", 3)
    before = page_of(pages)
    counting, pages = opened(tmp_path)
    assert durable(page_of(pages)) == durable(before)
    assert msgspec.msgpack.decode(pages.positions["log:t"]) == {"at": 1}
    assert total(page_of(pages), "pano_bridge_lost_batches_total") == 3
    counting.apply("log:t", Batch("dns", VARIED))
    twice = durable(page_of(pages))
    for key, value in durable(before).items():
        if key[0].endswith(("_total", "_bucket", "_count")):
            assert twice[key] == 2 * value, key


def test_a_page_shows_what_is_on_disk(tmp_path: Path) -> None:
    counting, pages = opened(tmp_path)
    counting.apply("log:t", Batch("dns", many(5), 5))
    shown = total(page_of(pages), "pano_dns_queries_total")
    counting.apply("log:t", Batch("dns", many(7), 12))  # a kill here
    _, restarted = opened(tmp_path)
    assert total(page_of(restarted), "pano_dns_queries_total") == shown == 5
    assert msgspec.msgpack.decode(restarted.positions["log:t"]) == 5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("state")
    counting, pages = opened(folder)
    counting.apply("log:t", Batch("dns", VARIED, 1))
    pages.checkpoint()
    return (folder / "checkpoint").read_bytes()


def test_cut_at_any_byte_it_is_refused(tmp_path: Path, written: bytes) -> None:
    file = CheckpointFile(tmp_path)
    for size in range(len(written)):
        file.path.write_bytes(written[:size])
        with pytest.raises(PanoError, match=r"checkpoint: .*(restore|remove)"):
            file.load()


@given(st.data())
def test_one_wrong_byte_anywhere_is_refused(written: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    other = data.draw(st.integers(1, 255))
    damaged = bytearray(written)
    damaged[at] ^= other
    folder = Path(os.environ.get("PYTEST_TMP", "/tmp"))  # noqa: S108 - hypothesis knows no fixture
    file = CheckpointFile(folder)
    file.path = folder / f"pano-damaged-{os.getpid()}"
    file.path.write_bytes(damaged)
    try:
        with pytest.raises(PanoError):
            file.load()
    finally:
        file.path.unlink()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a checkpoint, or cut short"),
        (b"{}\n", "not a checkpoint"),
        (b"PANO checkpoint 2 0123\n", "version 2, this pano-bridge knows 1"),
        (b"PANO checkpoint 1 0123\nabc", "damaged"),
    ],
)
def test_a_checkpoint_that_is_none_is_an_error_not_a_zero(
    tmp_path: Path, content: bytes, words: str
) -> None:
    (tmp_path / "checkpoint").write_bytes(content)
    (tmp_path / "dns.log").write_bytes(many(3))
    source = f"log:{tmp_path / 'dns.log'}"
    done = pano("run", "--source", source, "--listen", "127.0.0.1:0", "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert words in done.stderr
    assert str(tmp_path / "checkpoint") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_metric_that_this_version_does_not_know_is_kept_for_one_that_does(
    tmp_path: Path,
) -> None:
    file = CheckpointFile(tmp_path)
    newer = msgspec.Raw(msgspec.msgpack.encode({"counts": [1, 2, 3]}))
    file.store(Checkpoint(7, 1.0, "newer", {"pano_dns_future": newer}))
    counting, pages = opened(tmp_path)
    counting.apply("log:t", Batch("dns", many(2), 2))
    pages.checkpoint()
    kept = file.load()
    assert kept is not None
    assert bytes(kept.parts["pano_dns_future"]) == bytes(newer)
    assert kept.number == 8


def test_a_metric_with_other_labels_begins_at_zero_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counting, pages = opened(tmp_path)
    counting.apply("log:t", Batch("dns", many(2), 2))
    pages.checkpoint()
    file = CheckpointFile(tmp_path)
    old = file.load()
    assert old is not None
    older = Counters("pano_dns_queries", "", ("sensor",))
    older.add(("s1",), 2)
    state = msgspec.msgpack.encode(older.freeze(Birth(1, 1.0)))
    file.store(msgspec.structs.replace(old, parts=old.parts | {older.name: msgspec.Raw(state)}))
    _, pages = opened(tmp_path)
    assert "pano_dns_queries has another shape" in caplog.text
    page = page_of(pages)
    assert total(page, "pano_dns_queries_total") == 0
    assert total(page, "pano_dns_responses_total") == 2


def test_caps_made_smaller_or_larger_lose_no_count(tmp_path: Path) -> None:
    small, large = (Config(limits=Limits(servers=n)) for n in (2, 20))
    sent = 0
    for config in (large, small, large):
        counting, pages = opened(tmp_path, config)
        servers = [record(n, id__resp_h=f"10.0.0.{sent + n}") for n in range(10)]
        counting.apply("log:t", Batch("dns", lines(*servers), 1))
        sent += 10
        page = page_of(pages)
        assert total(page, "pano_dns_queries_total") == sent
    assert total(page, "pano_dns_queries_total", server="other") == 10


DRIVER = """
import sys
from pathlib import Path
from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.config import Config
from pano_glue.sources import Batch
from tests.bridge.records import many
counting = Counting(Config())
pages = Pages(counting, CheckpointFile(Path(sys.argv[1])))
before = pages.positions.get("log:t")
print("ready", flush=True)
sys.stdin.readline()
for n in range(3):
    counting.apply("log:t", Batch("dns", many(10), 10 * (n + 1)))
    pages.checkpoint()
"""
CALLS = "openat,write,fsync,rename,renameat,renameat2,close"


def test_killed_between_any_two_system_calls_it_is_of_one_moment(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    """Kill the process at each system call of three checkpoints, by strace."""
    strace = require("strace")
    seen = set()
    for nth in range(1, 40):
        folder = tmp_path / str(nth)
        folder.mkdir()
        process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        inject = f"inject={CALLS}:signal=SIGKILL:when={nth}"
        tracer = subprocess.Popen(
            [strace, "-f", "-p", str(process.pid), "-e", f"trace={CALLS}", "-e", inject],
            stderr=subprocess.PIPE,
        )
        assert tracer.stderr is not None
        assert b"attached" in tracer.stderr.readline()
        process.stdin.write(b"\n")
        process.stdin.close()
        tracer.stderr.read()
        code = process.wait(30)
        tracer.wait(30)
        _, pages = opened(folder)
        counted = total(page_of(pages), "pano_dns_queries_total")
        position = pages.positions.get("log:t")
        assert counted == (msgspec.msgpack.decode(position) if position else 0)
        seen.add(counted)
        if code != -signal.SIGKILL:
            break
    else:
        pytest.fail("three checkpoints take fewer calls than that")
    assert seen == {0, 10, 20, 30}
