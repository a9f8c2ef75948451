#!/usr/bin/env bash
# `make deb`: builds dist/pano_VERSION_ARCH.deb of this tree; needs debhelper and dpkg-dev.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in dh dpkg-buildpackage; do
  command -v $tool >/dev/null || { echo "deb: $tool is missing: apt-get install debhelper" >&2; exit 1; }
done
python=$PWD/.venv/bin/python
version=${VERSION:-$("$python" -c 'import pano_glue; print(pano_glue.__version__)')}
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH=$when UV=$PWD/.venv/bin/uv

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/pano" dist
git ls-files -z | xargs -0 cp --parents -t "$work/pano"
cp --parents pano_glue/agent/mirror.bpf.o "$work/pano"
mv "$work/pano/host/debian" "$work/pano/debian"
cat >"$work/pano/debian/changelog" <<CHANGES
pano ($version) stable; urgency=medium

  * See CHANGELOG.md.

 -- PANO's maintainers <pano@localhost>  $(date -u -R -d "@$when")
CHANGES
(cd "$work/pano" && dpkg-buildpackage -b -us -uc -d >"$work/log" 2>&1) || { cat "$work/log" >&2; exit 1; }
mv "$work"/pano_*.deb dist/
ls dist/pano_"$version"_*.deb
