"""A second planted log, with which no threshold was chosen: other tools, other look-alikes.

Eight hours of a university: 60 clients of three networks. Truth by construction, as in planted.py.
"""

from __future__ import annotations

import base64
import math

from tests.data.planted import BEGIN, Company, Planted

SPAN = 8 * 3600
NEW_SINCE = BEGIN + 6 * 3600
WORDS = [
    "core",
    "edge",
    "node",
    "cache",
    "img",
    "static",
    "media",
    "cdn",
    "pop",
    "lhr",
    "tile",
    "user",
]


class University(Company):
    """Its traffic."""

    def __init__(self, seed: int = 77) -> None:
        """Begin with other clients."""
        super().__init__(seed)
        self.clients = [f"172.20.{n % 3}.{n + 20}" for n in range(56)]
        self.clients += [f"2001:db8:7::{n:x}" for n in range(1, 5)]

    def people(self) -> None:
        """Lookups at random times, busy at noon."""
        names = [f"{self.random.choice(WORDS)}{n}.dept{n % 45}.example" for n in range(220)]
        for name in names:
            self.resolve(BEGIN + self.random.uniform(0, 1500), self.clients[0], name)
        for _ in range(7000):
            share = self.random.betavariate(3, 3)
            client = self.random.choice(self.clients)
            self.resolve(BEGIN + 1600 + share * (SPAN - 1700), client, self.random.choice(names))

    def leaks(self) -> None:
        """An upload through AAAA, one through MX in two labels, a download through TXT."""
        for n in range(220):
            text = base64.urlsafe_b64encode(self.random.randbytes(42)).decode().rstrip("=")
            when = BEGIN + 5000 + n * 11 + self.random.uniform(0, 9)
            self.ask(
                when, self.clients[9], f"{text}.x.upload.example", "AAAA", ["2001:db8::1"], ttl=0
            )
        for n in range(160):
            hexed = self.random.randbytes(44).hex()
            when = BEGIN + 9000 + self.random.uniform(0, 5000)
            name = f"{hexed[:44]}.{hexed[44:]}.mx{n % 3}.post.test"
            self.ask(when, self.clients[33], name, "MX", ["mx.post.test"], ttl=5)
        for n in range(700):
            token = base64.b32encode(self.random.randbytes(15)).decode().lower()
            when = BEGIN + 3000 + n * 4 + self.random.random()
            payload = f"TXT 200 {base64.b64encode(self.random.randbytes(150)).decode()}"
            self.ask(when, self.clients[57], f"{token}.{n}.dl.fetch.test", "TXT", [payload], ttl=0)
        self.truth.tunnels = {
            (self.clients[9], "upload.example"),
            (self.clients[33], "post.test"),
            (self.clients[57], "fetch.test"),
        }

    def no_leaks(self) -> None:
        """Long or many names for honest reasons."""
        for n in range(900):  # tiles and shards, readable words
            words = "-".join(self.random.choices(WORDS, k=4))
            name = f"{words}-{n}.tiles.maps.test"
            self.ask(BEGIN + n * 25, self.clients[4], name, answers=["203.0.113.90"])
        for n in range(500):  # an address list, by address
            octets = ".".join(str(self.random.randrange(1, 255)) for _ in range(4))
            rcode = "NXDOMAIN" if n % 4 else "NOERROR"
            found = None if n % 4 else ["127.0.0.2"]
            self.ask(BEGIN + n * 40, self.clients[2], f"{octets}.bl.spam.test", "A", found, rcode)
        for n in range(400):  # hashes of files, for a virus scanner
            name = f"{self.random.randbytes(20).hex()}.hash.av.example"
            self.ask(BEGIN + n * 33, self.clients[3], name, "TXT", None, "NXDOMAIN")
        for n in range(90):  # ACME challenges and DKIM
            name = f"_acme-challenge.host{n}.dept{n % 45}.example"
            self.ask(BEGIN + n * 200, self.clients[6], name, "TXT", ["TXT 43 x y"])

    def timers(self) -> None:
        """Timers with skipped beats and drift, and one in the night only."""
        plan = (
            (12, "tick.steady.test", 137, 9, 0.08, 0, SPAN),
            (25, "cb.far.example", 620, 30, 0.0, 0, SPAN),
            (58, "n.night.test", 90, 3, 0.02, 20000, 27000),
        )
        for client, name, step, jitter, missed, begin, end in plan:
            when = BEGIN + begin + 31.0
            while when < BEGIN + end - step:
                if self.random.random() >= missed:
                    self.ask(when, self.clients[client], name, answers=["203.0.113.9"], ttl=86400)
                when += step + self.random.gauss(0, jitter / 2)
            self.truth.beacons.add((self.clients[client], name))

    def no_timers(self) -> None:
        """What is even and harmless, or frequent and uneven."""
        for n in range(20):  # updates, on many machines
            for step in range(int(SPAN / 1800)):
                when = BEGIN + n * 61 + step * 1800 + self.random.uniform(0, 20)
                self.ask(when, self.clients[n], "updates.os.test", answers=["203.0.113.2"], ttl=60)
        for step in range(int(SPAN / 301)):  # a browser tab: the TTL's rhythm
            self.ask(
                BEGIN + step * 301 + 3,
                self.clients[40],
                "feed.news.test",
                answers=["203.0.113.3"],
                ttl=300,
            )
        when = BEGIN
        while when < BEGIN + SPAN - 4000:  # somebody reads mail now and then
            when += -math.log(1 - self.random.random()) * 240
            self.ask(when, self.clients[41], "imap.mail.test", answers=["203.0.113.4"], ttl=30)

    def newcomers(self) -> None:
        """New domains, some below long suffixes, and new names that are none."""
        for n, domain in enumerate(("new.ac.uk", "fresh.test", "b.co.jp", "late.example")):
            client = self.clients[n + 44]
            self.ask(NEW_SINCE + 40 + n * 300, client, f"a.b.{domain}", answers=["203.0.113.5"])
            self.truth.fresh[domain] = client
        for n in range(45):
            self.ask(
                NEW_SINCE + n, self.clients[50], f"lab{n}.dept{n}.example", answers=["203.0.113.6"]
            )
            self.ask(NEW_SINCE + n, self.clients[50], f"nas-{n}.local", rcode="NXDOMAIN")
            self.ask(
                NEW_SINCE + n,
                self.clients[50],
                f"{n}.20.172.in-addr.arpa",
                "PTR",
                ["x.dept1.example"],
            )


def plant_otherwise(seed: int = 77) -> Planted:
    """Make the log."""
    place = University(seed)
    for kind in (
        place.people,
        place.leaks,
        place.no_leaks,
        place.timers,
        place.no_timers,
        place.newcomers,
    ):
        kind()
    place.truth.records.sort(key=lambda record: (record["ts"], record["uid"]))
    return place.truth
