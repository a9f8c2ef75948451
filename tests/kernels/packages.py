"""Kernels of Debian's releases: the newest package of each suite, unpacked, never installed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pano_glue.errors import PanoError
from tests.kernels.machine import Kernel

if TYPE_CHECKING:
    from pathlib import Path

SUITES = ("bullseye", "bookworm", "trixie")  # Linux 5.10, 6.1, 6.12
MODULES = ("lib/modules", "usr/lib/modules")  # the latter since trixie
META = "linux-image-amd64"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def kernel_of(suite: str, cache: Path) -> Kernel:
    """Fetch and unpack the kernel of a suite below `cache`, unless it is there.

    Raises:
        PanoError: when the host's package mirror has no such suite.
    """
    apt = Apt(cache / "apt" / suite, suite)
    package = apt.newest_kernel()
    folder = cache / package
    if not folder.exists():
        apt.download(package, cache)
        (archive,) = cache.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, folder], check=True)
        archive.unlink()
    (image,) = folder.glob("boot/vmlinuz-*")
    (modules,) = (path for path in MODULES if (folder / path).exists())
    return Kernel(image, folder / modules)


@dataclass(frozen=True, slots=True)
class Apt:
    """A package list of its own, from the mirror that this host uses."""

    root: Path
    suite: str

    def newest_kernel(self) -> str:
        """Name the package that the suite's metapackage stands for."""
        if not (self.root / "var").exists():
            self._update()
        for line in self._run("apt-cache", "depends", META).splitlines():
            word, _, package = line.strip().partition(": ")
            if word == "Depends":
                return package
        raise PanoError(f"{self.suite} has no {META}", "name kernel images with KERNELS=")

    def download(self, package: str, folder: Path) -> None:
        """Download a package into a folder."""
        self._run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=folder)

    def _update(self) -> None:
        lists = "etc/apt/apt.conf.d etc/apt/preferences.d var/lib/apt/lists/partial var/lib/dpkg"
        for name in (*lists.split(), "var/cache/apt/archives/partial"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "var/lib/dpkg/status").touch()
        line = f"deb [signed-by={KEYS}] {host_mirror()} {self.suite} main\n"
        (self.root / "etc/apt/sources.list").write_text(line)
        self._run("apt-get", "-o", "Acquire::Languages=none", "update")

    def _run(self, program: str, *words: str, cwd: Path | None = None) -> str:
        status = self.root / "var/lib/dpkg/status"
        argv = [program, "-o", f"Dir={self.root}", "-o", f"Dir::State::status={status}", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
        if done.returncode:
            raise PanoError(f"{' '.join(words)} for {self.suite}: {done.stderr.strip()}")
        return done.stdout


def host_mirror() -> str:
    """Return where this host gets Debian's own packages."""
    wanted = ["Created-By: Packages", "Label: Debian"]
    argv = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted]
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if not found:
        raise PanoError("this host has no package lists of Debian", "apt-get update")
    return found[0]
