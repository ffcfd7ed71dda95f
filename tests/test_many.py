"""Many seeds at once: each ends where a run of its own ends."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import many_seeds
from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.read import read
from convviz.runs.run import CHECKPOINT, MODEL, Run
from convviz.runs.variants import varied
from convviz.train import loop, many
from convviz.train.beside import BY_CHANNEL, GROUPED, JOINS, Beside, joined, parted
from convviz.train.loop import Diverged, Interrupted, Trainer
from convviz.train.many import ELEMENTWISE, Many, train_many
from convviz.train.net import graph_of
from convviz.train.optimizers import UNFIT, optimizers
from convviz.train.quick import Draws
from convviz.train.run import train
from convviz.train.together import train_together
from tests import tiny

SEEDS = (3, 0, 7)
DIGITS = dataclasses.replace(tiny.data(40, 20, side=28), classes=tuple("0123456789"))


def in_double(module: nn.Module, draws: Draws) -> nn.Module:
    """Float64 throughout: what is left of a difference is a fault and no rounding."""
    module = module.double()
    module.register_forward_pre_hook(lambda _, given: (given[0].double(),))
    return module


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "quicken", in_double)
    monkeypatch.setattr(many, "quicken", in_double)


@pytest.fixture
def net(tmp_path: Path) -> str:
    return tiny.net(tmp_path)


def largest(one: Any, other: Any) -> float:
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


def agree(recipe: Any, data: Any, tolerance: float = 1e-7) -> None:
    results = train_many(recipe, SEEDS, data, device="cpu", threads=1)
    assert [result.seed for result in results] == list(SEEDS)
    for result in results:
        own = recipe.replace(seed=result.seed)
        alone = Trainer(own, data, graph_of(own, data), device="cpu", threads=1)
        alone.run()
        weights = alone.weights_now()
        assert list(weights) == list(result.weights)
        assert largest(weights, result.weights) < tolerance
        for row, expected in zip(result.history, alone.history, strict=True):
            assert row.keys() == expected.keys()
            for name in row.keys() - {"seconds", "images_per_second"}:
                assert row[name] == pytest.approx(expected[name], rel=1e-5, abs=1e-7), name


CASES: dict[str, dict[str, Any]] = {
    "batch norm": {},
    "layer norm": {"norm": "layer"},
    "group norm": {"norm": "group:2"},
    "ghost batch norm": {"norm": "ghost:3"},
    "instance norm": {"norm": "instance"},
    "rms norm": {"norm": "rms"},
    "no norm": {"norm": "without"},
    "L1 and L2": {"l1": 1e-3, "l2": 1e-2},
    "L1, proximal": {"l1": 1e-2, "l1_step": "proximal"},
    "L2 on kernels": {"l2": 0.1, "penalize": "conv"},
    "L2 on all": {"l2": 0.1, "penalize": "all"},
    "label smoothing": {"label_smoothing": 0.2},
    "nesterov": {"optimizer": {"SGD": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}}},
    "plain SGD": {"optimizer": {"SGD": {"lr": 0.1}}},
    "Adam": {"optimizer": {"Adam": {"lr": 0.01}}},
    "one cycle": {"scheduler": {"OneCycleLR": {"max_lr": 0.2}}},
    "StepLR": {"scheduler": {"StepLR": {"step_size": 1, "gamma": 0.1}}},
    "average": {"ema": 0.9},
    "warps": {"rotation": 20, "shift": 0.2, "scale": 0.2, "shear": 10, "fill": 0.3},
    "warps after": {"rotation": 20, "augment": "after", "fill": -0.4},
    "crop, flip, erase": {"rotation": 5, "crop": 1, "flip": True, "erase": 2},
    "own images": {"train_images": 30},
    "own images, warped": {"train_images": 30, "rotation": 20},
    "held out": {"holdout": 10},
    "a full last batch only": {"drop_last": True},
    "one batch": {"batch_size": 44},
    "a last batch of one": {"batch_size": 43},
    "normalize": {"normalize": "unit"},
}


@pytest.mark.parametrize("case", CASES)
def test_each_seed_ends_where_it_ends_alone(case: str, net: str, exact: None) -> None:
    agree(tiny.recipe(net, dropout="without", **CASES[case]), tiny.DATA)


@pytest.mark.parametrize("name", ["s6_bn", "s6_ln", "s7", "code8", "s4", "tiny"])
def test_bundled_nets(name: str, exact: None) -> None:
    given = {} if name.startswith("s6") else {"dropout": "without"}
    agree(tiny.recipe(name, epochs=1, batch_size=16, **given), DIGITS)


def test_faster_layers_agree_to_rounding(net: str) -> None:
    agree(tiny.recipe(net, dropout="without", epochs=1), tiny.DATA, tolerance=1e-4)


def test_seeds_are_as_different_as_alone(net: str) -> None:
    one, other = train_many(tiny.recipe(net, dropout="without"), (0, 1), tiny.DATA, device="cpu", threads=1)
    assert largest(one.weights, other.weights) > 0.01


def test_other_seeds_beside_change_nothing(net: str, exact: None) -> None:
    recipe = tiny.recipe(net, dropout="without")
    (alone,) = train_many(recipe, (5,), tiny.DATA, device="cpu", threads=1)
    beside = train_many(recipe, (1, 5, 2, 9), tiny.DATA, device="cpu", threads=1)[1]
    assert largest(alone.weights, beside.weights) < 1e-9


# -- dropout ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["dropout", "dropout2d"])
def test_dropout_is_drawn_for_each_net(kind: str) -> None:
    graph = varied(read("code8"), dropout=f"{kind}:0.25")
    module = build_module(graph)[0]
    layer = getattr(Beside(graph, [module] * 4), f"{kind}1").train()
    torch.manual_seed(0)
    parts = (layer(torch.ones(400, 4 * 16, 3, 3)) == 0).chunk(4, 1)
    for part in parts:
        assert float(part.float().mean()) == pytest.approx(0.25, abs=0.02)
        assert bool((part.flatten(2).all(2) == part.flatten(2).any(2)).all()) == (kind == "dropout2d")
    for i, part in enumerate(parts[1:]):  # as independent as coins: equal with a chance of p**2 + (1 - p)**2
        assert float((part == parts[i]).float().mean()) == pytest.approx(0.625, abs=0.02)


def test_a_net_with_dropout_learns_alike(net: str) -> None:
    recipe = tiny.recipe(net, epochs=6, optimizer={"SGD": {"lr": 0.05, "momentum": 0.9}})
    together = train_many(recipe, range(6), tiny.DATA, device="cpu", threads=1)
    alone = [tiny.trained(recipe.replace(seed=seed)).history[-1]["train_loss"] for seed in range(3)]
    losses = [result.history[-1]["train_loss"] for result in together]
    assert abs(np.mean(losses) - np.mean(alone)) < 3 * (np.std(losses) + np.std(alone)) / 2 + 0.02


# -- nets side by side --------------------------------------------------------------------------------------
WHOLE = """
name: all sorts
input: [4, 6, 6]
layers:
  - conv: {out_channels: 6, kernel_size: 3, padding: 1, groups: 2}
    name: left
  - prelu: {}
    name: bent
  - conv: {out_channels: 2, kernel_size: 1}
    name: right
    from: input
  - concat:
    from: [bent, right]
  - rms_norm
  - channel_shuffle: 2
  - glu: {dim: 1}
  - conv_transpose: {out_channels: 4, kernel_size: 2, stride: 2}
  - instance_norm: {affine: true, track_running_stats: true}
  - local_response_norm: 3
  - pixel_unshuffle: 2
  - add:
    from: [pixel_unshuffle1, pixel_unshuffle1]
  - adaptive_avg_pool: 2
  - attention: {num_heads: 2}
    name: looks
  - flatten
  - layer_norm
  - linear: 5
  - softmax
