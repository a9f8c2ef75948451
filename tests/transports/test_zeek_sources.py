"""`broker:`, `ws:` and `wss:` against a real Zeek, real Broker endpoints and a WebSocket server."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from base64 import b64encode
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.server import serve

from pano_glue.config import Config, WebSocket
from pano_glue.errors import PanoError, SettingError
from pano_glue.sources import SourceContext, open_source
from pano_glue.sources.zeek_broker import find_bindings
from tests.ports import free_port
from tests.transports.kafka_broker import make_certificate
from tests.transports.reading import Reader
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

    from pano_glue.sources import Batch
    from tests.transports.conftest import Ledger

SCRIPT = Path(__file__).with_name("publish.zeek")


@contextmanager
def reading(uri: str, context: SourceContext) -> Iterator[Reader]:
    reader = Reader(open_source(uri, context))
    try:
        yield reader
    finally:
        reader.close()


@pytest.mark.parametrize("scheme", ["broker", "ws"])
def test_every_record_of_a_real_zeek_arrives(
    scheme: str,
    context: SourceContext,
    ledger: Ledger,
    require: Callable[[str], str],
    tmp_path: Path,
) -> None:
    if scheme == "broker":
        bindings()
    port = free_port()
    option = {"broker": "broker_port", "ws": "websocket_port"}[scheme]
    settings = [f"PANO::{option}={port}/tcp", "PANO::batches_wanted=200"]
    publisher = subprocess.Popen([require("zeek"), "-b", str(SCRIPT), *settings], cwd=tmp_path)
    try:
        with reading(f"{scheme}://127.0.0.1:{port}", context) as reader:
            wait_until(lambda: len(reader.lines) >= 20_000, seconds=60)
    finally:
        publisher.kill()
        publisher.wait()
    assert {log for log, _ in reader.lines} == {"dns"}
    numbers = [json.loads(line)["n"] for _, line in reader.lines]
    assert numbers == list(range(100)) * 200
    assert ledger.lost_batches == {}
    assert ledger.up[-1]


def bindings() -> Any:  # noqa: ANN401 (untyped)
    try:
        return find_bindings()
    except SettingError as error:
        pytest.skip(f"Zeek's Broker bindings are not installed ({error.what})")


def test_broker_batches_that_were_never_sent_are_counted(
    context: SourceContext, ledger: Ledger
) -> None:
    broker = bindings()
    with broker.Endpoint() as sensor:
        port = sensor.listen("127.0.0.1", 0)
        with reading(f"broker://127.0.0.1:{port}", context) as reader:
            wait_until(lambda: ledger.up == [False, True])

            def publish(*arguments: object) -> None:
                sensor.publish("pano/dns", broker.zeek.Event("PANO::batch", *arguments))

            for seq in (1, 2, 5, 6, 1, 2):
                publish("s", broker.Count(seq), "dns", json.dumps({"n": seq}))
            publish("s", "no count", "dns", "{}")
            sensor.publish("pano/dns", broker.zeek.Event("other", {(1, 2)}))
            wait_until(lambda: ledger.skipped_records == 2)
            assert [json.loads(line)["n"] for _, line in reader.lines] == [1, 2, 5, 6, 1, 2]
            assert ledger.lost_batches == {"s": 2}


def event(seq: int, ndjson: str, name: str = "PANO::batch", *, metadata: bool = False) -> str:
    arguments = [
        {"@data-type": kind, "data": data}
        for kind, data in [("string", "s"), ("count", seq), ("string", "dns"), ("string", ndjson)]
    ]
    named = [{"@data-type": "string", "data": name}, {"@data-type": "vector", "data": arguments}]
    data = [
        {"@data-type": "count", "data": 1},
        {"@data-type": "count", "data": 1},
        {"@data-type": "vector", "data": named},
    ]
    if metadata:
        data.append({"@data-type": "vector", "data": []})
    message = {"type": "data-message", "topic": "pano/dns", "@data-type": "vector", "data": data}
    return json.dumps(message)


@contextmanager
def zeek_like_server(
    *lives: Sequence[str | bytes],
    tls: ssl.SSLContext | None = None,
    port: int = 0,
    gate: Callable[[ServerConnection, Request], Response | None] | None = None,
    stay: Event | None = None,
) -> Iterator[int]:
    """Serve WebSocket: each connection gets the next life's messages, then (`stay`) is closed."""
    remaining = list(lives)

    def handle(connection: ServerConnection) -> None:
        if not remaining:
            connection.close()
            return
        messages = remaining.pop(0)
        assert json.loads(connection.recv()) == ["pano/"]
        connection.send(json.dumps({"type": "ack", "endpoint": "x", "version": "8.0"}))
        for message in messages:
            connection.send(message)
        if stay is not None:
            stay.wait(10)
        connection.close()

    server = serve(handle, "127.0.0.1", port, ssl=tls, process_request=gate)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()


