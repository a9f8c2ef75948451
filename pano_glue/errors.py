"""The errors that a person can mend."""

from __future__ import annotations


class PanoError(Exception):
    """Something the user can mend: what is wrong, where, and the cure.

    Commands print it as one line and exit with `exit_code`; everything else that
    escapes is a bug and keeps its traceback.
    """

    exit_code = 1

    def __init__(self, what: str, cure: str = "") -> None:
        """Keep `what` is wrong (naming file, line, setting or option) and its `cure`."""
        super().__init__(f"{what}: {cure}" if cure else what)
        self.what = what
        self.cure = cure


class SettingError(PanoError):
    """A setting or option that cannot be used as given (exit code 2, like a usage error)."""

    exit_code = 2
