"""The batches on which norms are told at length: the examples, or a layer of a net cut down to a few cells."""

from __future__ import annotations

from math import prod
from typing import Any

from convviz.analysis.norms.batches import nice_batch, preset
from convviz.analysis.norms.normalize import normalize, normalize_all
from convviz.errors import ConvvizError
from convviz.graph import Node
from convviz.ops.base import Shape, show
from convviz.ops.norm import BatchNorm, GroupNorm, Norm
from convviz.plan import norm_modes
from convviz.plan.four_norms import FOUR, of_norms
from convviz.plan.model import Plan
from convviz.plan.norms import of_result
from convviz.plan.of_model import rebuilt, told

SAMPLES = 4  # of a batch
GROUPS = 2
MOST = 8  # samples
ONE_D = 4  # cells of a cut-out along a single axis; 2 along each of several


def four(
    shape: Shape | None = None,
    samples: int = SAMPLES,
    num_groups: int | None = None,
    seed: int = 0,
    node: Node | None = None,
) -> Plan:
    """Batch, layer, group and instance norm on one batch.

    shape: (C, *space); preset B by default. num_groups: of group norm; 2 by default. node: a norm of a net, cut down.
    Raises ConvvizError where one of them does not fit.

    >>> [row[1] for row in four((3, 4), num_groups=3)["norms"].rows]
    ['N, L', 'C, L', 'L', 'L']
    """
    op, own = norm_of(node, Norm), shape or (4, 2, 2)
    if op is not None and node is not None:
        groups = getattr(op, "num_groups", GROUPS)
        per = node.ins[0][0] // groups
        groups = min(groups, GROUPS)
        channels = groups * min(per, 2) if isinstance(op, GroupNorm) and groups > 1 else 4
        own = cut(node.ins[0], channels)
        num_groups = groups if own[0] % groups == 0 else 1
    if len(own) < 2:
        raise ConvvizError(
            f"needs channels and at least one axis of space, as in 4x2x2, got {show(own)}", "input"
        )
    if prod(own[1:]) < 2:
        raise ConvvizError(f"needs at least two cells in a map, for instance norm, got {show(own)}", "input")
    full = (checked_samples(samples), *own)
    groups = (GROUPS if own[0] % GROUPS == 0 else 1) if num_groups is None else num_groups
    if isinstance(groups, int) and groups > 0 and own[0] % groups:
        raise ConvvizError(f"must divide the {own[0]} channels, got {groups}", "num_groups")
    x = preset("B") if full == (4, 4, 2, 2) and not seed else nice_batch(full, seed, FOUR, groups).x
    found = normalize_all(x, FOUR, groups=groups, eps=getattr(op, "eps", None))
    if found.left_out:
        raise ConvvizError(found.left_out[0][1], "input")
    plan = of_norms(found)
    changed = {"num_groups": groups} if isinstance(op, GroupNorm) else {}
    return (
        plan
        if node is None or op is None
        else told(plan, node, rebuilt(op, **changed) if changed else op, (own,))
    )


def worked(
    shape: Shape | None = None, samples: int = SAMPLES, gamma: float = 2, beta: float = 1, seed: int = 0,
    node: Node | None = None,
) -> Plan:  # fmt: skip
    """Batch norm on a batch with every number.

    shape: (C, *space); preset A by default. node: a batch norm of a net, cut down to one channel.

    >>> worked().formulas[0].numbers
    '(0 − 4) / √(9 + 0.00001)×2 + 1'
    """
    op = norm_of(node, BatchNorm)
    own = cut(node.ins[0], 1) if node is not None else shape or (1, 2, 2)
    full = (checked_samples(samples), *own)
    if samples * prod(own[1:]) < 2:
        raise ConvvizError(f"needs at least two values for each channel, and {show(full)} has one", "input")
    x = preset("A") if full == norm_modes.PRESET and not seed else nice_batch(full, seed, ("batch",)).x
    plan = of_result(normalize(x, "batch", gamma=gamma, beta=beta, eps=getattr(op, "eps", None)))
    return plan if node is None or op is None else told(plan, node, op, (own,))


def modes(
    shape: Shape | None = None, samples: int = SAMPLES, momentum: float | None = 0.1, steps: int = norm_modes.STEPS,
    seed: int = 0, node: Node | None = None,
) -> Plan:  # fmt: skip
    """Batch norm in training and evaluation, told of one channel.

    shape: (C, *space); preset A by default. node: a batch norm of a net, whose momentum and eps are taken.

    >>> modes(momentum=None)["running_mean"].title
    'running mean at the start and after each update'
    """
    op = norm_of(node, BatchNorm)
    own, eps = shape or (1, 2, 2), 1e-5
    if isinstance(op, BatchNorm) and node is not None:
        if not op.track_running_stats:
            raise ConvvizError("keeps no running statistics, so that evaluation is as training", node.name)
        own, eps, momentum = cut(node.ins[0], 1), op.eps, op.momentum
    if prod(own[1:]) < 2:
        raise ConvvizError(
            f"needs at least two cells in a map, for an image that stands alone, got {show(own)}", "input"
        )
    given = norm_modes.example(own, checked_samples(samples), seed, steps)
    plan = norm_modes.modes(**given, momentum=momentum, eps=eps)
    return plan if node is None or op is None else told(plan, node, op, (own,))


# -- layers ---------------------------------------------------------------------------------------------------
def norm_of(node: Node | None, kind: Any) -> Norm | None:
    """The norm that a layer is; raises ConvvizError for another op."""
    if node is None:
        return None
    if not isinstance(node.op, kind) or not node.ins:
        wanted = "a batch norm" if kind is BatchNorm else "a norm"
        raise ConvvizError(f"is {node.op.kind}, and this tells {wanted}", node.name)
    return node.op


def cut(shape: Shape, channels: int) -> Shape:
    """The first few channels, and of each a small map."""
    space = shape[1:]
    most = ONE_D if len(space) == 1 else 2
    return (min(shape[0], channels), *(min(n, most) for n in space))


def checked_samples(samples: Any) -> int:
    if isinstance(samples, bool) or not isinstance(samples, int) or not 1 <= samples <= MOST:
        raise ConvvizError(f"must be a whole number from 1 to {MOST}, got {samples!r}", "batch")
    return samples
