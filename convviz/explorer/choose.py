"""What is to be explored, by name: an op, a layer of a net, or a whole net, as data for the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph
from convviz.plan.examples import kinds
from convviz.read import bundled, parse_input, read

if TYPE_CHECKING:
    import numpy as np
    import torch

    from convviz.read import Input


def is_op(what: Any) -> bool:
    """Whether this is the name of an op or form; raises ConvvizError for a name that is nothing at all.

    >>> is_op("conv"), is_op("code8")
    (True, False)
    """
    from convviz.explorer.op import SHORT

    if not isinstance(what, str):
        return False
    known = [*(kind.name for kind in kinds()), *SHORT]
    if what in known:
        return True
    if not any(sign in what for sign in ":./\\") and bundled.path(what) is None and not _exists(what):
        hint = nearest(what[:100], [*known, *bundled.names()])
        raise ConvvizError(
            f"no op, form or net {what[:100]!r}{hint} (convviz draw --list, convviz list nets)"
        )
    return False


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # too long, or a character that no path has
        return False


def explored(
    what: str | Path | Graph | torch.nn.Module,
    fields: Mapping[str, Any] | None = None,
    input: Input | None = None,
    layer: str | None = None,
    *,
    weights: str | Path | None = None,
    treat: Mapping[str, str] | None = None,
    image: np.ndarray | None = None,
) -> dict[str, Any]:
    """The data of a page.

    what: the name of an op or form, with its ``fields``; or a net, as :func:`convviz.read` takes it, of which ``layer``
    chooses one, cut down to a small example. input: shape, channels first. image: what lies under a net's input, (C, H,
    W). Raises ConvvizError, also for settings that do not go with ``what``.
    """
    if is_op(what) and not isinstance(what, Graph):
        for name, value in (("layer", layer), ("weights", weights), ("treat", treat), ("image", image)):
            if value is not None:
                raise ConvvizError(f"goes with a net; {what} is an op", name)
        return _op(str(what), dict(fields or {}), input)
    if fields:
        raise ConvvizError("goes with an op; the layers of a net have their own", next(iter(fields)))
    graph = read(what, input, weights=weights, treat=treat)
    if layer is None:
        from convviz.explorer.net import net_data

        return net_data(graph, image=image)
    if image is not None:
        raise ConvvizError("goes with a whole net, not with one layer", "image")
    return _layer(graph, layer)


def _op(kind: str, fields: Mapping[str, Any], input: Any) -> dict[str, Any]:
    from convviz.explorer.op import op_data

    shape = None if input is None else parse_input(input)
    if isinstance(shape, Mapping):
        raise ConvvizError("an op is explored on one shape, such as 1x7x7", "input")
    return op_data(kind, fields, shape)


def _layer(graph: Graph, name: str) -> dict[str, Any]:
    """The first cut-out of a layer that the page can show."""
    from convviz.explorer.op import op_data
    from convviz.plan.of_model import candidates

    node = graph[name]
    if not node.ins:
        raise ConvvizError(f"{node.op.kind} has no input and nothing to explore", name)
    problem: ConvvizError | None = None
    for op, ins in candidates(node):
        try:
            return {**op_data(op.kind, op.fields(), ins[0]), "name": f"{graph.name}: {name}"}
        except ConvvizError as err:
            problem = problem or err
    assert problem is not None
    raise problem.at(name)