def test_websocket_connects_again_and_counts_what_it_missed(
    context: SourceContext, ledger: Ledger
) -> None:
    first = [event(1, '{"n":1}\n{"n":2}'), event(2, '{"n":3}')]
    second = [event(5, metadata=True, ndjson='{"n":"\u00e4\\"\\\\"}')]
    with (
        zeek_like_server([*first], [*second]) as port,
        reading(f"ws://127.0.0.1:{port}", context) as reader,
    ):
        wait_until(lambda: len(reader.lines) == 4)
    values = [json.loads(line)["n"] for _, line in reader.lines]
    assert values == [1, 2, 3, '\u00e4"\\']
    assert ledger.lost_batches == {"s": 2}
    assert ledger.up[:4] == [False, True, False, True]


def test_websocket_passes_by_what_is_no_batch(context: SourceContext, ledger: Ledger) -> None:
    junk: list[str | bytes] = [
        "no json",
        '{"type":"data-message","topic":"x","@data-type":"vector","data":[1]}',
        event(1, "{}", name="Other::event"),
        b"\xff\xfe",
        "[" * 100_000,
        '{"type":"data-message","topic":"x","@data-type":"count","data":1}',
    ]
    with (
        zeek_like_server([*junk, event(1, '{"n":1}')]) as port,
        reading(f"ws://127.0.0.1:{port}", context) as reader,
    ):
        wait_until(lambda: len(reader.lines) == 1)
    assert ledger.skipped_records == len(junk)


def test_websocket_says_what_zeek_refuses(context: SourceContext) -> None:
    refusal = json.dumps({"type": "error", "code": "deserialization_failed", "context": "no"})
    with zeek_like_server([refusal]) as port:
        source = open_source(f"ws://127.0.0.1:{port}", context)
        with pytest.raises(PanoError, match="deserialization_failed"):
            list(source.batches())


def test_wss_shows_our_certificate_and_checks_theirs(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificate(tmp_path)
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    tls.load_verify_locations(cert)
    tls.verify_mode = ssl.CERT_REQUIRED
    settings = WebSocket(ca=cert, cert=cert, key=key)
    known = SourceContext(ledger, Config(websocket=settings))
    strange = SourceContext(ledger, Config(websocket=WebSocket(cert=cert, key=key)))
    with zeek_like_server([event(1, '{"n":1}')], tls=tls) as port:
        uri = f"wss://127.0.0.1:{port}"
        with reading(uri, strange):
            wait_until(lambda: "certificate verify failed" in caplog.text)
        assert ledger.up == [False]
        with reading(uri, known) as reader:
            wait_until(lambda: len(reader.lines) == 1)


def test_a_key_with_a_password_is_opened_or_named(ledger: Ledger, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    cert, plain, key = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "locked.pem"))
    lock = ["openssl", "pkey", "-in", plain, "-out", key, "-aes256", "-passout", "pass:open"]
    subprocess.run(lock, check=True)
    settings = WebSocket(ca=cert, cert=cert, key=key, key_password="open")  # noqa: S106
    open_source("wss://h:1", SourceContext(ledger, Config(websocket=settings)))
    settings = WebSocket(ca=cert, cert=cert, key=key)
    with pytest.raises(SettingError, match="has a password") as refused:
        open_source("wss://h:1", SourceContext(ledger, Config(websocket=settings)))
    assert "key_password" in refused.value.cure


