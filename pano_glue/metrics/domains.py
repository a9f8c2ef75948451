"""The domain that somebody registered, for any name below it (https://publicsuffix.org/list/)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def registered_domains() -> Callable[[str], str]:
    """Return a function from names to registered domains.

    With the extra `domains` it knows the public suffix list; without, it takes two labels.
    """
    try:
        from publicsuffixlist import PSLFILE
    except ImportError:
        return RegisteredDomains(()).of
    return RegisteredDomains(Path(PSLFILE).read_text(encoding="utf-8").splitlines()).of


class RegisteredDomains:
    """The public suffix list, arranged for looking from a name's end.

    The package's own search tries every suffix of a name; this one stops where no rule goes
    deeper, which is ten times as fast: under a flood of random names this is what counts.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        """Take the list's lines: rules such as `co.uk`, `*.ck`, `!www.ck`, and comments."""
        self._public: set[str] = set()
        self._all_below: set[str] = set()
        self._exceptions: set[str] = set()
        self._deeper: set[str] = set()  # suffixes that some rule ends in
        for line in lines:
            rule = line.partition(" ")[0].strip().lower()
            if rule and not rule.startswith("//"):
                self._add(rule if rule.isascii() else rule.encode("idna").decode())

    def of(self, name: str) -> str:
        """Find the registered domain of a name; a name that has none is its own."""
        name = name.rstrip(".")
        public = start = name.rfind(".") + 1  # where the public suffix begins
        suffix = name[start:]
        while suffix in self._deeper and start > 0:
            wild = suffix in self._all_below
            start = name.rfind(".", 0, start - 1) + 1
            suffix = name[start:]
            if suffix in self._exceptions:
                return suffix
            if wild or suffix in self._public:
                public = start
        return name[name.rfind(".", 0, public - 1) + 1 :] if public > 0 else name

    def _add(self, rule: str) -> None:
        if rule.startswith("!"):
            self._exceptions.add(rule[1:])
        elif rule.startswith("*."):
            self._all_below.add(rule[2:])
        else:
            self._public.add(rule)
        while "." in rule:
            rule = rule.partition(".")[2]
            self._deeper.add(rule)
