"""`convviz erf`: which inputs count for a unit, and how much."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.options import Model, Unit, load, parse_inputs, parse_treat
from convviz.cli.output import FORMATS, choose_format, emit, output_options, write_table
from convviz.cli.plotting import check_plot, plot_options, write_plot
from convviz.cli.progress import progress
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    from convviz.analysis.influence import EffectiveField
    from convviz.analysis.paths import PathCounts

RANDOM = "random"  # the word for --weights that means: none


class Numbers(click.ParamType):
    """Numbers separated by commas."""

    name = "a,b"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            name = param.opts[0] if param else ""
            raise ConvvizError(f"must be numbers such as 0.485,0.456,0.406, got {value!r}", name) from None


@click.command("erf", short_help="Path counts and the effective receptive field of a unit.")
@click.argument("models", metavar="MODEL...", type=Model(), nargs=-1, required=True)
@click.option("--layer", metavar="NAME", help="Default: the last with space that does not read everything.")
@click.option("--unit", type=Unit(), metavar="I,J", help="Its position. Default: the middle.")
@click.option("--paths", "only_paths", is_flag=True, help="Path counts only, which need no torch.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="[NAME=]SHAPE",
    help="Shape, channels first: 1x28x28 or 1,28,28; several as NAME=SHAPE each.",
)
@click.option("--wrt", metavar="NAME", help="The input that is asked about. Default: the first.")
@click.option(
    "--treat",
    multiple=True,
    metavar="CLASS=KIND",
    help="What an unknown torch module does: pointwise or global.",
)
@click.option(
    "--weights",
    multiple=True,
    metavar="FILE",
    help="State dict to load; with several nets one for each, or the word random.",
)
@click.option("--images", metavar="DIR", help="Inputs: .png, .jpg and .npy files instead of random numbers.")
@click.option("--mean", type=Numbers(), metavar="A,B,C", help="Subtracted from images (0 to 1), by channel.")
@click.option("--std", type=Numbers(), metavar="A,B,C", help="Images are divided by it, by channel.")
@click.option("--seeds", type=int, metavar="N", help="Draws of random weights. Default: 5.")
@click.option(
    "--samples",
    type=int,
    metavar="N",
    help="Inputs for each draw. Default: 8 random ones, or up to 100 images.",
)
@click.option("--init", type=click.Choice(["default", "he", "ones"]), help="How random weights are drawn.")
@click.option("--activation", type=click.Choice(["keep", "linear"]), help="linear: leave activations out.")
@click.option(
    "--combine",
    type=click.Choice(["random", "sum"]),
    help="What of the unit's channels is differentiated. Default: a random combination.",
)
@click.option(
    "--mode", type=click.Choice(["eval", "train"]), help="train: normalise by the statistics of the batch."
)
@click.option("--device", metavar="NAME", help="cpu, cuda ... Default: auto.")
@plot_options("Draw path counts beside gradients")
@output_options(*FORMATS)
def command(
    models: tuple[str, ...], layer: str | None, unit: tuple[int, ...] | None, only_paths: bool,
    inputs: tuple[str, ...], wrt: str | None, treat: tuple[str, ...], weights: tuple[str, ...],
    plot: str | None, theme: str, format: str | None, output: str | None, **options: Any,
) -> None:  # fmt: skip
    """Path counts and the effective receptive field of one unit of MODEL, against its theoretical box.

    Over how many paths each input cell reaches the unit, exactly; and the mean |gradient| of the unit, with
    random weights or yours. MODEL is a model.yaml, a bundled net (convviz list), or module:callable.

    \b
    convviz erf code8 --layer conv4
    convviz erf resnet50 --paths
    convviz erf net.py:Net --input 3x224x224 --weights best.pt --images photos --plot erf.png
    convviz erf vgg16 resnet18 --input 3x128x128 --plot both.svg
    """
    format = choose_format(format, output, FORMATS)
    check_plot(plot)
    chosen = {name: value for name, value in options.items() if value is not None}
    if only_paths and (chosen or weights):
        name = next(iter(chosen), "weights")
        raise ConvvizError("belongs to the gradient, which --paths leaves out", f"--{name}")
    if len(weights) > 1 and len(weights) != len(models):
        raise ConvvizError(
            f"{len(weights)} for {len(models)} net{'s' * (len(models) > 1)}; give one for each", "--weights"
        )
    if weights and len(weights) < len(models):
        raise ConvvizError("give one for each net, or the word random", "--weights")
    if not only_paths and find_spec("torch") is None:
        raise ConvvizError("gradients need torch: pip install 'convviz[torch]'; --paths needs none")
    files = [None if file == RANDOM else file for file in weights] or [None] * len(models)
    arguments: dict[str, Any] = dict(layer=layer, unit=unit, wrt=wrt)
    results: list[PathCounts | EffectiveField] = []
    if only_paths:
        from convviz.analysis.paths import path_counts

        results += [path_counts(load(model, inputs, None, treat), **arguments) for model in models]
    else:
        from convviz.probe.erf import effective_receptive_field

        with progress("gradients") as bar:
            for i, (model, file) in enumerate(zip(models, files, strict=True)):
                done = None if bar is None else partial(_share, bar, i, len(models))
                results.append(
                    effective_receptive_field(
                        model,
                        input=parse_inputs(inputs),
                        treat=parse_treat(treat) or None,
                        weights=file,
                        progress=done,
                        **arguments,
                        **chosen,
                    )
                )
    write_plot(plot, "erf", results, theme=theme)

    from convviz.report.erf import erf_table, render_erf

    if format == "table":
        write_table(erf_table(results), format, output)
    else:
        emit(render_erf(results, format, standalone=True), output)


def _share(bar: Callable[[float], None], index: int, count: int, share: float) -> None:
    """Moves the bar of all nets when so much of one is done."""
    bar((index + share) / count)