def test_certificates_that_cannot_be_read_are_named(ledger: Ledger, tmp_path: Path) -> None:
    settings = WebSocket(ca=str(tmp_path / "none.pem"))
    with pytest.raises(SettingError, match="No such file"):
        open_source("wss://h:1", SourceContext(ledger, Config(websocket=settings)))


def test_a_zeek_that_is_not_there_is_waited_for(
    context: SourceContext, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with reading(f"ws://127.0.0.1:{port}", context) as reader:
            wait_until(lambda: "refused" in caplog.text)
            silent.close()
            with zeek_like_server([event(1, '{"n":1}')], port=port):
                wait_until(lambda: len(reader.lines) == 1)
    assert caplog.text.count("refused") == 1  # however often it was tried
    assert ledger.up[:2] == [False, True]


def test_who_is_not_let_in_says_so_without_the_password(
    context: SourceContext, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        right = b64encode(b"reader:secret").decode()
        if request.headers.get("Authorization") == f"Basic {right}":
            return None
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no")

    with zeek_like_server([event(1, '{"n":1}')], gate=refuse) as port:
        with reading(f"ws://reader:wrong@127.0.0.1:{port}", context):
            wait_until(lambda: "401" in caplog.text)
        with reading(f"ws://reader:secret@127.0.0.1:{port}", context) as reader:
            wait_until(lambda: len(reader.lines) == 1)
            assert reader.source.name == f"ws://127.0.0.1:{port}"
    assert "wrong" not in caplog.text
    assert "secret" not in caplog.text
    assert ledger.up[0] is False


@pytest.mark.parametrize(
    "uri", ["ws://u:secret@h:1?a=1&a=2", "wss://u:secret@h:1/p@th?x=1", "was://u:secret@h:1"]
)
def test_no_error_shows_a_password(uri: str, context: SourceContext) -> None:
    with pytest.raises(SettingError) as refused:
        open_source(uri, context)
    assert "secret" not in str(refused.value)


def test_the_settings_show_no_password_of_a_source() -> None:
    environment = {"PANO_BRIDGE_SOURCES": "ws://u:secret@h:1 log:/a@b"}
    command = [sys.executable, "-c", "from pano_glue.cli import main; main()", "config"]
    shown = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | environment
    )
    assert '["ws://h:1","log:/a@b"]' in shown.stdout


class Stay(Event):
    """Tells, too, when the server has sent everything and begins to wait."""

    def __init__(self) -> None:
        """Begin before that."""
        super().__init__()
        self.sent = Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.sent.set()
        return super().wait(timeout)


def test_what_has_arrived_when_it_ends_is_still_read(
    context: SourceContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [event(n, json.dumps({"n": n})) for n in range(1, 201)]
    hold, reached, stay = Event(), Event(), Stay()
    take = Reader._take  # noqa: SLF001 - to hold it up

    def slow(self: Reader, batch: Batch) -> None:
        take(self, batch)
        reached.set()
        hold.wait(10)

    monkeypatch.setattr(Reader, "_take", slow)
    with zeek_like_server(sent, stay=stay) as port:
        reader = Reader(open_source(f"ws://127.0.0.1:{port}", context))
        assert reached.wait(10)
        wait_until(lambda: len(reader.lines) == 1)
        assert stay.sent.wait(10)
        reader.source.stop()
        hold.set()
        reader.close()
        stay.set()
    numbers = [json.loads(line)["n"] for _, line in reader.lines]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > 1


@pytest.mark.parametrize(
    "uri", ["broker://9999", "broker://h:0x1", "broker://h:70000", "ws://h?x=1"]
)
def test_wrong_addresses_are_refused(uri: str, context: SourceContext) -> None:
    with pytest.raises(SettingError, match=r"--source"):
        open_source(uri, context)
