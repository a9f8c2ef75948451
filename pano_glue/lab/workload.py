"""What dnsperf is asked to do, and what it says it did: the ground truth of the lab."""

from __future__ import annotations

import random
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.lab.network import CLIENT, FAST, SLOW, Link
from pano_glue.lab.resolvers import HOSTS
from pano_glue.pipeline.process import Child, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from pano_glue.lab.network import Namespace, Network

ENDLESS_SECONDS = 10 * 365 * 86_400
REPLY_TIMEOUT = 5  # dnsperf -t; the same as PANO::query_timeout
LINES = 4_000

# Kinds of question with their weights, like the traffic of a busy resolver.
MIX = {
    "host{n}.pano.test A": 50,
    "host{n}.pano.test AAAA": 20,
    "alias{n}.pano.test A": 8,
    "gone{n}.pano.test A": 8,
    "pano.test MX": 3,
    "pano.test TXT": 2,
    "big.pano.test TXT": 2,
    "_sip._udp.pano.test SRV": 2,
    "svc.pano.test HTTPS": 2,
    "1.2.18.198.pano.test PTR": 1,
    "host{n}.broken.test A": 2,
    "host{n}.elsewhere.test A": 2,
}
DROPPED = {"host{n}.limited.test A": 20}


@dataclass(frozen=True)
class Workload:
    """One dnsperf: where to, over what, and its share of the total query rate."""

    link: Link
    mode: str
    family: int
    share: float

    @property
    def name(self) -> str:
        """Its name in file names and reports."""
        return f"{self.link.host}-{self.mode}{self.family}"


# The limited zone is asked over UDP only: dnsperf counts a query as sent when a closing TCP
# connection swallowed it, and then nobody on the wire has seen it.
WORKLOADS = (
    Workload(FAST, "udp", 4, 0.50),
    Workload(FAST, "udp", 6, 0.10),
    Workload(FAST, "tcp", 4, 0.10),
    Workload(SLOW, "udp", 4, 0.20),
    Workload(SLOW, "udp", 6, 0.05),
    Workload(SLOW, "tcp", 6, 0.05),
)


@dataclass
class Tally:
    """Queries, replies and losses. `rcodes` is by name and sums to `responses`."""

    queries: int = 0
    responses: int = 0
    timeouts: int = 0
    rcodes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        self.queries += other.queries
        self.responses += other.responses
        self.timeouts += other.timeouts
        self.rcodes += other.rcodes

    def as_json(self) -> dict[str, object]:
        """Return it for the report."""
        return {
            "queries": self.queries,
            "responses": self.responses,
            "timeouts": self.timeouts,
            "rcodes": dict(sorted(self.rcodes.items())),
        }


def write_questions(workload: Workload, folder: Path) -> Path:
    """Write dnsperf's input: one `name type` a line, the same for every run."""
    dice = random.Random(workload.name)  # noqa: S311 - repeatable, not secret
    mix = dict(MIX)
    if workload.link is SLOW and workload.mode == "udp":
        mix |= DROPPED
    kinds = dice.choices(list(mix), list(mix.values()), k=LINES)
    path = folder / f"{workload.name}.questions"
    path.write_text("".join(f"{kind.format(n=dice.randrange(HOSTS))}\n" for kind in kinds))
    return path


def start_workload(
    workload: Workload, network: Network, folder: Path, rate: float, seconds: float | None
) -> Child:
    """Start dnsperf in the client's namespace for `seconds`, or until it is stopped."""
    server = workload.link.address4 if workload.family == 4 else workload.link.address6  # noqa: PLR2004
    argv = ["dnsperf", "-s", server, "-m", workload.mode, "-t", str(REPLY_TIMEOUT), "-e"]
    argv += ["-d", str(write_questions(workload, folder))]
    argv += ["-l", str(seconds or ENDLESS_SECONDS), "-Q", f"{max(1.0, rate * workload.share):.0f}"]
    # Unanswered queries stay outstanding until they time out; they must not slow the rest.
    argv += ["-q", "2000", "-c", "4", "-T", "1"]
    return Child(workload.name, network.inside(CLIENT.host).enter(argv), folder)


def wait_for_answers(link: Link, client: Namespace, folder: Path) -> None:
    """Wait until the resolver on `link` answers `client` over both families.

    A fresh link carries IPv6 only after the kernel's next link-watch round.

    Raises:
        PanoError: when it never does.
    """
    question = folder / f"{link.host}.probe"
    question.write_text("pano.test SOA\n")
    for address in (link.address4, link.address6):
        argv = ["dnsperf", "-s", address, "-m", "tcp", "-n", "1", "-t", "1", "-d", str(question)]
        probe = client.enter(argv)

        def answered(probe: list[str] = probe) -> bool:
            done = subprocess.run(probe, capture_output=True, text=True, check=False)
            return "Queries completed:    1 " in done.stdout

        if not wait_for(answered, 20):
            raise PanoError(f"the lab's resolver {link.host} does not answer at {address}")


SUMMARY = re.compile(
    r"^ *Queries (sent|completed|lost|interrupted|per second): +([\d.]+)", re.MULTILINE
)
RCODES = re.compile(r"^ *Response codes: +(.*)$", re.MULTILINE)


def read_figures(name: str, printed: str) -> Counter[str]:
    """Read dnsperf's closing figures by their names; what it does not name is 0.

    Raises:
        PanoError: when there is no summary.
    """
    found = Counter({key: int(float(figure)) for key, figure in SUMMARY.findall(printed)})
    if "sent" not in found:
        raise PanoError(f"dnsperf {name} printed no summary", printed.strip()[-200:])
    return found


def read_summary(name: str, printed: str) -> Tally:
    """Read dnsperf's closing statistics; queries it gave up on at Ctrl-C count as timeouts.

    Raises:
        PanoError: as `read_figures`.
    """
    found = read_figures(name, printed)
    rcodes: Counter[str] = Counter()
    listed = RCODES.search(printed)
    for part in listed[1].split(", ") if listed else []:
        rcode, count, *_ = part.split()
        rcodes[rcode] += int(count)
    lost = found["lost"] + found["interrupted"]
    return Tally(found["sent"], found["completed"], lost, rcodes)
