#!/usr/bin/env bash
# The live pipeline where root and the kernel allow it, else a recorded log made into metrics.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
  echo "demo: without root nothing can be mirrored in the kernel; replaying a recorded dns.log." >&2
  live=
elif ! missing=$("${as_root[@]}" .venv/bin/pano-agent run --check --iface lo 2>&1); then
  echo "$missing" >&2
  echo "demo: nothing can be mirrored in this kernel (see above); replaying a recorded dns.log." >&2
  live=
else
  live=yes
fi

if [ -z "${ZEEK:-}" ] && ! command -v zeek >/dev/null && [ ! -x /opt/zeek/bin/zeek ]; then
  echo "demo: Zeek is not installed (make zeek does that), so tshark makes the records." >&2
fi

trap : INT # Ctrl-C ends the pipeline, and the words below still come
if [ "$live" ]; then
  # Port 0: a Prometheus may be here already.
  "${as_root[@]}" .venv/bin/pano-bridge up --lab --prometheus-listen 127.0.0.1:0
else
  .venv/bin/pano-bridge replay tests/data/dns.log.gz
fi

cat >&2 <<'NEXT'

How to go on:
  sudo .venv/bin/pano-bridge up --lab --seconds 20 --json   let it prove its numbers
  sudo .venv/bin/pano-bridge up --iface eth0                your own network, with this host's interface
  .venv/bin/pano-bridge replay dns.log                      metrics of a log that you have
  .venv/bin/pano-bridge doctor                              what is here, what is missing, how to get it
README.md has the rest.
NEXT
