"""Every optimizer and scheduler of torch, by name: trains, stops and goes on, or is refused in a line."""

from __future__ import annotations

import inspect
import io
from pathlib import Path
from typing import Any

import pytest
import torch

from convviz.errors import ConvvizError
from convviz.runs.torch_names import OPTIMIZERS, SCHEDULERS
from convviz.train.optimizers import UNFIT, Scheduler, make_optimizer, optimizers, schedulers
from tests import tiny

# Muon is for matrices only, and says so of a convolution.
TRAIN = sorted(set(optimizers()) - set(UNFIT) - {"Muon"})
NEEDED: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 1, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1], "gamma": 0.5},
    "ConstantLR": {"total_iters": 2},
    "ExponentialLR": {"gamma": 0.9},
    "CyclicLR": {"step_size_up": 3},
}


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """As a checkpoint is kept: written by torch, and read with ``weights_only``."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    found: dict[str, Any] = torch.load(buffer, weights_only=True)
    return found


def check_resumes(recipe: Any) -> tiny.Trainer:
    whole = tiny.trained(recipe)
    part = tiny.steps(tiny.trainer(recipe), 8)  # of 6 in an epoch: amid the second
    assert not tiny.same(part.weights_now(), whole.weights_now())
    state = through_a_file(part.state())
    again = tiny.trainer(recipe)
    again.load(state)
    again.run()
    assert tiny.same(again.weights_now(), whole.weights_now())
    assert [row["lr"] for row in again.history] == [row["lr"] for row in whole.history]
    return whole


@pytest.mark.parametrize("name", TRAIN)
def test_every_optimizer_trains_and_resumes(name: str, tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path), optimizer={"name": name.upper()})
    start = tiny.trainer(recipe).weights_now()
    assert not tiny.same(check_resumes(recipe).weights_now(), start)


@pytest.mark.parametrize(
    "settings", [{}, {"every": "step"}, {"every": "epoch"}], ids=["own", "step", "epoch"]
)
@pytest.mark.parametrize("name", sorted(schedulers()))
def test_every_scheduler_resumes(name: str, settings: dict[str, str]) -> None:
    """The scheduler alone, kept as a checkpoint keeps it, after any step."""
    if name == "ReduceLROnPlateau" and settings.get("every") == "step":
        return  # refused, see below
    wanted = {"name": name.lower(), **settings, **NEEDED.get(name, {})}

    def made() -> tuple[Scheduler, torch.optim.Optimizer]:
        optimizer = make_optimizer(
            {"name": "SGD", "lr": 0.1, "momentum": 0.9}, [torch.nn.Parameter(torch.ones(1))]
        )
        return Scheduler(wanted, optimizer, 4, 3), optimizer

    def rates(stop: int) -> list[tuple[float, float]]:
        scheduler, optimizer = made()
        found = []
        for step in range(12):
            if step == stop:
                kept = through_a_file(
                    {"scheduler": scheduler.state_dict(), "optimizer": optimizer.state_dict()}
                )
                scheduler, optimizer = made()
                optimizer.load_state_dict(kept["optimizer"])
                scheduler.load_state_dict(kept["scheduler"])
            found.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
            optimizer.step()
            scheduler.after_step()
            if step % 3 == 2:
                scheduler.after_epoch(1.0)
        return found

    whole = rates(-1)
    assert len(set(whole)) > 1 or name == "ReduceLROnPlateau"
    for stop in range(12):
        assert rates(stop) == whole


@pytest.mark.parametrize("name", sorted(schedulers()))
def test_every_scheduler_trains_and_resumes(name: str, tmp_path: Path) -> None:
    optimizer = {"name": "SGD", "lr": 0.1, "momentum": 0.9}
    settings = {"name": name, **NEEDED.get(name, {})}
    check_resumes(tiny.recipe(tiny.net(tmp_path), optimizer=optimizer, scheduler=settings))


def test_a_scheduler_that_looks_at_the_loss_is_stepped_by_epochs_only(tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path), scheduler={"name": "ReduceLROnPlateau", "every": "step"})
    with pytest.raises(ConvvizError, match="ReduceLROnPlateau") as caught:
        tiny.trained(recipe)
    assert caught.value.where == "scheduler.every"


def test_rates_are_those_of_torch(tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path), epochs=4, optimizer={"name": "SGD", "lr": 1.0},
                         scheduler={"name": "StepLR", "step_size": 3, "gamma": 0.1})  # fmt: skip
    rates = [row["lr"] for row in tiny.trained(recipe).history]
    assert rates == pytest.approx([1, 1, 1, 0.1])  # of the epoch that the line tells of


def test_one_cycle_runs_over_all_steps(tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path), optimizer={"name": "SGD", "lr": 0.1, "momentum": 0.9},
                         scheduler="OneCycleLR", epochs=3)  # fmt: skip
    found = tiny.trainer(recipe)
    assert found.scheduler.inner.total_steps == 18
    rates = []
    for _ in range(18):
        rates.append(found.optimizer.param_groups[0]["lr"])
        tiny.steps(found)
    assert max(rates) == pytest.approx(0.1, rel=0.05)
    assert rates[-1] < 0.1 / 1000


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": "SDG"}, "torch.optim has no 'SDG'; did you mean 'SGD'?"),
        ({"name": "Optimizer"}, "torch.optim has no 'Optimizer'"),
        ({"name": "LBFGS"}, "LBFGS wants a closure, which training here does not give"),
        ({"name": "sparseadam"}, "SparseAdam is for sparse gradients"),
        ({"name": "Adam", "momentum": 0.9}, "Adam takes no 'momentum'"),
        ({"name": "SGD", "lr": -1}, "SGD(lr=-1) is refused by torch: Invalid learning rate: -1"),
        ({"name": "SGD", "lr": "fast"}, "is refused by torch"),
        ({"name": "SGD", "lr": [1, 2]}, "is refused by torch"),
        ({"name": "SGD", "lr": None}, "is refused by torch"),
        ({"name": "SGD", "nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        ({"name": "Adam", "betas": [0.9, 2]}, "Invalid beta parameter"),
        ({"name": "Adam", "betas": 0.9}, "is refused by torch"),
        ({"name": "Muon"}, "is refused by torch: Muon only supports 2D parameters"),
        ({"name": "Adam", "eps": "small"}, "Adam(eps='small') is refused by torch"),
        ({"name": "SGD", "momentum": 0.9, "dampening": "x"}, "SGD(momentum=0.9, dampening='x') is refused"),
        ({"name": "SGD", "differentiable": True}, "SGD(differentiable=True) is refused by torch"),
        ({"name": "SGD", "params": 3}, "SGD takes no 'params'"),
    ],
)  # fmt: skip
def test_an_optimizer_that_torch_refuses_is_told_in_a_line(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        make_optimizer(settings, torch.nn.Conv2d(1, 1, 3).parameters())
    assert told in caught.value.message and "\n" not in str(caught.value)
    assert caught.value.where == "optimizer"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"name": "StepRL"}, "torch.optim.lr_scheduler has no 'StepRL'; did you mean 'StepLR'?"),
        ({"name": "LambdaLR"}, "torch.optim.lr_scheduler has no 'LambdaLR'"),
        ({"name": "StepLR"}, "is refused by torch"),
        ({"name": "StepLR", "step_size": 3, "milestones": [1]}, "StepLR takes no 'milestones'"),
        ({"name": "StepLR", "step_size": 0}, "StepLR(step_size=0)"),
        ({"name": "StepLR", "step_size": 3, "gamma": "a"}, "StepLR(step_size=3, gamma='a')"),
        ({"name": "MultiStepLR", "milestones": 5}, "MultiStepLR(milestones=5)"),
        ({"name": "OneCycleLR", "total_steps": 2}, "OneCycleLR(total_steps=2"),
        ({"name": "OneCycleLR", "max_lr": "x"}, "OneCycleLR(max_lr='x'"),
        ({"name": "CosineAnnealingLR", "T_max": 0}, "CosineAnnealingLR(T_max=0)"),
        ({"name": "StepLR", "step_size": 3, "every": "day"}, "must be step or epoch, got 'day'"),
        ({"name": "StepLR", "step_size": 3, "last_epoch": 7}, "StepLR takes no 'last_epoch'"),
        ({"name": "StepLR", "step_size": 3, "optimizer": 7}, "StepLR takes no 'optimizer'"),
    ],
)
def test_a_scheduler_that_torch_refuses_is_told_in_a_line(
    settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConvvizError) as caught:
        tiny.trained(tiny.recipe(tiny.net(tmp_path), epochs=5, scheduler=settings))
    assert told in caught.value.message and "\n" not in str(caught.value)
    assert caught.value.where.startswith("scheduler")


def test_a_scheduler_that_ends_too_early_is_told_before_training(tmp_path: Path) -> None:
    recipe = tiny.recipe(tiny.net(tmp_path), scheduler={"name": "OneCycleLR", "total_steps": 3})
    with pytest.raises(ConvvizError, match="total_steps"):
        tiny.trainer(recipe)


def test_without_a_scheduler_nothing_happens() -> None:
    optimizer = make_optimizer({"name": "SGD", "lr": 0.1}, torch.nn.Linear(1, 1).parameters())
    found = Scheduler(None, optimizer, 3, 4)
    found.after_step()
    found.after_epoch(1.0)
    assert optimizer.param_groups[0]["lr"] == 0.1 and found.state_dict() == {}


@pytest.mark.parametrize(("table", "classes"), [(OPTIMIZERS, optimizers()), (SCHEDULERS, schedulers())],
                         ids=["optimizers", "schedulers"])  # fmt: skip
def test_names_known_without_torch_are_those_of_torch(
    table: dict[str, tuple[str, ...]], classes: dict[str, type]
) -> None:
    technical = {
        "params", "optimizer", "last_epoch", "foreach", "fused", "capturable", "differentiable", "scale_fn",
        "scale_mode", "decoupled_weight_decay",
    }  # fmt: skip
    assert set(classes) - set(UNFIT) - {"Muon"} == set(table)
    for name, takes in table.items():
        assert set(takes) == set(inspect.signature(classes[name]).parameters) - technical, name
