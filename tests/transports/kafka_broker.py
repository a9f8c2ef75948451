"""A real Kafka (KRaft, one node) on loopback, fetched by Maven; it can be killed and restarted."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

POM = Path(__file__).with_name("pom.xml")
CLASSPATH = Path(__file__).with_name("build") / "kafka.classpath"
START_SECONDS = 60.0
GROUP_SESSION = 6  # seconds, of groups by the protocol "consumer" (KIP-848)

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}{more}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
log.dirs={data}
num.partitions=8
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms={session}
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
log.cleaner.backoff.ms=500
"""


def missing() -> str:
    """Name what a Kafka here would lack; empty when nothing."""
    tools = " and ".join(tool for tool in ("java", "mvn") if shutil.which(tool) is None)
    if not tools:
        try:
            classpath()
        except subprocess.CalledProcessError:
            return "Kafka (Maven cannot fetch it)"
    return tools


def classpath() -> str:
    """Fetch Kafka's jars, once; returns their paths as Java takes them.

    Raises:
        subprocess.CalledProcessError: when Maven cannot fetch them.
    """
    if CLASSPATH.exists() and CLASSPATH.stat().st_mtime > POM.stat().st_mtime:
        known = CLASSPATH.read_text()
        if all(Path(jar).exists() for jar in known.split(":")):
            return known
    command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:build-classpath"]
    subprocess.run([*command, f"-Dmdep.outputFile={CLASSPATH}"], check=True)
    return CLASSPATH.read_text()


def make_certificate(folder: Path) -> None:
    """Write key.pem, cert.pem (self-signed, for 127.0.0.1) and both.pem, as PKCS 8."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=pano"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key.pem")]
    subprocess.run([*command, "-out", str(folder / "cert.pem")], check=True, capture_output=True)
    both = (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    (folder / "both.pem").write_text(both)


class KafkaBroker:
    """One broker; `settings` are added to its properties, `secured` listeners to PLAINTEXT."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        secured: Mapping[str, int] | None = None,
    ) -> None:
        """Prepare a cluster of one in `folder`; `start` starts it."""
        self.port = free_port()
        self.servers = f"127.0.0.1:{self.port}"
        self.secured = {name: f"127.0.0.1:{port}" for name, port in (secured or {}).items()}
        self.folder = folder
        self._file = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        more = "".join(f",{name}://127.0.0.1:{port}" for name, port in (secured or {}).items())
        lines = PROPERTIES.format(
            plain=self.port,
            controller=free_port(),
            data=folder / "data",
            more=more,
            session=GROUP_SESSION * 1000,
        )
        lines += "".join(f"{key}={value}\n" for key, value in (settings or {}).items())
        self._file.write_text(lines)
        # No dash: at the beginning it would be taken for an option.
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self._file).wait()

    def start(self) -> None:
        """Start the broker, on its old data if it has some, and wait until it answers."""
        self._process = self._java("kafka.Kafka", self._file)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "kafka.log").read_text()[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would; it need not be running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _java(self, main: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        with (self.folder / "kafka.log").open("ab") as log:
            return subprocess.Popen(
                ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", classpath(), main]
                + [str(argument) for argument in arguments],
                stdout=log,
                stderr=log,
            )