"""


def compared(graph: Any, count: int = 3, batch: int = 5) -> None:
    """Values, gradients and running statistics of nets side by side against the nets one by one, in float64."""
    modules = []
    for seed in range(count):
        torch.manual_seed(seed)
        module = build_module(graph)[0].double().train()
        for value in module.parameters():
            nn.init.normal_(value, std=0.4)
        modules.append(module)
    net = Beside(graph, modules).train()
    assert list(net.state_dict()) == list(modules[0].state_dict())
    assert [name for name, _ in net.named_parameters()] == [name for name, _ in modules[0].named_parameters()]
    (shape,) = graph.inputs.values()
    inputs = [torch.randn(batch, *shape, dtype=torch.float64) for _ in modules]
    for training in (True, False):
        found = net.train(training)(torch.cat(inputs, 1))
        each = [module.train(training)(x) for module, x in zip(modules, inputs)]
        assert torch.allclose(found, torch.cat(each, 1), rtol=1e-9, atol=1e-10)
        if training:
            found.square().sum().backward()
            for own in each:
                own.square().sum().backward()
    for value, *values in zip(net.parameters(), *(module.parameters() for module in modules)):
        assert torch.allclose(value.grad, torch.cat([own.grad for own in values]), rtol=1e-8, atol=1e-10)  # type: ignore[arg-type]
    for name, value in net.state_dict().items():
        own = [module.state_dict()[name] for module in modules]
        assert torch.allclose(value, joined(own), rtol=1e-10)
        assert all(torch.equal(a, b) for a, b in zip(parted(value, count), parted(joined(own), count)))


def test_all_sorts_of_layers(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(WHOLE)
    compared(read(str(path)))


@pytest.mark.parametrize("name", ["lenet5", "s6_gn", "cifar_s7_small"])
def test_nets_side_by_side(name: str) -> None:
    compared(read(name), count=2, batch=3)


def test_shared_weights_stay_shared(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(48, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head((self.conv(self.conv(x)) + x).flatten(1))

    compared(read(Twice(), (3, 4, 4)))


@pytest.mark.parametrize("layers", ["- gru: {hidden_size: 4}\n  - flatten"])
def test_what_cannot_stand_side_by_side(layers: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"name: net\ninput: [6, 4]\nlayers:\n  {layers}\n")
    graph = read(str(path))
    with pytest.raises(ConvvizError, match=r"net: gru1: gru cannot be trained side by side"):
        Beside(graph, [build_module(graph)[0]] * 2)


def test_lists_of_ops_name_real_ones() -> None:
    from convviz.ops import OPS

    assert set(OPS) >= JOINS | BY_CHANNEL | GROUPED


# -- optimizers ---------------------------------------------------------------------------------------------
def ends(kind: type, starts: list[torch.Tensor], grads: list[list[torch.Tensor]]) -> list[torch.Tensor]:
    weights = [nn.Parameter(start.clone()) for start in starts]
    optimizer = kind(weights, lr=0.1)
    for step in grads:
        for weight, grad in zip(weights, step):
            weight.grad = grad.clone()
        optimizer.step()
    return [weight.detach() for weight in weights]


NAMES = sorted(set(optimizers()) - set(UNFIT))


@pytest.mark.parametrize("name", NAMES)
def test_elementwise_optimizers_are_those_that_are(name: str, net: str) -> None:
    torch.manual_seed(0)
    starts = [torch.randn(3, 4) * scale for scale in (1, 10)]
    grads = [[torch.randn(3, 4) * scale for scale in (0.1, 5)] for _ in range(4)]
    single = torch.cat(ends(optimizers()[name], starts, grads))
    (stacked,) = ends(optimizers()[name], [torch.cat(starts)], [[torch.cat(step)] for step in grads])
    alike = torch.allclose(single, stacked, rtol=1e-6)
    assert alike == (name.lower() in ELEMENTWISE)
    if not alike:
        with pytest.raises(ConvvizError, match=f"optimizer: {name} looks at more than each weight by itself"):
            Many(tiny.recipe(net, optimizer=name), (0, 1), tiny.DATA)


@pytest.mark.parametrize(
    "change, seeds, message",
    [
        ({}, (), "seeds: must be one or more, got none"),
        ({}, (1, 2, 1), "seeds: must differ, got 1 twice"),
        ({}, (1, -1), "seed: must be a whole number"),
        (
            {"scheduler": "ReduceLROnPlateau"},
            (0, 1),
            "scheduler: ReduceLROnPlateau goes by each seed's own loss",
        ),
        ({"optimizer": "LBFGS"}, (0, 1), "optimizer: LBFGS"),
        ({"optimizer": "Nadamm"}, (0, 1), "optimizer: torch.optim has no 'Nadamm'"),
        ({"batch_size": 45}, (0, 1), "batch_size: must be at most the 44 training images, got 45"),
        ({"train_images": 45}, (0, 1), "train_images: must be at most 44, got 45"),
    ],
)
def test_what_is_refused(change: dict[str, Any], seeds: tuple[int, ...], message: str, net: str) -> None:
    with pytest.raises(ConvvizError, match=message):
        train_many(tiny.recipe(net, **change), seeds, tiny.DATA)


def test_a_result_prints_a_line(net: str) -> None:
    (result,) = train_many(tiny.recipe(net), (4,), tiny.DATA, threads=1)
    assert repr(result).startswith(f"seed 4: {result.test_accuracy:.2f} % of the test images, loss ")


# -- run directories ----------------------------------------------------------------------------------------
def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def weights(run: Run) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(run.folder / MODEL, weights_only=True)
    return found


def test_directories_are_those_of_single_runs(net: str, tmp_path: Path, exact: None) -> None:
    recipe = tiny.recipe(net, dropout="without", l1=1e-3, ema=0.9)
    folders = {seed: tmp_path / f"seed-{seed}" for seed in SEEDS}
    found = train_together(recipe, folders, tiny.DATA, arm="a", experiment="e", target="t", threads=1)
    assert not found.failed and [run.seed for run in found.runs] == list(SEEDS)
    for run in found.runs:
        alone = train(
            recipe.replace(seed=run.seed), tmp_path / "alone" / str(run.seed), tiny.DATA, arm="a", threads=1
        )
        assert names(run.folder) == names(alone.folder) and run.finished
        assert run.recipe == alone.recipe and run.arm == "a" and run.about["together"] == sorted(SEEDS)
        assert largest(weights(run), weights(alone)) < 1e-7
        assert run.summary.keys() == alone.summary.keys()
        assert run.predictions.probabilities == pytest.approx(alone.predictions.probabilities, abs=1e-6)
        for name in run.summary.keys() - {"seconds", "cpu_seconds", "output"}:
            value = alone.summary[name]
            assert run.summary[name] == (
                value if isinstance(value, str) else pytest.approx(value, rel=1e-5)
            ), name
    again = train_together(recipe, folders, tiny.DATA)
    assert [run.summary for run in again.runs] == [run.summary for run in found.runs]


@pytest.mark.parametrize("stopped_after", [1, 4, 6, 9])
def test_stopped_and_gone_on(stopped_after: int, net: str, tmp_path: Path, exact: None) -> None:
    recipe = tiny.recipe(net, dropout="without", scheduler={"OneCycleLR": {"max_lr": 0.1}}, ema=0.5)
    folders = {seed: tmp_path / str(seed) for seed in SEEDS}
    left = iter(range(stopped_after))
    with pytest.raises(Interrupted):
        train_together(recipe, folders, tiny.DATA, threads=1, stop=lambda: next(left, None) is None)
    assert all((folder / CHECKPOINT).exists() for folder in folders.values())
    (folders[SEEDS[1]] / CHECKPOINT).unlink()  # killed before the second one was written: it begins again
    found = train_together(recipe, folders, tiny.DATA, threads=1)
    for run in found.runs:
        alone = tiny.trained(recipe.replace(seed=run.seed))
        assert largest(weights(run), alone.weights_now()) < 1e-7
        assert len(run.history) == recipe.epochs and not (run.folder / CHECKPOINT).exists()


def test_one_alone_goes_on_from_together(net: str, tmp_path: Path, exact: None) -> None:
    recipe = tiny.recipe(net, dropout="without", optimizer={"Adam": {"lr": 0.01}})
    folders = {seed: tmp_path / str(seed) for seed in SEEDS}
    left = iter(range(7))
    with pytest.raises(Interrupted):
        train_together(recipe, folders, tiny.DATA, threads=1, stop=lambda: next(left, None) is None)
    run = train(recipe.replace(seed=3), folders[3], tiny.DATA, threads=1)
    assert largest(weights(run), tiny.trained(recipe.replace(seed=3)).weights_now()) < 1e-7


@pytest.mark.parametrize("at", [0, 3, 5, 8])
def test_a_seed_that_diverges_is_left_out(
    at: int, net: str, tmp_path: Path, exact: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny.recipe(net, dropout="without")
    plain = Many._batch

    def poisoned(self: Many) -> tuple[torch.Tensor, torch.Tensor]:
        x, y = plain(self)
        if 0 in self.seeds and self.epoch * self.steps + self.step == at:
            x[:, self.seeds.index(0)] = float("nan")
        return x, y

    monkeypatch.setattr(Many, "_batch", poisoned)
    found = train_together(recipe, {seed: tmp_path / str(seed) for seed in SEEDS}, tiny.DATA, threads=1)
    assert [run.seed for run in found.runs] == [3, 7]
    (fault,) = found.failed
    assert fault.where == str(tmp_path / "0") and "seed 0: the loss is nan at step" in fault.message
    assert ("no checkpoint was written yet" in fault.message) == (at < 6)
    for run in found.runs:
        assert largest(weights(run), tiny.trained(recipe.replace(seed=run.seed)).weights_now()) < 1e-7


def test_all_seeds_diverge(net: str, tmp_path: Path) -> None:
    recipe = tiny.recipe(net, optimizer={"SGD": {"lr": 1e30}}, norm="without")
    folders = {seed: tmp_path / str(seed) for seed in SEEDS}
    found = train_together(recipe, folders, tiny.DATA, threads=1)
    assert not found.runs and len(found.failed) == len(SEEDS)
    with pytest.raises(Diverged, match=r"seed .*: "):
        train_many(recipe, SEEDS, tiny.DATA, threads=1)


def test_other_settings_are_not_lost(net: str, tmp_path: Path) -> None:
    folders = {0: tmp_path / "0", 1: tmp_path / "1"}
    train(tiny.recipe(net, epochs=1), folders[0], tiny.DATA, threads=1)
    with pytest.raises(ConvvizError, match="holds a run with other settings"):
        train_together(tiny.recipe(net, epochs=2), folders, tiny.DATA)
    assert not folders[1].exists()


def test_a_refused_recipe_writes_nothing(net: str, tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="train them one after another"):
        train_together(tiny.recipe(net, optimizer="Muon"), {0: tmp_path / "0", 1: tmp_path / "1"}, tiny.DATA)
    with pytest.raises(ConvvizError, match="batch_size"):
        train_together(tiny.recipe(net, batch_size=99), {0: tmp_path / "0", 1: tmp_path / "1"}, tiny.DATA)
    assert names(tmp_path) == {"tiny.yaml"}


def test_what_a_watch_is_told(net: str) -> None:
    class Watch:
        def __init__(self) -> None:
            self.rows: list[dict[str, Any]] = []

        def step(self, epoch: int, done: int, of: int, images_per_second: float) -> None: ...

        def epoch(self, row: dict[str, Any]) -> None:
            self.rows.append(row)

    watch = Watch()
    results = train_many(tiny.recipe(net), SEEDS, tiny.DATA, threads=1, watch=watch)
    assert [row["epoch"] for row in watch.rows] == [1, 2]
    for i, row in enumerate(watch.rows):
        own = [result.history[i] for result in results]
        assert row["test_accuracy"] == pytest.approx(np.mean([r["test_accuracy"] for r in own]))
        assert row["seconds"] == pytest.approx(sum(r["seconds"] for r in own))


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    many_seeds.main(
        [
            "--nets",
            "tiny",
            "--seeds",
            "2",
            "--batch-size",
            "8",
            "--steps",
            "2",
            "--rounds",
            "1",
            "--device",
            "cpu",
        ]
    )
    head, columns, row = capsys.readouterr().out.splitlines()
    assert head.startswith("cpu (") and columns.split()[-1] == "ratio"
    assert row.split()[:2] == ["tiny", "2"] and float(row.split()[-1]) > 0
