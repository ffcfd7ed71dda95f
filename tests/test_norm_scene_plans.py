"""Plans of several norms on one tensor, and of batch norm in both modes, against torch and numpy."""

import numpy as np
import pytest
import torch
from torch import nn

from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import normalize, normalize_all
from convviz.errors import ConvvizError
from convviz.graph import GraphBuilder
from convviz.ops import build
from convviz.plan import norm_examples
from convviz.plan.four_norms import FOUR, most_apart, of_norms
from convviz.plan.norm_modes import EVALUATION, FORGOTTEN, RUNNING, example, modes
from convviz.read import read

SHAPES = [(4, 4, 2, 2), (2, 6, 3, 3), (3, 4, 5), (2, 2, 2, 1, 3), (1, 4, 2, 2), (5, 2, 4, 1)]


def array(plan, key):
    """What a grid shows at the end."""
    panel = plan[key]
    shown = plan.shown(key)
    return np.array([shown[cell] for cell in np.ndindex(panel.shape)], dtype=float).reshape(panel.shape)


def module(method, shape, groups):
    channels, rank = shape[1], len(shape) - 2
    if method == "layer":
        return nn.LayerNorm(shape[1:])
    if method == "group":
        return nn.GroupNorm(groups, channels)
    return getattr(nn, f"{method.capitalize()}Norm{rank}d")(channels)


def added_up(step):
    """The result of a step's arithmetic, from its terms."""
    work = step.work
    if work.how == "mean":
        return sum(term.product for term in work.terms) / work.divisor
    cell, mean, var = (term.value for term in work.terms)
    return (cell - mean) / np.sqrt(var + 1e-5)


# -- several norms on one tensor ----------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
def test_every_norm_is_torchs(shape):
    x, groups = random_batch(shape, sum(shape)), 2
    plan = of_norms(normalize_all(x, FOUR, groups=groups))
    for method in FOUR:
        torchs = module(method, shape, groups).double()(torch.tensor(x)).detach().numpy()
        assert np.allclose(array(plan, f"{method}_output").reshape(shape), torchs, atol=1e-9)
    for step in plan.steps:
        if step.work is not None:
            assert added_up(step) == pytest.approx(step.work.result)
            assert [write.value for write in step.writes] == [step.work.result]


@pytest.mark.parametrize("shape", SHAPES)
def test_statistics_are_those_of_the_cells_that_are_lit(shape):
    x = random_batch(shape, 7)
    plan = of_norms(normalize_all(x, FOUR))
    for step in plan.steps:
        lit = [mark for mark in step.marks if mark.mark == "shared"]
        if not step.section.endswith("all sets"):
            continue
        cells = [x[cell if len(x) > 1 else (0, *cell)] for cell in lit[0].cells]
        mean, var = (write.value for write in step.writes[:2])
        assert (mean, var) == (pytest.approx(np.mean(cells)), pytest.approx(np.var(cells)))
        assert len(step.writes) == 2 + len(cells)


def test_facts_of_batch_b():
    plan = of_norms(normalize_all(preset("B"), FOUR), (3, 3, 0, 1))
    rows = {row[0]: row[1:] for row in plan["norms"].rows}
    results = {name: round(row[5], 4) for name, row in rows.items()}
    assert results == {"Batch norm": 1.3333, "Layer norm": 2.0, "Group norm": 2.3094, "Instance norm": 1.732}
    assert [row[0] for row in rows.values()] == ["N, H, W", "C, H, W", "C/2, H, W", "H, W"]
    assert [row[6] for row in rows.values()] == [8, 32, 8, 0]
    pairs = [(4, 9), (6, 7), (6, 2), (4, 4), (6, 6), (2, 4), (4, 5), (4, 3)]
    assert list(zip(array(plan, "group_mean"), array(plan, "group_variance"), strict=True)) == pairs
    assert plan.title.startswith("Batch norm, layer norm, group norm and instance norm on")
    assert plan.sections[:2] == ("Batch norm", "Batch norm, all sets")


