"""Readers of linear layers, norms and softmax."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from convviz.read.torch_batch import Ints, folded, numbered, one, single, without
from convviz.read.torch_call import Call, Weight, marked, operation
from convviz.read.torch_table import Reader, reads


@reads("linear")
def linear(call: Call, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    if not marked((input,)) or marked((weight, bias)):
        raise call.refuse("uses weights that are computed from the input, which cannot be read")
    batch = without(call.batch(input), (-1,), input.dim())
    op = operation("linear", out_features=weight.shape[0], bias=bias is not None)
    return one(call, op, input, batch, Weight("weight", weight), Weight("bias", bias))


@reads("batch_norm")
def batch_norm(
    call: Call,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
    cudnn: bool = True,
) -> Any:
    tracked = running_mean is not None and not training
    op = operation(
        "batch_norm", eps=eps, momentum=momentum, affine=weight is not None, track_running_stats=tracked
    )
    weights = [Weight("weight", weight), Weight("bias", bias)]
    if input.dim() > 2 and input.shape[0] != 1 and tracked:
        # several samples made of one: they go behind the channels for a moment
        order = (2, 1, *range(3, input.dim() + 1))
        first = call.inner(operation("permute", dims=order), [call.key(input, None)])
        normed = call.inner(op, [first], weights)
        return call.node(operation("permute", dims=order), [input], [normed], None)
    batch = folded(call, input)
    return one(call, op, input, batch, *weights)


@reads("instance_norm")
def instance_norm(
    call: Call,
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn: bool = True,
) -> Any:
    tracked = running_mean is not None and not use_input_stats
    op = operation(
        "instance_norm", eps=eps, momentum=momentum, affine=weight is not None, track_running_stats=tracked
    )
    batch = folded(call, input)
    return one(call, op, input, batch, Weight("weight", weight), Weight("bias", bias))


@reads("group_norm")
def group_norm(
    call: Call,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn: bool = True,
) -> Any:
    op = operation("group_norm", num_groups=num_groups, eps=eps, affine=weight is not None)
    batch = folded(call, input)
    return one(call, op, input, batch, Weight("weight", weight), Weight("bias", bias))


@reads("layer_norm")
def layer_norm(
    call: Call,
    input: Tensor,
    normalized_shape: Ints,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn: bool = True,
) -> Any:
    dims = len(normalized_shape)
    op = operation(
        "layer_norm",
        eps=eps,
        elementwise_affine=weight is not None,
        bias=bias is not None,
        normalized_dims=dims,
    )
    batch = without(call.batch(input), [-i - 1 for i in range(dims)], input.dim())
    return one(call, op, input, batch, Weight("weight", weight), Weight("bias", bias))


@reads("rms_norm")
def rms_norm(
    call: Call, input: Tensor, normalized_shape: Ints, weight: Tensor | None = None, eps: float | None = None
) -> Any:
    dims = len(normalized_shape)
    op = operation("rms_norm", eps=eps, elementwise_affine=weight is not None, normalized_dims=dims)
    batch = without(call.batch(input), [-i - 1 for i in range(dims)], input.dim())
    return one(call, op, input, batch, Weight("weight", weight))


@reads("local_response_norm")
def local_response_norm(
    call: Call, input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    batch = folded(call, input)
    return one(call, operation("local_response_norm", size=size, alpha=alpha, beta=beta, k=k), input, batch)


def softmax(kind: str) -> Reader:
    def read(call: Call, input: Tensor, dim: int | None = None, *rest: Any, **more: Any) -> Any:
        if dim is None:  # torch's choice where the user leaves it out
            dim = 0 if input.dim() in (0, 1, 3) else 1
        batch = without(call.batch(input), (dim,), input.dim())
        return single(call, kind, input, (dim,), dim=numbered(dim, batch, input.dim()))

    return read


for _kind in ("softmax", "log_softmax", "softmin"):
    reads(_kind)(softmax(_kind))


@reads("normalize")
def normalize(
    call: Call, input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: None = None
) -> Any:
    batch = without(call.batch(input), (dim,), input.dim())
    return single(call, "normalize", input, (dim,), p=p, dim=numbered(dim, batch, input.dim()), eps=eps)
