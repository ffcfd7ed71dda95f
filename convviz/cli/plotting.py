"""``--plot FILE`` and ``--theme``, which every command that can draw its result has."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from convviz.cli.output import check_writable, write_whole


def plot_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The two options; ``what`` is drawn, as in "Draw the tiles"."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        theme = click.option(
            "--theme",
            type=click.Choice(["light", "dark"]),
            default="light",
            show_default=True,
            help="Of --plot.",
        )
        plot = click.option("--plot", metavar="FILE", help=f"{what}: .png, .svg or .pdf.")
        return plot(theme(command))

    return add


def check_plot(plot: str | None) -> None:
    """Raises ConvvizError, before any work, for a file that could not be written or is no picture."""
    if plot is not None:
        from convviz.figures import check_picture

        check_picture(plot)
        check_writable(plot)


def write_plot(plot: str | None, figure: str, result: Any, **options: Any) -> None:
    """Let ``convviz.figures.<figure>.plot`` draw ``result``, where a picture was asked for."""
    if plot is not None:
        draw = import_module(f"convviz.figures.{figure}").plot
        write_whole(plot, lambda path: draw(result, path, **options))
