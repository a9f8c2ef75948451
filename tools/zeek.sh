#!/usr/bin/env bash
# `make zeek`: installs Zeek from its makers' own Debian packages. Adds their repository and its key, for
# good, so it is done only when asked. The key must have the fingerprint below.
#
#   ZEEK_REPOSITORY, ZEEK_FINGERPRINT, ZEEK_PACKAGE   another repository, its key, another version
set -euo pipefail

die() { echo "zeek: $1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || die "needs root: sudo make zeek"
. /etc/os-release
[ "${ID:-}" = debian ] || die "these packages are for Debian, not ${ID:-this system}: see zeek.org/get-zeek"
for tool in curl gpg; do command -v $tool >/dev/null || die "$tool is missing: apt-get install $tool"; done

# Zeek's binary packages: docs.zeek.org, "Installing Zeek". Its key signs packages for every release.
repository=${ZEEK_REPOSITORY:-https://download.opensuse.org/repositories/security:/zeek/Debian_${VERSION_ID%%.*}}
fingerprint=${ZEEK_FINGERPRINT:-AAF3EB044C49C402A9E7B9AE69D1B2AAEE3D166A}
package=${ZEEK_PACKAGE:-zeek-8.0}
keyring=/etc/apt/keyrings/zeek.gpg

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
curl -fsSL --max-time 60 -o "$work/key" "$repository/Release.key" ||
  die "cannot fetch $repository/Release.key: is there a package for Debian ${VERSION_ID:-}?"
export GNUPGHOME=$work
found=$(gpg --batch --quiet --with-colons --show-keys "$work/key" 2>/dev/null |
  awk -F: '$1 == "pub" { wanted = 1 } $1 == "fpr" && wanted { print $10; wanted = 0 }')
[ "$found" = "$fingerprint" ] ||
  die "the key at $repository is $(echo ${found:-none}), not $fingerprint: nothing was changed"

gpg --batch --quiet --dearmor <"$work/key" >"$work/ring"
install -D -m 644 "$work/ring" $keyring
cat >"$work/sources" <<SOURCES
Types: deb
URIs: $repository
Suites: /
Signed-By: $keyring
SOURCES
install -D -m 644 "$work/sources" /etc/apt/sources.list.d/zeek.sources
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
echo "zeek: installed $package; to undo: apt-get purge $package; rm $keyring /etc/apt/sources.list.d/zeek.sources"
