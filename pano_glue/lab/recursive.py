"""unbound, which answers out of its cache or asks the lab's other two resolvers."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from pano_glue.pipeline.process import Child

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pano_glue.lab.network import Namespace

# `test.` is answered by unbound itself unless told otherwise. What is cached is soon forgotten, so
# that a short run has hits and misses.
CONF = """\
server:
  interface: 0.0.0.0
  interface: ::0
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "test." nodefault
  cache-max-ttl: {ttl}
  cache-max-negative-ttl: {ttl}
  statistics-cumulative: yes
  extended-statistics: yes
remote-control:
  control-enable: yes
  control-interface: "{folder}/control"
"""
FORWARD = """\
forward-zone:
  name: "{zone}"
  forward-addr: {address}
"""


class Recursive:
    """A running unbound; ended by `child.stop`."""

    def __init__(
        self, inside: Namespace, folder: Path, forwards: Mapping[str, str], ttl: int
    ) -> None:
        """Start it in a namespace; `forwards` says whom to ask about each zone.

        `ttl` is how long it keeps an answer at most, in seconds.
        """
        home = folder / "unbound"
        home.mkdir(exist_ok=True)
        self._conf = home / "unbound.conf"
        zones = "".join(FORWARD.format(zone=z, address=a) for z, a in forwards.items())
        self._conf.write_text(CONF.format(folder=home, ttl=ttl) + zones)
        argv = ["unbound", "-d", "-c", str(self._conf)]
        self.child = Child("unbound", inside.enter(argv), folder)
        self.child.wait_until(self._answers, "answer to unbound-control")

    def stats(self) -> dict[str, float]:
        """Read its own counters, since its start, by their names in unbound-control(8).

        Raises:
            PanoError: when it does not answer.
        """
        done = self._control("stats_noreset")
        if done.returncode:
            raise PanoError("unbound-control does not answer", done.stderr.strip())
        pairs = (line.partition("=") for line in done.stdout.splitlines())
        return {name: float(value) for name, _, value in pairs}

    def _answers(self) -> bool:
        return self._control("status").returncode == 0

    def _control(self, command: str) -> subprocess.CompletedProcess[str]:
        argv = ["unbound-control", "-c", str(self._conf), command]
        return subprocess.run(argv, capture_output=True, text=True, check=False)
