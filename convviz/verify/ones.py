"""Torch functions with all weights one: the cells that a unit reads have a positive gradient, no others have.

Every function that weighs, compares or multiplies is replaced by a sum over the very cells that it reads,
with the user's own arguments. With equal weights all output channels are equal too, so one is computed and
repeated: that is what makes the proof fast. Functions that only move cells run as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

TINY = 1e-12  # what is left of a weight 0 in float64
REPLACED: dict[str, Callable[..., Any]] = {}


class Ones(TorchFunctionMode):
    """Replaces torch functions of tensors that need a gradient by the entries of :data:`REPLACED`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        replacement = REPLACED.get(getattr(func, "__name__", ""))
        if replacement is None or not any(_needs_gradient(a) for a in (*args, *kwargs.values())):
            replacement = func
        with torch.enable_grad():  # whatever the user's code switched off
            return replacement(*args, **kwargs)


def _needs_gradient(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.requires_grad
    return isinstance(value, list | tuple) and any(_needs_gradient(v) for v in value)


def indicator(gradient: Tensor | None) -> Tensor | None:
    """1 where a gradient is positive; a hook, so that products of many layers never overflow.

    There is none where only another piece of the same function's result (a chunk) is asked about.
    """
    if gradient is None:
        return None
    one = gradient[tuple(slice(1 if step == 0 else None) for step in gradient.stride())]  # of equal channels
    return one.sign().expand_as(gradient)  # no weight here is negative


def replaces(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        REPLACED.update(dict.fromkeys(names, function))
        return function

    return enter


def spread(x: Tensor, shape: Sequence[int]) -> Tensor:
    """``x`` repeated to ``shape``, without memory of its own."""
    return x.expand(tuple(shape))


# -- windows ----------------------------------------------------------------------------------------
def convolution(rank: int, transposed: bool) -> Callable[..., Tensor]:
    function = getattr(torch, f"conv{'_transpose' * transposed}{rank}d")

    def run(x: Tensor, weight: Tensor, bias: Any = None, *args: Any, **kwargs: Any) -> Tensor:
        if x.dim() == rank + 1:
            return run(x[None], weight, None, *args, **kwargs)[0]
        groups = kwargs.get("groups", args[3] if len(args) > 3 else 1)
        kernel = x.new_ones((groups, 1, *weight.shape[2:]))
        y = function(_grouped(x, groups).sum(2), kernel, None, *args, **kwargs)
        each = weight.shape[1] if transposed else weight.shape[0] // groups
        return spread(y.unsqueeze(2), (*y.shape[:2], each, *y.shape[2:])).flatten(1, 2)

    return run


def _grouped(x: Tensor, groups: int) -> Tensor:
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])