def test_the_followed_cell_is_told_apart_by_all_norms():
    found = normalize_all(preset("B"), FOUR)
    at = most_apart([result.output for result in found])
    values = sorted(result.output[at] for result in found)
    assert min(np.diff(values)) > 0.3
    flat = np.stack([result.output for result in found]).reshape(4, -1)
    assert min(np.diff(values)) >= np.diff(np.sort(flat, 0), axis=0).min(0).max() - 1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: of_norms(normalize_all(preset("B"), FOUR), (0, 9, 0, 0)), "cell: must lie in the batch of 4x4x2x2"),
        (lambda: of_norms(normalize_all(preset("B"), ("rms",))), "rms: takes no mean of this batch"),
        (lambda: of_norms(normalize_all(preset("B"), ("batch",), mode="eval")), "batch: takes no mean of this batch"),
        (lambda: example(samples=1), "batch: must be at least 2, an image and its neighbours, got 1"),
        (lambda: example(steps=2), "steps: must be a whole number >= 3, got 2"),
        (lambda: modes(preset("B"), preset("B"), []), "input: must be at least two images of one channel"),
        (lambda: modes(preset("A"), preset("A")[1:], []), "others: must have the same first image"),
        (lambda: modes(**example((1, 1, 1))), "batch_norm in training needs more than one value for each channel"),
    ],
)  # fmt: skip
def test_errors(call, message):
    with pytest.raises(ConvvizError) as err:
        call()
    assert str(err.value).startswith(message)
    assert "\n" not in str(err.value)


# -- training and evaluation --------------------------------------------------------------------------------
CASES = [
    ({}, {}), ({"shape": (1, 5), "samples": 3, "seed": 2}, {"momentum": 0.3}),
    ({"shape": (1, 2, 2, 2), "samples": 2, "steps": 5}, {"momentum": None}),
    ({"shape": (3, 3, 2), "steps": 12, "seed": 1}, {"eps": 0.01}),
]  # fmt: skip


@pytest.mark.parametrize(("made", "settings"), CASES)
def test_modes_are_torchs(made, settings):
    given = example(**made)
    plan = modes(**given, **settings)
    rank = given["x"].ndim - 2
    norm = getattr(nn, f"BatchNorm{rank}d")(1, **settings).double()
    for k, batch in enumerate(given["before"], 1):
        norm(torch.tensor(batch))
        kept = (norm.running_mean.item(), norm.running_var.item())
        assert kept == pytest.approx((plan.shown("running_mean")[0, k], plan.shown("running_var")[0, k]))
    norm.eval()
    for key, x in (("input", given["x"]), ("others", given["others"]), ("alone", given["x"][:1])):
        fresh = getattr(nn, f"BatchNorm{rank}d")(1, **settings).double()
        for mode, torchs in (("train", fresh), ("eval", norm)):
            want = torchs(torch.tensor(x)).detach().numpy()
            assert np.allclose(array(plan, f"{key}_{mode}_output").reshape(x.shape), want, atol=1e-9)
    (*_, last), (first, *_) = plan["answers"].rows, plan["answers"].rows
    assert first[2] == last[2]
    assert len({round(row[1], 4) for row in plan["answers"].rows}) == 3


def test_facts_of_batch_a():
    plan = modes(**example())
    by_section = {
        name: [s.work.text for s in plan.steps if s.section == name and s.work] for name in plan.sections
    }
    assert by_section[RUNNING][0] == "144 / (16 − 1) = 9.6"
    assert "(1 − 0.1)×0 + 0.1×4 = 0.4" in by_section[RUNNING]
    assert "(1 − 0.1)×1 + 0.1×9.6 = 1.86" in by_section[RUNNING]
    assert [row[1] for row in plan["answers"].rows] == pytest.approx([-2 / 3, 0, 1], abs=1e-4)
    # Two images that differ are made the same where each comes alone in training mode.
    assert array(plan, "alone").tolist() != array(plan, "twin").tolist()
    assert np.allclose(array(plan, "alone_train_output"), array(plan, "twin_train_output"), atol=1e-4)
    assert not np.allclose(array(plan, "alone_eval_output"), array(plan, "twin_eval_output"), atol=0.1)
    assert by_section[FORGOTTEN][0] == "4 / 4 = 1"
    assert len({text for text in by_section[EVALUATION] if text.startswith("(2 −")}) == 1
    assert plan.notes[-1] == (
        "batch_norm in training needs more than one value for each channel, and 1x1x1x1 has one: torch raises."
    )
    one = normalize(preset("A"), mode="eval", before=[preset("A")], steps=0)
    assert one.output[0].ravel() == pytest.approx([-0.2933, 1.1732, 1.1732, -0.2933], abs=1e-4)


