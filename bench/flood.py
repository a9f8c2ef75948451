"""Memory and CPU of the bridge under a flood of names, servers and sensors that never repeat.

`python bench/flood.py [--records N] [--servers N] [--sensors N]` counts made-up records, every one
with a name of its own, scrapes now and then, and prints one JSON object. It fails when a record is
not counted, or when promtool does not accept the last page.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.config import Config, Local
from pano_glue.sources import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 500  # records of about 350 octets: what a block of a log holds
PAGES = 50  # scrapes during the run
# Four of five are asked of servers of this site, one is asked of others; 20 groups of clients.
EVERYTHING = Config(
    local=Local(["2001:db8::/32"]), clients={f"10.{n}.0.0/16": f"group {n}" for n in range(20)}
)
LINE = (
    '{"ts":1700000000.1,"uid":"C4J4Th3PJpwUYZZ6gc","id.orig_h":"%s","id.orig_p":5,'
    '"id.resp_h":"2001:%s:%x:%x::53","id.resp_p":53,"proto":"%s","trans_id":7,"rtt":0.001,'
    '"query":"n%d.zone%d.example%d.com","qclass":1,"qtype":1,"rcode":0,"AA":false,"TC":false,'
    '"RD":true,"RA":true,"Z":0,"rejected":false,"outcome":"answered","retransmits":0,'
    '"query_bytes":40,"reply_bytes":80,"sensor":"s%d"}\n'
)


def batches(records: int, servers: int, sensors: int) -> Iterator[bytes]:
    """Make up lines; client, server, name, zone, domain and sensor differ from line to line.

    When all servers were asked over `udp` they are asked over `tcp`, then again.
    """
    for start in range(0, records, BATCH):
        lines = []
        for n in range(start, min(start + BATCH, records)):
            server = n % servers
            client, site = f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", "db8"
            if n // sensors % 5 == 0:
                client, site = "2001:db8::1", "db9"
            name = (n, n // 7, n // 3)
            asked = (client, site, server >> 16, server & 0xFFFF, ("udp", "tcp")[n // servers % 2])
            lines.append(LINE % (*asked, *name, n % sensors))
        yield "".join(lines).encode()


def megabytes() -> int:
    """Return the most memory that was resident so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main() -> None:
    """Run the flood and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000, help="default 1000000")
    parser.add_argument("--servers", type=int, default=1_000_000, help="default 1000000")
    parser.add_argument("--sensors", type=int, default=1_000, help="default 1000")
    arguments = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    counting = Counting(EVERYTHING)
    file = CheckpointFile(Path(folder.name))
    pages = Pages(counting, file)
    before, spent = megabytes(), 0
    made = batches(arguments.records, arguments.servers, arguments.sensors)
    every = max(arguments.records // BATCH // PAGES, 1)
    for number, lines in enumerate(made):
        begun = time.process_time_ns()
        counting.apply("flood", Batch("dns", lines, number))
        if number % every == 0:
            pages.page(Visit("flood", periodic=True), openmetrics=True)
        spent += time.process_time_ns() - begun
    page, _ = pages.page(Visit("flood"), openmetrics=False)
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, check=False)
    counted, queries = (
        sum(
            int(float(line.rpartition(b" ")[2]))
            for line in page.splitlines()
            if line.startswith(name)
        )
        for name in (b"pano_bridge_records_total{", b"pano_dns_queries_total{")
    )
    figures = {
        "records": arguments.records,
        "counted": counted,
        "queries": queries,
        "cpu_us_per_record": round(spent / 1e3 / arguments.records, 2),
        "megabytes_before": before,
        "megabytes_most": megabytes(),
        "page_bytes": len(page),
        "checkpoint_bytes": file.size(),
    }
    print(json.dumps(figures))
    # promtool exits with 3 for advice on names (of histograms that end in _bytes, for one).
    if not counted == queries == arguments.records or checked.returncode not in {0, 3}:
        sys.exit("bench: records are missing, or Prometheus would not take the page")


if __name__ == "__main__":
    main()