def max_pool(rank: int, pair: bool) -> Callable[..., Any]:
    real, conv = getattr(torch, f"max_pool{rank}d"), getattr(torch, f"conv{rank}d")

    def run(
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        k, s, p, d = (_each(v, rank) for v in (kernel_size, stride or kernel_size, padding, dilation))
        shape = real(x.detach(), k, s, p, d, ceil_mode).shape
        # The sum over each window, with zeros behind the map for an output that ceil_mode adds.
        ends = [(before, before + si + di * ki) for before, si, di, ki in zip(p, s, d, k)]
        flat = F.pad(x.reshape(-1, 1, *x.shape[-rank:]), [n for pair in reversed(ends) for n in pair])
        y = conv(flat, flat.new_ones((1, 1, *k)), None, s, 0, d)
        y = y[(..., *(slice(n) for n in shape[-rank:]))].reshape(shape)
        return (y, torch.zeros_like(y, dtype=torch.long)) if pair or return_indices else y

    return run


def _each(value: Any, rank: int) -> list[int]:
    values = list(value) if isinstance(value, list | tuple | torch.Size) else [value]
    return values * rank if len(values) == 1 else values


def lp_pool(rank: int) -> Callable[..., Tensor]:
    average = getattr(F, f"avg_pool{rank}d")

    def run(
        x: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> Tensor:
        return average(x, kernel_size, stride, 0, ceil_mode)  # type: ignore[no-any-return]

    return run


def adaptive_max_pool(rank: int, pair: bool) -> Callable[..., Any]:
    average = getattr(F, f"adaptive_avg_pool{rank}d")

    def run(x: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        y = average(x, output_size)
        return (y, torch.zeros_like(y, dtype=torch.long)) if pair or return_indices else y

    return run


for _rank in (1, 2, 3):
    replaces(f"conv{_rank}d")(convolution(_rank, False))
    replaces(f"conv_transpose{_rank}d")(convolution(_rank, True))
    replaces(f"lp_pool{_rank}d")(lp_pool(_rank))
    for _end, _pair in (("", False), ("_with_indices", True)):
        replaces(f"max_pool{_rank}d{_end}")(max_pool(_rank, _pair))
        replaces(f"adaptive_max_pool{_rank}d{_end}")(adaptive_max_pool(_rank, _pair))


@replaces("interpolate")
def interpolate(
    x: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *args: Any, **kwargs: Any
) -> Tensor:
    """In float64, where a weight that should be 0 is below 1e-12; a cubic's negative weights count, too."""

    def resize(t: Tensor) -> Tensor:
        return F.interpolate(t, size, scale_factor, mode, *args, **kwargs)

    wide = x.double()
    if mode != "bicubic":
        wide.register_hook(lambda g: (g > TINY).double())
        return resize(wide).to(x.dtype)
    for axis in (2, 3):
        n = wide.shape[axis]
        # One image for each cell of the axis, lit along the other: column i of this axis's matrix.
        lit = torch.eye(n, dtype=torch.float64).reshape(n, 1, *((n, 1) if axis == 2 else (1, n)))
        other = x.shape[5 - axis]
        probe = resize(lit.expand(n, 1, *((n, other) if axis == 2 else (other, n))))
        matrix = (probe.select(5 - axis, 0)[:, 0].abs() > TINY).double()
        wide = (wide.movedim(axis, -1) @ matrix).movedim(-1, axis)
    return wide.to(x.dtype)


# -- products and attention -------------------------------------------------------------------------
@replaces("linear")
def linear(x: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    return spread(x.sum(-1, keepdim=True), (*x.shape[:-1], weight.shape[0]))


@replaces("matmul", "bmm", "mm", "__matmul__")
def matmul(a: Tensor, b: Tensor) -> Tensor:
    shape = (*torch.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return spread(a.sum(-1, keepdim=True) + b.sum(-2, keepdim=True), shape)


@replaces("__rmatmul__")
def rmatmul(b: Tensor, a: Tensor) -> Tensor:
    return matmul(a, b)


@replaces("addmm")
def addmm(bias: Tensor, a: Tensor, b: Tensor, **kwargs: Any) -> Tensor:
    return matmul(a, b)


@replaces("baddbmm")
def baddbmm(x: Tensor, a: Tensor, b: Tensor, **kwargs: Any) -> Tensor:
    return x + matmul(a, b)


@replaces("einsum")
def einsum(equation: str, *operands: Any) -> Tensor:
    """A product reads each of its operands: with ones for all others, their sum does."""
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    total = 0.0
    for x in tensors:
        total = total + torch.einsum(equation, *(x if y is x else torch.ones_like(y) for y in tensors))
    return total


@replaces("scaled_dot_product_attention")
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **kwargs: Any,
) -> Tensor:
    """Row l reads query l, and all keys and values; a causal one those up to l."""
    reach = query.new_ones((query.shape[-2], key.shape[-2]))
    reach = reach.tril() if is_causal else reach
    y = query.sum(-1, keepdim=True) + reach @ key.sum(-1, keepdim=True) + reach @ value
    return y if attn_mask is None or not attn_mask.requires_grad else y + attn_mask.sum(-1, keepdim=True)


@replaces("multi_head_attention_forward")
def multi_head_attention(
    query: Tensor, key: Tensor, value: Tensor, *args: Any, need_weights: bool = True, **kwargs: Any
) -> Any:
    """As above, with every feature mixed; time is the first axis, the batch the second of three."""
    y = query.sum(-1, keepdim=True) + (key.sum(-1, keepdim=True) + value.sum(-1, keepdim=True)).sum(
        0, keepdim=True
    )
    lead = (query.shape[1],) if query.dim() == 3 else ()
    return spread(y, query.shape), query.new_zeros(
        (*lead, query.shape[0], key.shape[0])
    ) if need_weights else None


def recurrent(states: int) -> Callable[..., Any]:
    def run(
        x: Tensor,
        hx: Any,
        params: Any,
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool = False,
    ) -> Any:
        """Every step counts as reading all steps."""
        time = 1 if batch_first else 0
        total = x.sum((time, -1), keepdim=True)
        ends, width = 1 + bidirectional, params[1].shape[-1]
        last = total.transpose(0, time)
        return (
            spread(total, (*x.shape[:-1], width * ends)),
            *(spread(last, (num_layers * ends, last.shape[1], width)) for _ in range(states)),
        )

    return run


replaces("lstm")(recurrent(2))
replaces("gru")(recurrent(1))


@replaces("detach", "detach_")
def detach(x: Tensor) -> Tensor:
    """Stopping the gradient changes the training, not what is read."""
    return x.view_as(x)


# -- over axes --------------------------------------------------------------------------------------
@replaces("glu")
def glu(x: Tensor, dim: int = -1) -> Tensor:
    a, b = x.chunk(2, dim)
    return a + b


def _sum(x: Tensor, dim: Any, keepdim: bool) -> Tensor:
    return x.sum(tuple(range(x.dim())) if dim is None or dim in ((), []) else dim, keepdim=keepdim)


@replaces("amax", "amin")
def extreme(x: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    return _sum(x, dim, keepdim)


@replaces("max", "min")
def extreme_and_place(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    if isinstance(dim, Tensor):
        return x + dim
    y = _sum(x, dim, keepdim)
    return y if dim is None else torch.return_types.max((y, torch.zeros_like(y, dtype=torch.long)))


@replaces("var", "std")
def deviation(
    x: Tensor, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
) -> Tensor:
    return _sum(x, None if isinstance(dim, bool) else dim, keepdim)


@replaces("norm", "linalg_vector_norm")
def norm(x: Tensor, p: Any = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    return _sum(x, dim, keepdim)
