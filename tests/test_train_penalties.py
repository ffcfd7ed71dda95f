"""L1, L2, label smoothing and ghost batch norm: the gradient moves, as autograd says of the formula written out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convviz.errors import ConvvizError
from convviz.ops.base import build
from convviz.train.ghost import GhostBatchNorm2d
from convviz.train.penalties import add_gradients, penalized, penalty, shrink, zeros
from convviz.train.seeds import generator
from tests import tiny

RATE = 0.5
BARE = {"optimizer": {"name": "SGD", "lr": RATE}, "dropout": "without"}
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def of(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(module(x), y)


def weights(module: nn.Module, on: str) -> list[nn.Parameter]:
    """What a penalty is on, told by name: the convs are conv*, the norms batch_norm*."""
    found = dict(module.named_parameters())
    if on == "all":
        return list(found.values())
    return [p for name, p in found.items() if name.startswith("conv") and name.endswith("weight")]


def one_step(
    settings: dict[str, Any], loss: Loss, folder: Path
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters after one step of training, and after one step of gradient descent on ``loss``, written out."""
    recipe = tiny.recipe(tiny.net(folder), **{**BARE, **settings})
    found = tiny.steps(tiny.trainer(recipe))
    fresh = tiny.trainer(recipe)
    order = torch.randperm(44, generator=generator(0, "order", 0))[:8]
    images = fresh.splits.train
    module = fresh.module.train()
    parameters = dict(module.named_parameters())
    grads = torch.autograd.grad(loss(module, images.prepared(images.x[order]), images.y[order]),
                                list(parameters.values()))  # fmt: skip
    stepped = {name: (p - RATE * g).detach() for (name, p), g in zip(parameters.items(), grads)}
    return {name: p.detach() for name, p in found.module.named_parameters()}, stepped


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


# -- through the training loop ------------------------------------------------------------------------------
@pytest.mark.parametrize("on", ["weights", "conv", "all"])
@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("l1", lambda ps: sum(p.abs().sum() for p in ps)),
        ("l2", lambda ps: sum(p.square().sum() for p in ps) / 2),
    ],
    ids=["l1", "l2"],
)
def test_a_penalty_moves_the_weights_as_its_formula(
    name: str, written: Callable[[list[nn.Parameter]], Tensor], on: str, tmp_path: Path
) -> None:
    found, expected = one_step(
        {name: 0.1, "penalize": on}, lambda m, x, y: of(m, x, y) + 0.1 * written(weights(m, on)), tmp_path
    )
    assert distance(found, expected) < 1e-5
    _, without = one_step({}, of, tmp_path)
    assert distance(found, without) > 1e-3  # a penalty taken with .item() would leave these equal


def test_l1_and_l2_together(tmp_path: Path) -> None:
    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return of(m, x, y) + sum((0.1 * p.abs() + 0.1 * p.square()).sum() for p in weights(m, "weights"))

    found, expected = one_step({"l1": 0.1, "l2": 0.2}, loss, tmp_path)
    assert distance(found, expected) < 1e-5


def test_l2_is_the_weight_decay_of_sgd(tmp_path: Path) -> None:
    source = tiny.net(tmp_path)
    rate = {"name": "SGD", "lr": 0.1, "momentum": 0.9}
    as_loss = tiny.trained(tiny.recipe(source, l2=0.01, penalize="all", optimizer=rate))
    decay = tiny.trained(tiny.recipe(source, optimizer={**rate, "weight_decay": 0.01}))
    assert distance(as_loss.weights_now(), decay.weights_now()) < 1e-5


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_label_smoothing_moves_the_weights_as_its_formula(share: float, tmp_path: Path) -> None:
    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        logs = m(x).log_softmax(1)
        target = torch.full_like(logs, share / 4).scatter(1, y[:, None], 1 - share + share / 4)
        return -(target * logs).sum(1).mean()

    found, expected = one_step({"label_smoothing": share}, loss, tmp_path)
    assert distance(found, expected) < 1e-5
    assert distance(found, one_step({}, of, tmp_path)[1]) > 1e-3


