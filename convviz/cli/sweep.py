"""`convviz sweep`."""

from __future__ import annotations

import click


@click.command("sweep", short_help="Soon.")
def command() -> None:
    """Soon."""
