#!/usr/bin/env bash
# The live pipeline where root and the kernel allow it, else a recorded log made into metrics.
set -euo pipefail
cd "$(dirname "$0")/.."

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
  echo "demo: without root nothing can be mirrored in the kernel; replaying a recorded dns.log." >&2
elif ! missing=$("${as_root[@]}" .venv/bin/pano-agent run --check --iface lo 2>&1); then
  echo "$missing" >&2
  echo "demo: nothing can be mirrored in this kernel (see above); replaying a recorded dns.log." >&2
else
  exec "${as_root[@]}" .venv/bin/pano-bridge up --lab
fi
exec .venv/bin/pano-bridge replay tests/data/dns.log.gz
