"""What a page costs: under the lock that counting waits for, on disk, and beside other clients.

`python bench/pages.py [--groups N]` fills a bridge with N groups (sensor, server, protocol), times
a checkpoint and a page by its stages, then scrapes a real server alone, and beside 50 idle and 10
slow clients, by turns. One JSON object, times in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import tempfile
import time
import urllib.request
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from pano_glue.bridge.basic_auth import BasicAuth
from pano_glue.bridge.checkpoint import CheckpointFile
from pano_glue.bridge.counting import Counting
from pano_glue.bridge.pages import Pages
from pano_glue.bridge.scrapers import Visit
from pano_glue.bridge.server import Content, MetricsServer
from pano_glue.config import Config, Limits
from pano_glue.metrics.metric import Birth
from pano_glue.sources import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

LINE = (
    '{"ts":1700000000.1,"uid":"C4J4Th3PJpwUYZZ6gc","id.orig_h":"10.0.0.%d",'
    '"id.resp_h":"10.%d.%d.53","proto":"udp","rtt":0.001,"query":"n%d.example%d.com","qtype":1,'
    '"rcode":0,"TC":false,"outcome":"answered","query_bytes":40,"reply_bytes":80,"sensor":"s%d"}\n'
)
ROUNDS = 20


def milliseconds(do: Callable[[], object]) -> float:
    """Time one call."""
    begun = time.perf_counter()
    do()
    return round((time.perf_counter() - begun) * 1e3, 2)


def fill(counting: Counting, groups: int, number: int) -> None:
    """Count one record for each group, each with another name."""
    lines = "".join(
        LINE % (n % 200, n >> 8 & 255, n & 255, n + number, n, n % 5) for n in range(groups)
    )
    counting.apply("log:x", Batch("dns", lines.encode(), number))


def stages(groups: int, folder: Path) -> tuple[dict[str, float], Pages]:
    """Time what a page is made of."""
    counting = Counting(Config(limits=Limits(servers=groups, groups=groups)))
    file = CheckpointFile(folder)
    pages = Pages(counting, file)
    locked, stored, shown = [], [], []
    for number in range(ROUNDS):
        fill(counting, groups, number)
        locked.append(milliseconds(lambda: counting.snapshot(Birth(1, 0.0))))
        fill(counting, groups, number)
        stored.append(milliseconds(pages.checkpoint))
        shown.append(milliseconds(lambda: pages.page(Visit("bench"), openmetrics=True)))
    page, _ = pages.page(Visit("bench"), openmetrics=True)
    median = statistics.median
    return {
        "groups": groups,
        "under_the_lock": median(locked),
        "checkpoint_with_fsync": median(stored),
        "page_text": median(shown),
        "page_bytes": len(page),
        "checkpoint_bytes": file.size(),
    }, pages


def scrapes(pages: Pages) -> dict[str, float]:
    """Scrape alone and in company, by turns; gives the medians and the worst difference."""
    server = MetricsServer("127.0.0.1:0", Content(pages.page, lambda: ""), None, BasicAuth({}))
    Thread(target=server.serve_forever, daemon=True).start()
    host, port = server.server_address[:2]
    times: dict[str, list[float]] = {"alone": [], "in_company": []}
    for number in range(2 * ROUNDS):
        name = ("alone", "in_company")[number % 2]
        company = []
        if number % 2:
            company = [socket.create_connection((str(host), int(port))) for _ in range(60)]
            for slow in company[:10]:
                slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: b\r\n\r\n")
            time.sleep(0.5)  # their pages are written; they do not read them
        times[name].append(
            milliseconds(lambda: urllib.request.urlopen(server.url).read())  # noqa: S310 - our own
        )
        for client in company:
            client.close()
    return {f"scrape_{name}": statistics.median(took) for name, took in times.items()} | {
        f"scrape_{name}_worst": max(took) for name, took in times.items()
    }


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, nargs="*", default=[400, 1000])
    for groups in parser.parse_args().groups:
        with tempfile.TemporaryDirectory() as folder:
            figures, pages = stages(groups, Path(folder))
            print(json.dumps(figures | scrapes(pages)))


if __name__ == "__main__":
    main()
