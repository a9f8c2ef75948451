"""What `zkg install` makes of this repository."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """
[sources]
[paths]
state_dir = {0}/state
script_dir = {0}/scripts
plugin_dir = {0}/plugins
bin_dir = {0}/bin
zeek_dist =
"""


def test_the_installed_package_analyzes(
    require: Callable[[str], str], data: Path, tmp_path: Path
) -> None:
    zeek, git = Path(require("zeek")), require("git")
    if find_spec("zeekpkg") is None:
        pytest.skip("zkg is not installed")
    # Zkg installs what is committed; so that this tree is, it gets a repository of its own.
    package = tmp_path / "pano"
    shutil.copytree(ROOT / "zeek-scripts", package / "zeek-scripts")
    shutil.copy(ROOT / "zkg.meta", package)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "package"]):
        subprocess.run([git, *command], cwd=package, check=True)
    settings = tmp_path / "zkg.conf"
    settings.write_text(CONFIGURATION.format(tmp_path))
    zkg = [str(Path(sys.executable).parent / "zkg"), "--configfile", str(settings)]
    path = os.pathsep.join([str(zeek.parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    install = [*zkg, "install", "--force", "--skiptests", "--nosuggestions", str(package)]
    subprocess.run(install, env=environment, check=True, capture_output=True)

    capture = tmp_path / "lab.pcap"
    capture.write_bytes(gzip.decompress((data / "lab.pcap.gz").read_bytes()))
    config = [str(zeek.parent / "zeek-config"), "--zeekpath"]
    known = subprocess.run(config, capture_output=True, text=True, check=True).stdout.strip()
    environment["ZEEKPATH"] = f"{tmp_path / 'scripts'}:{known}"
    command = [str(zeek), "-b", "-C", "-r", str(capture), "packages"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    expected = gzip.decompress((data / "dns.log.gz").read_bytes()).count(b"\n")
    assert (tmp_path / "dns.log").read_bytes().count(b"\n") == expected
