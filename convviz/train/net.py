"""From a recipe to the net that it trains, checked against its data set."""

from __future__ import annotations

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
            f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; training needs one of each", graph.name
        )
    (shape,) = graph.inputs.values()
    if tuple(shape) != tuple(data.shape):
        raise ConvvizError(f"takes {show(shape)}, but the images of {data.name} are {show(data.shape)}", graph.name)
    out, classes = graph.shape(graph.outputs[0]), len(data.classes)
    if out[:1] != (classes,) or any(n != 1 for n in out[1:]):
        raise ConvvizError(
            f"gives {show(out)}, but {data.name} has {classes} classes: the last layer must give {classes}", graph.name
        )


def built(graph: Graph, seed: int) -> nn.Module:
    """The module with first weights drawn by ``seed``; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "weights"))
        module, _ = build_module(graph)
    return module.train()


def gives_probabilities(graph: Graph) -> bool:
    """Whether the last layer is a softmax, whose logarithm the loss then takes."""
    return graph[graph.outputs[0]].op.kind == "softmax"
