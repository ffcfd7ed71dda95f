"""What a trained net looks at: Grad-CAM, its first kernels and its feature maps, taken from a run's final model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import nn

from convviz.analysis.looks import Cam, Depth, Heat, Kernels, Looks, grad_cam, on_image, strongest
from convviz.analysis.receptive_field import receptive_field
from convviz.analysis.results import ReceptiveField
from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.export import attributes
from convviz.graph import Graph, Node
from convviz.ops.activation import Function, Prelu
from convviz.ops.base import Array, show
from convviz.ops.norm import Norm
from convviz.runs.run import MODEL, Run
from convviz.runs.variants import DROPOUTS
from convviz.train.dataset import Data
from convviz.train.images import splits
from convviz.train.net import graph_of

SPACE = 4  # units along a side that a map needs to say where
DEPTHS = 4  # layers whose maps are shown
CHANNELS = 4  # maps of each
SHOWN = 3  # images whose maps are shown
AT_ONCE = 100  # images in a pass
UNSEEN = (*DROPOUTS, "identity")  # they change nothing when a net is tested


def look(
    run: Run,
    data: Data,
    images: Sequence[int],
    *,
    layer: str | None = None,
    shown: Sequence[int] | None = None,
) -> Looks:
    """Grad-CAM of test images by index, the first kernels, and feature maps of the images in ``shown``.

    layer: of Grad-CAM; by default the last whose map has 4x4 units. shown: by default the first images of three
    classes that were named right. A net that lacks such layers gets a note in their place. Raises ConvvizError for
    a layer without a map, an index that is not there, a data set that the run was not tested on, and a model that
    is missing, damaged or another net's.
    """
    check_data(run, data)
    predictions = run.predictions
    for index in (*images, *(shown or ())):
        if not 0 <= index < len(predictions):
            raise ConvvizError(f"must be 0 to {len(predictions) - 1}, got {index}", "index of a test image")
    graph = graph_of(run.recipe, data, run.net_source)
    fields = receptive_field(graph)
    at = cam_layer(fields, layer)
    blocks = depth_layers(fields)
    score = scores(graph)
    seen = Seen(run, data, graph, [*([at.name] if at else []), *(node.name for node in blocks), score])
    shown = tuple(first_right(run) if shown is None else shown)
    notes = []
    if at is None:
        notes.append("No layer of this net has a map with space, so there is no Grad-CAM.")
    kernels = _kernels(graph, seen.module)
    if kernels is None:
        notes.append("This net has no convolution, so there are no kernels to see.")
    if not blocks:
        notes.append(
            "No convolution of this net leaves a map with space, so there are no feature maps to see."
        )
    return Looks(
        _cam(seen, fields, at, score, images, run) if at is not None else None,
        kernels,
        shown,
        tuple(_depth(seen, fields, node, shown) for node in blocks) if shown else (),
        tuple(notes),
    )


def check_data(run: Run, data: Data) -> None:
    """Raises ConvvizError unless these are the images that the run's predictions are of."""
    labels = np.asarray(run.predictions.labels)
    if len(labels) != len(data.test_labels) or (labels != data.test_labels).any():
        raise ConvvizError(f"{data.name} is not the data set that this run was tested on", str(run.folder))


