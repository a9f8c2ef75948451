"""What the kernel is, what it lets us do, and why it refused."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pano_glue.errors import PanoError

# Global functions that take pointers (5.13) and bpf_ktime_get_coarse_ns (5.11) are the youngest
# things that the program needs; 5.15 is the oldest kernel with them that distributions keep.
LEAST = (5, 15)
SECCOMP_FILTER = "2"
LOCKDOWN = Path("/sys/kernel/security/lockdown")
# By these the verifier knows what a global function's `struct __sk_buff *` is.
KERNEL_TYPES = Path("/sys/kernel/btf/vmlinux")
# Bit numbers of capabilities(7).
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}
TO_LOAD = ("CAP_BPF", "CAP_NET_ADMIN")


def require_kernel(release: str) -> None:
    """Refuse a kernel that the program cannot run on; `release` is as `uname -r` prints it.

    Raises:
        PanoError: when it is too old.
    """
    major, minor, *_ = release.split(".")
    if (int(major), int("".join(filter(str.isdigit, minor.partition("-")[0])))) < LEAST:
        raise PanoError(
            f"Linux {release} is too old for pano-agent",
            f"use Linux {LEAST[0]}.{LEAST[1]} or later",
        )


def holds(capability: str) -> bool:
    """Tell whether this process has a capability now."""
    return bool(int(_status("CapEff"), 16) >> CAPABILITIES[capability] & 1)


def _status(field: str) -> str:
    text = Path("/proc/self/status").read_text()
    return text.partition(f"\n{field}:")[2].split("\n", 1)[0].strip()


def refusal(what: str, error: OSError, needs: tuple[str, ...] = TO_LOAD) -> PanoError:
    """Explain an error of the kernel: what was tried, what refused it, and the cure."""
    release = os.uname().release
    said = f"Linux {release} refuses to {what} ({_name(error)})"
    missing = [one for one in needs if not holds(one)]
    if missing and error.errno in (errno.EPERM, errno.EACCES):
        return PanoError(f"{said}: {' and '.join(missing)} missing", "run as root, or grant that")
    if error.errno == errno.EACCES and not KERNEL_TYPES.exists():
        return PanoError(said, "it has no BTF: use a kernel with CONFIG_DEBUG_INFO_BTF")
    if error.errno in (errno.EPERM, errno.EACCES):
        return PanoError(said, _who_forbids())
    return PanoError(said, _CURES.get(error.errno or 0, "please report it with this line"))


_CURES = {
    errno.ENOSYS: "it has no bpf(2): use a kernel with CONFIG_BPF_SYSCALL",
    errno.ENOMEM: "free memory, or raise the limit of this service's cgroup",
    errno.E2BIG: "its verifier gives up: grant CAP_PERFMON",
    errno.EFAULT: "its verifier gives up: grant CAP_PERFMON",
    errno.ENOENT: "it has no clsact: load its modules sch_ingress and cls_bpf",
    errno.EOPNOTSUPP: "it was built without that",
}


def _who_forbids() -> str:
    """Name what besides capabilities can forbid a system call."""
    if _status("Seccomp") == SECCOMP_FILTER:
        return "a seccomp filter forbids it: allow bpf(2) in the container's or unit's profile"
    locked = LOCKDOWN.read_text() if LOCKDOWN.exists() else ""
    if locked and "[none]" not in locked:
        level = locked.partition("[")[2].partition("]")[0]
        return f"kernel lockdown is at `{level}`, see kernel_lockdown(7)"
    if not holds("CAP_PERFMON"):
        return "its verifier wants CAP_PERFMON: grant that"
    return "a security module (AppArmor, SELinux, BPF LSM) forbids it: see `dmesg`"


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, str(error.errno))
