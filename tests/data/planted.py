"""A log whose truth is known because it was planted: `python -m tests.data.planted [FOLDER]`.

Six hours of a small company: 40 clients ask one resolver, which asks two upstreams, one of them
slow. In it are tunnels, beacons and new domains, and beside each what looks like it and is not.
Everything is made of one seed. Names end in `.test` and `.example` (RFC 2606), or are of no one.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEGIN = 1_790_000_000.0
HOURS = 6
END = BEGIN + HOURS * 3600
FRESH = BEGIN + 4 * 3600  # from here on there are new domains
RESOLVER = "10.1.255.53"
FAST, SLOW = "192.0.2.1", "198.51.100.9"
OWN = 0.0002  # seconds that the resolver takes itself
QTYPES = {"A": 1, "NS": 2, "CNAME": 5, "NULL": 10, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
RCODES = {"NOERROR": 0, "SERVFAIL": 2, "NXDOMAIN": 3}

Record = dict[str, Any]


@dataclass
class Planted:
    """The records, oldest first, and what is true of them."""

    records: list[Record] = field(default_factory=list)
    tunnels: set[tuple[str, str]] = field(default_factory=set)  # client and domain
    beacons: set[tuple[str, str]] = field(default_factory=set)  # client and name
    rhythms: set[tuple[str, str]] = field(default_factory=set)  # even too, and harmless
    fresh: dict[str, str] = field(default_factory=dict)  # domain: first client
    hits: int = 0
    misses: int = 0
    upstream_microseconds: dict[str, int] = field(default_factory=dict)
    suffixed: int = 0


class Company:
    """Its traffic, one kind a method."""

    def __init__(self, seed: int = 1) -> None:
        """Begin with quiet wires."""
        self.random = random.Random(seed)  # noqa: S311 - a log, not a secret
        self.truth = Planted()
        self._ports = 1024
        self.clients = [f"10.1.{n // 20}.{n % 20 + 10}" for n in range(36)]
        self.clients += [f"fd00:1::{n:x}" for n in range(1, 5)]

    def ask(  # noqa: PLR0913, PLR0917 - what a transaction has
        self,
        when: float,
        client: str,
        name: str,
        qtype: str = "A",
        answers: list[str] | None = None,
        rcode: str = "NOERROR",
        ttl: float = 300.0,
        server: str = RESOLVER,
        rtt: float = 0.0003,
    ) -> Record:
        """Plant one transaction."""
        self._ports = 1024 + (self._ports - 1023) % 60000
        record: Record = {
            "ts": round(when, 6),
            "uid": f"C{len(self.truth.records):017d}",
            "id.orig_h": client,
            "id.orig_p": self._ports,
            "id.resp_h": server,
            "id.resp_p": 53,
            "proto": "udp",
            "trans_id": self.random.randrange(65536),
            "rtt": round(rtt, 6),
            "query": name,
            "qclass": 1,
            "qclass_name": "C_INTERNET",
            "qtype": QTYPES[qtype],
            "qtype_name": qtype,
            "rcode": RCODES[rcode],
            "rcode_name": rcode,
            "AA": False,
            "TC": False,
            "RD": server == RESOLVER,
            "RA": True,
            "Z": 0,
            "rejected": False,
            "outcome": "answered",
            "retransmits": 0,
            "query_bytes": 18 + len(name),
            "reply_bytes": 18 + len(name) + sum(12 + len(one) for one in answers or []),
            "sensor": "planted",
        }
        if answers:
            record |= {"answers": answers, "TTLs": [ttl] * len(answers)}
        self.truth.records.append(record)
        return record

    def resolve(self, when: float, client: str, name: str, *, upstream: str = "") -> None:
        """Plant a client's query, and the resolver's own when it is no cache hit."""
        address = f"203.0.113.{sum(name.encode()) % 250 + 1}"
        if not upstream:
            self.truth.hits += 1
            self.ask(when, client, name, answers=[address])
            return
        self.truth.misses += 1
        cost = (
            self.random.uniform(0.3, 0.5) if upstream == SLOW else self.random.uniform(0.004, 0.006)
        )
        cost = round(cost, 6)
        self.ask(when, client, name, answers=[address], rtt=cost + OWN)
        self.ask(when + OWN / 2, RESOLVER, name, answers=[address], server=upstream, rtt=cost)
        spent = self.truth.upstream_microseconds
        spent[upstream] = spent.get(upstream, 0) + round(cost * 1e6)

    def office(self) -> None:
        """People at work: some hundred names, at random times, seen before and after `FRESH`."""
        names = [f"www{n}.site{n % 60}.test" for n in range(150)]
        for name in names:  # all are known before anything is fresh
            self.resolve(BEGIN + self.random.uniform(0, 3000), self.clients[0], name, upstream=FAST)
        for _ in range(6000):
            when = self.random.uniform(BEGIN + 3600, END - 10)
            name = self.random.choice(names)
            upstream = self.random.choices(["", FAST, SLOW], [80, 15, 5])[0]
            self.resolve(when, self.random.choice(self.clients), name, upstream=upstream)

    def tunnels(self) -> None:
        """Plant three: long NULL names, hexadecimal TXT, CNAME and MX, a slow leak through A."""
        for n in range(900):
            text = base64.b32encode(self.random.randbytes(70)).decode().lower().rstrip("=")
            name = f"{text[:60]}.{text[60:]}.t1.tunnel.test"
            self.ask(BEGIN + 9000 + n * 0.7, self.clients[3], name, "NULL", ["x" * 180], ttl=0)
        for n in range(400):
            name = (
                f"{self.random.randbytes(30).hex()}.{self.random.randbytes(12).hex()}.cat.example"
            )
            kind = self.random.choice(["TXT", "CNAME", "MX"])
            when = BEGIN + 3700 + n * 2 + self.random.random()
            self.ask(
                when,
                self.clients[7],
                name,
                kind,
                [f"{self.random.randbytes(40).hex()}.cat.example"],
                ttl=1,
            )
        for n in range(300):
            text = base64.b32encode(self.random.randbytes(38)).decode().lower().rstrip("=")
            when = BEGIN + 3800 + n * 40 + self.random.uniform(0, 39)
            self.ask(when, self.clients[36], f"{n}.{text}.leak.test", "A", ["203.0.113.9"], ttl=0)
        self.truth.tunnels = {
            (self.clients[3], "tunnel.test"),
            (self.clients[7], "cat.example"),
            (self.clients[36], "leak.test"),
        }

    def no_tunnels(self) -> None:
        """Plant what has many or long names for honest reasons."""
        for n in range(500):  # a CDN's
            name = f"{self.random.randbytes(16).hex()}.cdn.test"
            self.ask(BEGIN + 2000 + n * 30, self.clients[5], name, answers=["203.0.113.80"])
        for n in range(1500):  # a mail server asks a DNSBL
            octets = ".".join(str(self.random.randrange(1, 255)) for _ in range(4))
            listed = self.random.random() < 0.3
            self.ask(
                BEGIN + 1000 + n * 13 + self.random.uniform(0, 12),
                self.clients[1],
                f"{octets}.zen.dnsbl.test",
                answers=["127.0.0.2"] if listed else None,
                rcode="NOERROR" if listed else "NXDOMAIN",
            )
        for n in range(600):  # a virus scanner asks for hashes
            digest = self.random.randbytes(24).hex()
            name = f"{digest[:40]}.{digest[40:]}.lookup.scanner.test"
            known = self.random.random() < 0.5
            self.ask(
                BEGIN + 500 + n * 30 + self.random.uniform(0, 29),
                self.clients[9],
                name,
                answers=["127.0.0.1"] if known else None,
                rcode="NOERROR" if known else "NXDOMAIN",
            )
        for n in range(300):  # mDNS-like, sent to the resolver by mistake
            name = f"{uuid.UUID(bytes=self.random.randbytes(16))}._sub._googlecast._tcp.local"
            self.ask(BEGIN + 4000 + n * 20, self.clients[11], name, "PTR", rcode="NXDOMAIN")
        for n in range(200):  # SPF and DKIM: TXT, short names
            self.ask(
                BEGIN + 3000 + n * 60,
                self.clients[1],
                f"selector{n}._domainkey.site{n % 60}.test",
                "TXT",
                ["TXT 20 v=DKIM1; k=rsa; p=MI"],
            )

    def beacons(self) -> None:
        """Plant three: 60 s, 300 s with jitter, and 45 s for an hour, missing one now and then."""
        plan = (
            (2, "c2.beacon.test", 60, 0.5, HOURS * 3600),
            (14, "ping.quiet.example", 300, 20, HOURS * 3600),
            (38, "alive.short.test", 45, 2, 3600),
        )
        for client, name, step, jitter, span in plan:
            when = BEGIN + 5
            while when < BEGIN + span - step:
                if self.random.random() > 0.03:
                    at = when + self.random.uniform(-jitter, jitter)
                    self.ask(
                        max(BEGIN, at),
                        self.clients[client],
                        name,
                        answers=["203.0.113.66"],
                        ttl=3600,
                    )
                when += step
            self.truth.beacons.add((self.clients[client], name))

    def no_beacons(self) -> None:
        """Plant even rhythms of time servers and of a TTL, and uneven lookups of one name."""
        for n in range(12):
            for step in range(int(HOURS * 3600 / 1024)):
                when = BEGIN + n * 7 + step * 1024 + self.random.uniform(0, 1)
                self.ask(
                    when, self.clients[n], "2.pool.ntp.test", answers=["203.0.113.123"], ttl=130
                )
            self.truth.rhythms.add((self.clients[n], "2.pool.ntp.test"))
        for step in range(int(HOURS * 3600 / 601)):
            self.ask(
                BEGIN + step * 601 + 1,
                self.clients[20],
                "api.site1.test",
                answers=["203.0.113.5"],
                ttl=600,
            )
        self.truth.rhythms.add((self.clients[20], "api.site1.test"))
        for _ in range(300):
            self.ask(
                self.random.uniform(BEGIN, END - 1),
                self.clients[21],
                "mail.site2.test",
                answers=["203.0.113.6"],
            )

    def fresh(self) -> None:
        """Plant new domains, and new names that are no new domains."""
        for n, domain in enumerate(
            ("first.test", "shop.co.uk", "login-update.example", "x7.com.au", "drop.test")
        ):
            client = self.clients[n + 22]
            self.ask(FRESH + 60 + n * 100, client, f"www.{domain}", answers=["203.0.113.7"])
            self.ask(FRESH + 70 + n * 100, self.clients[30], domain, answers=["203.0.113.7"])
            self.truth.fresh[domain] = client
        for n in range(20):
            self.ask(FRESH + n, self.clients[23], f"new{n}.site{n}.test", answers=["203.0.113.8"])
            self.ask(FRESH + n, self.clients[23], f"printer-{n}.local", rcode="NXDOMAIN")
            self.ask(
                FRESH + n,
                self.clients[23],
                f"{n}.113.0.203.in-addr.arpa",
                "PTR",
                ["host.site1.test"],
            )
            self.ask(FRESH + n, self.clients[23], f"host{n}", rcode="NXDOMAIN")

    def search_list(self) -> None:
        """Plant names with the suffixes of a search list behind them (ndots:5)."""
        suffixes = ("default.svc.cluster.test", "svc.cluster.test", "cluster.test")
        for n in range(100):
            name = f"api{n % 10}.site{n % 10}.test"
            when = self.random.uniform(BEGIN + 6000, FRESH)
            for place, suffix in enumerate(suffixes):
                self.ask(when + place / 100, self.clients[16], f"{name}.{suffix}", rcode="NXDOMAIN")
                self.truth.suffixed += 1
            self.ask(when + 0.05, self.clients[16], name, answers=["203.0.113.10"], ttl=1)


def plant(seed: int = 1) -> Planted:
    """Make the log."""
    company = Company(seed)
    company.office()
    company.search_list()
    company.tunnels()
    company.no_tunnels()
    company.beacons()
    company.no_beacons()
    company.fresh()
    company.truth.records.sort(key=lambda record: (record["ts"], record["uid"]))
    return company.truth


def write(records: list[Record], path: Path) -> Path:
    """Write records as JSON lines."""
    path.write_text("".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records))
    return path


if __name__ == "__main__":
    write(plant().records, Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "dns.log")
