"""The ops of a plan in PyTorch, ready to run, and in a model.yaml."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from convviz.errors import ConvvizError
from convviz.explorer.setting import changed
from convviz.ops.base import Op, Shape
from convviz.plan.model import Plan

NAMES = "abcdefgh"  # of several inputs


def code_of(plan: Plan) -> tuple[str, str]:
    """The stages of a plan in PyTorch and in YAML; empty for a plan that names none.

    >>> from convviz.plan import plan
    >>> print(*code_of(plan("add")), sep="\\n")
    import torch
    <BLANKLINE>
    a = torch.randn(1, 2, 3, 3)
    b = torch.randn(1, 2, 3, 3)
    y = a + b  # (1, 2, 3, 3)
    - add:
      from: [a, b]
    """
    return of_ops([(stage.op, stage.ins, stage.out) for stage in plan.stages])


def of_ops(ops: Sequence[tuple[Op, Sequence[Shape], Shape]]) -> tuple[str, str]:
    """Ops one behind the other; all but the first take what the one before gives."""
    if not ops:
        return "", ""
    first = ops[0][1]
    names = ["x"] if len(first) == 1 else inputs_of(len(first))
    try:
        torch = in_torch(ops, names)
    except ConvvizError:
        torch = ""  # PyTorch has no such op
    yaml = "\n".join(in_yaml(op) for op, _, _ in ops)
    if len(names) > 1:
        yaml += ("" if yaml.endswith("}") else ":") + f"\n  from: [{', '.join(names)}]"
    return torch, yaml


def inputs_of(count: int) -> list[str]:
    """Names of so many inputs."""
    return list(NAMES[:count]) if count <= len(NAMES) else [f"x{i}" for i in range(count)]


def in_torch(ops: Sequence[tuple[Op, Sequence[Shape], Shape]], names: Sequence[str]) -> str:
    layers, calls, given = [], [], list(names)
    for i, (op, ins, out) in enumerate(ops):
        made = op.torch(*ins)
        layer = "layer" if len(ops) == 1 else f"layer{i + 1}"
        layers += [f"{layer} = {made.module}"] if made.module else []
        calls.append(f"y = {made.call.format(*given, self=layer)}  # {(1, *out)}")
        given = ["y"]
    inputs = [
        f"{name} = torch.randn({', '.join(map(str, (1, *shape)))})"
        for name, shape in zip(names, ops[0][1], strict=True)
    ]
    body = [*layers, *([""] if layers else []), *inputs, *calls]
    uses = {"from torch import nn": "nn.", "import torch.nn.functional as F": "F."}
    imports = [line for line, used in uses.items() if any(used in part for part in body)]
    return "\n".join(["import torch", *imports, "", *body])


def in_yaml(op: Op) -> str:
    """``- softmax``, ``- linear: {out_features: 3}``"""
    fields = {name: quoted(value) for name, value in changed(op).items()}
    if not fields:
        return f"- {op.kind}"
    return f"- {op.kind}: {{{', '.join(f'{name}: {value}' for name, value in fields.items())}}}"


def quoted(value: Any) -> str:
    """A text with signs that YAML would take for its own stands in quotes."""
    text = str(value)
    return json.dumps(text) if any(sign in text for sign in ",>") and not text.startswith("[") else text
