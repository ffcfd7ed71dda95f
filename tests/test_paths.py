"""Path counts: every unit's against autograd on ones, the closed form, and the extents against brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb, sqrt
from random import Random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import convviz
from convviz.analysis import receptive_field
from convviz.analysis.influence import Mass, extent
from convviz.analysis.lower import lower
from convviz.analysis.paths import PathCounts, path_counts
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops import build
from tests.sweeps import seeds

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


# -- the oracle: one channel, all weights one, and autograd ----------------------------------------------
def ones(node: Node, xs: list[torch.Tensor], pads: bool) -> torch.Tensor:
    """One node on tensors with a single channel; whole numbers stay whole."""
    op, x, rank, kind = node.op, xs[0], len(node.ins[0]) - 1, node.op.kind
    if kind == "conv":
        sides = [v for pair in reversed(op.pads()) for v in pair]
        mode = "constant" if op.padding_mode == "zeros" or not pads else op.padding_mode
        w = torch.ones(1, 1, *op.kernel_size, dtype=x.dtype)
        return CONV[rank](F.pad(x, sides, mode=mode), w, stride=op.stride, dilation=op.dilation)
    if kind == "conv_transpose":
        w = torch.ones(1, 1, *op.kernel_size, dtype=x.dtype)
        return TRANSPOSED[rank](
            x, w, stride=op.stride, padding=op.padding, output_padding=op.output_padding, dilation=op.dilation
        )
    if kind in ("max_pool", "avg_pool"):
        d = getattr(op, "dilation", (1,) * rank)
        grow = [
            (p, p + s + e * k) for p, s, e, k in zip(op.padding, op.stride, d, op.kernel_size, strict=True)
        ]
        w = torch.ones(1, 1, *op.kernel_size, dtype=x.dtype)
        y = CONV[rank](
            F.pad(x, [v for pair in reversed(grow) for v in pair]), w, stride=op.stride, dilation=d
        )
        return y[(slice(None), slice(None), *(slice(0, n) for n in node.out[1:]))]
    if kind == "upsample":
        if op.mode == "nearest":
            return F.interpolate(x, scale_factor=op.scale_factor)
        s = int(op.scale_factor[0])  # linear: how many taps, copies of the border cells included
        for axis in range(2, x.dim()):
            n = x.shape[axis]
            probe = F.interpolate(torch.eye(n + 2, dtype=x.dtype)[:, None], scale_factor=s, mode="linear")
            matrix = (probe[:, 0, s:-s] > 0).to(x)
            matrix = (
                torch.cat([matrix[:2].sum(0, True), matrix[2:-2], matrix[-2:].sum(0, True)])
                if n > 1
                else (matrix.sum(0, True))
            )
            x = (x.movedim(axis, -1) @ matrix).movedim(-1, axis)
        return x
    if kind == "pixel_shuffle":
        return F.interpolate(x, scale_factor=float(op.upscale_factor))
    if kind == "pixel_unshuffle":
        r = op.downscale_factor
        return CONV[rank](x, torch.ones(1, 1, *(r,) * rank, dtype=x.dtype), stride=r)
    if kind == "concat" and op.dim > 1:
        return torch.cat(xs, op.dim)
    if kind in ("add", "concat"):
        return sum(xs[1:], xs[0])
    if kind == "crop":
        return F.pad(x, [-v for pair in reversed(op.padding) for v in pair])
    assert kind in ("relu", "batch_norm"), kind
    return x * 1


def brute_force(graph: Graph, layer: str, unit: tuple[int, ...]) -> np.ndarray:
    """The number of paths from every input cell to the unit."""
    ((source, shape),) = graph.inputs.items()
    x = torch.zeros(1, 1, *shape[1:], dtype=torch.float64, requires_grad=True)
    values = {source: x}
    for node in graph:
        values[node.name] = ones(node, [values[i] for i in node.inputs], True)
    one = values[layer][(0, 0, *unit)]
    (gradient,) = torch.autograd.grad(one, x, allow_unused=True)
    return gradient[0, 0].numpy().astype(np.int64)


def random_op(rng: Random, rank: int) -> tuple[str, dict]:
    def axes(low: int, high: int) -> list[int]:
        return [rng.randint(low, high) for _ in range(rank)]

    kind = rng.choice(
        ["conv"] * 6 + ["conv_transpose"] * 3 + ["max_pool", "avg_pool", "upsample", "upsample", "relu"]
        + ["pixel_unshuffle", "pixel_shuffle"] * (rank < 3)
    )  # fmt: skip
    kernel = axes(1, 4)
    if kind == "conv":
        fields = {"out_channels": 4, "kernel_size": kernel, "stride": axes(1, 3), "dilation": axes(1, 3)}
        fields["padding"] = [[rng.randint(0, 3), rng.randint(0, 3)] for _ in range(rank)]
        return kind, fields | {
            "padding_mode": rng.choice(["zeros"] * 4 + ["reflect", "replicate", "circular"])
        }
    if kind == "conv_transpose":
        stride, dilation = axes(1, 3), axes(1, 2)
        extra = [rng.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True)]
        fields = {"out_channels": 4, "kernel_size": kernel, "stride": stride, "dilation": dilation}
        return kind, fields | {"padding": axes(0, 2), "output_padding": extra}
    if kind in ("max_pool", "avg_pool"):
        padding = [rng.randint(0, k // 2) for k in kernel]
        return kind, {
            "kernel_size": kernel,
            "stride": axes(1, 3),
            "padding": padding,
            "ceil_mode": rng.random() < 0.5,
        }
    if kind == "upsample":
        linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
        return kind, {"scale_factor": rng.choice([2, 3]), "mode": rng.choice(["nearest", linear])}
    if kind.startswith("pixel"):
        return kind, {"upscale_factor" if kind == "pixel_shuffle" else "downscale_factor": 2}
    return kind, {}


def random_net(rng: Random, branches: bool) -> Graph:
    rank = rng.choice([1, 1, 2, 2, 3])
    limit = {1: 30, 2: 12, 3: 6}[rank]
    builder = GraphBuilder("random", {"input": (4, *(rng.randint(3, limit - 2) for _ in range(rank)))})
    names = ["input"]
    for i in range(rng.randint(2, 9)):
        name, source = f"n{i}", names[-1]
        try:
            if branches and len(names) > 2 and rng.random() < 0.4:
                join(builder, rng, name, names, rank)
            else:
                source = rng.choice(names) if branches and rng.random() < 0.3 else source
                op = build(*random_op(rng, rank), rank)
                shape = op.shape(builder.shapes[source])
                if max(shape[1:]) > limit or 0 in shape or shape[0] > 64:
                    continue
                if op.kind == "pixel_shuffle":  # its channels become space: mix them first
                    mix = build("conv", {"out_channels": builder.shapes[source][0], "kernel_size": 1}, rank)
                    builder.add(f"{name}mix", mix, [source])
                    source = f"{name}mix"
                builder.add(name, op, [source])
        except ConvvizError:
            continue
        names.append(name)
    if len(names) == 1:
        builder.add("n", build("relu", {}, rank), ["input"])
    return builder.build()


def join(builder: GraphBuilder, rng: Random, name: str, names: list[str], rank: int) -> None:
    """Two tensors, the larger cropped to the smaller, laid over each other or end to end."""
    ends = rng.sample(names, 2)
    sizes = [min(pair) for pair in zip(*(builder.shapes[e][1:] for e in ends), strict=True)]
    for j, source in enumerate(ends):
        off = [
            [(n - m) // 2, n - m - (n - m) // 2]
            for n, m in zip(builder.shapes[source][1:], sizes, strict=True)
        ]
        if any(map(sum, off)):
            builder.add(f"{name}crop{j}", build("crop", {"padding": off}, rank), [source])
            ends[j] = f"{name}crop{j}"
    builder.add(name, build("concat", {"dim": rng.choice([1, 1, 1, 2])}, rank), ends)


def whole(counts: PathCounts) -> np.ndarray:
    """The counts of the real unit on the whole input."""
    out = np.zeros(counts.input, dtype=np.int64)
    if counts.real is not None:
        assert counts.real.exact
        at = tuple(slice(o, o + n) for o, n in zip(counts.real.origin, counts.real.shape, strict=True))
        out[at] = counts.real.cells()
    return out


@pytest.mark.parametrize("branches", [False, True], ids=["chains", "branches"])
@pytest.mark.parametrize("seed", range(6))
def test_counts_are_those_of_autograd(seed: int, branches: bool) -> None:
    rng = Random(f"{seed} {branches}")
    compared = 0
    while compared < 25:
        graph = random_net(rng, branches)
        layer = graph.nodes[-1].name
        unit = tuple(rng.randrange(n) for n in graph[layer].out[1:])
        truth = brute_force(graph, layer, unit)
        try:
            counts = path_counts(graph, layer, unit)
        except ConvvizError as err:
            assert "reads no input cell" in str(err) and not truth.any()
            continue
        assert np.array_equal(whole(counts), truth), (graph.nodes, layer, unit)
        compared += 1


@pytest.mark.parametrize("seed", range(4))
def test_free_counts_agree_with_box_pixels_and_moments(seed: int) -> None:
    rng = Random(seed)
    for _ in range(25):
        graph = random_net(rng, True)
        layer = graph.nodes[-1].name
        unit = tuple(n // 2 for n in graph[layer].out[1:])
        try:
            counts = path_counts(graph, layer, unit)
        except ConvvizError:
            continue
        field = receptive_field(graph)[layer]
        assert counts.free is not None and counts.free.exact
        cells = counts.free.cells()
        # the box, the number of cells that are read and the moments follow from other code
        assert (counts.free.origin, counts.free.shape) == (counts.lo, counts.size)
        if set(field.period) == {1} and None not in field.start:
            assert counts.size == field.size and np.count_nonzero(cells) == field.pixels
        if counts.total is not None:
            assert counts.total == int(cells.sum())
        assert counts.variance == counts.free.variance
        assert counts.mean == pytest.approx(counts.free.mean)
        if counts.real is not None:
            assert 0 <= counts.lost < 1 or any(node.op.fields().get("padding_mode") for node in graph)


@pytest.mark.parametrize("seed", range(4))
def test_the_closed_form_is_the_variance_of_the_counts(seed: int) -> None:
    rng = Random(seed)
    compared = 0
    while compared < 20:
        graph = random_net(rng, False)
        if {"conv_transpose", "upsample", "pixel_shuffle"} & {node.op.kind for node in graph}:
            continue
        counts = path_counts(graph, graph.nodes[-1].name)
        assert counts.closed_form == counts.variance == counts.free.variance
        assert all(isinstance(v, Fraction) for v in counts.closed_form)
        compared += 1


def test_a_single_window_is_a_uniform_distribution() -> None:
    for k, d in product(range(1, 8), range(1, 5)):
        graph = chain(1, (1, 64), {"out_channels": 1, "kernel_size": k, "dilation": d})
        assert path_counts(graph).closed_form == (Fraction(d * d * (k * k - 1), 12),)


# -- known answers ----------------------------------------------------------------------------------------
def chain(depth: int, shape: tuple[int, ...], fields: dict, kind: str = "conv") -> Graph:
    builder = GraphBuilder("chain", {"input": shape})
    before = "input"
    for i in range(depth):
        builder.add(f"c{i}", build(kind, fields, len(shape) - 1), [before])
        before = f"c{i}"
    return builder.build()


def residual(depth: int, shape: tuple[int, ...]) -> Graph:
    rank = len(shape) - 1
    builder = GraphBuilder("residual", {"input": shape})
    before = "input"
    for i in range(depth):
        conv = build("conv", {"out_channels": shape[0], "kernel_size": 3, "padding": 1}, rank)
        builder.add(f"c{i}", conv, [before])
        builder.add(f"a{i}", build("add", {}, rank), [before, f"c{i}"])
        before = f"a{i}"
    return builder.build()


SAME3 = {"out_channels": 1, "kernel_size": 3, "padding": 1}


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_kernels_of_two_give_the_binomial_coefficients(depth: int) -> None:
    counts = path_counts(chain(depth, (1, 40), {"out_channels": 1, "kernel_size": 2}))
    assert counts.free.cells().tolist() == [comb(depth, i) for i in range(depth + 1)]
    assert counts.closed_form == (Fraction(depth, 4),)


def test_spread_grows_like_the_root_of_the_depth() -> None:
    sds = {n: path_counts(chain(n, (1, 8, 8), SAME3)).sd[0] for n in (1, 4, 16, 64, 256)}
    assert all(sd == pytest.approx(sqrt(n * 2 / 3)) for n, sd in sds.items())


def test_a_join_is_no_product() -> None:
    """1x3 beside 3x1: a plus of five cells whose middle has two paths."""
    builder = GraphBuilder("plus", {"input": (1, 9, 9)})
    for name, kernel, padding in (("row", [1, 3], [0, 1]), ("column", [3, 1], [1, 0])):
        op = build("conv", {"out_channels": 1, "kernel_size": kernel, "padding": padding}, 2)
        builder.add(name, op, ["input"])
    builder.add("sum", build("add", {}, 2), ["row", "column"])
    counts = path_counts(builder.build())
    assert counts.free.cells().tolist() == [[0, 1, 0], [1, 2, 1], [0, 1, 0]]
    assert counts.total == 6 and counts.variance == (Fraction(1, 3), Fraction(1, 3))
    assert counts.closed_form is None


def test_residual_blocks_count_the_path_around_them() -> None:
    counts = path_counts(residual(3, (1, 16, 16)))
    one, plus = np.zeros((7, 7), dtype=int), np.ones((3, 3), dtype=int)
    plus[1, 1] += 1
    one[3, 3] = 1
    for _ in range(3):
        padded = np.pad(one, 1)
        one = sum(plus[i, j] * padded[i : i + 7, j : j + 7] for i in range(3) for j in range(3))
    assert counts.free.cells().tolist() == one.tolist() and counts.total == 10**3


def test_a_transposed_conv_counts_by_phase() -> None:
    """Kernel 3, stride 2: even outputs have one path, odd ones two (padding 1)."""
    graph = chain(
        1, (1, 8), {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": 1}, "conv_transpose"
    )
    assert [path_counts(graph, unit=(u,)).total for u in (6, 7)] == [1, 2]


def test_padding_costs_paths_and_copies_do_not() -> None:
    zeros = path_counts(chain(1, (1, 8), SAME3), unit=(0,))
    assert (zeros.total, zeros.real.total, zeros.lost) == (3, 2, pytest.approx(1 / 3))
    for mode, want in (("reflect", [1, 2]), ("replicate", [2, 1]), ("circular", [1, 1, 0, 0, 0, 0, 0, 1])):
        counts = path_counts(chain(1, (1, 8), SAME3 | {"padding_mode": mode}), unit=(0,))
        assert counts.real.cells().tolist() == want and counts.lost == 0


def test_counts_are_exact_far_beyond_floats() -> None:
    counts = path_counts(chain(100, (1, 500), {"out_channels": 1, "kernel_size": 2}))
    assert counts.free.cells()[50] == comb(100, 50) and counts.total == 2**100


# -- extents ----------------------------------------------------------------------------------------------
@seeds(40)
def test_extents_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = 1 + seed % 3
    shape = tuple(rng.integers(1, {1: 30, 2: 12, 3: 6}[rank], rank).tolist())
    origin = tuple(rng.integers(-5, 5, rank).tolist())
    if seed % 2:
        factors = tuple(rng.integers(1, 9, n) for n in shape)
    else:
        factors = (rng.integers(0, 9, shape) + 1,)
    mass = Mass(origin, factors)
    lo = tuple(o - int(rng.integers(0, 3)) for o in origin)
    size = tuple(n + int(rng.integers(0, 5)) for n in shape)
    found, cells = extent(mass, lo, size), mass.cells()
    middle = [Fraction(2 * first + n - 1, 2) for first, n in zip(lo, size, strict=True)]
    places = list(product(*(range(o, o + n) for o, n in zip(origin, shape, strict=True))))
    away = {p: [abs(x - m) for x, m in zip(p, middle, strict=True)] for p in places}
    weight = dict(zip(places, map(int, cells.ravel()), strict=True))
    need = Fraction(95, 100) * sum(weight.values())

    def least(distance: dict) -> Fraction:
        return min(
            r for r in set(distance.values()) if sum(weight[p] for p in places if distance[p] <= r) >= need
        )

    for a in range(rank):
        reach = least({p: away[p][a] for p in places})
        assert found.width[a] == 2 * reach + 1
    half = least({p: max(away[p]) for p in places})
    full = [max(away[p][a] for p in places) for a in range(rank)]
    for a in range(rank):
        near = [m for m in (middle[a] % 1 + i for i in range(60)) if m <= min(half, full[a])]
        assert found.box[a] == (2 * near[-1] + 1 if near else 0)
    square = least({p: sum(d * d for d in away[p]) for p in places})
    assert found.radius == pytest.approx(sqrt(square))


def test_a_gaussian_s_width_is_near_four_deviations() -> None:
    counts = path_counts(chain(300, (1, 8, 8), SAME3))
    sd = counts.sd[0]
    assert counts.free_extent.width[0] == pytest.approx(2 * 1.96 * sd, abs=2)
    assert counts.free_extent.radius == pytest.approx(2.448 * sd, abs=1)


# -- size and bad input -----------------------------------------------------------------------------------
def test_a_deep_net_is_counted() -> None:
    counts = path_counts(chain(2000, (1, 16, 16), SAME3))
    assert counts.total == 9**2000 and counts.closed_form == (Fraction(4000, 3),) * 2
    assert counts.free.sd == pytest.approx(counts.sd, rel=1e-9)
    assert "9^" not in repr(counts)


def test_real_nets() -> None:
    counts = path_counts(convviz.read("resnet50"))
    assert counts.size == receptive_field(convviz.read("resnet50"))[counts.layer].size == (427, 427)
    assert counts.free.sd == pytest.approx(counts.sd, rel=1e-9) and 0 < counts.lost < 1


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"out_channels": 1, "kernel_size": 10**11}, "conv"),
        ({"out_channels": 1, "kernel_size": 3, "dilation": 10**12, "padding": 10**12}, "conv"),
        ({"scale_factor": 10**9}, "upsample"),
        ({"out_channels": 1, "kernel_size": 10**6, "stride": 10**6}, "conv_transpose"),
    ],
)
def test_huge_numbers_are_answered(fields: dict, kind: str) -> None:
    counts = path_counts(
        chain(1, (1, 10**12 if kind == "conv" and "padding" not in fields else 8), fields, kind)
    )
    assert counts.size and repr(counts)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": "conv9"}, "no layer 'conv9' in code8; did you mean"),
        ({"layer": "global_avg_pool1"}, "every unit of global_avg_pool1 reads the whole input"),
        ({"unit": (99, 0)}, "unit 99,0 is not in"),
        ({"unit": (0,)}, "unit 0 is not in"),
        ({"wrt": "image"}, "code8 has no input 'image'"),
    ],
)
def test_bad_questions_are_told_in_one_line(arguments: dict, message: str) -> None:
    graph = convviz.read("code8")
    if arguments.get("layer") == "global_avg_pool1":
        builder = GraphBuilder("code8", {"input": (1, 8, 8)})
        builder.add("conv1", build("conv", SAME3, 2), ["input"])
        builder.add("global_avg_pool1", build("global_avg_pool", {}, 2), ["conv1"])
        graph = builder.build()
    with pytest.raises(ConvvizError) as told:
        path_counts(graph, **arguments)
    assert message in str(told.value) and "\n" not in str(told.value)


def test_units_that_read_nothing_say_so() -> None:
    graph = chain(1, (1, 8), {"out_channels": 1, "kernel_size": 2, "stride": 3}, "conv_transpose")
    with pytest.raises(ConvvizError, match="unit 2 of c0 reads no input cell"):
        path_counts(graph, unit=(2,))


def test_the_default_layer_comes_before_what_reads_everything() -> None:
    for net in ("resnet18", "vgg16", "mobilenet_v2"):
        graph = convviz.read(net)
        state = lower(graph).state(path_counts(graph).layer)
        assert state is not None and not state.everywhere & {0, 1}
