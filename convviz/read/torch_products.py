"""Readers of products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from convviz.read.torch_batch import align, one, without
from convviz.read.torch_call import Call, Weight, marked, operation
from convviz.read.torch_table import reads


@reads("matmul", "bmm", "mm", "__matmul__", "__rmatmul__")
def matmul(call: Call, input: Tensor, other: Tensor) -> Any:
    if call.func.__name__ == "__rmatmul__":
        input, other = other, input
    if other.dim() == 2 and marked((input,)) and not marked((other,)):
        return times_constant(call, input, other, None)
    if min(input.dim(), other.dim()) < 2:
        raise call.refuse("of a vector cannot be read")
    keys, batch = align(call, (input, other), keep=2)
    return call.node(operation("matmul"), [input, other], keys, batch)


@reads("addmm")
def addmm(
    call: Call, bias: Tensor, input: Tensor, weight: Tensor, *, beta: float = 1, alpha: float = 1
) -> Any:
    if (beta, alpha) != (1, 1) or not marked((input,)) or marked((bias, weight)) or bias.dim() != 1:
        raise call.refuse("cannot be read but as a linear layer")
    return times_constant(call, input, weight, bias)


def times_constant(call: Call, input: Tensor, matrix: Tensor, bias: Tensor | None) -> Any:
    """``input @ matrix`` is a linear layer with the matrix transposed."""
    batch = without(call.batch(input), (-1,), input.dim())
    op = operation("linear", out_features=matrix.shape[1], bias=bias is not None)
    weights = [Weight("weight", matrix, tuple(reversed(matrix.shape))), Weight("bias", bias)]
    return one(call, op, input, batch, *weights)


@reads("baddbmm")
def baddbmm(
    call: Call, input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Any:
    if (beta, alpha) != (1, 1):
        raise call.refuse("with beta or alpha cannot be read")
    product = call.inner(operation("matmul"), [call.key(batch1, None), call.key(batch2, None)])
    return call.node(operation("add"), [input, batch1, batch2], [call.key(input, None), product], None)


@reads("einsum")
def einsum(call: Call, equation: str, *operands: Any) -> Any:
    tensors = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], list | tuple) else list(operands)
    )
    if len(tensors) > 2:
        raise call.refuse("with more than two operands cannot be read")
    terms, right = letters(equation, tensors)
    batched = {c for t, term in zip(tensors, terms) if (b := call.batch(t)) is not None for c in term[b]}
    batched &= {right[i] for i in range(len(right))}
    batch = min(batched, default="")
    keys, ours = [], []
    for t, term in zip(tensors, terms):
        at = term.find(batch) if batch else -1
        keys.append(call.key(t, at if at >= 0 else None))
        ours.append(("Z" if marked((t,)) else "") + (term.replace(batch, "") if batch else term))
    left = ",".join(ours)
    op = operation("einsum", equation=f"{left}->Z{right.replace(batch, '') if batch else right}")
    return call.node(op, tensors, keys, right.find(batch) if batch else None)


def letters(equation: str, tensors: Sequence[Tensor]) -> tuple[list[str], str]:
    """The terms and the result of an equation, its ellipsis written out and an unsaid result said."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    free = [c for c in "NOPQRSTUVWXYABCDEFGHIJKLM" if c not in equation]
    width = max((t.dim() - len(term) + 3 for t, term in zip(tensors, terms) if "..." in term), default=0)
    if not arrow:
        used = left.replace(",", "").replace(".", "")
        right = ("..." if width else "") + "".join(sorted(c for c in set(used) if used.count(c) == 1))
    spread = "".join(free[:width])
    terms = [
        term.replace("...", spread[width - (t.dim() - len(term) + 3) :]) if "..." in term else term
        for t, term in zip(tensors, terms)
    ]
    return terms, right.replace("...", spread)
