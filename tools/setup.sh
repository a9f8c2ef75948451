#!/usr/bin/env bash
# Install what PANO needs: Debian packages that are missing, and Python packages into .venv.
#
# Servers (nsd, prometheus, unbound) are for our lab only. A policy keeps apt from starting those that are
# new, they are disabled afterwards, and packages already installed are not touched.
set -euo pipefail
cd "$(dirname "$0")/.."

servers=(nsd prometheus unbound)
programs=(python3 python3-venv make git clang clang-format libbpf-dev libbpf1 linux-libc-dev
  bpftool iproute2 strace curl procps util-linux dnsperf tshark tcpdump ethtool
  libtcmalloc-minimal4 chromium chromium-driver tmux shellcheck)
kafka=(default-jre-headless maven) # the tests start a real Kafka

is_missing() { ! dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

missing=() new_servers=()
for package in "${servers[@]}"; do is_missing "$package" && new_servers+=("$package"); done
for package in "${programs[@]}"; do is_missing "$package" && missing+=("$package"); done
command -v java >/dev/null || missing+=("${kafka[0]}")
command -v mvn >/dev/null || missing+=("${kafka[1]}")
missing+=("${new_servers[@]}")

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)

install_packages() {
  echo "setup: installing with apt: ${missing[*]}"
  local policy=/usr/sbin/policy-rc.d
  if [ ${#new_servers[@]} -gt 0 ] && [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod +x $policy
    trap '"${as_root[@]}" rm -f '$policy EXIT
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends --no-upgrade "${missing[@]}" >/dev/null
  for server in "${new_servers[@]}"; do
    [ -d /run/systemd/system ] && "${as_root[@]}" systemctl disable --quiet "$server"
  done
  return 0
}

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
    install_packages
  else
    echo "setup: not root, so these Debian packages stay missing: ${missing[*]}" >&2
  fi
fi

echo "setup: installing Python packages into .venv (pyproject.toml: extras all and group dev)"
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" --group dev
