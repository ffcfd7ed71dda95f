"""Regularizers against torch: penalties and slopes by autograd, updates by torch.optim, dropout by its own module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import sqrt

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from convviz.analysis.regularizers.contours import Contours, Descent, Surface
from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.dropout import Dropout, apply
from convviz.analysis.regularizers.geometry import Geometry
from convviz.analysis.regularizers.optimizers import AdamW, Proximal, Real, Sgd
from convviz.analysis.regularizers.penalty import Penalty, Run
from convviz.analysis.regularizers.regressions import Line
from convviz.analysis.regularizers.regularize import Regularizer
from convviz.analysis.regularizers.ridge_lasso import Fit, RidgeLasso
from convviz.analysis.regularizers.weights import Weights

CLOSE = 1e-9  # of a number's size, or of 1

Pair = tuple[str, Tensor, Tensor]  # what it is, ours, torch's


@dataclass(frozen=True)
class Check:
    """How many numbers were compared with torch, the largest difference, and what disagrees first."""

    numbers: int
    worst: float
    wrong: str | None

    @property
    def passed(self) -> bool:
        return self.wrong is None

    def __str__(self) -> str:
        if self.passed:
            return f"torch agrees: {self.numbers:,} numbers, largest difference {self.worst:.1e}"
        return f"torch disagrees: {self.wrong}"


def verify(found: Regularizer) -> Check:
    """Compare every number of a result with torch, in float64."""
    if isinstance(found, Penalty):
        pairs = penalty_pairs(found)
    elif isinstance(found, Decay):
        pairs = (
            pair for run in found.runs for pair in run_pairs(run, found.gradient, 0.0, float(found.decay))
        )
    elif isinstance(found, Dropout):
        pairs = dropout_pairs(found)
    elif isinstance(found, Geometry):
        pairs = geometry_pairs(found)
    elif isinstance(found, RidgeLasso):
        pairs = ridge_lasso_pairs(found)
    else:
        pairs = contour_pairs(found)
    numbers, worst, wrong = 0, 0.0, None
    for what, ours, theirs in pairs:
        numbers += ours.numel()
        away = (ours - theirs).abs()
        away = away / (1 + theirs.abs())
        most = float(away.max()) if away.numel() else 0.0
        worst = max(worst, most)
        if not most <= CLOSE and wrong is None:
            at = int(away.argmax())
            wrong = f"{what}: {float(ours.reshape(-1)[at])!r} here, {float(theirs.reshape(-1)[at])!r} there"
    return Check(numbers, worst, wrong)


def real(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float64))


def of(weights: Weights) -> Tensor:
    return real([float(v) for v in weights.values])


# -- penalties and updates ------------------------------------------------------------------------------
def penalty_pairs(found: Penalty) -> Iterator[Pair]:
    """The penalty and its gradient by autograd, then each update by torch.optim from the weights before it."""
    w = of(found.weights).requires_grad_()
    value = penalty(w, found.l1, found.l2)
    (slope,) = torch.autograd.grad(value, w)
    yield "the penalty", real([float(found.value)]), value.detach()[None]
    yield "the penalty's gradient", real([float(g) for g in found.penalty_gradient]), slope
    for run in found.runs:
        l1, l2 = strengths(run) if run.key == "beside" else (found.l1, found.l2)
        yield from run_pairs(run, found.gradient, float(l1), float(l2))


def strengths(run: Run) -> tuple[Real, Real]:
    """What a run minimises, from its gradient or its proximal step."""
    return (run.optimizer.l1, run.optimizer.l2) if isinstance(run.optimizer, Proximal) else (run.l1, run.l2)


def penalty(w: Tensor, l1: Real, l2: Real) -> Tensor:
    return float(l1) * w.abs().sum() + float(l2) / 2 * w.pow(2).sum()


def run_pairs(run: Run, losses: Weights, l1: float, l2: float) -> Iterator[Pair]:
    """Every update; for SGD and Adam weight_decay does L2 where there is no L1, so that both ways are compared."""
    ways = run.weights
    w = real([float(v) for v in ways[0]]).requires_grad_()
    step = stepper(run, w, of(losses), l1, l2)
    for t, (before, after) in enumerate(pairwise(ways), 1):
        with torch.no_grad():
            w.copy_(real([float(v) for v in before]))
        step()
        yield f"{run.name}, step {t}", real([float(v) for v in after]), w.detach().clone()


def stepper(run: Run, w: Tensor, slope: Tensor, l1: float, l2: float) -> Callable[[], None]:
    """One step of torch.optim on the loss ``slope . w`` with the penalty; the proximal step by its definition."""
    rule, item = run.optimizer, run.key == "item"
    lr = float(rule.lr)
    if isinstance(rule, Proximal):
        return lambda: proximal(w, slope, lr, l1, l2)
    apart = isinstance(rule, AdamW)
    decay = l2 if not item and (apart or not l1) else 0.0
    optimizer: torch.optim.Optimizer
    if isinstance(rule, Sgd):
        optimizer = torch.optim.SGD([w], lr=lr, momentum=float(rule.momentum), weight_decay=decay)
    else:
        made = torch.optim.AdamW if apart else torch.optim.Adam
        one, two = map(float, rule.betas)
        optimizer = made([w], lr=lr, betas=(one, two), eps=float(rule.eps), weight_decay=decay)

    def step() -> None:
        optimizer.zero_grad()
        added = penalty(w, l1, 0.0 if decay or (apart and not item) else l2)
        loss = (slope * w).sum() + (added.item() if item else added)
        loss.backward()
        optimizer.step()

    return step


def proximal(w: Tensor, slope: Tensor, lr: float, l1: float, l2: float) -> None:
    """Torch's own soft shrinkage, then the division."""
    with torch.no_grad():
        moved = functional.softshrink(w - lr * slope, lr * l1)
        w.copy_(moved / (1 + lr * l2))


