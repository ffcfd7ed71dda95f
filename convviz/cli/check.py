"""`convviz check`: hold nets against a brief."""

from __future__ import annotations

import click

from convviz.cli.options import Count, Model, Words, load
from convviz.cli.output import choose_format, emit, output_options
from convviz.errors import ConvvizError

FORMATS = ("table", "json")


@click.command("check", short_help="Hold nets against a brief; exit 1 if one fails.")
@click.argument("nets", metavar="NET...", type=Model(), nargs=-1, required=True)
@click.option("--max-params", type=Count(), metavar="N", help="At most N parameters.")
@click.option("--min-params", type=Count(), metavar="N", help="At least N parameters.")
@click.option("--max-macs", type=Count(), metavar="N", help="At most N MACs.")
@click.option("--min-macs", type=Count(), metavar="N", help="At least N MACs.")
@click.option(
    "--min-rf", type=Count(), metavar="N", help="Receptive field (before a global pool) of at least N."
)
@click.option(
    "--max-rf", type=Count(), metavar="N", help="Receptive field (before a global pool) of at most N."
)
@click.option("--uses", type=Words(), multiple=True, metavar="A,B", help="Ops or features that must occur.")
@click.option(
    "--forbids", type=Words(), multiple=True, metavar="A,B", help="Ops or features that must not occur."
)
@click.option("--input", "inputs", multiple=True, metavar="[NAME=]SHAPE", help="Input shape of all nets.")
@output_options(*FORMATS)
def command(
    nets: tuple[str, ...], uses: tuple[tuple[str, ...], ...], forbids: tuple[tuple[str, ...], ...],
    inputs: tuple[str, ...], format: str | None, output: str | None, **limits: int | None,
) -> None:  # fmt: skip
    """Check NETs against a brief: a verdict for each, exit 1 if one fails, 2 if one cannot be read.

    Words for --uses and --forbids are op names (convviz list ops) and dilated, depthwise, pointwise, grouped,
    separable, spatially_separable, strided, transposed, padded, global_pool, residual, bias.

    \b
    convviz check cifar_s7_wide cifar_s7_small --max-params 1M --min-rf 44 --uses dilated
    """
    from convviz.analysis import receptive_field
    from convviz.analysis.check import Verdict, check, known_word
    from convviz.report.data import check_data, dumps
    from convviz.report.nets import check_text

    format = choose_format(format, output, FORMATS)
    wanted = [word for words in uses for word in words]
    unwanted = [word for words in forbids for word in words]
    for option, words in (("--uses", wanted), ("--forbids", unwanted)):
        for word in words:
            try:
                known_word(word)
            except ConvvizError as err:
                raise err.at(option) from None
    if not any(limit is not None for limit in limits.values()) and not wanted and not unwanted:
        raise ConvvizError("no rule to check; give one, such as --max-params 20000 (see convviz check -h)")
    verdicts: list[tuple[str, Verdict | ConvvizError]] = []
    for net in nets:
        try:
            verdicts.append(
                (net, check(receptive_field(load(net, inputs)), uses=wanted, forbids=unwanted, **limits))
            )
        except ConvvizError as err:
            verdicts.append((net, err))
    if len(nets) == 1 and isinstance(verdicts[0][1], ConvvizError):
        raise verdicts[0][1]
    if format == "json":
        emit(dumps([check_data(net, verdict) for net, verdict in verdicts]), output)
    else:
        emit(check_text(verdicts), output)
    unread = [net for net, verdict in verdicts if isinstance(verdict, ConvvizError)]
    if unread:
        raise ConvvizError(f"cannot read {', '.join(unread)}")
    if not all(isinstance(verdict, Verdict) and verdict.passed for _, verdict in verdicts):
        raise click.exceptions.Exit(1)
