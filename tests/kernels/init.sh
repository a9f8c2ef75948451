#!/bin/busybox sh
# The first program of a test machine: puts the host's tree, read-only, under a writable layer in
# memory, and runs what the kernel's command line names as `guest=`.
bb=/bin/busybox
$bb mkdir -p /proc /sys /dev /host /memory /root /out
$bb mount -t proc none /proc
$bb mount -t devtmpfs none /dev
while read -r module; do $bb insmod "/modules/$module"; done </modules/order
read -r line </proc/cmdline
for word in $line; do
  case $word in guest=*) guest=${word#guest=} ;; kernel=*) kernel=${word#kernel=} ;; esac
done
share=trans=virtio,version=9p2000.L,msize=262144
$bb mount -t 9p -o "$share,ro,cache=loose" host /host || $bb poweroff -f
$bb mount -t 9p -o "$share" out /out || $bb poweroff -f
$bb mount -t tmpfs none /memory
$bb mkdir /memory/upper /memory/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work none /root
for kind in proc sysfs:sys devtmpfs:dev tmpfs:run tmpfs:tmp; do
  $bb mount -t "${kind%:*}" none "/root/${kind#*:}"
done
$bb mkdir -p /root/dev/shm /root/dev/pts /root/run/netns /root/run/out /root/lib/modules
$bb mount -t tmpfs none /root/dev/shm
$bb mount -t devpts none /root/dev/pts
$bb mount -t bpf none /root/sys/fs/bpf
$bb mount -t cgroup2 none /root/sys/fs/cgroup 2>/dev/null
$bb mount --move /out /root/run/out
[ -e "/root$kernel" ] && $bb mount -o bind "/root$kernel" /root/lib/modules
$bb ip link set lo up
# As process 1 itself, whose root the kernel uses when it looks for modprobe.
exec $bb chroot /root /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM=dumb \
  /bin/sh -c 'modprobe -q tun; "$0" >/dev/ttyS0 2>&1; busybox sync; busybox poweroff -f' "$guest"
