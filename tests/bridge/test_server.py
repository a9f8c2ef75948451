"""The HTTP server: what it answers, to whom, in which form, and that nobody holds it up."""

from __future__ import annotations

import base64
import gzip
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import pytest

from pano_glue.bridge.basic_auth import BasicAuth
from pano_glue.bridge.negotiation import wants_gzip, wants_openmetrics
from pano_glue.bridge.server import Content, MetricsServer
from tests.bridge.living import Living, wait_until
from tests.bridge.records import lines, many, read_page, record, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pano_glue.bridge.scrapers import Visit


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Living]:
    log = tmp_path / "dns.log"
    log.write_bytes(lines(*(record(n, id__resp_h=f"10.0.0.{n % 150}") for n in range(1000))))
    living = Living(tmp_path, "--source", f"log:{log}?from=beginning")
    wait_until(lambda: total(living.page(), "pano_dns_queries_total") == 1000)
    yield living
    living.kill()


def test_pages_and_their_forms(bridge: Living) -> None:
    text = bridge.get("/metrics")
    assert text.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    openmetrics = bridge.get("/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert openmetrics.body.endswith(b"# EOF\n")
    assert b"pano_dns_queries_created{" in openmetrics.body
    zipped = bridge.get("/metrics", Accept_Encoding="gzip")
    assert zipped.headers["Content-Encoding"] == "gzip"
    page = read_page(gzip.decompress(zipped.body).decode())
    assert total(page, "pano_dns_queries_total") == 1000
    assert total(page, "process_resident_memory_bytes") > 0
    assert total(page, "pano_bridge_build_info") == 1
    assert bridge.get("/").body.startswith(b"<!doctype html>")
    assert bridge.get("/-/healthy").status == 200
    assert bridge.get("/-/ready").status == 200
    assert bridge.get("/peek").status == 404


def test_head_tells_the_length_and_sends_nothing(bridge: Living) -> None:
    host, port = bridge.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"HEAD /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert b"Content-Length: " in head
    assert not body


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3", True),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0, */*;q=0.1", False),
        ("text/plain;q=0.5;version=0.0.4,application/openmetrics-text;version=0.0.1;q=0.75", True),
        ("application/openmetrics-text;q=x,*/*", False),
    ],
)
def test_openmetrics_is_for_those_who_prefer_it(accept: str, openmetrics: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert wants_openmetrics(accept) is openmetrics


def test_gzip_is_for_those_who_take_it() -> None:
    assert wants_gzip("gzip")
    assert wants_gzip("br, gzip;q=0.5")
    assert not wants_gzip("gzip;q=0")
    assert not wants_gzip("")


def test_users_and_their_passwords(tmp_path: Path) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    hashed = bcrypt.hashpw(b"wort", bcrypt.gensalt(4)).decode()
    settings = tmp_path / "pano.toml"
    settings.write_text(f'[auth]\nann = "{hashed}"\n')
    (tmp_path / "dns.log").write_bytes(many(3))
    source = f"log:{tmp_path / 'dns.log'}?from=beginning"
    bridge = Living(tmp_path, "--source", source, "--config", str(settings))

    def status(path: str, user: str = "") -> int:
        sent = (
            {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"} if user else {}
        )
        return bridge.get(path, **sent).status

    try:
        assert status("/-/healthy") == 200
        assert status("/metrics") == status("/metrics", "ann:falsch") == 401
        assert status("/metrics", "bob:wort") == status("/", "x") == 401
        assert status("/metrics", "ann:wort") == status("/", "ann:wort") == 200
        settings.write_text("")
        bridge.process.send_signal(signal.SIGHUP)
        wait_until(lambda: status("/metrics") == 200, "nobody needs a password any more")
    finally:
        bridge.kill()


def test_idle_and_slow_clients_hold_up_nobody(bridge: Living) -> None:
    host, port = bridge.url.removeprefix("http://").split(":")
    clients = [socket.create_connection((host, int(port))) for _ in range(150)]
    for slow in clients[:10]:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n")
    for half in clients[10:60]:
        half.sendall(b"GET /metr")
    try:
        for _ in range(5):
            assert bridge.get("/metrics").status == 200
    finally:
        for client in clients:
            client.close()


def test_a_scraper_keeps_its_connection(bridge: Living) -> None:
    host, port = bridge.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.settimeout(10)
        for _ in range(3):
            client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: t\r\n\r\n")
            answer = b""
            while not answer.endswith(b"healthy.\n"):
                answer += client.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("header", ["", "X-Prometheus-Scrape-Timeout-Seconds: 0\r\n"])
def test_who_gave_up_does_not_wait(header: str) -> None:
    asked, closed = Event(), Event()
    waited: list[bool] = []

    def page(visit: Visit, *, openmetrics: bool) -> tuple[bytes, int]:  # noqa: ARG001
        waited.append(visit.waiting())
        asked.set()
        assert closed.wait(30)
        wait_until(lambda: not visit.waiting())
        return b"", 1

    with (
        MetricsServer("127.0.0.1:0", Content(page, lambda: ""), None, BasicAuth({})) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        threads.submit(server.serve_forever)
        client = socket.create_connection(("127.0.0.1", server.server_port))
        client.sendall(f"GET /metrics HTTP/1.1\r\nHost: t\r\n{header}\r\n".encode())
        assert asked.wait(30)
        if not header:
            client.close()
        closed.set()
        server.shutdown()
    client.close()
    assert waited == [not header]


def test_another_authority_for_clients_replaces_the_old_one(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    import ssl

    for name in ("one", "two"):
        argv = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        argv += ["-keyout", f"{tmp_path}/{name}.key", "-out", f"{tmp_path}/{name}.pem"]
        argv += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(argv, check=True, capture_output=True)
    settings = tmp_path / "pano.toml"

    def configure(client_ca: str) -> None:
        settings.write_text(
            f'[tls]\ncert = "{tmp_path}/one.pem"\nkey = "{tmp_path}/one.key"\n'
            f'client_ca = "{tmp_path}/{client_ca}.pem"\n'
        )

    def context(name: str) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(tmp_path / "one.pem"))
        made.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        return made

    configure("one")
    (tmp_path / "dns.log").write_bytes(many(3))
    source = f"log:{tmp_path / 'dns.log'}?from=beginning"
    bridge = Living(tmp_path, "--source", source, "--config", str(settings), tls=context("one"))
    try:
        assert bridge.get("/-/healthy").status == 200
        configure("two")
        bridge.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in bridge.errors())
        with pytest.raises(OSError, match=r"unknown ca|certificate|reset|EOF"):
            bridge.get("/-/healthy")
        bridge.tls = context("two")
        assert bridge.get("/-/healthy").status == 200
    finally:
        bridge.kill()


def test_a_slow_reader_is_let_go(bridge: Living) -> None:
    host, port = bridge.url.removeprefix("http://").split(":")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    slow.connect((host, int(port)))
    for _ in range(200):  # more pages than the buffers on the way can hold
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: t\r\n\r\n")
    began = time.monotonic()
    wait_until(lambda: _closed(slow), "the bridge gives it up")
    assert time.monotonic() - began < 30
    assert "Traceback" not in bridge.errors()


def _closed(client: socket.socket) -> bool:
    try:
        client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: t\r\n\r\n")
    except OSError:
        return True
    time.sleep(0.2)
    return False
