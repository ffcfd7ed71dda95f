"""`convviz explore`: an op or a net as one HTML file that needs nothing else."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convviz.cli.draw import FIELDS
from convviz.cli.fields import field_options, given, option_of
from convviz.cli.options import model_options, parse_inputs, parse_treat
from convviz.cli.output import FOLDER, check_writable, default_path, make_folder, write_whole
from convviz.cli.progress import progress
from convviz.errors import ConvvizError

if TYPE_CHECKING:
    import numpy as np

ENDS = (".html", ".htm")


@click.command("explore", short_help="A page to touch: what every cell of an op or of a net reads.")
@click.argument("what", metavar="OP|MODEL|RUNS")
@field_options(*FIELDS)
@model_options
@click.option("--layer", metavar="NAME", help="This layer of a net, cut down to a small example.")
@click.option("--image", metavar="FILE", help="Under a net's input: .png, .jpg or .npy (needs torch).")
@click.option("--erf", is_flag=True, help="Effective fields of a net's layers, by path counts.")
@click.option("--gradient", is_flag=True, help="With --erf: measured by gradients instead (needs torch).")
@click.option("--erf-layer", multiple=True, metavar="NAME", help="With --erf: this layer. Default: a spread.")
@click.option("--wrt", metavar="NAME", help="The input that a net's fields are drawn on. Default: the first.")
@click.option(
    "--with-global", is_flag=True, help="Follow what reads the whole image, too: norms over space, gates."
)
@click.option(
    "--theme",
    type=click.Choice(["auto", "light", "dark"]),
    default="auto",
    show_default=True,
    help="auto: as the reader's system is.",
)
@click.option("--output", "-o", metavar="FILE", help=f"Default: {FOLDER}/explore_NAME.html.")
def command(
    what: str, inputs: tuple[str, ...], weights: str | None, treat: tuple[str, ...], layer: str | None,
    image: str | None, erf: bool, gradient: bool, erf_layer: tuple[str, ...], wrt: str | None,
    with_global: bool, theme: str, output: str | None, sets: tuple[str, ...], **fields: Any,
) -> None:  # fmt: skip
    """Write WHAT as one HTML file: point at a cell and see what it reads and feeds. The file holds all that it needs:
    no server, no network.

    WHAT is an op, a form or an animation of conv_arithmetic by name (convviz draw --list), whose fields are options
    and whose sliders change them; or a net: a model.yaml, a bundled net or module:callable. It may also be l1_l2,
    weight_decay or dropout_batch (regularizers step by step); comparison (measured runs: are two arms different, by how
    many seeds?), or a folder of your own runs or a .json file of their results, compared in the same way.

    \b
    convviz explore conv --kernel-size 3 --stride 2 --input 1x7x7
    convviz explore conv_transpose -o transposed.html
    convviz explore no_padding_strides_transposed
    convviz explore lstm --set hidden_size=2
    convviz explore resnet50
    convviz explore resnet50 --layer conv1
    convviz explore model.yaml --image photo.jpg
    convviz explore resnet50 --erf
    convviz explore net.py:Net --input 3x224x224 --weights best.pt --erf --gradient
    convviz explore comparison
    convviz explore outputs/runs/norms
    """
    if not what.strip():
        raise ConvvizError("names nothing to explore (convviz draw --list, convviz list nets)", "WHAT")
    own = given(fields, sets)
    target = Path(output) if output is not None else default_path("explore", what, layer, ".html")
    _check(target)
    _check_erf(erf, gradient, erf_layer)

    from convviz.explorer.choose import explored
    from convviz.explorer.page import page

    settings: dict[str, Any] = dict(
        input=parse_inputs(inputs), weights=weights, treat=parse_treat(treat) or None
    )
    try:
        picture = None if image is None else _picture(image, what, settings, wrt)
        asked = dict(layers=erf_layer, gradient=gradient) if erf else None
        whole: dict[str, Any] = dict(image=picture, erf=asked, wrt=wrt, with_global=with_global)
        with progress(what) as bar:
            data = explored(what, own, layer=layer, progress=bar, **whole, **settings)
    except ConvvizError as err:
        options = {*own, *settings, "layer", "image", "erf", "wrt", "with_global"}
        where = option_of(err.where) if err.where in options else err.where
        if err.where in own and err.where not in FIELDS:
            where = f"--set {err.where}"
        raise ConvvizError(err.message, where) from None
    text = page(data, theme)
    if output is None:
        make_folder()
    write_whole(target, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))
    click.echo(target)


def _check(target: Path) -> None:
    """Raises ConvvizError before any work where the page cannot be written."""
    if target.suffix.lower() not in ENDS:
        told = f"ends in {target.suffix}" if target.suffix else "has no extension"
        raise ConvvizError(f"{told}; a page is a file that ends in .html", str(target))
    if target.parent != Path(FOLDER) or target.parent.exists():
        check_writable(str(target))


def _check_erf(erf: bool, gradient: bool, layers: tuple[str, ...]) -> None:
    for option, asked in (("--gradient", gradient), ("--erf-layer", layers)):
        if asked and not erf:
            raise ConvvizError("goes with --erf", option)
    if gradient and find_spec("torch") is None:
        raise ConvvizError(
            "needs torch: pip install 'convviz[torch]'; --erf alone counts paths, which needs none",
            "--gradient",
        )


def _picture(file: str, what: str, settings: dict[str, Any], wrt: str | None) -> np.ndarray:
    """The image, resized and cropped to the input that is drawn."""
    from convviz.explorer.choose import is_op
    from convviz.read import read

    if is_op(what):
        raise ConvvizError(f"goes with a net; {what} is an op", "image")
    if find_spec("torch") is None:
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", "image")
    if not file.strip():
        raise ConvvizError("names no file", "image")
    if Path(file).is_dir():
        raise ConvvizError(f"takes one file; {file} is a folder", "image")
    from convviz.probe.images import load_images

    inputs = read(what, **settings).inputs
    shape = inputs.get(wrt or "") or next(iter(inputs.values()))  # an unknown one is told later
    images, _ = load_images(file, shape, most=1)
    return images[0]
