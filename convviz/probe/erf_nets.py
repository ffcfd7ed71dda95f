"""Where a gradient is taken: a module made anew for each seed, and the output of one of its layers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.export import attributes
from convviz.graph import Graph, Node
from convviz.ops.activation import Function, Prelu
from convviz.ops.base import Op, build
from convviz.read import bundled
from convviz.read.torch_call import Step
from convviz.read.torch_inputs import bind, filled
from convviz.read.torch_module import load_module, trace_values, unwrapped
from convviz.read.torch_source import find, load_weights, parse_source

LARGE = 1 << 30  # numbers that a net may hold, weights and activations together


def make_net(
    source: str | Path | Graph | nn.Module,
    graph: Graph,
    layer: str,
    activation: str,
    input: Any,
    treat: Mapping[str, str] | None,
) -> Built | Own:
    """What runs ``layer`` of ``graph``: the user's own module, or one built from the graph."""
    text = str(source) if isinstance(source, str | Path) else ""
    torch_source = bool(text) and bundled.path(text) is None and not Path(text).exists()
    nodes = before(graph, layer)
    held = sum(prod(node.out) + node.params for node in nodes)
    if held > LARGE:
        raise ConvvizError(
            f"{graph.name} holds {held:.3g} numbers up to {layer}, too many to run; --paths needs none"
        )
    if torch_source or isinstance(source, nn.Module):
        return Own(source, graph, nodes, layer, activation, input, treat)  # type: ignore[arg-type]
    return Built(graph, nodes, layer, activation)


def before(graph: Graph, layer: str) -> tuple[Node, ...]:
    """``layer`` and all that it is computed from, in order."""
    need = {layer}
    nodes = []
    for node in reversed(graph.nodes):
        if node.name in need:
            nodes.append(node)
            need.update(node.inputs)
            if node.shares:
                need.add(node.shares)
    return tuple(reversed(nodes))


def is_activation(op: Op) -> bool:
    """Whether an op is what torch calls an activation: ReLU and its like, not an exponential in a formula."""
    return isinstance(op, Prelu) or (isinstance(op, Function) and op.source.startswith("nn."))


class Built:
    """A net of a file, built up to the layer; its forward takes batches, on any device."""

    batches, traced, has_weights = True, False, False

    def __init__(self, graph: Graph, nodes: tuple[Node, ...], layer: str, activation: str) -> None:
        self.graph, self.nodes = graph, nodes
        if activation == "linear":
            nodes = tuple(
                replace(node, op=build("identity", {}, max(1, len(node.out) - 1)))
                if is_activation(node.op)
                else node
                for node in nodes
            )
        self.part = Graph(graph.name, graph.inputs, nodes, (layer,))

    def module(self, weights: str | Path | None) -> nn.Module:
        module, names = build_module(self.part)
        if weights is not None:
            full, theirs = build_module(self.graph)[0], attributes(self.graph)
            state = load_weights(weights, full)
            for node, name in names.items():
                own, prefix = getattr(module, name), f"{theirs[node]}."
                own.load_state_dict(
                    {key: state[prefix + key] for key in own.state_dict() if prefix + key in state}
                )
        return module

    def forward(self, module: nn.Module, values: dict[str, Tensor], mode: str) -> Tensor:
        y = module(*values.values())
        assert isinstance(y, Tensor)
        return y


class Own:
    """The user's module. A layer that is the output of one of its modules is caught there; others are traced."""

    batches = False

    def __init__(
        self,
        source: str | nn.Module,
        graph: Graph,
        nodes: tuple[Node, ...],
        layer: str,
        activation: str,
        input: Any,
        treat: Mapping[str, str] | None,
    ) -> None:
        self.graph, self.nodes, self.layer, self.linear = graph, nodes, layer, activation == "linear"
        self.source, self.input, self.treat = source, input, treat
        found = source if isinstance(source, nn.Module) else find(parse_source(source))
        self.has_weights = isinstance(found, nn.Module)
        # The layer's tensor is its module's output where nothing else is computed in that module, nor it twice.
        inner = (f"{layer}.", f"{layer}_")
        self.traced = self.linear or any(node.name.startswith(inner) for node in graph)

    def module(self, weights: str | Path | None) -> nn.Module:
        module = unwrapped(load_module(self.source, weights))
        if self.has_weights:  # somebody else's, who wants them back as they are
            module = copy.deepcopy(module)
        self.traced = self.traced or self.layer not in dict(module.named_modules())
        return module

    def forward(self, module: nn.Module, values: dict[str, Tensor], mode: str) -> Tensor:
        if not self.traced:
            y = self.caught(module, values)
            if y is not None:
                return y
        if mode == "train":
            raise ConvvizError(
                f"{self.layer} is computed within forward, where only --mode eval can follow it; "
                "name a layer that is a module"
            )
        inputs = {name: x.cpu() for name, x in values.items()}
        found = trace_values(
            module,
            self.graph,
            inputs,
            self.on_node if self.linear else None,
            self.treat,
            self.input,
            {self.layer},
        )
        if self.layer not in found:
            raise ConvvizError(
                f"{self.layer} has no tensor of its own within its torch function; name another layer"
            )
        return found[self.layer]

    def caught(self, module: nn.Module, values: dict[str, Tensor]) -> Tensor | None:
        """The output of the layer's module; None where it is not what the graph has under that name."""
        outputs: list[Any] = []

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            outputs.append(
                output.clone() if isinstance(output, Tensor) else None
            )  # what follows may overwrite it

        shapes = dict(self.graph.inputs) if len(values) > 1 else next(iter(self.graph.inputs.values()))
        args, kwargs = bind(module, shapes if self.input is None else self.input)

        def tensor(name: str, shape: Any) -> Tensor:
            return values[name]

        handle = module.get_submodule(self.layer).register_forward_hook(keep)
        try:
            module(*filled(args, "", tensor), **filled(kwargs, "", tensor))
        finally:
            handle.remove()
        count = next(iter(values.values())).shape[0]
        fits = len(outputs) == 1 and outputs[0] is not None
        return outputs[0] if fits and outputs[0].numel() == count * prod(self.graph[self.layer].out) else None

    @staticmethod
    def on_node(step: Step) -> Tensor | None:
        return step.inputs[0].clone() if is_activation(step.op) else None
