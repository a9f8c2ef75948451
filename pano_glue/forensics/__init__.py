"""Questions to stored records, in Python.

    from pano_glue import forensics

    frame = forensics.load("/var/log/zeek", since="2h", client="10.1.0.0/16")
    answer = forensics.slow("dns.log", limit=5)    # or slow(frame)
    answer.facts, answer.frame, answer.tables

Every question is a function of logs (paths, globs, folders) or of such a frame, with the filters of
the command line as options. Nothing heavy is imported before the first one is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pano_glue.forensics.questions import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pano_glue.forensics.answer import Answer

__all__ = ["load"]  # and every one of QUESTIONS


def load(source: Any, **wanted: Any) -> pd.DataFrame:  # noqa: ANN401 - see frames.load
    """Load records into a DataFrame; see `pano_glue.forensics.frames.load`."""
    from pano_glue.forensics import frames

    return frames.load(source, **wanted)


def __getattr__(name: str) -> Callable[..., Answer]:
    """Give a question as a function: `slow(source, limit=5, since="2h")`."""
    if name not in QUESTIONS:
        raise AttributeError(name)
    from pano_glue.forensics.ask import asked
    from pano_glue.forensics.questions import question

    return asked(question(name))
