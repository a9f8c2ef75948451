#!/usr/bin/env bash
# A container engine of one's own, for a machine that has none: Debian's packages of a newer suite,
# unpacked and never installed, running in network and mount namespaces that go with it.
#
#   engine.sh up [FOLDER]      fetch, start, wait until it answers; prints the DOCKER_HOST to use
#   engine.sh run CMD…         run CMD beside the engine, in its namespaces (its loopback, its ports)
#   engine.sh down             end it; what it made (containers, bridges, mounts) goes with it
#
# Needs root and Debian's slirp4netns, runc and iptables (docker-registry and debootstrap for
# standins.sh). The host's interfaces, firewall, cgroup mounts and /run are not touched.
set -euo pipefail

folder=${PANO_ENGINE:-/var/tmp/pano-engine}
suite=${PANO_ENGINE_SUITE:-forky}
export DOCKER_HOST=unix://$folder/run/docker.sock

fetch() {
  [ -x "$folder/engine/usr/sbin/dockerd" ] && return
  local apt=$folder/apt
  mkdir -p "$apt"/{lists/partial,archives/partial,sources,debs} "$folder/engine"
  : >"$apt/status"
  # Where this host gets Debian from, with the other suite.
  local mirror
  # shellcheck disable=SC2016 # apt's own placeholder
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -m1 -E '/debian/?$')
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$suite" \
    /usr/share/keyrings/debian-archive-keyring.gpg >"$apt/sources/debian.sources"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt"; Dir::Cache::archives "$apt/archives";
Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "$apt/sources"; APT::Sandbox::User "root";
CONF
  (cd "$apt/debs" && export APT_CONFIG=$apt/apt.conf && apt-get update -qq &&
    apt-get download -qq docker.io docker-cli docker-buildx docker-compose containerd)
  for deb in "$apt"/debs/*.deb; do dpkg-deb -x "$deb" "$folder/engine"; done
}

inside() { # the engine's host: a namespace with a way out through slirp4netns
  mount -t tmpfs tmpfs /run
  mkdir -p /run/lock
  # The new network namespace's /sys, with the cgroup mounts as they were.
  mkdir /run/cgroup && mount --rbind /sys/fs/cgroup /run/cgroup
  mount -t sysfs sysfs /sys
  mount --move /run/cgroup /sys/fs/cgroup
  mount -t bpf bpf /sys/fs/bpf
  ip link set lo up
  sysctl -qw net.ipv4.ip_forward=1
  docker-registry serve "$folder/registry.yml" >"$folder/registry.log" 2>&1 &
  until ip -4 addr show tap0 2>/dev/null | grep -q inet; do read -rt 0.1 <> <(:) || :; done
  exec dockerd --host "$DOCKER_HOST" --data-root "$folder/data" --exec-root /run/docker \
    --pidfile /run/docker.pid --feature containerd-snapshotter=true \
    --registry-mirror http://127.0.0.1:5000 --insecure-registry 127.0.0.1:5000 \
    --exec-opt native.cgroupdriver=cgroupfs --userland-proxy-path \
    "$folder/engine/usr/sbin/docker-proxy"
}

up() {
  fetch
  export PATH=$folder/engine/usr/sbin:$folder/engine/usr/bin:$PATH
  mkdir -p "$folder"/{run,data,registry} ~/.docker/cli-plugins
  ln -sf "$folder"/engine/usr/libexec/docker/cli-plugins/* ~/.docker/cli-plugins/
  cat >"$folder/registry.yml" <<REGISTRY
version: 0.1
storage: {filesystem: {rootdirectory: $folder/registry}, delete: {enabled: true}}
http: {addr: "127.0.0.1:5000"}
log: {accesslog: {disabled: true}, level: error}
REGISTRY
  setsid unshare --mount --net "$0" inside >"$folder/engine.log" 2>&1 &
  local pid=$!
  echo $pid >"$folder/engine.pid"
  until [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
  setsid slirp4netns --configure --mtu=1500 --disable-host-loopback $pid tap0 \
    >"$folder/slirp.log" 2>&1 &
  echo $! >"$folder/slirp.pid"
  for _ in $(seq 120); do
    docker version >/dev/null 2>&1 && { echo "DOCKER_HOST=$DOCKER_HOST"; return; }
    [ -d /proc/$pid ] || break
    sleep 0.5
  done
  tail -20 "$folder/engine.log" >&2
  echo "engine.sh: the engine did not start ($folder/engine.log)" >&2
  exit 1
}

down() {
  local pid
  for name in engine slirp; do
    pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
    kill -- "-$pid" 2>/dev/null || :
    timeout 30 tail --pid="$pid" -f /dev/null || :
    rm -f "$folder/$name.pid"
  done
}

case ${1:-} in
  up | down) "$1" ;;
  inside) inside ;;
  run) shift && exec nsenter -t "$(cat "$folder/engine.pid")" -m -n -- "$@" ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
