"""Two nsd servers: a fast one, and one that limits a zone by silently dropping queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pano_glue.pipeline.process import Child

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

HOSTS = 500  # names below pano.test that exist
BIG = " ".join(['"' + "x" * 250 + '"'] * 12)  # 3,000 octets: three IP fragments over UDP
OTHER_PORT = 5300  # answers too, where nobody takes it for DNS
LIMIT = 3  # answers per second that the slow resolver gives in limited.test

# `broken.test` is configured but its file is missing: SERVFAIL. Zones not configured: REFUSED.
# Response rate limiting stands in for a resolver that drops: `rrl-slip` lets every third
# answer that it holds back out as an empty truncated one.
NSD_CONF = """\
server:
  ip-address: 0.0.0.0
  ip-address: 0.0.0.0@{other_port}
  ip-address: ::
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  database: ""
  server-count: 1
  tcp-count: 100
  verbosity: 1
  ipv4-edns-size: 4096
  ipv6-edns-size: 4096
  rrl-ratelimit: {ratelimit}
  rrl-slip: 3
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: pano.test
  zonefile: pano.test.zone
  rrl-whitelist: all
zone:
  name: broken.test
  zonefile: missing.zone
  rrl-whitelist: all
zone:
  name: limited.test
  zonefile: limited.test.zone
"""

SOA = """\
$TTL 300
@ SOA ns.pano.test. hostmaster.pano.test. 1 3600 900 604800 60
@ NS ns.pano.test.
"""


def pano_zone() -> str:
    """Return the zone pano.test: every type that the workload asks for."""
    records = [
        SOA,
        "ns A 198.18.2.2\nns AAAA 2001:db8:2::2\nmail A 198.18.2.3\n@ MX 10 mail\n@ MX 20 mail2\n",
        '@ TXT "v=spf1 -all"\n_sip._udp SRV 10 5 5060 mail\n@ CAA 0 issue "ca.test"\n',
        f"svc HTTPS 1 . alpn=h2\n1.2.18.198 PTR host1\nbig TXT {BIG}\n",
    ]
    for host in range(HOSTS):
        records.append(
            f"host{host} A 203.0.113.{host % 254 + 1}\nhost{host} AAAA 2001:db8:99::{host:x}\n"
        )
        records.append(f"alias{host} CNAME host{host}\n")
    return "".join(records)


def start_resolver(
    name: str, inside: Callable[[Sequence[str]], list[str]], folder: Path, *, limits: bool
) -> Child:
    """Start an nsd and wait until it serves; `inside` makes a command line run where it should."""
    home = folder / f"nsd-{name}"
    home.mkdir(exist_ok=True)
    (home / "pano.test.zone").write_text(pano_zone())
    (home / "limited.test.zone").write_text(SOA + "* A 203.0.113.1\n")
    conf = home / "nsd.conf"
    ratelimit = LIMIT if limits else 0
    conf.write_text(NSD_CONF.format(folder=home, ratelimit=ratelimit, other_port=OTHER_PORT))
    child = Child(f"nsd-{name}", inside(["nsd", "-d", "-c", str(conf)]), folder)
    child.wait_until(lambda: "nsd started" in child.output(), "answer from nsd")
    return child
