"""Who shares statistics under each norm, and how many parameters it has."""

from __future__ import annotations

from math import prod
from typing import Any

from convviz.exercise.model import Mistake, Part, Question
from convviz.exercise.norm_statistics import NAMES
from convviz.exercise.pieces import Rng, pick, whole
from convviz.ops.base import Shape, build
from convviz.ops.relations import Blocks
from convviz.plan.words import size


def sharing(rng: Rng, level: str) -> Part:
    """How many cells share, and how many parameters there are, for a batch that nobody works out."""
    groups = pick(rng, (2, 3, 4))
    channels = groups * whole(rng, 2, 4)
    batch, height, width = pick(rng, (2, 4, 5, 8)), whole(rng, 3, 7), whole(rng, 3, 7)
    shape = (batch, channels, height, width)
    ops = {
        "batch": build("batch_norm", {}),
        "layer": build("layer_norm", {}),
        "group": build("group_norm", {"num_groups": groups}),
        "instance": build("instance_norm", {}),
    }
    counts = {name: shared_cells(op, shape) for name, op in ops.items()}
    sums = {"batch": "N×H×W", "layer": "C×H×W", "group": "C/groups×H×W", "instance": "H×W"}
    numbers = {
        "batch": f"{batch}×{height}×{width}",
        "layer": f"{channels}×{height}×{width}",
        "group": f"{channels}/{groups}×{height}×{width}",
        "instance": f"{height}×{width}",
    }
    said = {name: f"{text} ({groups} groups)" if name == "group" else text for name, text in NAMES.items()}
    questions = []
    for name in [n for n in ops if level != "easy" or n != "group"]:
        others = [
            Mistake(counts[o], f"this is how many cells share in {NAMES[o]}, not in {NAMES[name]}")
            for o in ops
            if o != name
        ]
        others.append(Mistake(prod(shape), "these are all cells of the batch; which axes are shared?"))
        questions.append(
            Question(
                f"cells_{name}",
                "who shares",
                f"Cells that share a mean and a variance in {said[name]}:",
                counts[name],
                f"{sums[name]} = {numbers[name]} = {counts[name]}",
                mistakes=tuple(others),
            )
        )
    for name in ("batch", "layer"):
        params, kept = ops[name].params(shape[1:]), sum(map(prod, ops[name].buffers(shape[1:]).values()))
        each = f"{channels}" if name == "batch" else f"{size(shape[1:])}"
        wrong = [
            Mistake(params + kept, "running mean and variance are kept, not trained: they are no parameters"),
            Mistake(params // 2, "weight and bias are two: this counts one of them"),
            Mistake(
                ops["layer"].params(shape[1:]), "this is layer norm, with a weight for every cell of a sample"
            ),
            Mistake(
                ops["batch"].params(shape[1:]),
                "this is a weight and a bias for each channel: layer norm over C, H "
                "and W has them for every cell of a sample",
            ),
            Mistake(2, "each channel has a weight and a bias of its own"),
        ]
        questions.append(
            Question(
                f"params_{name}",
                "parameters",
                f"Trained parameters of {NAMES[name]} (weight and bias){' over C, H and W' * (name == 'layer')}:",
                params,
                f"2 × {each} = {params}",
                mistakes=tuple(wrong),
            )
        )
    text = f"A batch of the shape N×C×H×W = {size(shape)}."
    return Part("Who shares?", text, tuple(questions))


def shared_cells(op: Any, shape: Shape) -> int:
    """How many cells share one mean, from the op's own relations."""
    relations = op.shares(shape[1:], mode="train", batch=shape[0])
    return prod(relation.size for relation in relations if isinstance(relation, Blocks))
