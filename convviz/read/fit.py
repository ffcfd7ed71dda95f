"""Which input would fit, when shapes do not: a search over sizes that only recomputes shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import Shape, show

if TYPE_CHECKING:
    from convviz.read.model_yaml import Misfit

REACH = 64  # sizes tried on either side of the given one
BUDGET = 40_000  # shapes computed at most: about a fifth of a second
ROUNDS = 16


Inputs = Mapping[str, Shape]


def advice(misfit: Misfit, inputs: Inputs, assemble: Callable[[Inputs], Graph]) -> str:
    """``"; an input of 572x572 would fit (given 570x570)"``, or nothing where none is found quickly.

    Looks for sizes at which the net fits up to the node that did not, and tries the nearest on the whole net
    with ``assemble``; where that fails farther on, it looks again up to there.
    """
    from convviz.read.model_yaml import Misfit

    spaces = {shape[1:] for shape in inputs.values() if len(shape) > 1}
    if len(spaces) != 1:
        return ""
    (given,) = spaces
    reached, tries = given, BUDGET
    for _ in range(ROUNDS):
        sizes, tries = _search(misfit, inputs, given, reached, tries)
        if sizes is None:
            return ""
        try:
            assemble(_resized(inputs, sizes))
            return f"; an input of {show(sizes)} would fit (given {show(given)})"
        except Misfit as farther:
            misfit, reached = farther, sizes
        except ConvvizError:  # not a matter of sizes
            return ""
    return ""


def _resized(inputs: Inputs, space: Sequence[int]) -> dict[str, Shape]:
    return {name: (shape[0], *space) if len(shape) > 1 else shape for name, shape in inputs.items()}


def _search(
    misfit: Misfit, inputs: Inputs, given: Shape, reached: Shape, tries: int
) -> tuple[Shape | None, int]:
    """For each axis a size that fits when all axes have it, and the tries left.

    It is the nearest to the given one; where none is near, the nearest to the one ``reached``, or larger.
    """
    nodes = misfit.builder.nodes
    known: dict[int, bool] = {}

    def fits(size: int) -> bool:
        nonlocal tries
        if size not in known:
            tries -= len(nodes) + 1
            shapes = _resized(inputs, [size] * len(given))
            try:
                for node in nodes:
                    shapes[node.name] = node.op.shape(*(shapes[source] for source in node.inputs))
                ins = [shapes[source] for source in misfit.sources]
                misfit.op.shape(*ins)
                known[size] = len({shape[1:] for shape in ins}) == 1  # no join by broadcasting a single cell
            except ConvvizError:
                known[size] = False
        return known[size]

    def nearest(n: int, farther: int) -> int | None:
        for centre in (n, farther):
            for d in range(REACH + 1):
                for size in (centre + d, centre - d):
                    if size >= 1 and tries > 0 and fits(size):
                        return size
        low, high = farther + REACH, 2 * (farther + REACH)
        while tries > 0 and high < 100_000 and not fits(high):
            low, high = high, 2 * high
        while tries > 0 and high - low > 1:  # what is too small here fits at every larger size
            middle = (low + high) // 2
            low, high = (low, middle) if fits(middle) else (middle, high)
        return high if known.get(high) else None

    sizes = [nearest(n, farther) for n, farther in zip(given, reached, strict=True)]
    found = tuple(size for size in sizes if size is not None)
    return (found if len(found) == len(sizes) else None), tries
