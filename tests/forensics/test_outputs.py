"""What comes out: formats, pages, pseudonyms, completeness, and errors that say what to do."""

from __future__ import annotations

import ipaddress
import json
import os
import pty
import re
import sys
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pano_glue import forensics
from pano_glue.errors import PanoError, SettingError
from pano_glue.forensics.anonymize import anonymized
from pano_glue.forensics.completeness import completeness
from pano_glue.forensics.pseudonyms import Key, read_key
from pano_glue.forensics.questions import QUESTIONS
from tests.data.planted import BEGIN

if TYPE_CHECKING:
    from collections.abc import Callable

Cli = Any  # the fixture `cli`
HOSTILE = [
    "<script>alert(1)</script>.test",
    "\x1b[31mred.test",
    '"><img src=x onerror=y>.test',
    "line\nbreak.test",
]


@pytest.fixture
def hostile_log(tmp_path: Path) -> Path:
    log = tmp_path / "dns.log"
    with log.open("w") as file:
        for number, name in enumerate(HOSTILE * 3):
            record = {
                "ts": BEGIN + number,
                "uid": f"C{number}",
                "id.orig_h": "10.0.0.1",
                "id.resp_h": "10.0.0.53",
                "query": name,
                "qtype": 1,
                "rcode": 3,
                "rtt": 0.1,
            }
            file.write(json.dumps(record) + "\n")
    return log


class Tags(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: set[str] = set()
        self.urls: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.urls += [
            value or "" for name, value in attrs if name in {"src", "href", "srcset", "data"}
        ]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_of_hostile_names_is_text(cli: Cli, hostile_log: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = cli("report", hostile_log, "--output", page)
    assert done.returncode == 0, done.stderr
    read = Tags(page.read_text())
    assert not {"script", "img", "iframe", "object"} & read.tags
    assert "<script>alert(1)</script>.test" in read.text
    assert all(url.startswith(("#", "data:,")) for url in read.urls)
    assert "\x1b" not in page.read_text()


def test_a_page_in_a_browser(
    cli: Cli, hostile_log: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    """Chromium, on a screen and on a telephone: nothing is fetched, made of names, or too wide."""
    pytest.importorskip("selenium", reason="selenium is not installed")
    from tests.page.browser import PROGRAMS, browser, window

    for program in PROGRAMS:
        require(program)
    page = tmp_path / "report.html"
    cli("report", hostile_log, "--output", page)
    with browser() as driver:
        for width in (1440, 375):
            window(driver, width, 900, dark=False)
            driver.get(page.as_uri())
            assert driver.execute_script("return document.documentElement.scrollWidth") == width
            requests = "return performance.getEntriesByType('resource').map(one => one.name)"
            assert driver.execute_script(requests) == []
            assert driver.execute_script("return document.scripts.length") == 0
            assert "<script>alert(1)</script>.test" in driver.execute_script(
                "return document.body.innerText"
            )
            assert driver.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_numbers_are_written_as_people_read_them() -> None:
    from pano_glue.forensics.render import cell

    told = [cell("bytes_in", value) for value in (304_200, 304_200.0, 64.6333, 0.25, 3, None)]
    assert told == ["304,200", "304,200", "64.63", "0.25", "3", "-"]


def test_a_terminal_is_not_acted_upon(cli: Cli, hostile_log: Path) -> None:
    done = cli("names", "--full", hostile_log)
    assert "\x1b" not in done.stdout
    assert "\\x1b[31mred.test" in done.stdout


def test_formats_hold_the_same(cli: Cli, lab_log: Path, tmp_path: Path) -> None:
    import pandas as pd

    as_json = json.loads(cli("servers", lab_log, "--format", "json").stdout)["tables"]["servers"]
    cli("servers", lab_log, "--format", "csv", "--output", tmp_path / "a.csv")
    cli("servers", lab_log, "--format", "parquet", "--output", tmp_path / "a.parquet")
    csv, parquet = pd.read_csv(tmp_path / "a.csv"), pd.read_parquet(tmp_path / "a.parquet")
    for frame in (csv, parquet):
        assert list(frame["server"]) == [row["server"] for row in as_json]
        assert list(frame["queries"]) == [row["queries"] for row in as_json]
        assert list(frame["p99_seconds"]) == [row["p99_seconds"] for row in as_json]


def test_errors_are_one_line_with_a_cure(cli: Cli, lab_log: Path, tmp_path: Path) -> None:
    for arguments, code, words in (
        (("slow", tmp_path / "none.log"), 1, "no such file"),
        (("slow", lab_log, "--client", "x"), 2, "--client x"),
        (("slow", lab_log, "--format", "xml"), 2, "--format xml"),
        (("new-names", lab_log), 2, "--since or --state"),
        (("compare", "yesterday", "2h/1h", lab_log), 2, "BEGIN/END"),
        (("slow", lab_log, "--output", tmp_path / "no" / "file"), 2, "--output"),
        (("to-parquet", tmp_path, lab_log), 1, "not empty"),
        (("tunnels", lab_log, "--anonymize", tmp_path / "nokey"), 2, "openssl rand"),
    ):
        (tmp_path / "something").touch()
        done = cli(*arguments)
        assert done.returncode == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert words in done.stderr.splitlines()[-1]


def test_every_question_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "forensics.md").read_text()
    for name in (*QUESTIONS, "report", "to_parquet"):
        assert f"`{name.replace('_', '-')}" in text, name


def test_ctrl_c_on_a_terminal(planted_log: Path, tmp_path: Path) -> None:
    """A bar shows how far it is; Ctrl-C ends a query in its midst and leaves nothing."""
    big, spills = tmp_path / "dns.log", tmp_path / "spills"
    spills.mkdir()
    with big.open("wb") as file:
        for _ in range(40):
            file.write(planted_log.read_bytes())
    pid, terminal = pty.fork()
    if pid == 0:
        code = "from pano_glue.cli import main; main()"
        command = [sys.executable, "-c", code, "forensics", "names", str(big)]
        environment = os.environ | {"TMPDIR": str(spills), "TERM": "xterm", "COLUMNS": "120"}
        os.execve(sys.executable, command, environment)  # noqa: S606 - a terminal needs a fork
    said = b""
    while not re.search(rb"[kMG]B/s", said):  # some of it is read, and not all
        said += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    with suppress(OSError):  # the terminal's end
        while more := os.read(terminal, 4096):
            said += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert b"Traceback" not in said
    assert not list(spills.iterdir())


# Completeness


def stats(tmp_path: Path, *rows: tuple[float, int, int]) -> list[Path]:
    path = tmp_path / "pano_stats.log"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "ts": BEGIN + ts,
                    "sensor": "s",
                    "packets_received": received,
                    "packets_dropped": dropped,
                }
            )
            + "\n"
            for ts, received, dropped in rows
        )
    )
    return [path]


