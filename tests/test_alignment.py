"""Paths whose centres or strides disagree are found, and the padding that is named does align them."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import product

from convviz.analysis import receptive_field
from convviz.analysis.results import ReceptiveField
from convviz.graph import GraphBuilder
from convviz.ops import build
from tests.sweeps import sweep


def two_paths(kernel: int, stride: int, before: int, *, stem: int = 1, inner: int = 1) -> ReceptiveField:
    """A conv of ``kernel`` beside a 1x1 conv, both of ``stride``, behind a 9x1 stem of stride ``stem``."""
    builder = GraphBuilder("net", {"input": (1, 105)})
    builder.add("stem", build("conv", {"out_channels": 1, "kernel_size": 9, "stride": stem}, 1), ["input"])
    fields = {"out_channels": 1, "kernel_size": kernel, "stride": stride, "dilation": inner}
    span = inner * (kernel - 1)
    builder.add("wide", build("conv", fields | {"padding": [[before, max(span - before, 0)]]}, 1), ["stem"])
    builder.add("norm", build("batch_norm", {}, 1), ["wide"])
    builder.add("short", build("conv", {"out_channels": 1, "kernel_size": 1, "stride": stride}, 1), ["stem"])
    sizes = [builder.shapes[name][1] for name in ("norm", "short")]
    ends = []
    for name, n in zip(("norm", "short"), sizes, strict=True):
        cut = builder.add(f"{name}_cut", build("crop", {"padding": [[0, n - min(sizes)]]}, 1), [name])
        ends.append(cut.name)
    builder.add("add", build("add", {}, 1), ends)
    return receptive_field(builder.build())


CASES = [c for c in product((3, 5, 7), (1, 2), (0, 1, 2, 3), (1, 2), (1, 2)) if c[2] <= c[4] * (c[0] - 1)]


@sweep("kernel, stride, before, stem, inner", CASES, lambda case: f"kernel {case[0]}, stride {case[1]}")
def test_the_padding_that_is_named_aligns_the_paths(
    kernel: int, stride: int, before: int, stem: int, inner: int
) -> None:
    found = two_paths(kernel, stride, before, stem=stem, inner=inner).misaligned
    right = inner * (kernel - 1) // 2
    if before == right:
        assert not found
        return
    (one,) = found
    assert (one.layer, one.paths, one.axis) == ("add", ("norm_cut", "short_cut"), 0)
    assert one.centres == (4 + (right - before) * stem, 4)
    assert f"{abs(right - before) * stem} input cell" in one.explanation
    named = re.search(r"a padding of (\d+) in front of (\w+) \(now (\d+)\) would align them", one.explanation)
    assert named is not None
    assert named.groups() == (str(right), "wide", str(before))
    assert not two_paths(kernel, stride, int(named[1]), stem=stem, inner=inner).misaligned


def test_half_a_cell_cannot_be_padded_away() -> None:
    (one,) = two_paths(2, 1, 0).misaligned
    assert one.centres == (Fraction(9, 2), 4)
    assert "no whole padding" in one.explanation


def test_strides_that_disagree() -> None:
    builder = GraphBuilder("net", {"input": (1, 7)})
    builder.add(
        "down", build("conv", {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": 1}, 1), ["input"]
    )
    builder.add("up", build("upsample", {"size": [7]}, 1), ["down"])
    builder.add("add", build("add", {}, 1), ["up", "input"])
    (one,) = receptive_field(builder.build()).misaligned
    assert (one.layer, one.centres, one.jumps) == ("add", None, (Fraction(8, 7), Fraction(1)))
    assert "up and input meet in add with strides 8/7 and 1 along L" in one.explanation


def test_a_residual_net_is_aligned() -> None:
    import convviz

    assert not convviz.receptive_field(convviz.read("resnet50")).misaligned
