"""The options that both programs have before any command.

Without `from __future__ import annotations`: Typer reads the annotations, which name what stands
inside a function.
"""

from collections.abc import Callable
from typing import Annotated

import typer

from pano_glue import __version__
from pano_glue.logs import LogFormat, LogLevel, start_logging

HELP = {"help_option_names": ["-h", "--help"]}


def common_options(program: str) -> Callable[..., None]:
    """Make what a Typer application calls first: the options before any command."""

    def show_version(asked: bool) -> None:  # noqa: FBT001 - typer's own
        if asked:
            print(f"{program} {__version__}")
            raise typer.Exit

    def options(
        level: Annotated[
            LogLevel, typer.Option("--log-level", help="The least that is said on stderr.")
        ] = LogLevel.info,
        form: Annotated[
            LogFormat, typer.Option("--log-format", help="How it is written.")
        ] = LogFormat.plain,
        version: Annotated[  # noqa: FBT002 - a flag
            bool,
            typer.Option("--version", is_eager=True, callback=show_version, help="Say which."),
        ] = False,
    ) -> None:
        del version
        start_logging(program, level, form)

    return options