def moments(first: float, last: float) -> tuple[Any, Any]:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(BEGIN + first, UTC), datetime.fromtimestamp(BEGIN + last, UTC)


def test_completeness(tmp_path: Path) -> None:
    rows = [(0.0, 10, 0), (10.0, 20, 0), (20.0, 30, 7), (30.0, 40, 7), (40.0, 5, 2), (50.0, 6, 2)]
    log = stats(tmp_path, *rows)
    assert completeness(log, *moments(1, 9)).startswith("complete")
    assert "7 packets dropped" in completeness(log, *moments(1, 25))
    assert "9 packets dropped" in completeness(log, *moments(0, 50))  # a restart in between
    assert completeness(log, *moments(45, 49)).startswith("complete")
    assert "silent" in completeness(log, *moments(0, 500))
    assert "unknown" in completeness([], *moments(0, 1))


def test_what_was_logged_and_is_not_here_is_missed(tmp_path: Path) -> None:
    """As when a batch was lost on the way, or an archive is gone."""
    path = tmp_path / "pano_stats.log"
    rows = [{"ts": BEGIN + 10 * n, "sensor": "s", "records_logged": 100 * n} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked: list[tuple[float, float]] = []

    def here(first: float, last: float) -> int:
        asked.append((first, last))
        return 370

    said = completeness([path], *moments(0, 40), here)
    assert said == "incomplete: at least 30 records lost in batches or files in this range"
    assert asked[0][0] < BEGIN  # records are logged some time after their query
    assert asked[0][1] == BEGIN + 40
    assert completeness([path], *moments(0, 40), lambda *_: 400).startswith("complete")


def test_every_answer_says_whether_it_is_complete(cli: Cli, lab_log: Path) -> None:
    assert "completeness unknown" in cli("slow", lab_log).stderr
    (lab_log.parent / "pano_stats.log").write_bytes(
        (Path(__file__).parents[1] / "data" / "pano_stats.log").read_bytes()
    )
    try:
        assert "complete: 1 sensors dropped no packet" in cli("slow", lab_log).stderr
    finally:
        (lab_log.parent / "pano_stats.log").unlink()


# Pseudonyms


@pytest.fixture
def key() -> Key:
    pytest.importorskip("yacryptopan", reason="yacryptopan is not installed")
    return Key(b"k" * 32)


def common(one: str, other: str) -> int:
    """Count the leading bits that two addresses share."""
    a, b = (ipaddress.ip_address(text) for text in (one, other))
    return a.max_prefixlen - (int(a) ^ int(b)).bit_length()


@pytest.mark.parametrize(
    ("one", "other"),
    [("10.1.2.3", "10.1.2.77"), ("10.1.2.3", "192.0.2.1"), ("2001:db8::1", "2001:db8::ffff")],
)
def test_addresses_keep_their_common_prefix(one: str, other: str, key: Key) -> None:
    assert common(key.address(one), key.address(other)) == common(one, other)
    assert key.address(one) != one
    assert Key(b"k" * 32).address(one) == key.address(one)
    assert Key(b"x" * 32).address(one) != key.address(one)


def test_names_keep_their_suffix_and_labels(key: Key) -> None:
    assert key.name("www.shop.co.uk").endswith(".co.uk")
    assert key.name("www.shop.co.uk").split(".")[:2] == [
        key.name("www.x.com").split(".")[0],
        key.name("shop.com").split(".")[0],
    ]
    assert key.name("a.b.example.org").count(".") == 3
    assert key.name("com") != ""
    assert re.fullmatch(r"[a-z2-7]{10}\.[a-z2-7]{10}\.org", key.name("www.example.org"))


def test_no_name_or_address_is_left(planted_log: Path, key: Key) -> None:
    from pano_glue.forensics.render import as_json

    for name in (
        "tunnels",
        "beacons",
        "clients",
        "names",
        "search",
        "upstream",
        "wasted",
        "failures",
        "slow",
    ):
        text = json.dumps(as_json(anonymized(getattr(forensics, name)(planted_log), key))["tables"])
        assert not re.search(r"10\.1\.\d|tunnel\.test|beacon\.test|site\d|192\.0\.2\.1\b", text), (
            name
        )


def test_keys_are_files_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("6b" * 32 + "\n")
    path.chmod(0o644)
    with pytest.raises(SettingError, match="others can read it"):
        read_key(path)
    path.chmod(0o600)
    assert read_key(path).name("www.example.org") == Key(b"k" * 32).name("www.example.org")
    for wrong in ("short", "k" * 64, "6b" * 33, "6b" * 32 + "\n" + "6b" * 32):
        path.write_text(wrong)
        with pytest.raises(SettingError, match="no key of 64"):
            read_key(path)


def test_the_mapping_is_what_the_docs_say() -> None:
    """What a sensor with the same key (PANO::pseudonyms) has to come to as well."""
    pytest.importorskip("yacryptopan", reason="yacryptopan is not installed")
    text = (Path(__file__).parents[2] / "docs" / "forensics.md").read_text()
    table = re.findall(
        r"^\| `([^`]+)` \| (address|name|network) \| `([^`]+)` \|$", text, re.MULTILINE
    )
    assert len(table) >= 10
    key = Key(bytes(range(32)))
    for plain, kind, pseudonym in table:
        assert getattr(key, kind)(plain) == pseudonym, plain


def test_parquet_with_pseudonyms(cli: Cli, planted_log: Path, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("6b" * 32)
    path.chmod(0o600)
    done = cli("to-parquet", tmp_path / "lake", planted_log, "--anonymize", path)
    assert done.returncode == 0, done.stderr
    frame, plain = forensics.load(tmp_path / "lake"), forensics.load(planted_log)
    assert len(frame) == len(plain)
    assert not set(frame["id.orig_h"]) & set(plain["id.orig_h"])
    assert frame["query"].nunique() == plain["query"].nunique()


# Packets


def test_packets_of_one_transaction(
    lab_log: Path, data: Path, tmp_path: Path, require: Callable[[str], str]
) -> None:
    import gzip

    require("tshark")
    ring = tmp_path / "ring"
    ring.mkdir()
    (ring / "0.pcap").write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    one = forensics.load(lab_log).iloc[0]
    cut = tmp_path / "cut.pcapng"
    answer = forensics.packets(
        lab_log, uid=one["uid"], pcap=ring, trans_id=int(one["trans_id"]), write=cut
    )
    assert list(answer.frame["what"]) == ["query", "reply"]
    took = answer.frame["ts"].diff().iloc[1]
    assert took == one["rtt"]
    assert cut.stat().st_size > 0
    # A ring whose newest file is being written.
    whole = (ring / "0.pcap").read_bytes()
    (ring / "1.pcap").write_bytes(whole[: len(whole) // 2 + 1])
    answer = forensics.packets(lab_log, uid=one["uid"], pcap=ring, trans_id=int(one["trans_id"]))
    assert len(answer.frame) == 4
    assert answer.facts[1] == f"{ring / '1.pcap'} ends in the middle of a packet"
    with pytest.raises(PanoError, match="no capture there"):
        forensics.packets(lab_log, uid=one["uid"], pcap=tmp_path / "nothing")