class Seen:
    """A run's net in evaluation mode, which gives the outputs of chosen nodes, and the images as it takes them."""

    def __init__(self, run: Run, data: Data, graph: Graph, names: Sequence[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.module, _ = build_module(replace(graph, outputs=self.names))
        place = run.folder / MODEL
        self.module.load_state_dict(_weights(place, self.module))
        self.images = splits(data, run.recipe, torch.device("cpu")).test
        self.size = tuple(data.shape[1:])

    def __call__(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        x = self.images.prepared(self.images.x[torch.as_tensor(list(indices), dtype=torch.long)])
        found = self.module(x.requires_grad_())
        return dict(zip(self.names, found if isinstance(found, tuple) else (found,), strict=True))


def _weights(place: Any, module: nn.Module) -> dict[str, torch.Tensor]:
    """A state dict that fits; raises ConvvizError."""
    try:
        found = torch.load(place, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConvvizError("there is no model; train the run to its end", str(place)) from None
    except (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, KeyError) as err:
        raise ConvvizError(f"cannot be read: {' '.join(str(err).split())[:120]}", str(place)) from None
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    given = (
        {name: tuple(getattr(value, "shape", ())) for name, value in found.items()}
        if isinstance(found, dict)
        else {}
    )
    if wanted != given:
        odd = next((name for name in (*wanted, *given) if wanted.get(name) != given.get(name)), "")
        raise ConvvizError(
            f"is not the model of this run's net (it differs in {odd or 'everything'})", str(place)
        )
    return found


# -- which layers ---------------------------------------------------------------------------------------------
def has_map(fields: ReceptiveField, node: Node, least: int) -> bool:
    """Whether a node gives a map of at least that many units a side, which see parts of the image."""
    field = fields[node.name]
    return len(node.out) == 3 and min(node.out[1:]) >= least and field is not None and not field.is_global


def cam_layer(fields: ReceptiveField, name: str | None = None) -> Node | None:
    """The chosen layer, or the last with a map of 4x4 units; of 2x2 where there is none, then of 2 along one side.

    Raises ConvvizError for a layer that is not there or has no map.
    """
    graph = fields.graph
    if name is not None:
        node = graph[name]
        if not has_map(fields, node, 1):
            raise ConvvizError(f"gives {show(node.out)}, which is no map of places; Grad-CAM needs one", name)
        return node
    for least in (SPACE, 2):
        found = [node for node in graph if node.op.kind not in UNSEEN and has_map(fields, node, least)]
        if found:
            return found[-1]
    return None


def depth_layers(fields: ReceptiveField) -> list[Node]:
    """Up to four conv blocks, from the first to the last, each of which sees more than the one before.

    A block is a convolution and the norms and activations that follow it; its last node is what is shown.
    """
    graph = fields.graph
    readers: dict[str, list[Node]] = {}
    for node in graph:
        for source in node.inputs:
            readers.setdefault(source, []).append(node)
    found: dict[tuple[int, ...], Node] = {}
    for node in graph:
        if node.op.kind != "conv" or not has_map(fields, node, 2):
            continue
        last = node
        while len(after := readers.get(last.name, [])) == 1 and isinstance(
            after[0].op, Norm | Function | Prelu
        ):
            last = after[0]
        found.setdefault(fields[node.name].size, last)  # type: ignore[union-attr]
    blocks = [node for _, node in sorted(found.items(), key=lambda item: item[0])]
    if len(blocks) <= DEPTHS:
        return blocks
    # Spread evenly over what they see, not over how deep they lie.
    sees = [max(size) for size in sorted(found)]
    chosen: set[int] = set()
    for i in range(DEPTHS):
        wanted = sees[0] + i * (sees[-1] - sees[0]) / (DEPTHS - 1)
        chosen.add(min(set(range(len(sees))) - chosen, key=lambda k: (abs(sees[k] - wanted), k)))
    return [blocks[k] for k in sorted(chosen)]


def scores(graph: Graph) -> str:
    """The node whose outputs are the classes' scores: what goes into the softmax, else the net's output."""
    name = graph.outputs[0]
    while (node := graph[name]).op.kind in ("softmax", "log_softmax", "flatten", *UNSEEN):
        before = node.inputs[0]
        if before in graph.inputs or (node.op.kind == "flatten" and any(n != 1 for n in node.ins[0][1:])):
            break
        name = before
    return name


def first_right(run: Run) -> list[int]:
    """The first images of up to three classes that were named right."""
    predictions = run.predictions
    right = np.flatnonzero(predictions.right)
    labels = np.asarray(predictions.labels)[right]
    firsts = sorted({int(right[np.argmax(labels == label)]) for label in np.unique(labels)})
    return firsts[:SHOWN]


# -- what they show -------------------------------------------------------------------------------------------
def _cam(seen: Seen, fields: ReceptiveField, node: Node, score: str, images: Sequence[int], run: Run) -> Cam:
    answers = [int(run.predictions.answers[i]) for i in images]
    truths = [int(run.predictions.labels[i]) for i in images]
    field = fields[node.name]
    assert field is not None
    placed = on_image(np.zeros(node.out[1:]), seen.size, field)[1]
    both = []
    for classes in (answers, truths):
        coarse = gradients_weighted(seen, node.name, score, images, classes)
        both.append(
            tuple(
                Heat(index, about, one, on_image(one, seen.size, field)[0])
                for index, about, one in zip(images, classes, coarse, strict=True)
            )
        )
    return Cam(node.name, node.out[0], node.out[1:], field.size, placed, *both)


def gradients_weighted(
    seen: Seen, layer: str, score: str, images: Sequence[int], classes: Sequence[int]
) -> list[Array]:
    """Grad-CAM (h, w) of each image for its class; images do not touch each other in evaluation mode."""
    found: list[Array] = []
    for start in range(0, len(images), AT_ONCE):
        outputs = seen(images[start : start + AT_ONCE])
        about = torch.as_tensor(classes[start : start + AT_ONCE])
        scored = outputs[score].flatten(1).gather(1, about[:, None]).sum()
        (gradient,) = torch.autograd.grad(scored, outputs[layer], allow_unused=True)
        maps = outputs[layer].detach().double().numpy()
        found += list(grad_cam(maps, np.zeros_like(maps) if gradient is None else gradient.double().numpy()))
    return found


def _kernels(graph: Graph, module: nn.Module) -> Kernels | None:
    names = attributes(graph)
    for node in graph:
        if node.op.kind == "conv" and len(node.out) == 3:
            weight = getattr(module, names[node.name]).weight
            return Kernels(node.name, weight.detach().double().numpy())
    return None


def _depth(seen: Seen, fields: ReceptiveField, node: Node, shown: Sequence[int]) -> Depth:
    with torch.no_grad():
        maps = seen(shown)[node.name].double().numpy()
    channels = strongest(maps, CHANNELS)
    field = fields[node.name]
    assert field is not None
    return Depth(node.name, field.size, channels, node.out[0], maps[:, list(channels)])
