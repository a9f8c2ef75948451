#!/bin/bash
# Makes ROOT a small Debian 12 with systemd, from the host's own mirror; needs debootstrap.
set -e
root=$1
[ -e "$root/.ready" ] && exit
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -1)
packages=systemd,systemd-sysv,python3,libbpf1,iproute2,curl,ca-certificates,libtcmalloc-minimal4
zeek=libmaxminddb0,libnorm1,libpcap0.8,libpgm-5.3-0,libsodium23,libssl3,libstdc++6,libzmq5
debootstrap --variant=minbase --include="$packages,$zeek" bookworm "$root" "$mirror"
touch "$root/.ready"
