"""One setting of an op's page: its grids, formulas, facts, overlap and code, with all numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from convviz.analysis.checkerboard import overlap
from convviz.analysis.coverage import coverage_map
from convviz.analysis.receptive_field import receptive_field
from convviz.errors import ConvvizError
from convviz.explorer.views import Case, Json, Pool, Shuffle, Store, views
from convviz.graph import GraphBuilder
from convviz.ops.base import Array, Op, Shape, build
from convviz.ops.conv import Conv, ConvTranspose
from convviz.ops.pool import WindowPool
from convviz.ops.relations import inside
from convviz.plan import formulas, words
from convviz.plan.model import Formula
from convviz.plan.sample import weights
from convviz.plan.shuffle import numbered
from convviz.plan.titles import headline
from convviz.plan.window import border_notes
from convviz.report.suggest import yaml_value

Explored = Conv | ConvTranspose | Pool | Shuffle
VERDICTS = {
    "uniform": "Every output adds up equally many products: no checkerboard.",
    "uneven": "Neighbouring outputs add up different numbers of products: a checkerboard.",
    "dead": "Some outputs get no product at all: holes with nothing but the bias.",
}


def state_of(op: Op, shape: Shape, numbers: Array, store: Store, seed: int) -> Json:
    """All that is shown of an op on an input, whose cells are the first of ``numbers``; texts are in the store.

    Raises ConvvizError where the fields do not fit.
    """
    assert isinstance(op, Explored)
    out = op.shape(shape)
    x = numbered(shape) if isinstance(op, Shuffle) else numbers[tuple(map(slice, shape))]
    kept = weights(op, shape, None, seed)
    with np.errstate(all="ignore"):  # the largest of no cells at all is -inf, and no warning
        y = op.forward(x[None], weights=kept)[0]
    case = Case(op, shape, x, kept, y)
    return {
        "title": store.add(headline(op, shape, out)),
        "views": [store.add(view) for view in views(case, store)],
        "formulas": [formula_of(formula, store) for formula in formulas.of(op, shape)],
        "facts": store.add([list(fact) for fact in facts(op, shape)]),
        "notes": [store.add(note) for note in border_notes(op)] if isinstance(op, Conv) else [],
        "torch": [store.add(line) for line in code(op, shape, out)],
        "yaml": store.add(yaml(op)),
        "overlap": overlap_of(case, store),
    }


def formula_of(formula: Formula, store: Store) -> int:
    """What is said of it, its symbols, numbers, result and note: what many have in common is written once."""
    about, symbols, note = (store.add(text) for text in (formula.about, formula.symbols, formula.note))
    return store.add([about, symbols, formula.numbers, formula.result, note])


# -- facts ----------------------------------------------------------------------------------------------
def facts(op: Op, shape: Shape) -> list[tuple[str, str]]:
    """The output, parameters and MACs, and what one output reads of the input, away from the border."""
    found = [("output", words.size(op.shape(shape))), *formulas.facts(op, shape), *field_of(op, shape)]
    if isinstance(op, Conv | WindowPool):
        found.append(("overlap of neighbours", shared(op)))
    return found


def field_of(op: Op, shape: Shape) -> tuple[tuple[str, str], ...]:
    """Receptive field and jump."""
    plain = {**op.fields(), "bias": False} if isinstance(op, Conv | ConvTranspose) else op.fields()
    if not isinstance(op, Conv | WindowPool):
        return asked(build(op.kind, plain, max(len(shape) - 1, 1)), shape)
    # Borders and channels change nothing about the field of a window, nor does the size of the map.
    plain = {name: value for name, value in plain.items() if name in ("kernel_size", "stride", "dilation")}
    if isinstance(op, Conv):
        plain["out_channels"] = 1
    large = tuple(d * (k - 1) + 1 for k, d in zip(op.kernel_size, dilation_of(op), strict=True))
    return asked(build(op.kind, plain, len(shape) - 1), (1, *large))


@cache
def asked(op: Op, shape: Shape) -> tuple[tuple[str, str], ...]:
    """What the library says of a graph of this one op."""
    builder = GraphBuilder(op.kind, {"input": shape})
    builder.add("op", op, ["input"])
    rf = receptive_field(builder.build())["op"]
    if rf is None:
        return ()
    jumps = [str(jump) for jump in rf.jump if jump is not None]
    step = [("jump", jumps[0] if len(set(jumps)) == 1 else " and ".join(jumps))] if jumps else []
    return (("receptive field", words.size(rf.size)), *step)


def dilation_of(op: Conv | WindowPool) -> tuple[int, ...]:
    return tuple(window.dilation for window in op.windows())


def shared(op: Conv | WindowPool) -> str:
    """How many cells two neighbouring windows have in common, along each axis: ``2 of 3``."""
    told: dict[str, None] = {}
    for window in op.windows():
        one, next = (set(window.taps(o).cells) for o in (0, 1))
        told[f"{len(one & next)} of {window.kernel}"] = None
    return " and ".join(told)


# -- overlap --------------------------------------------------------------------------------------------
def overlap_of(case: Case, store: Store) -> int | None:
    """How many products meet each output of a transposed convolution; how many outputs read each input of others."""
    op = case.op
    if isinstance(op, ConvTranspose):
        return store.add(covered(case, op, store))
    if not isinstance(op, Conv | WindowPool):
        return None
    whole = np.ones((), dtype=int)
    for n, m, window in zip(case.shape[1:], case.out[1:], op.windows(), strict=True):
        border = window.border
        cells = [i for o in range(m) for part in inside(window.taps(o).cells, n, border) for i in part]
        whole = np.multiply.outer(whole, np.bincount(cells, minlength=n))
    least, most = int(whole.min()), int(whole.max())
    many = f"{least}" if least == most else f"{least} to {most}"
    about = f"How often each cell of the input is read by all outputs of a filter together: {many} times."
    about = about.replace("1 times", "once") if many == "1" else about
    if isinstance(op, WindowPool):
        about = about.replace("a filter", "its channel")
    return store.add({"role": "input", "about": about, "counts": store.tensor(whole)})


def covered(case: Case, op: ConvTranspose, store: Store) -> Json:
    """How many weights reach every output of a transposed convolution, and by phase away from the border."""
    axes = list(zip(op.windows(), case.out[1:], strict=True))
    stage = stage_of(op)
    whole = coverage_map([axes], case.shape[1:]).full()
    return {
        "role": "output",
        "about": VERDICTS[stage.verdict],
        "counts": store.tensor(whole),
        "phases": [list(map(str, axis)) for axis in stage.overlap],
        "joint": [[list(at), str(value)] for at, value in stage.joints()],
        "cv": None if stage.cv_total is None else words.number(stage.cv_total),
    }


def stage_of(op: ConvTranspose) -> Any:
    return _stage(op.kernel_size, op.stride, op.padding, op.dilation, op.output_padding, op.rank)


@cache
def _stage(kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, more: Shape, rank: int) -> Any:
    return overlap(kernel, stride, padding, dilation, more, rank=rank).coverage


# -- code -----------------------------------------------------------------------------------------------
def code(op: Op, shape: Shape, out: Shape) -> list[str]:
    """The op in PyTorch, line by line, ready to run."""
    made = op.torch(shape)
    lines = ["import torch", "from torch import nn", "import torch.nn.functional as F"]
    lines = lines if "F." in made.call else lines[:2]
    if made.module:
        lines += ["", f"layer = {made.module}"]
    call = made.call.format("x", self="layer")
    size = ", ".join(map(str, (1, *shape)))
    return [*lines, "", f"x = torch.randn({size})", f"y = {call}  # {(1, *out)}"]


def yaml(op: Op) -> str:
    """The op in a model.yaml, with the fields that are not the defaults."""
    fields = ", ".join(f"{name}: {value}" for name, value in changed(op).items())
    return f"- {op.kind}: {{{fields}}}" if fields else f"- {op.kind}"


def changed(op: Op) -> dict[str, str]:
    """The fields that are not the defaults, as one writes them."""
    found = {}
    bare = {name: value for name, value in op.fields().items() if value is not None}
    rank = getattr(op, "rank", 2)
    for name, value in bare.items():
        if same(op.kind, rank, name, value, bare):
            continue
        found[name] = yaml_value(value)
    return found


def same(kind: str, rank: int, name: str, value: Any, bare: Mapping[str, Any]) -> bool:
    """Whether an op is the same where a field is not written."""
    try:
        return build(kind, {k: v for k, v in bare.items() if k != name}, rank).fields()[name] == value
    except ConvvizError:
        return False
