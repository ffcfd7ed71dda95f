"""Recorded steps, with a stand-in for CUDA's recorder: one that keeps every plain number as it was when it recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD
from torch.utils._python_dispatch import TorchDispatchMode

from convviz.train import loop, many
from convviz.train.graphed import WARM_UP, Graphed, Update, recorder_for
from convviz.train.many import Many
from tests import tiny
from tests.test_many import in_double, largest

Found = tuple[Any, ...]


class Tape:
    """Records like CUDA: nothing is worked out while it does, a replay sees the plain numbers of then, writes where the
    recorded step wrote, and changes nothing that is only Python's, such as which tensor is a weight's gradient.
    """

    def __init__(self, optimizer: Any = None, fault: str = "") -> None:
        self.optimizer, self.fault = optimizer, fault
        self.calls: list[str] = []

    def warm(self, step: Callable[..., Found], inputs: Sequence[Tensor]) -> Found:
        self.calls.append("warm")
        return step(*inputs)

    def record(self, step: Callable[..., Found], inputs: Sequence[Tensor]) -> tuple[Callable[[], Any], Any]:
        self.calls.append("record")
        if self.fault:
            raise RuntimeError(self.fault)
        groups = self.optimizer.param_groups if self.optimizer else []
        weights = [weight for group in groups for weight in group["params"]]
        kept = [dict(group) for group in groups]
        found: list[Any] = []

        def replay() -> None:
            self.calls.append("replay")
            now, grads = [dict(group) for group in groups], [weight.grad for weight in weights]
            for group, old in zip(groups, kept):
                group.update(old)
            result = step(*inputs)
            for group, new in zip(groups, now):
                group.update(new)
            for weight, grad in zip(weights, grads):
                weight.grad = grad
            if not found:
                found.extend(result)
            for own, new in zip(found, result):
                own.copy_(new)

        return replay, found


def double(x: Tensor, y: Tensor) -> Found:
    return (2 * x + y,)


def test_warm_up_record_replay() -> None:
    tape = Tape()
    step = Graphed(double, tape)
    for i in range(6):
        assert torch.equal(step(torch.full((2,), float(i)), torch.ones(2))[0], torch.full((2,), 2.0 * i + 1))
    assert tape.calls == ["warm"] * WARM_UP + ["record"] + ["replay"] * 3
    assert step.replays == 3 and not step.note


def test_inputs_are_copied_into_place_and_not_kept() -> None:
    step = Graphed(double, Tape(), warm_up=0)
    x = torch.zeros(2)
    step(x, x)
    x.fill_(9)
    assert torch.equal(step(torch.ones(2), torch.ones(2))[0], torch.full((2,), 3.0))
    assert torch.equal(x, torch.full((2,), 9.0))


def test_layout_of_the_inputs_stays() -> None:
    layouts: list[bool] = []

    def step(x: Tensor) -> Found:
        layouts.append(x.is_contiguous(memory_format=torch.channels_last))
        return (x.sum((1, 2, 3)),)

    graphed = Graphed(step, Tape(), warm_up=0)
    graphed(torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last))
    assert layouts == [True]


def test_other_shapes_are_worked_out_step_by_step() -> None:
    tape = Tape()
    step = Graphed(double, tape, warm_up=1)
    for count in (4, 4, 3, 4, 3):
        assert torch.equal(step(torch.ones(count), torch.ones(count))[0], torch.full((count,), 3.0))
    assert tape.calls == ["warm", "record", "replay", "replay"]
    assert step(torch.ones(4, dtype=torch.float64), torch.ones(4))[0].dtype == torch.float64


def test_a_small_first_batch_is_not_what_is_recorded() -> None:
    tape = Tape()
    step = Graphed(double, tape, warm_up=1)
    for count in (3, 4, 4, 3):
        step(torch.ones(count), torch.ones(count))
    assert tape.calls == ["warm", "warm", "record", "replay"]


def test_a_step_that_cannot_be_recorded_is_worked_out() -> None:
    tape = Tape(fault="operation not permitted when stream is capturing\nmore lines")
    step = Graphed(double, tape, warm_up=1)
    for i in range(4):
        assert float(step(torch.tensor(float(i)), torch.tensor(0.0))[0]) == 2 * i
    assert tape.calls == ["warm", "record"]
    assert (
        step.note.endswith("slower: operation not permitted when stream is capturing") and step.replays == 0
    )


def test_nothing_is_recorded_on_a_cpu(tmp_path: Path) -> None:
    assert recorder_for(torch.device("cpu")) is None
    made = Many(tiny.recipe(tiny.net(tmp_path)), (0, 1), tiny.DATA, device="cpu", threads=1)
    made.run()
    assert (made.replays, made.note) == (0, "")


# -- the optimizer's step -----------------------------------------------------------------------------------
SGDS: list[dict[str, Any]] = [
    {"lr": 0.1},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"lr": 0.1, "momentum": 0.5, "dampening": 0.3},
    {"lr": 0.1, "weight_decay": 0.2},
    {"lr": 0.1, "momentum": 0.9, "fused": True},
]


@pytest.mark.parametrize("settings", SGDS, ids=str)
def test_update_is_the_step_of_sgd(settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    starts = [torch.randn(3, 2), torch.randn(4)]
    own, theirs = ([nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    mine, torchs = SGD(own, **settings), SGD(theirs, **settings)
    update = Update(mine)
    for step in range(5):
        for optimizer in (mine, torchs):
            group = optimizer.param_groups[0]
            group["lr"] = 0.1 / (step + 1)
            group["momentum"] *= 0.95
        for a, b in zip(own, theirs):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        update.follow()
        update()
        torchs.step()
        for a, b in zip(own, theirs):
            assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)
            if settings.get("momentum"):
                buffers = mine.state[a]["momentum_buffer"], torchs.state[b]["momentum_buffer"]
                assert torch.allclose(*buffers, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "optimizer, fits",
    [
        (lambda p: SGD(p, lr=0.1), True),
        (lambda p: SGD(p, lr=0.1, maximize=True), False),
        (lambda p: SGD(p, lr=torch.tensor(0.1)), False),
        (lambda p: SGD([{"params": p}, {"params": [nn.Parameter(torch.ones(1))], "lr": 1.0}], lr=0.1), False),
        (lambda p: torch.optim.Adam(p, lr=0.1), False),
    ],
)
def test_what_an_update_takes_the_place_of(optimizer: Callable[[Any], Any], fits: bool) -> None:
    assert Update.fits(optimizer([nn.Parameter(torch.ones(2))])) == fits


# -- training with recorded steps ---------------------------------------------------------------------------
CASES: dict[str, dict[str, Any]] = {
    "constant": {},
    "one cycle, with momentum": {"scheduler": {"OneCycleLR": {"max_lr": 0.3}}},
    "nesterov": {"optimizer": {"SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}}},
    "L1 and L2": {"l1": 1e-3, "l2": 1e-2},
    "proximal": {"l1": 1e-2, "l1_step": "proximal", "scheduler": {"StepLR": {"step_size": 1}}},
    "Adam": {"optimizer": {"Adam": {"lr": 0.01}}, "scheduler": {"OneCycleLR": {"max_lr": 0.1}}},
    "average": {"ema": 0.9, "label_smoothing": 0.1},
    "augmented": {"rotation": 10, "train_images": 40},
}


@pytest.mark.parametrize("case", CASES)
def test_recorded_steps_train_alike(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "quicken", in_double)
    monkeypatch.setattr(many, "quicken", in_double)
    recipe = tiny.recipe(tiny.net(tmp_path), epochs=3, dropout="without", **CASES[case])
    plain = Many(recipe, (0, 1), tiny.DATA, device="cpu", threads=1)
    plain.run()
    tapes: list[Tape] = []

    def recorder(device: torch.device) -> Tape:
        tapes.append(Tape())
        return tapes[-1]

    monkeypatch.setattr(many, "recorder_for", recorder)
    made = Many(recipe, (0, 1), tiny.DATA, device="cpu", threads=1)
    tapes[-1].optimizer = made.optimizer
    made.run()
    # Five full batches in an epoch (of 44 images, or 40), all replayed but the first ones; a smaller last one never is.
    assert made.replays == 3 * 5 - WARM_UP and tapes[-1].calls.count("record") == 1
    for one, other in zip(plain.results(), made.results()):
        assert largest(one.weights, other.weights) < 1e-6
        assert one.history[-1]["train_loss"] == pytest.approx(other.history[-1]["train_loss"], rel=1e-5)


def test_a_stand_in_keeps_numbers(tmp_path: Path) -> None:
    """Else the test above would show nothing: without tensors for its numbers, a replayed step ignores the schedule."""
    weight = nn.Parameter(torch.ones(1))
    optimizer = SGD([weight], lr=1.0)

    def step() -> Found:
        weight.grad = torch.ones(1)
        optimizer.step()
        return (weight.detach().clone(),)

    graphed = Graphed(step, Tape(optimizer), warm_up=0)
    graphed()
    optimizer.param_groups[0]["lr"] = 0.0
    assert float(graphed()[0]) == -1.0


class Reads(TorchDispatchMode):
    """Notes every operation that makes the host wait for the device."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "item", "equal")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in self.WAITING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"norm": "ghost:2"},
        {"norm": "layer"},
        {"norm": "group:2"},
        {"l1": 1e-3, "l2": 1e-3},
        {"dropout": "0.5"},
    ],
    ids=str,
)
def test_nothing_in_a_recorded_step_waits(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "quicken", lambda module, draws: module)
    monkeypatch.setattr(many, "recorder_for", lambda device: Tape())
    made = Many(tiny.recipe(tiny.net(tmp_path), **change), (0, 1), tiny.DATA, device="cpu", threads=1)
    x, y = made._batch()
    assert made._update is not None
    made._update.follow()
    with Reads() as reads:
        made._learned(x, y)
        made._learned(x, y)
    assert not reads.found
    with Reads() as reads:
        float(x.sum())
    assert reads.found
