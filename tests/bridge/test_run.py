"""The running bridge: goes on where it was, drains, reloads, and says what is wrong."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pano_glue import __version__
from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.config import Config, load_settings
from tests.bridge.living import Living, pano, wait_until
from tests.bridge.records import many, read_openmetrics, read_page, total

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
        source = f"log:{log}?from=beginning"
        options = ["--source", source, "--state-dir", str(tmp_path / "state"), *arguments]
        started.append(Living(tmp_path, *options, tls=tls))
        return started[-1]

    yield begin
    for bridge in started:
        bridge.kill()


def counted(bridge: Living) -> float:
    return total(bridge.page(), COUNTED, result="counted")


def test_counters_go_on_after_a_kill(start: Callable[..., Living], log: Path) -> None:
    first = start()
    wait_until(lambda: counted(first) == 100)
    first.kill()
    with log.open("ab") as file:
        file.write(many(5))
    second = start()
    wait_until(lambda: counted(second) == 105)


def test_without_a_state_directory_counting_begins_at_zero(tmp_path: Path, log: Path) -> None:
    for _ in range(2):
        bridge = Living(tmp_path, "--source", f"log:{log}?from=beginning")
        wait_until(lambda bridge=bridge: counted(bridge) == 100)  # type: ignore[misc]
        assert bridge.end() == 0


def test_a_log_never_seen_begins_at_its_end(tmp_path: Path, log: Path) -> None:
    state = str(tmp_path / "state")
    checkpoint = CheckpointFile(tmp_path / "state")
    bridge = Living(tmp_path, "--source", f"log:{log}", "--state-dir", state)
    wait_until(lambda: bool((found := checkpoint.load()) and found.positions))
    wait_until(lambda: "beginning at its end" in bridge.errors(), "it says where it begins")
    bridge.kill()  # before anything was counted
    with log.open("ab") as file:
        file.write(many(7))
    bridge = Living(tmp_path, "--source", f"log:{log}", "--state-dir", state)
    wait_until(lambda: counted(bridge) == 7)
    assert bridge.end() == 0


def test_sigterm_ends_well_and_sighup_reloads(
    start: Callable[..., Living], log: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "pano.toml"
    settings.write_text('[servers]\n"192.0.2.53" = "before"\n')
    bridge = start("--config", str(settings))
    wait_until(lambda: total(bridge.page(), "pano_dns_queries_total") == 100)
    settings.write_text('[servers]\n"192.0.2.53" = "after"\n[limits]\nservers = 3\n')
    bridge.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded" in bridge.errors())
    assert "[limits] changes need a restart" in bridge.errors()
    settings.write_text("[server]\n")
    bridge.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "not reloaded" in bridge.errors())
    with log.open("ab") as file:
        file.write(many(5))
    wait_until(lambda: total(bridge.page(), "pano_dns_queries_total", server="after") == 5)
    assert total(bridge.page(), "pano_dns_queries_total", server="before") == 100
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
    stranger.url, stranger.tls = bridge.url, ssl.create_default_context(cafile=str(cert))
    with pytest.raises(OSError, match=r"certificate required|reset|EOF"):
        stranger.page()


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
        (["run", "--source", "log:{tmp}/dns.log", "--listen", "9102"], 2, "127.0.0.1:15353"),
        (["run", "--source", "log:{tmp}/dns.log", "--listen", "192.0.2.1:1"], 2, "another address"),
        (["run", "--source", "log:{tmp}/dns.log", "--config", "{tmp}/none"], 2, "No such file"),
        (["config", "--config", "{tmp}/typo.toml"], 2, "did you mean limits.servers?"),
        (["config", "--config", "{tmp}/table.toml"], 2, "did you mean servers?"),
        (["config", "--config", "{tmp}/type.toml"], 2, "limits.groups: Expected `int` >= 1"),
        (["config", "--config", "{tmp}/conn.log"], 2, "not TOML"),
        (["config", "--config", "{tmp}/secret.toml"], 2, "a file with the password"),
        (["config", "--config", "{tmp}/plain.toml"], 2, "did you mean kafka.sasl_password?"),
        (["run", "--source", "log:{tmp}/dns.log?from=start"], 2, "from=end or from=beginning"),
        (["run", "--source", "log:{tmp}/dns.log", "--state-dir", "/proc/x"], 2, "can be written"),
        (["run", "--source", "log:{tmp}/dns.log", "--config", "{tmp}/auth.toml"], 2, "htpasswd"),
        (["top", "--once", "--url", "http://127.0.0.1:1/metrics"], 1, "running bridge"),
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
    (folder / "type.toml").write_text("[limits]\ngroups = 0\n")
    (folder / "secret.toml").write_text('[kafka]\nsasl_password_file = "/none"\n')
    (folder / "plain.toml").write_text('[kafka]\nsasl_pasword = "geheim"\n')
    (folder / "auth.toml").write_text('[auth]\nann = "secret"\n')
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
    config = load_settings(None, {}, {}).origins
    for setting in config:
        table, _, key = setting.key.partition(".")
        if key:
            assert documented[table][key] == setting.value, setting.key


def test_flags_beat_the_environment_and_that_the_file(tmp_path: Path) -> None:
    file = tmp_path / "pano.toml"
    file.write_text("[limits]\ngroups = 1\nservers = 1\nsensors = 1\n")
    environment = {"PANO_LIMITS_GROUPS": "2", "PANO_LIMITS_SERVERS": "2", "HOME": "/"}
    settings = load_settings(file, environment, {"limits.groups": 3, "limits.line_bytes": None})
    limits = settings.config.limits
    assert (limits.groups, limits.servers, limits.sensors) == (3, 2, 1)
    assert limits.line_bytes == Config().limits.line_bytes
    origins = {setting.key: setting.origin for setting in settings.origins}
    assert origins["limits.groups"] == "--groups"
    assert origins["limits.servers"] == "PANO_LIMITS_SERVERS"
    assert origins["limits.sensors"] == str(file)
    assert origins["limits.line_bytes"] == "default"


def test_secrets_come_from_files_and_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("geheim\n")
    environment = {"PANO_KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password")}
    settings = load_settings(None, environment, {})
    assert settings.config.kafka.sasl_password == "geheim"  # noqa: S105 - the test's own
    shown = pano("config", **environment)
    assert "geheim" not in shown.stdout
    assert 'kafka.sasl_password = "***"' in shown.stdout


def test_an_unknown_variable_is_an_error_unless_kubernetes_set_it() -> None:
    wrong = pano("config", PANO_BRIGDE_LISTEN="x")
    assert wrong.returncode == 2
    assert "did you mean PANO_BRIDGE_LISTEN?" in wrong.stderr
    service = {"PANO_BRIDGE_SERVICE_HOST": "10.0.0.1", "PANO_BRIDGE_PORT_15353_TCP": "tcp://x"}
    assert pano("config", **service).returncode == 0


def test_lines_for_log_readers() -> None:
    done = pano("--log-format", "json", "replay", "/none/dns.log")
    assert done.returncode == 1
    said = json.loads(done.stderr)
    assert said["level"] == "error"
    assert said["program"] == "pano-bridge"
    assert "/none/dns.log" in said["msg"]
    logfmt = pano("--log-format", "logfmt", "replay", "/none/dns.log").stderr
    assert 'level=error program=pano-bridge msg="/none/dns.log: ' in logfmt
    assert pano("--version").stdout == f"pano-bridge {__version__}\n"
    assert "Usage" in pano("-h").stdout
