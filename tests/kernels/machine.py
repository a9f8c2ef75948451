"""Boots a kernel in a virtual machine whose disk is this host's tree, read-only, by QEMU alone."""

from __future__ import annotations

import gzip
import lzma
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pano_glue.errors import PanoError

INIT = Path(__file__).with_name("init.sh")
# What the first program needs to reach the host's tree; the rest is loaded from there.
DISK = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
BUSYBOX = Path("/usr/bin/busybox")
# An emulated timer that other work starves must not fail the kernel's test of it.
CONSOLE = "console=ttyS0 panic=-1 quiet loglevel=3 oops=panic no_timer_check"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel's image, and its modules (`/lib/modules` of its package) if it has any."""

    image: Path
    modules: Path | None = None

    @property
    def release(self) -> str:
        """The name of its folder of modules, as `uname -r` prints it."""
        return next(self.modules.iterdir()).name if self.modules else ""


def boot(kernel: Kernel, guest: Path, out: Path, seconds: float) -> str:
    """Run the script `guest` inside, with `out` as /run/out; returns what the console showed.

    With the accelerator that QEMU_ACCEL names, else the one that `choose_accelerator` finds.

    Raises:
        PanoError: when QEMU is not there, or the machine does not end in time.
    """
    accel = os.environ.get("QEMU_ACCEL") or choose_accelerator()
    with TemporaryDirectory() as folder:
        initrd = Path(folder) / "initrd"
        initrd.write_bytes(pack_initrd(kernel, Path(folder)))
        words = [CONSOLE, f"guest={guest}", f"kernel={kernel.modules or '-'}"]
        argv = ["qemu-system-x86_64", "-accel", accel, "-cpu", "max", "-smp", "2", "-m", "1536"]
        argv += ["-nographic", "-no-reboot", "-nic", "none", "-kernel", str(kernel.image)]
        argv += ["-initrd", str(initrd), "-append", " ".join(words)]
        argv += ["-virtfs", share("host", Path("/"), "readonly=on,multidevs=remap")]
        argv += ["-virtfs", share("out", out, "readonly=off")]
        try:
            done = subprocess.run(
                argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
            )
        except FileNotFoundError as error:
            raise PanoError("no qemu-system-x86_64", "apt-get install qemu-system-x86") from error
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode(errors="replace")
            raise PanoError(
                f"{kernel.image} did not end within {seconds:.0f} s ({said[-2000:]})"
            ) from error
    return (done.stdout + done.stderr).decode(errors="replace")


def choose_accelerator() -> str:
    """Return `kvm` where it runs any kernel, else `tcg`, which emulates.

    /dev/kvm alone does not tell: one without the processor's extensions (kvm_pvm) runs only
    kernels that were made for it.
    """
    flags = set(Path("/proc/cpuinfo").read_text().split())
    usable = os.access("/dev/kvm", os.R_OK | os.W_OK) and flags & {"vmx", "svm"}
    return "kvm" if usable else "tcg,thread=multi"


def share(tag: str, path: Path, options: str) -> str:
    """Return QEMU's words for a folder that the machine mounts by this tag."""
    return f"local,path={path},mount_tag={tag},security_model=none,{options}"


def pack_initrd(kernel: Kernel, folder: Path) -> bytes:
    """Pack busybox, the first program, and the modules that lead to the host's tree."""
    root = folder / "root"
    modules = root / "modules"
    modules.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "bin/busybox").write_bytes(BUSYBOX.read_bytes())
    (root / "bin/busybox").chmod(0o755)
    (root / "init").write_bytes(INIT.read_bytes())
    (root / "init").chmod(0o755)
    order = modules_in_order(kernel)
    for path in order:
        data = path.read_bytes()
        (modules / path.stem).write_bytes(lzma.decompress(data) if path.suffix == ".xz" else data)
    (modules / "order").write_text("".join(f"{path.stem}\n" for path in order))
    names = "\n".join(str(path.relative_to(root)) for path in root.rglob("*"))
    packed = subprocess.run(
        ["cpio", "--quiet", "-o", "-H", "newc"],
        input=names.encode(),
        cwd=root,
        capture_output=True,
        check=True,
    )
    return gzip.compress(packed.stdout, compresslevel=1)


def modules_in_order(kernel: Kernel) -> list[Path]:
    """List the files of `DISK` and what they depend on, each before those that need it."""
    if kernel.modules is None:
        return []
    root = kernel.modules.parents[1]  # as kmod wants it: what `lib/modules` is below
    subprocess.run(["depmod", "-b", str(root), kernel.release], check=True)
    found: dict[Path, None] = {}
    for name in DISK:
        argv = ["modprobe", "-d", str(root), "-S", kernel.release, "--show-depends", name]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        for line in said.splitlines():
            verb, _, rest = line.partition(" ")
            if verb == "insmod":
                found[Path(rest.strip())] = None
    return list(found)
