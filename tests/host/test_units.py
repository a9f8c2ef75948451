"""The files of a plain host: units, users, folders, and what `make install` puts where."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TREE = Path(__file__).parents[2]
HOST = TREE / "host"
UNITS = sorted(path.name for path in HOST.glob("*.service"))
MOST_EXPOSED = 3.0  # of 10, by systemd-analyze(1)
SYSTEMD = Path("/usr/lib/systemd/system")
PROGRAMS = ("true", "kill")  # of the host's own, that units start


def run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=TREE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], str]) -> Path:
    """A folder that systemd takes for a host with ours installed, but for the Python packages."""
    require("systemd-analyze")
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(SYSTEMD, root / "usr/lib/systemd/system", symlinks=True)
    (root / "usr/bin").mkdir()
    (root / "etc").mkdir()
    for name in PROGRAMS:
        shutil.copy(str(shutil.which(name)), root / "usr/bin")
    (root / "bin").symlink_to("usr/bin")
    run("env", f"DESTDIR={root}", "PREFIX=/usr", "PACKAGES=none", str(HOST / "install.sh"))
    return root


def test_systemd_finds_nothing_wrong(root: Path) -> None:
    said = run("systemd-analyze", "verify", f"--root={root}", *UNITS)
    assert said == ""


@pytest.mark.parametrize("unit", UNITS)
def test_units_are_little_exposed(root: Path, unit: str) -> None:
    said = run("systemd-analyze", "security", "--offline=yes", f"--root={root}", unit)
    level = re.search(r"exposure level for .*: ([\d.]+) ", said)
    assert level, said
    assert float(level[1]) <= MOST_EXPOSED


def test_users_and_folders_are_made(root: Path) -> None:
    run("systemd-sysusers", f"--root={root}")
    users = dict(line.split(":")[:1] * 2 for line in (root / "etc/passwd").read_text().splitlines())
    wanted = set()
    for unit in UNITS:
        wanted |= set(re.findall(r"^User=(.*)$", (HOST / unit).read_text(), re.MULTILINE))
    assert wanted == {"pano", "pano-zeek"}
    assert wanted <= set(users)
    run("systemd-tmpfiles", "--create", f"--root={root}", "pano.conf")
    logs = root / "var/log/pano"
    assert logs.stat().st_mode & 0o777 == 0o750, "records name who asked for what"


def test_settings_of_the_host_stay(root: Path) -> None:
    settings = root / "etc/pano/pano.toml"
    settings.write_text("# ours\n")
    run("env", f"DESTDIR={root}", "PREFIX=/usr", "PACKAGES=none", str(HOST / "install.sh"))
    assert settings.read_text() == "# ours\n"
