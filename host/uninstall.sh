#!/usr/bin/env bash
# `make uninstall`: removes what `make install` put below DESTDIR, but no settings, records or counts.
set -euo pipefail

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
units=${UNITDIR:-$prefix/lib/systemd/system}

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemctl disable --now pano-mirror pano-agent pano-zeek pano-bridge pano-relay || true
fi
rm -rf "$root$prefix/lib/pano" "$root$prefix/share/doc/pano" "$root$units/pano-.service.d"
rm -f "$root$prefix"/bin/pano-{agent,bridge,zeek} \
  "$root$units"/pano-{mirror,agent,zeek,bridge,relay}.service \
  "$root$prefix"/lib/{sysusers,tmpfiles}.d/pano.conf
