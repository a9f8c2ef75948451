"""The line of `pano-bridge` that leads here, without the imports of what it leads to."""

from __future__ import annotations

import typer  # noqa: TC002 - typer reads the annotations when it runs

SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def forensics(context: typer.Context) -> None:
    """Questions to stored records: from a dot on a graph to the packets' story."""
    from pano_glue.forensics.cli import run

    run(context.args)
