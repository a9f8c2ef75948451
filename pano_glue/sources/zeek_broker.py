"""Zeek's own Python bindings of Broker; PyPI's `broker` is something else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pano_glue.errors import SettingError
from pano_glue.paths import find_zeek

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

SYSTEM = Path("/usr/lib/python3/dist-packages")  # Debian's python3-broker


def find_bindings() -> ModuleType:
    """Import the bindings of the Zeek that is here, else the system's.

    Raises:
        SettingError: when there are none, or none for this Python.
    """
    reasons = []
    for folder in _folders():
        init = folder / "broker" / "__init__.py"
        if not init.exists():
            continue
        try:
            return _load(init)
        except ImportError as error:
            reasons.append(f"{folder}: {error}")
    why = "; ".join(reasons) or "no Zeek with Python bindings was found"
    raise SettingError(
        f"the Broker bindings cannot be used: {why}",
        "set $ZEEK to a Zeek built with them for this Python, or read ws:// instead",
    )


def _folders() -> Iterator[Path]:
    zeek = find_zeek()
    config = zeek.with_name("zeek-config") if zeek else None
    if config and config.exists():
        asked = subprocess.run(
            [config, "--python_dir"], capture_output=True, text=True, check=False
        )
        yield Path(asked.stdout.strip())
    yield SYSTEM


def _load(init: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "broker", init, submodule_search_locations=[str(init.parent)]
    )
    if spec is None or spec.loader is None:
        raise ImportError("not a package")
    module = importlib.util.module_from_spec(spec)
    sys.modules["broker"] = module  # the package looks itself up while it is loaded
    try:
        spec.loader.exec_module(module)
    except ImportError:
        del sys.modules["broker"]
        raise
    return module
