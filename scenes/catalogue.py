"""Every scene in a row: its name, what it tells, which settings it takes, and those under which it is tested.

This table needs no manim, so that `convviz list scenes` and bad input are answered at once. A scene's class lies in the
file of its name: ``scenes/dilated.py`` has ``Dilated``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convviz.errors import ConvvizError, nearest

CONV = ("out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")


@dataclass(frozen=True)
class Entry:
    """One scene. about: a line for those who choose; kind: the op or form whose plan it tells (None: its own).

    takes: names of the settings that it honours beside theme and speed: fields of the op, ``input``, or its own.
    sources: ``layer`` where a layer of a net can be told (``--model`` and ``--layer``), ``net`` where a whole one can.
    variants: settings other than its default under which it is tested: ``model``, ``layer``, and what it takes.
    """

    name: str
    title: str
    about: str
    kind: str | None = None
    takes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    variants: tuple[Mapping[str, Any], ...] = ()

    @property
    def class_name(self) -> str:
        """
        >>> entry("batch_norm_modes").class_name
        'BatchNormModes'
        """
        return "".join(word.capitalize() for word in self.name.split("_"))


LAYER = ("layer",)
SCENES = (
    Entry(
        "convolution",
        "Convolution",
        "One window, its products and their sum",
        "conv",
        (*CONV, "input"),
        LAYER,
        (
            {"input": "1x9"},
            {"padding": 1, "dilation": 2, "input": "1x6x6"},
            {"model": "resnet50", "layer": "conv1"},
        ),
    ),
    Entry(
        "stride_padding",
        "Stride and padding",
        "How far the window moves, and what lies outside",
        "strided_conv",
        (*CONV, "padding_mode", "input"),
        LAYER,
        (
            {"input": "1x9"},
            {"stride": 3, "dilation": 2, "padding": 2, "input": "1x9x9"},
            {"model": "resnet50", "layer": "conv1"},
        ),
    ),
    Entry(
        "relationships",
        "The 15 relationships",
        "Convolution arithmetic by number, each with its formula",
        None,
        ("rank", "number", "i", "k", "s", "p", "d", "a"),
        LAYER,
        ({"rank": 1}, {"number": 15, "d": 3, "i": 9}, {"model": "resnet50", "layer": "conv1"}),
    ),
    Entry(
        "channels",
        "Channels",
        "From RGB to many: channels are depth, and every filter reads them all",
        "multi_channel_conv",
        (*CONV, "input"),
        LAYER,
        (
            {"input": "2x9"},
            {"input": "4x6x6", "out_channels": 4, "groups": 2, "padding": 1, "dilation": 2},
            {"model": "resnet50", "layer": "conv1"},
        ),
    ),
    Entry(
        "pointwise",
        "Pointwise convolution",
        "1×1: channels are mixed, space is not",
        "pointwise_conv",
        ("out_channels", "input"),
        LAYER,
        (
            {"input": "3x6"},
            {"input": "4x3x3", "out_channels": 5},
            {"model": "resnet50", "layer": "layer1_0.branch1.conv1"},
        ),
    ),
    Entry(
        "linear_or_conv",
        "Fully connected or convolution",
        "The same map twice: every weight its own, or shared",
        "conv",
        (*CONV, "padding_mode", "input"),
        LAYER,
        (
            {"input": "1x9"},
            {"groups": 2, "out_channels": 2, "padding": 1, "input": "2x3x3"},
            {"model": "resnet50", "layer": "layer1_0.branch1.conv2"},
        ),
    ),
    Entry(
        "grouped",
        "Grouped convolution",
        "From one group to as many as there are channels, with the parameters",
        "grouped_conv",
        (*CONV, "input"),
        LAYER,
        (
            {"input": "6x9"},
            {"groups": 3, "kernel_size": 5, "padding": 2},
            {"model": "resnet50", "layer": "layer1_0.branch1.conv2"},
        ),
    ),
    Entry(
        "depthwise_separable",
        "Depthwise separable convolution",
        "First space, then channels, and what that saves",
        "separable_conv",
        ("out_channels", "kernel_size", "stride", "padding", "input"),
        LAYER,
        (
            {"input": "3x8"},
            {"kernel_size": 5, "stride": 2, "padding": 1, "out_channels": 6},
            {"model": "resnet50", "layer": "layer1_0.branch1.conv2"},
        ),
    ),
    Entry(
        "spatially_separable",
        "Spatially separable convolution",
        "A kernel as column times row, and what is left over",
        "spatially_separable_conv",
        ("kernel_size", "input"),
        LAYER,
        (
            {"input": "1x9"},
            {"kernel_size": [5, 3], "input": "1x7x6"},
            {"model": "resnet50", "layer": "layer1_0.branch1.conv2"},
        ),
    ),
    Entry(
        "dilated",
        "Dilated convolution and gridding",
        "Holes in the window, and holes in what a stack of them reads",
        "dilated_conv",
        (*CONV, "input", "rates"),
        LAYER,
        (
            {"input": "1x11", "dilation": 3},
            {"rates": [2, 3, 5], "dilation": 2, "padding": 2, "input": "1x5x5"},
            {"model": "resnet50", "layer": "layer1_0.branch1.conv2"},
        ),
    ),
    Entry(
        "transposed",
        "Transposed convolution",
        "Scattered and gathered in step, beside the matrix",
        "conv_transpose",
        (
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "output_padding",
            "dilation",
            "groups",
            "bias",
            "input",
        ),
        LAYER,
        (
            {"input": "1x4"},
            {"groups": 2, "padding": 1, "input": "2x2x2"},
            {"model": "dcgan", "layer": "up3.conv_transpose1"},
        ),
    ),
    Entry(
        "dense_prediction",
        "Dense prediction",
        "Encoder and decoder: why a map has to grow again",
        None,
        ("input",),
        ("net",),
        ({"input": "1x32"}, {"input": "3x32x24"}, {"model": "unet"}),
    ),
    Entry(
        "pixel_shuffle",
        "Pixel shuffle",
        "Channels become pixels in one motion, with ICNR",
        "pixel_shuffle",
        ("upscale_factor", "input"),
        LAYER,
        ({"input": "2x4"}, {"upscale_factor": 3}, {"model": "espcn", "layer": "pixel_shuffle1"}),
    ),
    Entry(
        "checkerboard",
        "Checkerboard artifacts",
        "Uneven overlap in 1-D, as a product, in a stack, and its remedies",
        None,
        ("kernel_size", "stride", "dilation", "padding", "input"),
        ("layer", "net"),
        (
            {"input": "1x16", "kernel_size": 5, "stride": 3},
            {"kernel_size": 5, "dilation": 2, "padding": 1},
            {"model": "resnet50", "layer": "conv1"},
        ),
    ),
    Entry(
        "receptive_field",
        "Receptive field",
        "What one unit sees grows layer by layer, with its table",
        None,
        (),
        ("net",),
        ({"model": "wavenet"}, {"model": "unet"}, {"model": "resnet50"}),
    ),
    Entry(
        "effective_receptive_field",
        "Effective receptive field",
        "Not every pixel that is read counts the same",
        None,
        ("kernel_size",),
        ("net",),
        ({"model": "wavenet"}, {"kernel_size": 2}, {"model": "resnet50"}),
    ),
    Entry(
        "pooling",
        "Pooling",
        "The largest, the mean, and the mean of everything",
        "max_pool",
        ("kernel_size", "stride", "padding", "input"),
        LAYER,
        (
            {"input": "1x9"},
            {"kernel_size": 3, "stride": 2, "padding": 1, "input": "2x7x7"},
            {"model": "resnet50", "layer": "max_pool1"},
        ),
    ),
    Entry(
        "transition",
        "Transition block",
        "1×1 convolution and pooling: fewer channels, half the map",
        None,
        ("out_channels", "pool", "input"),
        ("net",),
        (
            {"input": "8x40"},
            {"out_channels": 16, "pool": "avg_pool", "input": "64x20x28"},
            {"model": "densenet121"},
        ),
    ),
    Entry(
        "norms",
        "Four norms, one tensor",
        "Batch, layer, group and instance norm with N, C, H and W apart",
        None,
        ("num_groups", "batch", "input"),
        LAYER,
        (
            {"input": "4x4"},
            {"num_groups": 3, "input": "6x2x2", "batch": 3},
            {"model": "resnet50", "layer": "batch_norm1"},
        ),
    ),
    Entry(
        "worked_batch",
        "A worked batch",
        "Batch norm on 2×2 images with every number",
        None,
        ("gamma", "beta", "batch", "input"),
        LAYER,
        (
            {"input": "1x4"},
            {"input": "2x2x2", "gamma": 3, "beta": 4},
            {"model": "resnet50", "layer": "batch_norm1"},
        ),
    ),
    Entry(
        "batch_norm_modes",
        "Batch norm in training and evaluation",
        "Batch statistics, running statistics",
        None,
        ("momentum", "steps", "batch", "input"),
        LAYER,
        (
            {"input": "1x5"},
            {"momentum": 0.3, "steps": 20, "input": "1x3x3"},
            {"model": "resnet50", "layer": "batch_norm1"},
        ),
    ),
    Entry(
        "dropout",
        "Dropout and dropout2d",
        "Single cells or whole channels, and why the rest grows",
        None,
        ("p", "input"),
        LAYER,
        ({"input": "3x8"}, {"p": 0.25, "input": "2x5x6"}, {"model": "code8", "layer": "dropout2"}),
    ),
    Entry(
        "l1_l2",
        "L1 and L2",
        "Two penalties, two pulls on a weight",
        None,
        ("weights", "l1", "l2", "lr", "steps", "budget", "centre"),
        (),
        (
            {"weights": [2]},
            {"l1": 1, "l2": 5, "lr": 0.3, "steps": 6},
            {"weights": [1.2, -0.9, 0.6, 0], "budget": 2},
        ),
    ),
    Entry(
        "softmax",
        "Softmax and log-softmax",
        "From logits to probabilities, and why the logarithm is taken first",
        None,
        ("values", "target", "temperature", "input"),
        LAYER,
        (
            {"input": "6"},
            {"values": [2, 1, 0.5, -1], "target": 1, "temperature": 2},
            {"model": "code8", "layer": "log_softmax1"},
        ),
    ),
    Entry(
        "overfitting",
        "Overfitting",
        "Training goes on, the test stops: the gap",
        None,
        ("results", "arms", "arm", "run"),
        (),
        ({"results": "ladder"}, {"results": "fast", "run": 3}, {"results": "s7", "arm": "GBN"}),
    ),
    Entry(
        "honest_comparison",
        "Honest comparison",
        "One run can say either; ten, in pairs, say what holds",
        None,
        ("results", "arms"),
        (),
        ({"results": "s7"}, {"arms": ["L2", "rotation"]}, {"arms": ["none", "L2", "no batch norm"]}),
    ),
    Entry(
        "ladder",
        "The ladder from CODE 1 to 10",
        "What each change brought, from real runs",
        None,
        ("results", "arms"),
        (),
        ({"results": "s7"}, {"results": "overfitting"}, {"arms": ["code4", "code5", "code8"]}),
    ),
)


def names() -> tuple[str, ...]:
    """The scenes in the order in which a course would show them."""
    return tuple(row.name for row in SCENES)


def entry(name: str) -> Entry:
    """A scene's row; raises ConvvizError for an unknown one, with the nearest name."""
    for row in SCENES:
        if row.name == name:
            return row
    raise ConvvizError(f"no scene {name!r}{nearest(name, names())} (convviz list scenes shows all)")
