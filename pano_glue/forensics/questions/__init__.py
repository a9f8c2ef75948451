"""The questions, by the names that they have on the command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from pano_glue.forensics.answer import Answer

# One file each in this folder, named after it.
QUESTIONS = (
    "show",
    "search",
    "slow",
    "failures",
    "clients",
    "names",
    "servers",
    "timeline",
    "compare",
    "wasted",
    "new_names",
    "tunnels",
    "beacons",
    "upstream",
    "packets",
)


def question(name: str) -> Callable[..., Answer]:
    """Find a question's function."""
    module = import_module(f"pano_glue.forensics.questions.{name}")
    return cast("Callable[..., Answer]", getattr(module, name))
