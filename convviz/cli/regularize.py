"""`convviz regularize`: penalties, weight decay and dropout worked with their numbers, and three pictures of why."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.fields import option_of
from convviz.cli.options import Count, Model, load
from convviz.cli.output import FORMATS, choose_format, emit, output_options
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.cli.sizes import Space
from convviz.errors import ConvvizError, FieldError, nearest

if TYPE_CHECKING:
    from convviz.analysis.regularizers.regularize import Regularizer

PENALTY = (
    "weights", "shape", "seed", "l1", "l2", "lr", "steps", "optimizer", "momentum", "betas", "eps", "gradient",
    "threshold", "mistake",
)  # fmt: skip
DROPOUT = ("values", "shape", "seed", "p", "draws")
# Which options go with what.
OPTIONS = {
    "l1": PENALTY,
    "l2": PENALTY,
    "l1+l2": PENALTY,
    "weight-decay": (
        "weights", "shape", "seed", "weight_decay", "lr", "steps", "momentum", "betas", "eps", "gradient", "model",
        "input",
    ),
    "dropout": DROPOUT,
    "dropout2d": DROPOUT,
    "geometry": ("centre", "hessian", "budget", "mix"),
    "ridge-lasso": ("values", "l1", "l2", "delta"),
    "contours": ("scales", "correlation", "lr", "start", "tolerance"),
}  # fmt: skip
MATRICES = (
    "weights",
    "values",
    "gradient",
    "centre",
    "hessian",
    "scales",
    "start",
)  # several numbers, or a file


class What(click.ParamType):
    """A word of OPTIONS."""

    name = "what"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        word = str(value).lower().replace("_", "-")
        if word not in OPTIONS:
            raise ConvvizError(
                f"no regularizer {str(value)[:40]!r}{nearest(word, OPTIONS)} (there are {', '.join(OPTIONS)})"
            )
        return word


@click.command("regularize", short_help="L1, L2, weight decay and dropout worked with their numbers.")
@click.argument("what", metavar="WHAT", type=What())
@click.option("--weights", metavar="W", help="Weights: 3,-1;0.5,0 or a file (.json, .npy, .csv).")
@click.option("--values", metavar="X", help="Of dropout a batch, of ridge-lasso rows x,..,y: as --weights.")
@click.option("--shape", type=Space(), metavar="SHAPE", help="Of random weights, or of the batch: 2x3x2x2.")
@click.option(
    "--seed", type=Count(), metavar="N", help="Of random numbers and masks. Default: 0; dropout: 14."
)
@click.option(
    "--l1", metavar="X", help="Strength of L1: l1 times the sum of |w|. Default: 3 (ridge-lasso: 56)."
)
@click.option(
    "--l2",
    metavar="X",
    help="Strength of L2, torch's weight_decay: l2/2 times the sum of w². Default: 0.5 (84).",
)
@click.option("--weight-decay", "--wd", metavar="X", help="Of weight-decay. Default: 0.5.")
@click.option("--lr", metavar="X", help="Learning rate. Default: 0.1; contours: the best of each surface.")
@click.option("--steps", type=Count(), metavar="N", help="Updates. Default: 6; weight-decay: 5.")
@click.option("--optimizer", metavar="NAME", help="sgd, adam, adamw or proximal. Default: sgd.")
@click.option("--momentum", metavar="X", help="Of SGD. Default: 0.")
@click.option("--betas", metavar="X,X", help="Of Adam and AdamW. Default: 0.9,0.999.")
@click.option("--eps", metavar="X", help="Of Adam and AdamW. Default: 1e-8.")
@click.option("--gradient", metavar="G", help="Of the loss: one number, or as many as weights. Default: 0.")
@click.option(
    "--threshold", metavar="X", help="|w| below it counts as zero. Default: lr times l1; of L2 0.001."
)
@click.option(
    "--mistake", metavar="NAME", help="item: beside it the penalty from .item(), which has no gradient."
)
@click.option("--model", type=Model(), metavar="MODEL", help="With weight-decay: list the net's parameters.")
@click.option("--input", "input", metavar="SHAPE", help="Of --model, where it needs one.")
@click.option("--p", metavar="X", help="Of dropout: how likely a cell falls. Default: 0.5.")
@click.option(
    "--draws", type=Count(), metavar="N", help="Masks over which dropout's mean is taken. Default: 1000."
)
@click.option(
    "--centre", "--center", "centre", metavar="X,X", help="Of geometry: the loss's minimum. Default: 0.5,2.5."
)
@click.option("--hessian", metavar="H", help="Of geometry's loss. Default: 1,0.5;0.5,1.")
@click.option("--budget", metavar="X", help="Of geometry: how far the balls reach along an axis. Default: 1.")
@click.option("--mix", metavar="X", help="Of geometry: the share of L1 in the elastic net. Default: 0.5.")
@click.option("--delta", metavar="X", help="Of ridge-lasso: where Huber's loss becomes absolute. Default: 1.")
@click.option("--scales", metavar="X,X", help="Of contours: the features' standard deviations. Default: 1,5.")
@click.option("--correlation", metavar="X", help="Of contours: of the two features. Default: 0.")
@click.option(
    "--start", metavar="X,X", help="Of contours: the weights' distance from the minimum. Default: 5,1."
)
@click.option(
    "--tolerance", metavar="X", help="Of contours: the share of the distance that is left. Default: 0.01."
)
@click.option(
    "--decimals", type=click.IntRange(0, 15), default=4, show_default=True, help="Digits behind the point."
)
@click.option("--verify", is_flag=True, help="Compare every number with torch; exit 1 if it disagrees.")
@plot_options("Draw it")
@output_options(*FORMATS)
def command(
    what: str, decimals: int, verify: bool, plot: str | None, theme: str, format: str | None, output: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """What a regularizer does, worked with its numbers.

    WHAT is l1, l2 or l1+l2 (a penalty, its gradient, and updates by subgradient and by proximal step), weight-decay
    (SGD, Adam, AdamW), dropout or dropout2d (masks, scale, means); or a picture with its numbers: geometry (diamond and
    circle), ridge-lasso (penalties against losses, with an outlier), contours (scales of features, and descent).

    \b
    convviz regularize l1
    convviz regularize l1+l2 --weights "3,-1;0.5,0" --l1 1 --l2 0.5 --steps 10 --verify
    convviz regularize weight-decay --weights 3 --gradient 1 --model code8
    convviz regularize dropout2d --shape 2x3x4x4 --p 0.25 --plot dropout.svg
    convviz regularize geometry --centre 0.5,2.5 --plot geometry.png
    convviz regularize ridge-lasso --format md -o ridge.md
    convviz regularize contours --scales 1,5 --plot contours.png
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    for name, value in options.items():
        if value is not None and name not in OPTIONS[what]:
            goes = ", ".join(word for word, names in OPTIONS.items() if name in names)
            raise ConvvizError(f"does not go with {what} (but with {goes})", option_of(name))
    from convviz.plan.words import decimals as digits
    from convviz.report.regularize import render

    found = _work(what, {name: value for name, value in options.items() if value is not None})
    with digits(decimals):
        text = render(found, format, standalone=True)
        write_plot(plot, "regularizers.regularize", found, theme=theme)
    emit(text, output)
    if verify:
        _verify(found, apart=format != "table" or output is not None)