# -- dropout --------------------------------------------------------------------------------------------
def dropout_pairs(found: Dropout) -> Iterator[Pair]:
    """The scaling on torch's own masks, whole channels, evaluation; the mean by enumerating both outcomes."""
    x, p = real(found.x), float(found.p)
    for way in found.ways:
        module = torch.nn.Dropout(p) if way.kind == "dropout" else by_channel(x.dim(), p)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(found.seed % 2**63)
            kept = (module(torch.ones_like(x)) != 0).to(torch.int64)
            torch.manual_seed(found.seed % 2**63)
            output = module(x)
        yield f"{way.kind} in training", real(apply(found.x, kept.numpy(), found.p)), output
        scaled = torch.zeros_like(x) if p == 1 else x * real(way.mask) / (1 - p)
        yield f"{way.kind} on this mask", real(way.output), scaled
        if way.kind == "dropout2d":
            flat = real(way.mask).flatten(2)
            yield "channels fall as a whole", flat, flat[..., :1].expand_as(flat)
        yield f"{way.kind} in evaluation", real(found.x), module.eval()(x)
    expected = real([float(found.expected(float(v))) for v in found.x.flat]).reshape(x.shape)
    yield "the mean", expected, torch.zeros_like(x) if p == 1 else x * (1 - p) / (1 - p)


def by_channel(rank: int, p: float) -> torch.nn.Module:
    """Dropout1d, 2d or 3d, by the rank of (N, C, *space)."""
    return {3: torch.nn.Dropout1d, 4: torch.nn.Dropout2d, 5: torch.nn.Dropout3d}[rank](p)


# -- geometry -------------------------------------------------------------------------------------------
def geometry_pairs(found: Geometry) -> Iterator[Pair]:
    """Slopes by autograd, the balance with the penalty, and no lower loss anywhere on the border."""
    h, c = real(found.loss.hessian), real(found.loss.centre)
    for touch in found.touches:
        ball = touch.ball
        w = real(touch.w).requires_grad_()
        loss = (w - c) @ h @ (w - c) / 2
        (slope,) = torch.autograd.grad(loss, w)
        yield f"{ball.name}: the loss", real([touch.loss]), loss.detach()[None]
        yield f"{ball.name}: its slope", real(touch.gradient), slope
        if touch.binds:
            inside = ball.l1 * w.abs().sum() + ball.l2 * w.pow(2).sum()
            yield f"{ball.name}: its border", real([ball.limit]), inside.detach()[None]
            (edge,) = torch.autograd.grad(inside, w)
            balance = slope + touch.strength * edge
            room = (
                touch.strength * ball.l1 * (w.detach() == 0)
            )  # at 0 the slope of |w| may be anything from -1 to 1
            rest = (
                functional.softshrink(balance, 0.0)
                if not bool(room.any())
                else balance.sign() * (balance.abs() - room).clamp(min=0)
            )
            yield f"{ball.name}: the balance", torch.zeros_like(rest), rest / (1 + slope.abs().max())
            border = real(ball.border(720))
            losses = (((border - c) @ h) * (border - c)).sum(1) / 2
            lowest = torch.minimum(losses.min(), real(touch.loss))
            yield f"{ball.name}: the least loss", real([touch.loss]), lowest[None]


