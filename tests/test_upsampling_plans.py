"""Plans of upsampling held against torch: in step, overlap, ICNR, encoder and decoder."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import convviz
from convviz.analysis.checkerboard import checkerboard
from convviz.analysis.checkerboard import overlap as stage_of
from convviz.errors import ConvvizError
from convviz.ops.conv import ConvTranspose
from convviz.plan import plan
from convviz.plan.abreast import flips, heaviest, in_step, of_channel, one_pair, spread
from convviz.plan.dense_prediction import journey, small
from convviz.plan.icnr import icnr
from convviz.plan.model import Grid, Matrix, Plan, Table
from convviz.plan.overlap import asked, chosen, overlap
from convviz.plan.what_and_where import answers
from tests.sweeps import seeds


def array(made: Plan, key: str, until: int | None = None) -> np.ndarray:
    grid = made[key]
    assert isinstance(grid, Grid)
    out = np.full(grid.shape, np.nan)
    for cell, value in made.shown(key, until).items():
        if all(0 <= at < n for at, n in zip(cell, grid.shape, strict=True)):
            out[cell] = value
    return out


# -- scattered and gathered in step ----------------------------------------------------------------------
def drawn(seed: int) -> tuple[dict[str, int | bool], tuple[int, ...]]:
    pick = random.Random(seed)
    stride, dilation, groups = pick.randint(1, 3), pick.randint(1, 2), pick.choice((1, 1, 2))
    kernel = pick.randint(1, 4)
    fields: dict[str, int | bool] = {
        "kernel_size": kernel, "stride": stride, "dilation": dilation, "groups": groups, "bias": pick.random() < 0.5,
        "out_channels": groups * pick.randint(1, 2), "padding": pick.randint(0, min(2, dilation * (kernel - 1))),
        "output_padding": pick.randint(0, max(stride, dilation) - 1),
    }  # fmt: skip
    return fields, (groups * pick.randint(1, 2), *(pick.randint(3, 5) for _ in range(pick.choice((1, 2)))))


@seeds(12)
def test_both_outputs_agree_after_every_step(seed: int) -> None:
    fields, shape = drawn(seed)
    made = in_step(plan("conv_transpose", fields, input=shape, seed=seed))
    w = torch.tensor(array(made, "kernel")).reshape(shape[0], -1, *[fields["kernel_size"]] * (len(shape) - 1))
    run = F.conv_transpose1d if len(shape) == 2 else F.conv_transpose2d
    options = {
        k: v for k, v in fields.items() if k in ("stride", "padding", "output_padding", "groups", "dilation")
    }
    real = run(torch.tensor(array(made, "input"))[None], w, None, **options)[0].numpy()  # type: ignore[arg-type]
    output = array(made, "output")
    if fields["bias"]:
        offset = (output - real).reshape(len(real), -1)
        assert np.allclose(offset, offset[:, :1])
    else:
        assert np.allclose(output, real)
    assert np.allclose(array(made, "scattered"), output)
    for at in range(len(made.steps)):
        gathered = array(made, "output", at)
        done = ~np.isnan(gathered)
        assert np.allclose(array(made, "scattered", at)[done], gathered[done])
    assert {
        cell for step in made.steps for w in step.writes if w.panel == "output" for cell in [w.cell]
    } == set(np.ndindex(*output.shape))


def test_spread_and_flips_move_the_same_numbers() -> None:
    for seed in range(6):
        fields, shape = drawn(seed)
        made = in_step(plan("conv_transpose", fields, input=shape, seed=seed))
        for start, end, pairs in (("input", "stuffed", spread(made)), ("kernel", "flipped", flips(made))):
            before, after = made.shown(start), made.shown(end)
            assert pairs and all(before[a] == after[b] for a, b in pairs.items())
            assert len(set(pairs.values())) == len(pairs)
    made = in_step(plan("conv_transpose", {"bias": False}))
    assert flips(made)[0, 0, 0] == (0, 2, 2) and len(flips(made)) == 9


def test_the_matrices_are_each_others_transpose() -> None:
    made = in_step(plan("conv_transpose", {"bias": False}))
    up, down = made["matrix"], made["convolution"]
    assert isinstance(up, Matrix) and isinstance(down, Matrix)
    dense = np.zeros((len(up.rows), len(up.columns)))
    for place, (_, value) in up.entries.items():
        dense[place] = value
    back = np.zeros((len(down.rows), len(down.columns)))
    for place, (_, value) in down.entries.items():
        back[place] = value
    assert np.array_equal(dense.T, back)
    x = torch.randn(1, 1, 5, 5, dtype=torch.float64)
    kernel = torch.tensor(array(made, "kernel")).reshape(1, 1, 3, 3)
    real = F.conv2d(x, kernel, stride=2, padding=1).reshape(-1)
    assert np.allclose(back @ x.reshape(-1).numpy(), real)
    assert np.allclose(dense @ array(made, "input").reshape(-1), array(made, "output").reshape(-1))


def test_one_pair_keeps_the_numbers() -> None:
    fields = {"groups": 2, "out_channels": 2, "padding": 1, "bias": False}
    whole = in_step(plan("conv_transpose", fields, input=(2, 2, 2)))
    alone = one_pair(whole)
    assert np.array_equal(array(alone, "output")[0], array(whole, "output")[0])


def test_a_layer_is_told_on_one_pair_of_channels() -> None:
    made = of_channel(convviz.read("dcgan"), "up3.conv_transpose1")
    (stage,) = made.stages
    assert (stage.op.kernel_size, stage.op.stride, stage.op.padding) == ((4, 4), (2, 2), (1, 1))  # type: ignore[attr-defined]
    assert made.notes[0] == "One of 256×128 pairs of channels is drawn, on 2×2 of 8×8 cells."
    with pytest.raises(ConvvizError, match="conv1: is a conv, and a conv_transpose is needed"):
        of_channel(convviz.read("code8"), "conv1")


def test_the_heaviest_output_is_the_same_sum_both_ways() -> None:
    made = in_step(plan("conv_transpose", {"bias": False, "padding": 0}, input=(1, 2, 2)))
    found = heaviest(made)
    assert found is not None
    cell, painted, gathered, note = found
    assert cell == (0, 2, 2) and note == "Gathering adds 5 products with zeros."
    for text in (painted, gathered):
        left, _, right = text.replace("−", "-").replace("×", "*").partition(" = ")
        assert eval(left) == float(right) == made.shown("output")[cell]
    assert (painted.count("×"), gathered.count("×")) == (4, 9)


def test_in_step_takes_only_the_view_both() -> None:
    with pytest.raises(ConvvizError, match="view 'both'"):
        in_step(plan("conv_transpose", view="gather"))
    with pytest.raises(ConvvizError, match="view 'both'"):
        in_step(plan("conv"))


# -- overlap ---------------------------------------------------------------------------------------------
@seeds(20)
def test_ribbons_count_what_torch_adds_up(seed: int) -> None:
    pick = random.Random(seed)
    k, s, d = pick.randint(1, 6), pick.randint(1, 4), pick.randint(1, 2)
    made = overlap(stage_of(k, s, pick.randint(0, 2) if k > 2 else 0, d))
    op = made.ribbons.stages[0].op
    assert isinstance(op, ConvTranspose)
    for told in (made.ribbons, made.again):
        x = torch.tensor(array(told, "input"))[None]
        ones = torch.ones(1, 1, k, dtype=torch.float64)
        real = F.conv_transpose1d(x, ones, stride=s, padding=op.padding[0], dilation=d)[0].numpy()
        assert np.array_equal(array(told, "output"), real)
    counts = made.stage.coverage.overlap[-1]
    middle = array(made.ribbons, "output")[0]
    assert len(made.inside) >= s and all(middle[i] == counts[i % len(counts)] for i in made.inside)
    assert [int(f.result) for f in made.ribbons.formulas[:-1]] == list(counts)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (5, 3), (4, 2), ([3, 4], [2, 3])])
def test_the_product_is_what_torch_adds_up(kernel: int | list[int], stride: int | list[int]) -> None:
    made = overlap(stage_of(kernel, stride))
    assert made.both is not None
    ones = torch.ones(1, 1, 12, 12)
    sizes = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
    real = F.conv_transpose2d(ones, torch.ones(1, 1, *sizes), stride=stride)[0, 0].numpy()
    steps = (stride, stride) if isinstance(stride, int) else tuple(stride)
    shown = array(made.both, "both")[0]
    begin = [6 * step for step in steps]
    assert np.array_equal(
        shown, real[begin[0] : begin[0] + shown.shape[0], begin[1] : begin[1] + shown.shape[1]]
    )
    inner = real[begin[0] : begin[0] + 2 * steps[0], begin[1] : begin[1] + 2 * steps[1]]
    assert float(made.both.formulas[0].result) == pytest.approx(inner.std() / inner.mean(), abs=1e-4)


def test_a_stack_compounds_as_in_torch() -> None:
    made = overlap(stage_of(3, 2))
    x, cvs = torch.ones(1, 1, 40, 40, dtype=torch.float64), []
    for _ in range(3):
        x = F.conv_transpose2d(x, torch.ones(1, 1, 3, 3, dtype=torch.float64), stride=2)
        inner = x[0, 0, 40:72, 40:72]
        cvs.append(float(inner.std(correction=0) / inner.mean()))
    assert [part.cv for part in made.stack] == pytest.approx(cvs)
    assert cvs == sorted(cvs)
    last = array(made.heat, "heat2")[0]
    period = inner.numpy() / inner.mean().item()
    assert np.allclose(last, period[: last.shape[0], : last.shape[1]])


def test_remedies_have_a_row_and_a_map_each() -> None:
    made = overlap(stage_of(3, 2))
    table = made.remedies.panels[-1]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == [
        "as it is",
        *(r.short.replace(" x", " ×") for r in made.stage.remedies),
    ]
    assert [row[1] for row in table.rows] == ["0.4843", "0", "0", "0"]
    maps = [array(made.remedies, f"tile{i}") for i in range(4)]
    assert [len(np.unique(m)) for m in maps] == [3, 1, 1, 1]


def test_overlap_of_layers_and_nets() -> None:
    net = checkerboard(convviz.read("resnet50"), gradient=True)
    made = overlap(chosen(net), net)
    assert made.stage.name == "conv1" and "Gradient 0" in made.ribbons.steps[1].caption
    assert made.stack[-1].coverage == net.composite
    assert chosen(checkerboard(convviz.read("dcgan"))).name == "up2.conv_transpose1"
    with pytest.raises(ConvvizError, match=r"espcn: no layer paints overlapping kernels"):
        chosen(checkerboard(convviz.read("espcn")))
    with pytest.raises(
        ConvvizError, match=r"espcn: enlarges its map by pixel_shuffle alone, where no kernels overlap"
    ):
        asked(convviz.read("espcn"))
    with pytest.raises(ConvvizError, match=r"stride: a net has its own layers"):
        asked(convviz.read("unet"), stride=3)
    assert asked(convviz.read("resnet50"), "conv1").stage.side == "gradient"
    with pytest.raises(
        ConvvizError, match=r"spans 40 cells at stride 2 is too long to be drawn \(18 is the longest\)"
    ):
        overlap(stage_of(40, 2))
    with pytest.raises(ConvvizError, match="padding 9 crops all"):
        overlap(stage_of(3, 2, 9))


# -- ICNR ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("factor", "rank"), [(2, 2), (3, 2), (2, 1), (4, 1), (2, 3)])
def test_icnr_is_even_and_random_is_not(factor: int, rank: int) -> None:
    made = icnr(factor, rank)
    run = (F.conv1d, F.conv2d, F.conv3d)[rank - 1]
    for filters, sums, output in (("filters", "sums", "output"), ("sub", "equal", "flat")):
        w, x = torch.tensor(array(made, filters)), torch.tensor(array(made, "input"))[None]
        y = run(x, w)
        assert np.array_equal(array(made, sums), y.flatten(2)[0, :, 0].numpy())
        shown = array(made, output)
        if rank == 2:
            assert np.array_equal(shown, F.pixel_shuffle(y, factor)[0].numpy())
        assert sorted(np.unique(shown)) == sorted(set(array(made, sums).tolist()))
    random_, equal = (float(f.result) for f in made.formulas)
    total = array(made, "sums")
    assert random_ == pytest.approx(total.var() / (total**2).mean(), abs=1e-4) and random_ > 0 == equal
    assert np.ptp(array(made, "flat")) == 0


# -- encoder and decoder ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["unet", "small", "small 1-D"])
def test_stations_add_up_to_the_net(name: str) -> None:
    graph = convviz.read("unet") if name == "unet" else small((1, 32) if "1-D" in name else (3, 16, 16))
    made = journey(graph)
    assert sum(s.params for s in made.stations) == graph.params
    fields = convviz.receptive_field(graph)
    for station in made.stations:
        assert station.out == graph[station.last].out and station.field == fields[station.last]
    half = len(made.stations) // 2
    assert made.bottom == half
    assert list(made.skips) == [(half - i, half + i) for i in range(1, half + 1)]
    levels = [s.level for s in made.stations]
    assert levels == levels[::-1] and max(levels) == half
    joins = [node for node in graph if node.op.kind == "concat"]
    assert [s.joined[0][1] for s in made.stations if s.joined] == [node.ins[0][0] for node in joins]


def test_what_is_no_dense_prediction_is_refused() -> None:
    for name, missing in (("resnet50", "larger again"), ("dcgan", "smaller")):
        with pytest.raises(ConvvizError, match=f"{name}: no layer makes its map {missing}"):
            journey(convviz.read(name))
    with pytest.raises(ConvvizError, match="multiples of 4"):
        small((1, 10, 10))


@pytest.mark.parametrize("rank", [1, 2])
def test_what_and_where_against_torch(rank: int) -> None:
    made = answers(rank)
    pool, conv = (F.avg_pool1d, F.conv1d) if rank == 1 else (F.avg_pool2d, F.conv2d)
    image = torch.tensor(array(made.plan, "image"))[None]
    thing = torch.zeros_like(image)
    for cell in made.thing:
        thing[(0, *cell)] = 1
    deep = pool(pool(image, 2), 2)
    assert np.array_equal(array(made.plan, "deep"), deep[0].numpy())
    context = F.interpolate(deep, scale_factor=4)
    one = (1,) * rank
    for key, maps, weight, bias in (
        ("deep_answer", [context], [2.0], -0.5),
        ("pixel_answer", [image], [1.0], -0.5),
        ("answer", [image, context], [1.0, 2.0], -1.5),
    ):
        w = torch.tensor(weight, dtype=torch.float64).reshape(1, -1, *one)
        yes = conv(torch.cat(maps, 1), w, torch.tensor([bias], dtype=torch.float64)) > 0
        assert np.array_equal(array(made.plan, key), yes[0].double().numpy())
        missed = {tuple(cell[1:]) for cell in np.argwhere((yes != thing.bool()).numpy()).tolist()}
        assert missed == set(made.wrong[key])
    assert made.wrong["deep_answer"] and made.wrong["pixel_answer"] and not made.wrong["answer"]
    other = (
        torch.tensor([made.moved[cell] for cell in np.ndindex(image.shape[1:])]).reshape(image.shape).double()
    )
    assert not torch.equal(other, image) and torch.equal(pool(pool(other, 2), 2), deep)
