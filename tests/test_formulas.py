"""The tables that people look up: receptive fields, parameters and multiplications of well-known settings."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from random import Random

import pytest

import convviz
from convviz.analysis import receptive_field
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from convviz.ops.conv import expand
from tests.sweeps import seeds

# (net, layer, size, stride, effective padding)
FIELDS = [
    *(
        ("vgg16", f"pool{i + 1}", *row)
        for i, row in enumerate([(6, 2, 2), (16, 4, 6), (44, 8, 18), (100, 16, 42), (212, 32, 90)])
    ),
    ("resnet50", "layer4_2.relu1", 427, 32, 213),
    ("resnet18", "layer4_1.relu1", 435, 32, 217),
    ("resnet34", "layer4_2.relu1", 899, 32, 449),
    ("mobilenet_v1", None, 315, 32, 157),
    ("inception_v3", "mixed_7c.concat1", 1311, 32, 618),
    ("patchgan", None, 70, 8, None),
    ("wavenet", None, 1024, 1, None),
]


@pytest.mark.parametrize(("net", "layer", "size", "stride", "padding"), FIELDS)
def test_published_receptive_fields(
    net: str, layer: str | None, size: int, stride: int, padding: int | None
) -> None:
    result = receptive_field(convviz.read(net))
    windowed = [found.node.name for found in result if found.rf and not found.rf.is_global]
    field = result[layer or windowed[-1]]
    assert field is not None
    assert set(field.size) == {size} and set(field.jump) == {Fraction(stride)}
    if padding is not None:
        assert set(field.start) == {-padding}


def one(kind: str, fields: dict, before: int = 64) -> Graph:
    builder = GraphBuilder("net", {"input": (before, 56, 56)})
    parts = expand(kind, fields, (before, 56, 56)) if kind.endswith("_conv") else [("", fields)]
    last = "input"
    for i, (_, part) in enumerate(parts):
        last = builder.add(f"n{i}", build("conv" if kind.endswith("_conv") else kind, part), [last]).name
    return builder.build()


SAME = {"out_channels": 128, "kernel_size": 3, "padding": 1}
# (what, op, fields, weights, with bias, MACs)
COSTS = [
    ("normal", "conv", SAME, 73_728, 73_856, 231_211_008),
    ("dilated", "conv", SAME | {"dilation": 2, "padding": 2}, 73_728, 73_856, 231_211_008),
    ("pointwise", "conv", {"out_channels": 128, "kernel_size": 1}, 8_192, 8_320, 25_690_112),
    ("grouped 4", "conv", SAME | {"groups": 4}, 18_432, 18_560, 57_802_752),
    ("grouped 32", "conv", SAME | {"groups": 32}, 2_304, 2_432, 7_225_344),
    ("depthwise", "depthwise_conv", {"kernel_size": 3, "padding": 1}, 576, 640, 1_806_336),
    (
        "multiplier 2",
        "depthwise_conv",
        {"kernel_size": 3, "padding": 1, "multiplier": 2},
        1_152,
        1_280,
        3_612_672,
    ),
    ("separable", "separable_conv", SAME, 8_768, 8_960, 27_496_448),
    ("spatially separable, 128", "spatially_separable_conv", SAME, 73_728, 73_984, 231_211_008),
    (
        "spatially separable, 64",
        "spatially_separable_conv",
        SAME | {"mid_channels": 64},
        36_864,
        37_056,
        115_605_504,
    ),
    ("strided", "conv", SAME | {"stride": 2}, 73_728, 73_856, 57_802_752),
    (
        "transposed k3",
        "conv_transpose",
        SAME | {"stride": 2, "output_padding": 1},
        73_728,
        73_856,
        231_211_008,
    ),
    (
        "transposed k4",
        "conv_transpose",
        SAME | {"kernel_size": 4, "stride": 2},
        131_072,
        131_200,
        411_041_792,
    ),
]


@pytest.mark.parametrize(
    ("what", "op", "fields", "weights", "with_bias", "macs"), COSTS, ids=[row[0] for row in COSTS]
)
def test_parameters_and_macs(
    what: str, op: str, fields: dict, weights: int, with_bias: int, macs: int
) -> None:
    assert one(op, fields).params == with_bias
    assert one(op, fields | {"bias": False}).params == weights
    assert one(op, fields).macs == one(op, fields | {"bias": False}).macs == macs


def test_resize_conv_and_pixel_shuffle() -> None:
    builder = GraphBuilder("net", {"input": (64, 56, 56)})
    builder.add("up", build("upsample", {"scale_factor": 2}), ["input"])
    builder.add("resized", build("conv", SAME), ["up"])
    builder.add("conv", build("conv", SAME | {"out_channels": 512}), ["input"])
    builder.add("shuffled", build("pixel_shuffle", {"upscale_factor": 2}), ["conv"])
    graph = builder.build()
    assert (graph["resized"].params, graph["resized"].macs) == (73_856, 924_844_032)
    assert (graph["conv"].params, graph["conv"].macs) == (295_424, 924_844_032)
    assert graph["resized"].out == graph["shuffled"].out == (128, 112, 112)


@seeds(200)
def test_closed_form_on_one_path(seed: int) -> None:
    """Araujo, Norris and Sim 2019: r = 1 + sum (k - 1) prod s, with d(k - 1) + 1 for k; and where unit u starts."""
    rng = Random(seed)
    builder = GraphBuilder("path", {"input": (1, 10**6)})
    size, stride, padding, last = 1, 1, 0, "input"
    for i in range(rng.randint(1, 12)):
        k, s, d, p = rng.randint(1, 7), rng.randint(1, 3), rng.randint(1, 4), rng.randint(0, 5)
        if rng.random() < 0.3:
            p, d = min(p, k // 2), 1
            op = build("max_pool", {"kernel_size": k, "stride": s, "padding": p}, 1)
        else:
            op = build(
                "conv", {"out_channels": 1, "kernel_size": k, "stride": s, "dilation": d, "padding": p}, 1
            )
        last = builder.add(f"n{i}", op, [last]).name
        size += d * (k - 1) * stride
        padding += p * stride
        stride *= s
    field = receptive_field(builder.build())[last]
    assert field is not None
    assert (field.size, field.jump, field.start, field.period) == ((size,), (stride,), (-padding,), (1,))


def test_causal_stack_reads_every_sample_once() -> None:
    builder = GraphBuilder("causal", {"input": (1, 4096)})
    last = "input"
    for i in range(10):
        op = build("conv", {"out_channels": 1, "kernel_size": 2, "dilation": 2**i, "padding": [[2**i, 0]]}, 1)
        last = builder.add(f"n{i}", op, [last]).name
    field = receptive_field(builder.build())[last]
    assert field is not None
    assert (field.size, field.pixels, field.start) == ((1024,), 1024, (-1023,))


# Gridding: rates of stacked 3-tap convs -> span, cells really read.
@pytest.mark.parametrize(
    ("rates", "span", "hits"),
    [((2, 2, 2), 13, 7), ((1, 2, 5), 17, 17), ((1, 2, 9), 25, 21), ((2, 3, 5), 21, 19)],
)
def test_gridding(rates: tuple[int, ...], span: int, hits: int) -> None:
    builder = GraphBuilder("grid", {"input": (1, 99, 99)})
    last = "input"
    for i, d in enumerate(rates):
        last = builder.add(
            f"n{i}", build("conv", {"out_channels": 1, "kernel_size": 3, "dilation": d}), [last]
        ).name
    field = receptive_field(builder.build())[last]
    assert field is not None
    assert (field.size, field.pixels) == ((span, span), hits**2)


def test_activations_are_what_every_layer_puts_out() -> None:
    graph = convviz.read("lenet5")
    assert graph.activations == sum(prod(node.out) for node in graph)
