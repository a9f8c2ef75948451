"""Parts that end in reverse order, also when a later one fails to start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Undoable(ABC):
    """A context manager that leaves none of its parts behind."""

    def __init__(self) -> None:
        """Start nothing; that is for `with`."""
        self._undo = ExitStack()

    @abstractmethod
    def _start(self, undo: ExitStack) -> None:
        """Start the parts in order, and give `undo` the call that ends each."""

    def __enter__(self) -> Self:
        """Start every part, each ready before the next.

        Raises:
            PanoError: when one cannot start; those before it are ended again.
        """
        with ExitStack() as undo:
            self._start(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every part, the last started first."""
        self._undo.close()
