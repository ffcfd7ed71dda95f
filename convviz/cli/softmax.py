"""`convviz softmax`: softmax, log-softmax, the loss and its gradient, step by step."""

from __future__ import annotations

import re
from difflib import get_close_matches
from importlib.util import find_spec
from math import isinf
from typing import Any

import click

from convviz.cli.output import FORMATS, choose_format, emit, output_options, table_format
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.errors import ConvvizError

MINUS = "\N{MINUS SIGN}"  # as convviz writes it
NUMBER = re.compile(
    r"[-+]?(\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?|inf(inity)?|nan)", re.IGNORECASE | re.ASCII
)


class Logits(click.ParamType):
    """Numbers separated by commas; ``-inf`` is one."""

    name = "a,b,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        text = str(value).replace(MINUS, "-")
        words = [word.strip() for word in text.removesuffix(",").split(",")]
        bad = next((word for word in words if not NUMBER.fullmatch(word)), None)
        if bad is None:
            numbers = tuple(map(float, words))
            for word, number in zip(words, numbers, strict=True):
                if isinf(number) and "inf" not in word.lower():
                    raise ConvvizError(f"{word[:40]} is larger than a float64 can hold", "logits")
            return numbers
        if ctx is not None and (text.startswith("--") or re.match("-[A-Za-z]", text)):
            options = [name for each in ctx.command.params for name in each.opts]
            if text in options:
                raise ConvvizError("options go in front of --", text)
            raise click.NoSuchOption(text, possibilities=get_close_matches(text, options), ctx=ctx)
        shown = repr(bad[:40]) if bad or len(words) == 1 else "nothing between two commas"
        raise ConvvizError(f"must be numbers such as 1,2,3, got {shown}", "logits")


@click.command(
    "softmax",
    short_help="Softmax, log-softmax, loss and gradient, worked step by step.",
    context_settings={"ignore_unknown_options": True},  # so that -1,2 is a list of logits
)
@click.argument("logits", nargs=-1, type=Logits(), metavar="A,B,...")
@click.option("--values", "more", type=Logits(), help="The same as an option.")
@click.option(
    "--target", metavar="K", type=int, help="The right class, from 0: adds the loss and its gradient."
)
@click.option("--temperature", metavar="T", default=1.0, show_default=True, help="Divides the logits.")
@click.option("--label-smoothing", metavar="S", default=0.0, show_default=True, help="0 to 1, as torch's.")
@click.option(
    "--decimals", type=click.IntRange(0, 15), metavar="N", help="Digits behind the point. Default: 4."
)
@click.option("--verify", is_flag=True, help="Work it out with torch as well; exit 1 where it differs.")
@plot_options("Draw logits, exponentials and probabilities")
@output_options(*FORMATS)
def command(
    logits: tuple[tuple[float, ...], ...], more: tuple[float, ...] | None, target: int | None, temperature: float,
    label_smoothing: float, decimals: int | None, verify: bool, plot: str | None, theme: str,
    format: str | None, output: str | None,
) -> None:  # fmt: skip
    """Softmax of some logits, step by step: the largest taken away, exponentials, their sum, quotients, log-softmax;
    with --target the negative log likelihood (cross entropy) and its gradient. Beside it what comes out without the
    subtraction, in single and in double precision.

    \b
    convviz softmax 1,2,3
    convviz softmax 1,2,3 --target 2 --verify
    convviz softmax 1000,1001,1002 --plot softmax.svg
    convviz softmax -- -1,0.5,-inf --temperature 2
    convviz softmax 1,2,3 --target 0 --label-smoothing 0.1 --format md
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    if verify and find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--verify")
    from convviz.plan.logits import softmax
    from convviz.plan.words import DIGITS
    from convviz.plan.words import decimals as digits
    from convviz.report.softmax import render_softmax

    given = [*logits, *([] if more is None else [more])]
    if not given:
        raise ConvvizError("needs logits, such as 1,2,3", "softmax")
    if logits and more is not None:
        raise ConvvizError("are given twice, as an argument and with --values", "logits")
    result = options_named(
        lambda: softmax(
            [x for part in given for x in part],
            target,
            temperature=temperature,
            label_smoothing=label_smoothing,
        )
    )
    with digits(DIGITS.get() if decimals is None else decimals):
        text = render_softmax(result, table_format(format, output), standalone=True)
        emit(text, output)
        write_plot(plot, "softmax", result, theme=theme)
    if verify:
        from convviz.probe.softmax import verify as against_torch

        found = against_torch(result)
        click.echo(str(found), err=format != "table" or output is not None)
        if not found.passed:
            raise click.exceptions.Exit(1)


def options_named(make: Any) -> Any:
    """What ``make`` returns; its complaints name options in place of arguments."""
    names = {"values": "logits", "target": "--target", "temperature": "--temperature",
             "label_smoothing": "--label-smoothing"}  # fmt: skip
    try:
        return make()
    except ConvvizError as err:
        raise ConvvizError(err.message, names.get(err.where, err.where)) from None
