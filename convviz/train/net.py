"""From a recipe to the net that it trains, checked against its data set."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import torch
from torch import nn

from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import show
from convviz.read import read
from convviz.runs.recipe import Recipe
from convviz.runs.variants import varied
from convviz.train.dataset import Data
from convviz.train.seeds import seed_for

SHAPES = ("flatten", "reshape", "identity")  # ops behind a softmax that leave its numbers as they are


def graph_of(recipe: Recipe, data: Data | None = None, source: str | None = None) -> Graph:
    """The net with the recipe's norm and dropout; ``source`` is read instead of the recipe's net (a kept copy).

    With ``data``, raises ConvvizError unless its images go in and a score for each of its classes comes out.
    """
    graph = varied(read(source or recipe.net), recipe.norm, recipe.dropout)
    if data is not None:
        check_fit(graph, data)
    return graph


def check_fit(graph: Graph, data: Data) -> None:
    """Raises ConvvizError where the net is not one that sorts these images into their classes."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConvvizError(
            f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; training needs one of each",
            graph.name,
        )
    if not graph.params:
        raise ConvvizError("has no weights to train", graph.name)
    (shape,) = graph.inputs.values()
    if tuple(shape) != tuple(data.shape):
        raise ConvvizError(
            f"takes {show(shape)}, but the images of {data.name} are {show(data.shape)}", graph.name
        )
    out, classes = graph.shape(graph.outputs[0]), len(data.classes)
    if out[:1] != (classes,) or any(n != 1 for n in out[1:]):
        raise ConvvizError(
            f"gives {show(out)}, but {data.name} has {classes} classes: the last layer must give {classes}",
            graph.name,
        )


def check_batches(graph: Graph, sizes: Iterable[int]) -> None:
    """Raises ConvvizError where a norm would get a single value for each channel in a batch of these sizes."""
    for node in graph:
        if node.op.kind not in ("batch_norm", "ghost_batch_norm", "instance_norm"):
            continue
        splits = getattr(node.op, "num_splits", 1)
        for size in sizes:
            images = 1 if node.op.kind == "instance_norm" else max(1, size // splits)
            if images * prod(node.ins[0][1:]) == 1:
                at_once = f"a batch of {size:,}" + (f" in {splits:,} splits" if splits > 1 else "")
                raise ConvvizError(
                    f"{node.name} ({node.op.kind}) would normalize a single value for each channel in {at_once}, "
                    "which leaves nothing; another batch_size or norm is needed",
                    graph.name,
                )


def built(graph: Graph, seed: int) -> nn.Module:
    """The module with first weights drawn by ``seed``; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "weights"))
        module, _ = build_module(graph)
    return module.train()


def gives_probabilities(graph: Graph) -> bool:
    """Whether the last layer, but for its shape, is a softmax, whose logarithm the loss then takes."""
    last = graph[graph.outputs[0]]
    while last.op.kind in SHAPES and last.inputs[0] in graph.by_name:
        last = graph[last.inputs[0]]
    return last.op.kind == "softmax"
