"""Several nets of one kind side by side in one module: every layer works on all of them at once.

A map of S nets has S times the channels, net by net. Convolutions then have S times the groups, batch norm S times the
channels, group norm S times the groups, and what works on each cell or each channel by itself stays as it is. Weights
are those of the single nets, one below the other along their first axis, under the same names. So one optimizer whose
arithmetic is cell by cell trains S nets, each as it would be trained alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from convviz.errors import ConvvizError
from convviz.export import attributes, expressions, identifiers
from convviz.graph import Graph, Node

Call = Callable[..., torch.Tensor]
# What treats every cell, or every channel, by itself: it may see the channels of all nets at once.
JOINS = {"add", "sub", "mul", "div", "maximum", "minimum"}
BY_CHANNEL = {
    "identity", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "hardswish",
    "hardsigmoid", "hardtanh", "hardshrink", "softshrink", "tanhshrink", "sigmoid", "tanh", "softplus", "softsign",
    "logsigmoid", "threshold", "exp", "log", "abs", "neg", "sqrt", "rsqrt", "square", "reciprocal", "pow", "sin",
    "cos", "sign", "erf", "floor", "ceil", "round", "clamp", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "alpha_dropout", "max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool",
    "upsample",
}  # fmt: skip
WIDENED = ("in_channels", "out_channels", "groups", "num_features", "num_groups", "num_channels")
# Their weights are read through a list that does not notice when others are put in.
REFUSED = {"lstm", "gru"}
GROUPED = {"conv", "conv_transpose", "batch_norm", "ghost_batch_norm", "instance_norm", "group_norm"}


class Beside(nn.Module):
    """S nets of one graph: (N, S * C, *space) in, (N, S * classes) out, net by net.

    modules: what ``build_module(graph)`` gave for each net; their state dicts and this one's have the same names, and
    :func:`joined` and :func:`parted` turn values of one into those of the other.
    Raises ConvvizError for a net with a constant of its own or a recurrent layer.

    >>> from convviz import read
    >>> from convviz.build import build_module
    >>> net = Beside(graph := read("tiny"), [build_module(graph)[0] for _ in range(3)])
    >>> net.eval()(torch.zeros(2, 3, 28, 28)).shape
    torch.Size([2, 30])
    """

    def __init__(self, graph: Graph, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.count = len(modules)
        owners = attributes(graph)
        codes = {node.name: node.op.torch(*node.ins) for node in graph}
        calls = expressions(graph, codes, identifiers(graph, codes.values()))
        self._steps: list[tuple[str, Call, tuple[str, ...]]] = []
        (self._input,), (self._output,) = graph.inputs, graph.outputs
        made: set[str] = set()
        tied: dict[int, torch.Tensor] = {}
        for node in graph:
            if not node.inputs or node.op.kind in REFUSED:
                raise ConvvizError(
                    f"{node.op.kind} cannot be trained side by side", f"{graph.name}: {node.name}"
                )
            attribute = owners.get(node.name)
            if attribute is not None and attribute not in made:
                made.add(attribute)
                each = [getattr(module, attribute) for module in modules]
                self.add_module(attribute, self._layer(node, _stacked(each, tied)))
            places = [f"_{i}" for i in range(len(node.inputs))]
            call = _compiled(calls[node.name].format(*places), places)
            layer = getattr(self, attribute) if attribute is not None else None
            if isinstance(layer, OneByOne):
                call = _one_by_one(call, layer)
            elif not _together(node):
                call = _folded(call, self.count)
            self._steps.append((node.name, call, node.inputs))

    def _layer(self, node: Node, layer: nn.Module) -> nn.Module:
        """A layer for all nets, from one net's layer that has the weights of all."""
        if node.op.kind in GROUPED:
            for name in WIDENED:
                if hasattr(layer, name):
                    setattr(layer, name, getattr(layer, name) * self.count)
            return layer
        if _together(node) and node.op.kind == "linear":
            return Linears(layer, self.count)
        if _together(node) and node.op.kind == "layer_norm":
            return LayerNorms(layer, self.count)
        return OneByOne(layer, self.count) if list(layer.parameters()) else layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = {self._input: x}
        for name, call, inputs in self._steps:
            values[name] = call(self, *(values[source] for source in inputs))
        return values[self._output]


