#!/usr/bin/env bash
# `make install`: programs, units and settings for a plain host with systemd, below DESTDIR.
#
#   PREFIX      where programs go: /usr/local, or /usr for a package
#   UNITDIR     where units go: PREFIX/lib/systemd/system
#   PYTHON      what runs them: the host's Python, 3.11 or later
#   EXTRAS      which optional parts of pano-glue to install
#   PACKAGES    `none`: the Python packages come from elsewhere
#
# Python packages go into a folder of their own, PREFIX/lib/pano, that nothing else sees. Settings in
# /etc that are there already stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
units=${UNITDIR:-$prefix/lib/systemd/system}
python=${PYTHON:-/usr/bin/python3}
uv=${UV:-.venv/bin/uv}
extras=${EXTRAS-agent,auth,domains,fast,websocket,zstd}
lib=$prefix/lib/pano

put() { install -D -m "$1" "$2" "$root$3"; }

put_once() { [ -e "$root$3" ] || put "$@"; }

launcher() { # a program that runs a function of our package, whatever else Python has installed
  install -d "$root$prefix/bin"
  printf '%s\n' "#!$python -I" 'import sys' "sys.path.insert(0, '$lib')" \
    "from ${2%:*} import ${2#*:}" "${2#*:}()" >"$root$prefix/bin/$1"
  chmod 755 "$root$prefix/bin/$1"
}

install_packages() {
  rm -rf "$root$lib"
  "$uv" pip install --quiet --python "$python" --target "$root$lib" ".${extras:+[$extras]}"
  rm -rf "$root$lib/bin"
  "$python" -m compileall -q --invalidation-mode unchecked-hash -s "${root:-/}" "$root$lib"
}

[ "${PACKAGES:-}" = none ] || install_packages

"$python" - <<'PROGRAMS' | while read -r name function; do launcher "$name" "$function"; done
import tomllib
with open("pyproject.toml", "rb") as file:
    for name, function in tomllib.load(file)["project"]["scripts"].items():
        print(name, function)
PROGRAMS

for unit in host/*.service; do put 644 "$unit" "$units/${unit#host/}"; done
put 644 host/sandbox.conf "$units/pano-.service.d/sandbox.conf"
put 644 host/pano.sysusers.conf "$prefix/lib/sysusers.d/pano.conf"
put 644 host/pano.tmpfiles.conf "$prefix/lib/tmpfiles.d/pano.conf"
put 644 docs/pano.toml "$prefix/share/doc/pano/pano.toml"
put_once 644 host/pano.toml /etc/pano/pano.toml
for file in host/*.default; do
  name=${file#host/}
  put_once 644 "$file" "/etc/default/${name%.default}"
done
