"""`convviz handin`."""

from __future__ import annotations

import click


@click.command("handin", short_help="Soon.")
def command() -> None:
    """Soon."""
