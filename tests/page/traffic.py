"""A bridge that counts what somebody writes all the time: for what shows its counts live."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from tests.bridge.living import Living
from tests.bridge.records import lines, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTILE = '<script>document.title="stolen"</script>"\'&\n\u202e.example'


def traffic(log: Path, end: Event) -> None:
    """Write records until the end: most are answered, some fail, one name is hostile."""
    n = 0
    while not end.is_set():
        now = time.time()
        batch: list[dict[str, Any]] = []
        for _ in range(40):
            n += 1
            fields: dict[str, Any] = {"ts": now, "rtt": 0.0005 * (1 + n % 17)}
            if n % 20 == 0:
                fields |= {"rcode": 2, "rcode_name": "SERVFAIL", "query": HOSTILE}
            elif n % 33 == 0:
                fields |= {"rcode": None, "rcode_name": None, "rtt": None, "outcome": "timeout"}
            fields["id__resp_h"] = f"192.0.2.{53 + n % 3}"
            batch.append(record(n, **fields))
        with log.open("ab") as file:
            file.write(lines(*batch))
        end.wait(0.1)


@contextmanager
def busy_bridge(folder: Path) -> Iterator[Living]:
    """Run it until the test ends."""
    log = folder / "dns.log"
    log.touch()
    end = Event()
    writer = Thread(target=traffic, args=(log, end))
    living = Living(folder, "--source", f"log:{log}?from=beginning")
    writer.start()
    try:
        yield living
    finally:
        end.set()
        writer.join()
        living.end()