def _work(what: str, given: dict[str, Any]) -> Regularizer:
    """The result; errors name the option."""
    from convviz.analysis.regularizers.regularize import regularize

    for name in MATRICES:
        if name in given:
            from convviz.read.matrix import read_matrix

            given[name] = read_matrix(given[name], option_of(name))
    if "betas" in given:
        given["betas"] = given["betas"].split(",")
    if "model" in given:
        given["graph"] = load(given.pop("model"), [given.pop("input")] if "input" in given else [])
    elif "input" in given:
        raise ConvvizError("goes with --model", "--input")
    if "weight_decay" in given:
        given["decay"] = given.pop("weight_decay")
    values = given.pop("weights", given.pop("values", None))
    try:
        if "weights" in OPTIONS[what]:
            values = _random(values, given)
        return regularize(values, what, **given)
    except FieldError as err:
        raise ConvvizError(err.message, option_of(err.where)) from None


def _random(values: Any, given: dict[str, Any]) -> Any:
    """Random weights where only a shape is given."""
    from convviz.analysis.regularizers.weights import Weights

    shape, seed = given.pop("shape", None), given.pop("seed", None)
    if shape is None:
        if seed is not None:
            raise FieldError("seed", "goes with --shape, which makes random weights")
        return values
    if values is not None:
        raise FieldError("shape", "makes random weights; give it or --weights, not both")
    return Weights.random(shape, seed or 0)


def _verify(found: Regularizer, apart: bool) -> None:
    """Print what torch says (on stderr where stdout or a file holds data); exit 1 where it disagrees."""
    if find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "--verify")
    from convviz.probe.regularize import verify

    check = verify(found)
    click.echo(str(check), err=apart)
    if not check.passed:
        raise click.exceptions.Exit(1)
