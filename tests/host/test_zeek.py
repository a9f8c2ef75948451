"""`make zeek`, on a copy of this host that is gone afterwards, from a repository of our own."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).parents[2] / "tools/zeek.sh"
CONTROL = """\
Package: zeek-8.0
Version: 8.0.99
Architecture: all
Maintainer: nobody <nobody@pano.test>
Description: stands in for Zeek
"""
# A layer in memory over all that this host has, where apt knows no other repository.
COPY = """\
set -e
mount -t tmpfs none "$0"
mkdir "$0/new" "$0/work" "$0/root"
mount -t overlay -o "lowerdir=/,upperdir=$0/new,workdir=$0/work" none "$0/root"
mount -t proc none "$0/root/proc"
mount --rbind /dev "$0/root/dev"
rm -rf "$0"/root/etc/apt/sources.list* "$0"/root/var/lib/apt/lists
echo 'APT::Sandbox::User "root";' >"$0/root/etc/apt/apt.conf.d/zz-pano"  # reads what is root's
exec chroot "$0/root" "$@"
"""


def gpg(home: Path, *argv: str) -> str:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def make_repository(folder: Path, home: Path) -> str:
    """Make a repository with a package that stands in for Zeek; returns its key's fingerprint."""
    inside = folder / "package"
    (inside / "DEBIAN").mkdir(parents=True)
    (inside / "DEBIAN/control").write_text(CONTROL)
    zeek = inside / "opt/zeek/bin/zeek"
    zeek.parent.mkdir(parents=True)
    zeek.write_text("#!/bin/sh\necho stand-in\n")
    zeek.chmod(0o755)
    archive = folder / "zeek.deb"
    subprocess.run(["dpkg-deb", "--build", inside, archive], check=True, capture_output=True)
    data = archive.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    packages = f"{CONTROL}Filename: ./zeek.deb\nSize: {len(data)}\nSHA256: {digest}\n"
    (folder / "Packages").write_text(packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()
    (folder / "Release").write_text(
        f"Date: Sat, 01 Nov 2025 00:00:00 UTC\nSHA256:\n {digest} {len(packages)} Packages\n"
    )
    gpg(home, "--quick-generate-key", "stand-in@pano.test", "ed25519")
    gpg(home, "--clearsign", "-o", str(folder / "InRelease"), str(folder / "Release"))
    gpg(home, "--armor", "-o", str(folder / "Release.key"), "--export")
    listed = gpg(home, "--with-colons", "--list-keys")
    return next(line for line in listed.splitlines() if line.startswith("fpr")).split(":")[9]


@pytest.fixture
def make_zeek(
    tmp_path: Path, require: Callable[[str], str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs the script in a copy of the host, and then a command of the caller."""
    for program in ("apt-get", "dpkg-deb", "gpg", "curl", "unshare"):
        require(program)
    if os.geteuid() != 0:
        pytest.skip("root is missing (overlay mounts need it)")
    copy, home = tmp_path / "copy", tmp_path / "gpg"
    copy.mkdir()
    home.mkdir(mode=0o700)
    repository = tmp_path / "repository"
    repository.mkdir()
    repository.chmod(0o755)
    fingerprint = make_repository(repository, home)

    def run(then: str, fingerprint: str = fingerprint) -> subprocess.CompletedProcess[str]:
        settings = [f"ZEEK_REPOSITORY=file://{repository}", f"ZEEK_FINGERPRINT={fingerprint}"]
        command = ["env", *settings, "sh", "-c", f"{SCRIPT}; echo exit code $?; {then}"]
        argv = ["unshare", "--mount", "sh", "-c", COPY, str(copy), *command]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    return run


def test_installs_from_the_repository_once_its_key_is_the_right_one(
    make_zeek: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = make_zeek("dpkg-query -W zeek-8.0; cat /etc/apt/sources.list.d/zeek.sources")
    assert "exit code 0" in done.stdout, done.stderr
    assert "zeek-8.0\t8.0.99" in done.stdout
    assert "Signed-By: /etc/apt/keyrings/zeek.gpg" in done.stdout
    here = subprocess.run(["dpkg-query", "-W", "zeek-8.0"], capture_output=True, check=False)
    assert b"8.0.99" not in here.stdout, "only the copy was changed"


def test_refuses_another_key_and_changes_nothing(
    make_zeek: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = make_zeek("ls /etc/apt/sources.list.d /etc/apt/keyrings", fingerprint="A" * 40)
    assert "exit code 1" in done.stdout
    assert f"not {'A' * 40}: nothing was changed" in done.stderr
    assert "zeek" not in done.stdout