def ghost(x: Tensor, weight: Tensor, bias: Tensor, splits: int) -> Tensor:
    """Ghost batch norm in the plainest words."""
    n, parts = len(x), []
    for i in range(splits):
        part = x[i * n // splits : (i + 1) * n // splits]
        if len(part):
            mean = part.mean((0, 2, 3), keepdim=True)
            variance = (part - mean).square().mean((0, 2, 3), keepdim=True)
            parts.append((part - mean) / (variance + 1e-5).sqrt())
    return torch.cat(parts) * weight[:, None, None] + bias[:, None, None]


@pytest.mark.parametrize("splits", [2, 3, 5])
def test_ghost_batch_norm_moves_the_weights_as_its_formula(splits: int, tmp_path: Path) -> None:
    """A batch of 8 in 3 or 5 splits does not divide."""

    def loss(m: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        p = dict(m.named_parameters())
        for i in (1, 2):
            kind = f"ghost_batch_norm{i}"
            x = F.conv2d(x, p[f"conv{i}.weight"], p.get(f"conv{i}.bias"))
            x = ghost(x, p[f"{kind}.weight"], p[f"{kind}.bias"], splits).relu()
        return F.cross_entropy(F.conv2d(x, p["conv3.weight"], p["conv3.bias"]).mean((2, 3)), y)

    found, expected = one_step({"norm": f"ghost:{splits}"}, loss, tmp_path)
    assert distance(found, expected) < 1e-4
    plain, _ = one_step({}, of, tmp_path)
    renamed = {name.replace("batch_norm", "ghost_batch_norm"): p for name, p in plain.items()}
    assert distance(found, renamed) > 1e-3


def test_batch_norm_stays_in_training(tmp_path: Path) -> None:
    """Each epoch ends with a test in evaluation mode: the next one is in training mode again."""
    made = tiny.steps(tiny.trainer(tiny.recipe(tiny.net(tmp_path), epochs=3)), 5)
    means, modes = [], []
    made.module.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    for _ in range(3):
        tiny.steps(made, 6)
        means.append({n: b.clone() for n, b in made.module.named_buffers() if n.endswith(("mean", "var"))})
    assert distance(means[0], means[1]) > 1e-3 and distance(means[1], means[2]) > 1e-3
    assert modes.count(False) == 3 and modes.count(True) == 13 and made.module.training


# -- the functions -------------------------------------------------------------------------------------------
class Mixed(nn.Module):
    """Weights of every kind: kernels, matrices, biases, affines with one axis and with three."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.turned = nn.ConvTranspose2d(3, 2, 3)
        self.layer = nn.LayerNorm([2, 8, 8])
        self.batch = nn.BatchNorm2d(2)
        self.linear = nn.Linear(128, 4)
        self.frozen = nn.Parameter(torch.ones(2, 2), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(self.batch(self.layer(self.turned(self.conv(x)))).flatten(1))
        return out


NAMES = {
    "conv": ["conv.weight", "turned.weight"],
    "weights": ["conv.weight", "turned.weight", "linear.weight"],
    "all": ["conv.weight", "conv.bias", "turned.weight", "turned.bias", "layer.weight", "layer.bias",
            "batch.weight", "batch.bias", "linear.weight", "linear.bias"],
}  # fmt: skip


@pytest.mark.parametrize("on", NAMES)
def test_what_a_penalty_is_on(on: str) -> None:
    module = Mixed()
    names = {id(p): name for name, p in module.named_parameters()}
    assert [names[id(p)] for p in penalized(module, on)] == NAMES[on]


@pytest.mark.parametrize("on", NAMES)
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7), (0.0, 0.0)])
def test_gradients_are_those_of_autograd(l1: float, l2: float, on: str) -> None:
    module = Mixed()
    with torch.no_grad():
        module.conv.weight[0] = 0  # where |w| has a kink, autograd takes 0
    chosen = penalized(module, on)
    x, y = torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 3, 0])
    trained = [p for p in module.parameters() if p.requires_grad]
    written = F.cross_entropy(module(x), y) + sum((l1 * p.abs() + l2 / 2 * p.square()).sum() for p in chosen)
    expected = torch.autograd.grad(written, trained)
    F.cross_entropy(module(x), y).backward()
    add_gradients(chosen, l1, l2)
    for p, grad in zip(trained, expected):
        torch.testing.assert_close(p.grad, grad)
    assert penalty(chosen, l1, l2) == pytest.approx(
        sum((l1 * p.abs() + l2 / 2 * p.square()).sum().item() for p in chosen), rel=1e-5
    )


def test_a_weight_without_gradient_is_left_alone() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    add_gradients([weight], 1.0, 1.0)
    assert weight.grad is None


@pytest.mark.parametrize("by", [0.0, 0.1, 1.5])
def test_the_proximal_step(by: float) -> None:
    weight = nn.Parameter(torch.tensor([-2.0, -0.1, 0.0, 0.05, 1.0]))
    expected = np.sign(weight.detach().numpy()) * np.maximum(np.abs(weight.detach().numpy()) - by, 0)
    shrink([weight], by)
    np.testing.assert_allclose(weight.detach().numpy(), expected, rtol=1e-6)


def test_the_proximal_step_makes_zeros_and_the_subgradient_none(tmp_path: Path) -> None:
    source = tiny.net(tmp_path)
    settings = {"l1": 0.05, "optimizer": {"name": "SGD", "lr": 0.1}, "epochs": 4}
    exact = tiny.trained(tiny.recipe(source, l1_step="proximal", **settings))
    near = tiny.trained(tiny.recipe(source, **settings))
    assert zeros(exact.weights)[0] > 10 and zeros(near.weights)[0] == 0
    assert zeros(exact.weights)[1] == 36 + 144 + 16


# -- ghost batch norm alone ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("n", "splits"), [(8, 2), (7, 3), (5, 4), (3, 5), (1, 2), (6, 1), (9, 1000)])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_ghost_batch_norm_is_the_op(n: int, splits: int, training: bool) -> None:
    norm = GhostBatchNorm2d(3, splits)
    with torch.no_grad():
        norm.weight.copy_(torch.rand(3))
        norm.bias.copy_(torch.rand(3))
        norm.running_mean.copy_(torch.rand(3))
        norm.running_var.copy_(torch.rand(3))
    x = torch.randn(n, 3, 4, 5)
    given = {name: value.detach().clone().numpy() for name, value in norm.state_dict().items()}
    expected = build("ghost_batch_norm", {"num_splits": splits}).forward(
        x.numpy(), weights=given, mode="train" if training else "eval"
    )
    np.testing.assert_allclose(norm.train(training)(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    assert (int(norm.num_batches_tracked) == min(n, splits)) is training


def test_one_split_is_batch_norm_and_its_state_dict_fits() -> None:
    ghostly, plain = GhostBatchNorm2d(3, 1), nn.BatchNorm2d(3)
    x = torch.randn(6, 3, 4, 4)
    assert torch.equal(ghostly(x), plain(x))
    assert tiny.same(ghostly.state_dict(), plain.state_dict())
    GhostBatchNorm2d(3, 2).load_state_dict(plain.state_dict())


def test_a_penalty_on_nothing_is_told(tmp_path: Path) -> None:
    source = tiny.net(tmp_path, "name: flat\ninput: [1, 8, 8]\nlayers:\n  - flatten\n  - linear: 4\n")
    with pytest.raises(ConvvizError, match="penalize: flat has no weights of this kind, conv"):
        tiny.trainer(tiny.recipe(source, l1=0.1, penalize="conv"))
