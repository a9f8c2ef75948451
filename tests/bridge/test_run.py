"""The running bridge: commits after scrapes, drains, reloads, and says what is wrong."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import struct
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue.config import Config, load_settings
from tests.bridge.living import Living, pano, wait_until
from tests.bridge.records import lines, many, read_openmetrics, read_page, record, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCS = Path(__file__).parents[2] / "docs"
COUNTED = "pano_bridge_records_total"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "dns.log"
    path.write_bytes(many(100))
    return path


@pytest.fixture
def start(tmp_path: Path, log: Path) -> Iterator[Callable[..., Living]]:
    started: list[Living] = []

    def begin(*arguments: str, tls: ssl.SSLContext | None = None) -> Living:
        options = ["--source", f"log:{log}", "--state-dir", str(tmp_path / "state"), *arguments]
        started.append(Living(tmp_path, *options, tls=tls))
        return started[-1]

    yield begin
    for bridge in started:
        bridge.kill()


def counted(bridge: Living, path: str = "/peek") -> float:
    return total(bridge.page(path), COUNTED, result="counted")


def test_only_a_scrape_commits(start: Callable[..., Living]) -> None:
    first = start()
    wait_until(lambda: counted(first) == 100)
    assert total(first.page("/peek"), "pano_bridge_uncommitted_records") == 100
    first.kill()
    second = start()
    wait_until(lambda: counted(second) == 100)
    second.page("/metrics")
    wait_until(lambda: total(second.page("/peek"), "pano_bridge_uncommitted_records") == 0)
    second.kill()
    third = start()
    assert counted(third) == 0


def test_a_scraper_that_breaks_off_commits_nothing(start: Callable[..., Living], log: Path) -> None:
    with log.open("ab") as file:
        file.write(lines(*(record(n, id__resp_h=f"10.0.0.{n}") for n in range(50))))
    bridge = start()
    wait_until(lambda: counted(bridge) == 150)
    host, port = bridge.url.removeprefix("http://").split(":")
    scraper = socket.socket()
    scraper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the page will not fit
    scraper.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    scraper.connect((host, int(port)))
    scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n")
    assert scraper.recv(10)
    scraper.close()
    assert total(bridge.page("/peek"), "pano_bridge_uncommitted_records") == 150
    bridge.page("/metrics")
    wait_until(lambda: total(bridge.page("/peek"), "pano_bridge_uncommitted_records") == 0)


def test_commit_applied_commits_at_once(start: Callable[..., Living]) -> None:
    first = start("--commit", "applied")
    wait_until(lambda: counted(first) == 100)
    wait_until(lambda: total(first.page("/peek"), "pano_bridge_uncommitted_records") == 0)
    first.kill()
    assert counted(start()) == 0


def test_sigterm_ends_well_and_sighup_reloads(
    start: Callable[..., Living], log: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "pano.toml"
    settings.write_text('[servers]\n"192.0.2.53" = "before"\n')
    bridge = start("--config", str(settings))
    wait_until(lambda: total(bridge.page("/peek"), "pano_dns_queries_total") == 100)
    settings.write_text('[servers]\n"192.0.2.53" = "after"\n[limits]\ntop = 3\n')
    bridge.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in bridge.errors())
    assert "[limits] changes need a restart" in bridge.errors()
    settings.write_text("[server]\n")
    bridge.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in bridge.errors())
    with log.open("ab") as file:
        file.write(many(5))
    wait_until(lambda: total(bridge.page("/peek"), "pano_dns_queries_total", server="after") == 5)
    assert total(bridge.page("/peek"), "pano_dns_queries_total", server="before") == 100
    assert bridge.end() == 0
    assert "Traceback" not in bridge.errors()


def test_one_bridge_for_one_state_directory(start: Callable[..., Living], tmp_path: Path) -> None:
    start()
    state = str(tmp_path / "state")
    log = f"log:{tmp_path / 'other.log'}"
    other = pano("run", "--source", log, "--listen", "127.0.0.1:0", "--state-dir", state)
    assert other.returncode == 2
    assert "another bridge has it" in other.stderr


def test_tls_with_client_certificates(
    start: Callable[..., Living], tmp_path: Path, require: Callable[[str], str]
) -> None:
    openssl = require("openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    argv += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=127.0.0.1"]
    argv += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(argv, check=True, capture_output=True)
    settings = tmp_path / "pano.toml"
    settings.write_text(f'[tls]\ncert = "{cert}"\nkey = "{key}"\nclient_ca = "{cert}"\n')
    context = ssl.create_default_context(cafile=str(cert))
    context.load_cert_chain(cert, key)
    bridge = start("--config", str(settings), tls=context)
    wait_until(lambda: counted(bridge) == 100)
    stranger = Living.__new__(Living)
    stranger.url, stranger._tls = bridge.url, ssl.create_default_context(cafile=str(cert))  # noqa: SLF001 - the same bridge, seen without a certificate
    with pytest.raises(OSError, match=r"certificate required|reset|EOF"):
        stranger.page()
    bridge.page("/metrics")
    wait_until(lambda: total(bridge.page("/peek"), "pano_bridge_uncommitted_records") == 0)


def test_pages_parse_and_promtool_has_no_complaint(
    log: Path, require: Callable[[str], str]
) -> None:
    text = pano("replay", str(log))
    assert total(read_page(text.stdout), "pano_dns_queries_total") == 100
    openmetrics = pano("replay", str(log), "--format", "openmetrics").stdout
    assert total(read_openmetrics(openmetrics), "pano_dns_queries_total") == 100
    families = json.loads(pano("replay", str(log), "--format", "json").stdout)
    (queries,) = [f for f in families if f["name"] == "pano_dns_queries"]
    assert [s["value"] for s in queries["samples"] if s["name"].endswith("_total")] == [100.0]
    check = [require("promtool"), "check", "metrics"]
    lint = subprocess.run(check, input=text.stdout, text=True, capture_output=True, check=False)
    assert lint.returncode == 0, lint.stderr
    assert not lint.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["replay", "{tmp}/none.log"], 1, "No such file"),
        (["replay", "{tmp}/conn.log"], 1, "not a dns.log: record 1: Object missing required field"),
        (["replay", "{tmp}/binary.log"], 1, "not a dns.log"),
        (["replay", "{tmp}/header.log"], 1, "no #fields"),
        (["run", "--source", "log:{tmp}/conn.log"], 1, "not a dns.log"),
        (["run", "--source", "log:{tmp}/dns.log?rotate=1"], 2, "unknown option rotate"),
        (["run", "--source", "carrier-pigeon:x"], 2, "begin with one of log:"),
        (["run", "--source", "log:/none/dns.log"], 2, "existing folder"),
        (["run"], 2, "no source"),
        (["run", "--source", "log:{tmp}/dns.log", "--listen", "9102"], 2, "127.0.0.1:9102"),
        (["run", "--source", "log:{tmp}/dns.log", "--listen", "192.0.2.1:1"], 2, "another address"),
        (["run", "--source", "log:{tmp}/dns.log", "--config", "{tmp}/none"], 2, "No such file"),
        (["config", "--config", "{tmp}/typo.toml"], 2, "did you mean limits.servers?"),
        (["config", "--config", "{tmp}/table.toml"], 2, "did you mean servers?"),
        (["config", "--config", "{tmp}/type.toml"], 2, "limits.top: Expected `int` >= 1"),
        (["config", "--config", "{tmp}/conn.log"], 2, "not TOML"),
        (["top", "--once", "--url", "http://127.0.0.1:1/peek"], 1, "running bridge"),
    ],
)
def test_errors_are_one_line_with_the_cure(
    log: Path, arguments: list[str], code: int, words: str
) -> None:
    folder = log.parent
    (folder / "conn.log").write_text('{"ts":1.0,"id.orig_h":"a","id.resp_h":"b","proto":"udp"}\n')
    (folder / "binary.log").write_bytes(bytes(range(256)) * 40)
    (folder / "header.log").write_text("#separator \\x09\n1\t2\t3\n")
    (folder / "typo.toml").write_text("[limits]\nserver = 3\n")
    (folder / "table.toml").write_text("[server]\n")
    (folder / "type.toml").write_text("[limits]\ntop = 0\n")
    done = pano(*(argument.replace("{tmp}", str(folder)) for argument in arguments))
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("pano-bridge: ")


def test_half_a_line_at_the_end_is_malformed_in_a_finished_log(log: Path) -> None:
    with log.open("ab") as file:
        file.write(many(1)[:50])
    page = read_page(pano("replay", str(log)).stdout)
    assert total(page, COUNTED, result="counted") == 100
    assert total(page, COUNTED, result="malformed") == 1


def test_a_pipe_is_a_source_and_its_metrics_stay(tmp_path: Path) -> None:
    bridge = Living(tmp_path, "--source", "log:-", stdin=many(50))
    wait_until(lambda: counted(bridge) == 50)
    assert bridge.end() == 0


def test_every_key_is_documented_with_its_default() -> None:
    documented = tomllib.loads((DOCS / "pano.toml").read_text())
    origins = load_settings(DOCS / "pano.toml", {}, {}).origins
    assert not [setting for setting in origins if setting.origin == "default"]
    documented.pop("servers")
    config = load_settings(None, {}, {}).origins
    for setting in config:
        table, _, key = setting.key.partition(".")
        if key:
            assert documented[table][key] == setting.value, setting.key


def test_flags_beat_the_environment_and_that_the_file(tmp_path: Path) -> None:
    file = tmp_path / "pano.toml"
    file.write_text("[limits]\ntop = 1\nservers = 1\nsensors = 1\n")
    environment = {"PANO_LIMITS_TOP": "2", "PANO_LIMITS_SERVERS": "2", "HOME": "/"}
    settings = load_settings(file, environment, {"limits.top": 3, "limits.groups": None})
    limits = settings.config.limits
    assert (limits.top, limits.servers, limits.sensors) == (3, 2, 1)
    assert limits.groups == Config().limits.groups
    origins = {setting.key: setting.origin for setting in settings.origins}
    assert origins["limits.top"] == "--top"
    assert origins["limits.servers"] == "PANO_LIMITS_SERVERS"
    assert origins["limits.sensors"] == str(file)
    assert origins["limits.groups"] == "default"