# -- regressions ----------------------------------------------------------------------------------------
def ridge_lasso_pairs(found: RidgeLasso) -> Iterator[Pair]:
    """At each fit the slopes of loss and penalty by autograd must balance; where there is a kink, may balance."""
    y_far = list(found.data.y)
    away = found.fit("absolute").all.residuals(found.data)[found.outlier]
    y_far[found.outlier] += away
    keep = [i for i in range(len(found.data.y)) if i != found.outlier]
    x, y = real([[float(v) for v in row] for row in found.data.x]), real([float(v) for v in found.data.y])
    sets = {"all": (x, y), "clean": (x[keep], y[keep]), "further": (x, real([float(v) for v in y_far]))}
    for fit in found.fits:
        for name, (xs, ys) in sets.items():
            yield from fit_pairs(found, fit, getattr(fit, name), xs, ys)
    for name, ways in (("ridge", found.ridge), ("lasso", found.lasso)):
        for strength, way in zip(found.strengths, ways, strict=True):
            w = real([float(v) for v in way])
            centre = y.mean() - x.mean(0) @ w
            slope = -(x - x.mean(0)).T @ (y - centre - x @ w)
            scale = 1 + float((x - x.mean(0)).abs().T.mv((y - y.mean()).abs()).max())
            force = float(strength) * (w if name == "ridge" else w.sign())
            free = torch.zeros_like(w) if name == "ridge" else float(strength) * (w == 0)
            rest = ((slope + force).abs() - free).clamp(min=0) / scale
            yield f"{name} at strength {float(strength):g}", torch.zeros_like(rest), rest


def fit_pairs(found: RidgeLasso, fit: Fit, line: Line, x: Tensor, y: Tensor) -> Iterator[Pair]:
    """The slopes of what is minimised at a fit; nothing lower close by, in any direction."""
    start = real([float(line.intercept), *(float(v) for v in line.coefficients)])

    def cost(b: Tensor) -> Tensor:
        rest = y - b[0] - x @ b[1:]
        if fit.key == "absolute":
            return rest.abs().sum()
        if fit.key == "huber":
            return functional.huber_loss(
                rest, torch.zeros_like(rest), reduction="sum", delta=float(found.delta)
            )
        added = (
            float(found.l1) * b[1:].abs().sum()
            if fit.key == "lasso"
            else float(found.l2) / 2 * b[1:].pow(2).sum()
        )
        return rest.pow(2).sum() / 2 + (0.0 if fit.key == "ols" else 1.0) * added

    at = cost(start)
    lowest = at
    for direction in product((-1.0, 0.0, 1.0), repeat=len(start)):
        for size in (1e-1, 1e-3):
            lowest = torch.minimum(lowest, cost(start + size * real(direction)))
    yield f"{fit.key}: nothing lower close by", at[None], lowest[None]
    if fit.key in ("ols", "ridge", "huber"):
        b = start.clone().requires_grad_()
        (slope,) = torch.autograd.grad(cost(b), b)
        scale = 1 + float((x.abs().sum() + 1) * (y.abs().max() + 1))
        yield f"{fit.key}: its slope", torch.zeros_like(slope), slope / scale


# -- contours -------------------------------------------------------------------------------------------
def contour_pairs(found: Contours) -> Iterator[Pair]:
    """The Hessian of the real squared loss on data with these moments, by autograd; descent by torch.optim.SGD."""
    for run in found.descents:
        x = samples(run.surface)
        y = x @ real([1.0, -2.0])  # any weights: the Hessian does not hold them

        def loss(w: Tensor, x: Tensor = x, y: Tensor = y) -> Tensor:
            return (x @ w - y).pow(2).mean() / 2

        hessian = torch.autograd.functional.hessian(loss, real([0.3, 0.7]))
        assert isinstance(hessian, Tensor)
        size = hessian.abs().max()
        yield f"Hessian, {run.surface.name}", real(run.surface.hessian) / size, hessian / size
        values = torch.linalg.eigvalsh(hessian)
        yield "eigenvalues", real(run.surface.eigenvalues) / size, values / size
        yield from descent_pairs(run, loss)


def samples(surface: Surface) -> Tensor:
    """Four points whose mean products are the Hessian."""
    a, b = surface.scales
    r = surface.correlation
    return real([(a * s, b * (r * s + sqrt(1 - r * r) * t)) for s, t in product((-1, 1), repeat=2)])


def descent_pairs(run: Descent, loss: Callable[[Tensor], Tensor]) -> Iterator[Pair]:
    """Each step of the path from the point before."""
    best = real([1.0, -2.0])
    w = best.clone().requires_grad_()
    optimizer = torch.optim.SGD([w], lr=run.lr)
    for before, after in pairwise(run.path):
        with torch.no_grad():
            w.copy_(best + real(before))
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
        size = 1 + max(map(abs, before))
        yield f"descent, {run.surface.name}", real(after) / size, (w.detach() - best) / size