# -- examples and layers ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("net", "layer", "shape", "groups"),
    [("resnet50", "batch_norm1", (4, 4, 2, 2), "C/2"), ("s6_gn", "unit1.group_norm1", (4, 4, 2, 2), "C/2"),
     ("s6_ln", "unit1.group_norm1", (4, 4, 2, 2), "C")],
)  # fmt: skip
def test_a_layer_is_cut_down(net, layer, shape, groups):
    node = read(net)[layer]
    plan = norm_examples.four(node=node)
    assert plan["input"].shape == shape
    assert plan["norms"].rows[2][1].split(", ")[0] == groups
    assert plan.notes[0].startswith(f"{layer} takes ") and "drawn here: 4 of" in plan.notes[0]


def test_momentum_and_eps_are_the_layers():
    builder = GraphBuilder("net", {"input": (4, 6, 6)})
    node = builder.add("norm", build("batch_norm", {"momentum": 0.5, "eps": 0.1}), ["input"])
    plan = norm_examples.modes(node=node)
    assert plan.shown("running_mean")[0, 1] == pytest.approx(2)
    for made in (plan, norm_examples.worked(node=node), norm_examples.four(node=node)):
        assert "√(9 + 0.1)" in made.formulas[0].numbers
    fixed = builder.add("fixed", build("batch_norm", {"track_running_stats": False}), ["norm"])
    with pytest.raises(ConvvizError, match="fixed: keeps no running statistics"):
        norm_examples.modes(node=fixed)


@pytest.mark.parametrize("gamma,beta", [(2, 1), (-3, 0.5)])
def test_worked_batch_is_torchs(gamma, beta):
    plan = norm_examples.worked((2, 2, 2), gamma=gamma, beta=beta, seed=1)
    norm = nn.BatchNorm2d(2).double()
    nn.init.constant_(norm.weight, gamma)
    nn.init.constant_(norm.bias, beta)
    assert np.allclose(
        array(plan, "output"), norm(torch.tensor(array(plan, "input"))).detach().numpy(), atol=1e-9
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: norm_examples.four((4,)), "input: needs channels and at least one axis of space"),
        (lambda: norm_examples.four((4, 1, 1)), "input: needs at least two cells in a map, for instance norm"),
        (lambda: norm_examples.four((4, 2, 2), num_groups=3), "num_groups: must divide the 4 channels, got 3"),
        (lambda: norm_examples.four(samples=9), "batch: must be a whole number from 1 to 8, got 9"),
        (lambda: norm_examples.four(node=read("resnet50")["conv1"]), "conv1: is conv, and this tells a norm"),
        (lambda: norm_examples.worked((1, 1, 1), 1), "input: needs at least two values for each channel"),
        (lambda: norm_examples.worked(gamma="x"), "gamma: must be real numbers"),
        (lambda: norm_examples.modes((1, 1, 1)), "input: needs at least two cells in a map"),
        (lambda: norm_examples.modes(momentum=2), "momentum: must be a number >= 0 and <= 1, got 2"),
        (lambda: norm_examples.modes(steps=2000), "steps: at most 1,000 in all, got 2,000"),
        (lambda: norm_examples.modes(steps=1.5), "steps: must be a whole number >= 3, got 1.5"),
    ],
)  # fmt: skip
def test_examples_refuse(call, message):
    with pytest.raises(ConvvizError) as err:
        call()
    assert str(err.value).startswith(message)
