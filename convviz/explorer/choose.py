"""What is to be explored, by name: an op, a layer of a net, or a whole net, as data for the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph
from convviz.plan.examples import kinds
from convviz.plan.relationships import ANIMATIONS
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
    known = [*(kind.name for kind in kinds()), *SHORT, *ANIMATIONS]
    if what in known:
        return True
    if not any(sign in what for sign in ":./\\") and bundled.path(what) is None and not _exists(what):
        from convviz.explorer.topics import NAMES

        hint = nearest(what[:100], [*known, *bundled.names(), *NAMES])
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
    erf: Mapping[str, Any] | None = None,
    wrt: str | None = None,
    with_global: bool = False,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """The data of a page.

    what: the name of an op or form, with its ``fields``; or a net, as :func:`convviz.read` takes it, of which ``layer``
    chooses one, cut down to a small example. input: shape, channels first. image: what lies under a net's input, (C, H,
    W). erf: the arguments of :func:`convviz.explorer.effective.effective_fields`, of which none is needed. wrt,
    with_global: as :func:`convviz.receptive_field` takes them. progress: told the share that is done of what takes
    seconds. Raises ConvvizError, also for settings that do not go with ``what``.
    """
    from convviz.explorer.topics import topic_of

    whole = {"image": image, "erf": erf, "wrt": wrt, "with_global": with_global or None}
    topic = topic_of(what)
    if topic is not None:
        own = {**(fields or {}), "input": input, "layer": layer, "weights": weights, "treat": treat, **whole}
        for name, value in own.items():
            if value is not None:
                raise ConvvizError(f"goes with an op or a net; {what} has a page of its own", name)
        return topic(progress)
    if is_op(what) and not isinstance(what, Graph):
        for name, value in {"layer": layer, "weights": weights, "treat": treat, **whole}.items():
            if value is not None:
                raise ConvvizError(f"goes with a net; {what} is an op", name)
        return _op(str(what), dict(fields or {}), input)
    if fields:
        raise ConvvizError("goes with an op; the layers of a net have their own", next(iter(fields)))
    graph = read(what, input, weights=weights, treat=treat)
    if layer is None:
        from convviz.explorer.effective import effective_fields
        from convviz.explorer.net import net_data, source_of

        loaded = {"input": input, "treat": treat, "weights": weights}
        effective = (
            None
            if erf is None
            else effective_fields(graph, wrt=wrt, net=what, loaded=loaded, progress=progress, **erf)
        )
        source = source_of(what, input, treat)
        return net_data(graph, image, effective, wrt, with_global=with_global, source=source)
    for name, value in whole.items():
        if value is not None:
            raise ConvvizError("goes with a whole net, not with one layer", name)
    return _layer(graph, layer)


def _op(kind: str, fields: Mapping[str, Any], input: Any) -> dict[str, Any]:
    """The page of an op where it has one of its own, else that of its plan."""
    from convviz.explorer.op import EXPLORED, SHORT, op_data
    from convviz.explorer.plan_ops import op_plans, relationship_plans

    if kind in ANIMATIONS:
        if fields or input is not None:
            name = next(iter(fields), "input")
            raise ConvvizError("a relationship has its own sizes; its page changes them", name)
        return relationship_plans(kind)
    shape = None if input is None else parse_input(input)
    if isinstance(shape, Mapping):
        raise ConvvizError("an op is explored on one shape, such as 1x7x7", "input")
    own = kind in SHORT or next(known.op for known in kinds() if known.name == kind) in EXPLORED
    return (op_data if own else op_plans)(kind, fields, shape)


def _layer(graph: Graph, name: str) -> dict[str, Any]:
    """The page of a layer, cut down: as an op where there is one of its own, else its plan."""
    from convviz.explorer.op import EXPLORED, layer_data
    from convviz.explorer.plan_ops import layer_plans

    if graph[name].op.kind not in EXPLORED:
        return layer_plans(graph, name)
    try:
        return layer_data(graph, name)
    except ConvvizError as problem:
        try:
            return layer_plans(graph, name)
        except ConvvizError:
            raise problem from None