def _together(node: Node) -> bool:
    """Whether a node takes maps with the channels of all nets; the others see one net's at a time."""
    kind, ins = node.op.kind, node.ins
    if kind in JOINS:
        return all(len(shape) == len(ins[0]) and shape[:1] == ins[0][:1] for shape in ins)
    if kind == "flatten":
        return node.out == (prod(ins[0]),)
    if kind == "linear":
        return len(ins[0]) == 1
    if kind == "layer_norm":
        return node.op.normalized_shape(ins[0]) == ins[0]  # type: ignore[attr-defined, no-any-return]
    return kind in GROUPED or kind in BY_CHANNEL


def _stacked(each: Sequence[nn.Module], tied: dict[int, torch.Tensor]) -> nn.Module:
    """A copy of the first layer with the weights of all; ``tied`` knows those that other layers have already."""
    layer = copy.deepcopy(each[0])
    inner = [dict(module.named_modules()) for module in each]
    for path, module in layer.named_modules():
        kept: Any
        for kept in (module._parameters, module._buffers):
            for name, value in kept.items():
                if value is None or value.ndim == 0:  # how many batches were tracked is the same for all
                    continue
                parts = [getattr(own[path], name).detach() for own in inner]
                first = id(getattr(inner[0][path], name))
                if first not in tied:
                    whole = torch.cat(parts)
                    tied[first] = (
                        nn.Parameter(whole, value.requires_grad) if kept is module._parameters else whole
                    )
                kept[name] = tied[first]
    return layer


def _folded(call: Call, count: int) -> Call:
    """What works on one net's channels, on all nets: they become more samples for it."""

    def folded(net: Beside, *xs: torch.Tensor) -> torch.Tensor:
        out = call(net, *(x.unflatten(1, (count, -1)).flatten(0, 1) for x in xs))
        return out.unflatten(0, (-1, count)).flatten(1, 2)

    return folded


def _one_by_one(call: Call, layer: OneByOne) -> Call:
    def one_by_one(net: Beside, *xs: torch.Tensor) -> torch.Tensor:
        parts, outs = [x.chunk(layer.count, 1) for x in xs], []
        for s in range(layer.count):
            layer.at = s
            outs.append(call(net, *(part[s] for part in parts)))
        return torch.cat(outs, 1)

    return one_by_one


class Linears(nn.Module):
    """S linear layers on (N, S * in): one product of matrices for each."""

    def __init__(self, layer: nn.Module, count: int) -> None:
        super().__init__()
        self.count = count
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight.unflatten(0, (self.count, -1))  # type: ignore[operator]
        out = torch.einsum("nsi,soi->nso", x.unflatten(1, (self.count, -1)), weight).flatten(1)
        return out if self.bias is None else out + self.bias


class LayerNorms(nn.Module):
    """S layer norms over all of a sample: a group norm of S groups, then weights for every cell."""

    def __init__(self, layer: nn.Module, count: int) -> None:
        super().__init__()
        self.count, self.eps = count, layer.eps
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = F.group_norm(x, self.count, eps=self.eps)  # type: ignore[arg-type]
        if self.weight is not None:
            out = out * self.weight
        return out if self.bias is None else out + self.bias


class OneByOne(nn.Module):
    """A layer that has no form for many nets at once: it has the weights of net ``at`` when it is called."""

    def __init__(self, layer: nn.Module, count: int) -> None:
        super().__init__()
        self.count, self.at = count, 0
        # Hidden from the list of children: the weights are this module's own, under the layer's names.
        object.__setattr__(self, "_layer", layer)
        for name, module in layer.named_children():
            self.add_module(name, module)
        for name, value in layer._parameters.items():
            self.register_parameter(name, value)
        for name, buffer in layer._buffers.items():
            self.register_buffer(name, buffer)

    def forward(self, *args: Any, **given: Any) -> Any:
        kept = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        own = {
            name: value.chunk(self.count)[self.at] if value.ndim else value for name, value in kept.items()
        }
        layer: Any = self._layer
        return functional_call(layer.train(self.training), own, args, given)


def _compiled(expression: str, places: Sequence[str]) -> Call:
    """A line of the exported source as a function of the module and the line's inputs."""
    return eval(f"lambda self, {', '.join(places)}: {expression}", {"torch": torch, "nn": nn, "F": F})  # type: ignore[no-any-return]


def joined(values: Sequence[torch.Tensor]) -> torch.Tensor:
    """A tensor of each net as one of all: below each other; what has no axes is the same for all."""
    return torch.cat(list(values)) if values[0].ndim else values[0].clone()


def parted(value: torch.Tensor, count: int) -> list[torch.Tensor]:
    """The other way round."""
    return [part.clone() for part in (value.chunk(count) if value.ndim else (value,) * count)]
