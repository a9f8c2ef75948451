"""The pipeline of docker/compose.yaml, run by the engine at hand, and what people ask of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.docker.tree import DOCKER, ROOT
from tests.transports.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

SUMMARY = re.compile(r"Queries (sent|completed|lost): +(\d+)")
ENGINE = Path(os.environ.get("PANO_ENGINE", "/var/tmp/pano-engine"))  # noqa: S108 # as engine.sh


@dataclass(frozen=True)
class Load:
    """What dnsperf says of its own load: the truth from outside."""

    sent: int = 0
    completed: int = 0
    lost: int = 0

    def __add__(self, other: Load) -> Load:
        """Add two loads."""
        return Load(
            self.sent + other.sent, self.completed + other.completed, self.lost + other.lost
        )


def read_summaries(text: str) -> Load:
    """Add up dnsperf's summaries in a log."""
    total: dict[str, int] = dict.fromkeys(("sent", "completed", "lost"), 0)
    for name, count in SUMMARY.findall(text):
        total[name] += int(count)
    return Load(**total)


@dataclass(frozen=True)
class Pipeline:
    """One `docker compose` project."""

    environment: dict[str, str]
    profile: str = "demo"

    def compose(self, *arguments: str) -> str:
        """Run docker compose; its stdout. A failure shows what it said."""
        argv = ["docker", "compose", "-f", str(DOCKER / "compose.yaml"), "--profile", self.profile]
        done = subprocess.run(
            [*argv, *arguments],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self, *services: str) -> None:
        """Start services and wait until they are healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "120", *services)

    def ask(self, expression: str) -> list[float]:
        """Ask Prometheus, at the port that it has on the host; the values of what it has."""
        url = f"http://127.0.0.1:{self.environment.get('PANO_PROMETHEUS_PORT', 9090)}/api/v1/query"
        answer = json.loads(
            on_the_host("curl", "-sS", "--data-urlencode", f"query={expression}", url)
        )
        assert answer["status"] == "success", f"{expression}: {answer}"
        return [float(one["value"][1]) for one in answer["data"]["result"]]

    def wait_for(self, expression: str, value: float) -> None:
        """Wait until Prometheus has exactly this."""
        seen: list[float] = []

        def has_it() -> bool:
            seen[:] = self.ask(expression)
            return seen == [value]

        try:
            wait_until(has_it, seconds=60, every=0.5)
        except AssertionError:
            raise AssertionError(f"{expression}: {seen}, not {value}") from None

    def load(self, server: str, mode: str, passes: int) -> Load:
        """Ask a server so many times each question, and wait for the end."""
        return self.start_load(server, mode, passes)()

    def start_load(self, server: str, mode: str, passes: int) -> Callable[[], Load]:
        """Begin such a load; the function returned waits for its end and gives its summary."""
        argv = ["docker", "compose", "-f", str(DOCKER / "compose.yaml"), "--profile", "demo", "run"]
        argv += ["--rm", "-T", "--no-deps", "--entrypoint", "dnsperf", "dnsperf1"]
        argv += ["-s", server, "-m", mode, "-d", "/etc/pano/questions", "-n", str(passes)]
        process = subprocess.Popen(
            [*argv, "-Q", "400", "-t", "5", "-c", "4"],
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def finish() -> Load:
            out, said = process.communicate(timeout=120)
            assert process.returncode == 0, out + said
            return read_summaries(out)

        return finish


def on_the_host(*argv: str) -> str:
    """Run a command where the engine's host network is: engine.sh's namespaces, or this machine."""
    ours = os.environ.get("DOCKER_HOST", "") == f"unix://{ENGINE}/run/docker.sock"
    inside = [str(ROOT / "tests/docker/engine.sh"), "run"] if ours else []
    return subprocess.run([*inside, *argv], capture_output=True, text=True, check=True).stdout


def leftovers() -> dict[str, Any]:
    """Name all that containers could leave on a host."""
    links = [one["ifname"] for one in json.loads(on_the_host("ip", "-j", "link"))]
    attached = json.loads(on_the_host("bpftool", "-j", "net"))
    docker = {
        what: sorted(
            subprocess.run(
                ["docker", *argv], capture_output=True, text=True, check=True
            ).stdout.split()
        )
        for what, argv in {
            "containers": ("ps", "-aq"),
            "networks": ("network", "ls", "-q"),
            "volumes": ("volume", "ls", "-q"),
        }.items()
    }
    cgroups = [str(one) for one in Path("/sys/fs/cgroup").glob("*/docker/*/")]
    return {
        "links": sorted(links),
        "attached": [len(kind) for one in attached for kind in one.values()],
        "cgroups": cgroups,
        **docker,
    }
