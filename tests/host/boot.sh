#!/bin/bash
# Starts systemd as the first process of namespaces of its own, on the folder ROOT. It has a cgroup of
# version 2 below the host's; those of version 1 stay as they are. eth0 is one end of a veth pair.
set -e
root=$1
for unified in /sys/fs/cgroup/unified /sys/fs/cgroup; do
  [ -e $unified/cgroup.procs ] && break
done
mkdir -p "$unified/pano-host"
echo $$ >"$unified/pano-host/cgroup.procs"
exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child bash -ec '
  mount --make-rprivate /
  mount --bind "$0" "$0"
  cd "$0"
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t cgroup2 none sys/fs/cgroup
  mount -t bpf bpf sys/fs/bpf
  for folder in run tmp dev; do mount -t tmpfs -o mode=755 none $folder; done
  chmod 1777 tmp
  mkdir dev/net dev/pts dev/shm
  while read -r name major minor; do mknod -m 666 "dev/$name" c "$major" "$minor"; done <<DEVICES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
net/tun 10 200
DEVICES
  mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
  ln -s pts/ptmx dev/ptmx
  hostname pano-host
  ip link set lo up
  ip link add eth0 up type veth peer name peer0
  ip address add 198.18.50.1/24 dev eth0
  mkdir -p old
  pivot_root . old
  umount -l old
  exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
' "$root" </dev/null
