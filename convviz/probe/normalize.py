"""A normalized batch against torch, in float64: who shares statistics, the statistics, the result, what is kept.

Who shares is not taken from the analysis: a norm is differentiated on random numbers, and the cells that an output
depends on are the ones that share. Mean and variance are then taken over those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.analysis.norms.scaling import WHITE, Scaling
from convviz.ops.base import Array, show
from convviz.ops.norm import GhostBatchNorm, GroupNorm, Norm, RmsNorm

SETS = 48  # whose cells are found by differentiating
CLOSE = 1e-10  # of a number, or of what the result would be with an error in the last digit of x
TINY = 1e-300  # in place of an eps of 0, which torch's batch norm refuses in training
AFFINE = ("weight", "bias")


@dataclass
class Report:
    """How many numbers were compared, the largest difference, and what disagrees (a sentence each)."""

    what: str
    numbers: int = 0
    largest: float = 0.0
    wrong: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return not self.wrong

    @property
    def told(self) -> str:
        """In a line."""
        if self.agrees:
            return (
                f"verify: torch agrees on {self.what}: {self.numbers:,} numbers in float64, "
                f"the largest difference {self.largest:.1e}"
            )
        more = f" (and {len(self.wrong) - 1:,} more)" if len(self.wrong) > 1 else ""
        return f"verify: torch disagrees: {self.wrong[0]}{more}"

    def compare(
        self, name: str, mine: Array | Sequence[float] | float, torchs: Tensor | Array, room: float = 1.0
    ) -> None:
        """Note numbers that differ by more than rounding; room: what rounding multiplies."""
        own = np.asarray(mine, dtype=np.float64)
        other = (
            torchs.detach().numpy() if isinstance(torchs, Tensor) else np.asarray(torchs, dtype=np.float64)
        )
        if own.shape != other.shape:
            self.wrong.append(f"{name} has the shape {show(own.shape)}, in torch {show(other.shape)}")
            return
        off = np.abs(own - other)
        self.numbers += own.size
        self.largest = max(self.largest, float(off.max(initial=0.0)))
        bad = np.argwhere(~(off <= CLOSE * np.maximum(np.abs(other), room)))
        if len(bad):
            at = tuple(int(i) for i in bad[0])
            self.wrong.append(f"{name}{list(at) if at else ''} is {own[at]!r}, in torch {other[at]!r}")


def verify(found: Normalized | Norms, before: Sequence[Array] = (), steps: int = 1) -> Report:
    """Compare every number of a result with torch; before, steps: as given to ``normalize``.

    >>> from convviz.analysis.norms.batches import preset
    >>> from convviz.analysis.norms.normalize import normalize
    >>> verify(normalize(preset("A"))).agrees
    True
    """
    results = tuple(found) if isinstance(found, Norms) else (found,)
    what = f"{len(results)} methods" if len(results) > 1 else f"{results[0].method}"
    report = Report(f"{what} on {show(results[0].shape)}")
    for result in results:
        if isinstance(result.rule, Scaling):
            _scaling(report, result)
        else:
            _norm(report, result, [torch.tensor(b, dtype=torch.float64) for b in before], steps)
    return report


def _norm(report: Report, result: Normalized, before: Sequence[Tensor], steps: int) -> None:
    op, name = result.op, f"{result.method} norm: "
    assert op is not None
    x = torch.tensor(result.x, dtype=torch.float64)
    room = 1.0 + float(np.abs(result.x).max()) / min(result.scale)
    module = _module(op, result)
    report.compare(name + "trained parameters", [result.params], torch.tensor([_count(module.parameters())]))
    _training(report, result, module, [*before, *[x] * steps])
    if result.live:
        _statistics(report, result, x)
        report.compare(name + "output", result.output, _apply(op, _module(op, result), x), room)
        bare = _module(op, result, affine=False)
        report.compare(name + "normalized", result.normalized, _apply(op, bare, x), room)
    else:
        module.eval()
        report.compare(name + "output", result.output, module(x), room)
        with torch.no_grad():
            for key, value in zip(AFFINE, (1.0, 0.0), strict=True):
                getattr(module, key).fill_(value)
        report.compare(name + "normalized", result.normalized, module(x), room)
        assert result.mean is not None and result.var is not None
        report.compare(name + "mean", result.mean, module.running_mean)
        report.compare(name + "var", result.var, module.running_var)


def _module(op: Norm, result: Normalized, eps: float | None = None, affine: bool = True) -> nn.Module:
    """torch's module with the result's weights (or with none: ones and zeros), in training; eps: another one."""
    shape = result.shape[1:]
    rank = max(1, len(shape) - 1)
    own = (result.eps or TINY) if eps is None else eps
    module: nn.Module
    if result.method in ("batch", "ghost"):
        kind = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[rank]
        module = kind(shape[0], eps=own, momentum=op.momentum)  # type: ignore[attr-defined]
    elif result.method == "instance":
        kinds = {1: nn.InstanceNorm1d, 2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
        module = kinds[rank](shape[0], eps=own, affine=bool(op.weights(shape)))
    elif isinstance(op, GroupNorm):
        module = nn.GroupNorm(op.num_groups, shape[0], eps=own)
    elif isinstance(op, RmsNorm):
        module = nn.RMSNorm(list(shape), eps=op.eps if eps is None else eps)  # None: torch's own
    else:
        module = nn.LayerNorm(list(shape), eps=own)
    module = module.double()
    with torch.no_grad():
        for key in AFFINE if affine else ():
            if key in result.weights:
                getattr(module, key).copy_(torch.tensor(result.weights[key]))
    return module


def _apply(op: Norm, module: nn.Module, x: Tensor) -> Tensor:
    """The module on a batch; of ghost batch norm, on each part in turn."""
    parts = x.chunk(op.num_splits) if isinstance(op, GhostBatchNorm) else (x,)
    return torch.cat([module(part) for part in parts])


def _training(report: Report, result: Normalized, module: nn.Module, batches: Sequence[Tensor]) -> None:
    """Train on the batches in turn, and compare the running statistics after each update."""
    if result.method not in ("batch", "ghost"):
        return
    assert result.op is not None
    splits = getattr(result.op, "num_splits", 1)
    updates = iter(result.updates)
    size = max([1.0, *(float(batch.abs().max()) for batch in batches)])
    for batch in batches:
        for part in batch.chunk(splits):
            module(part)
            update = next(updates, None)
            if update is None:
                report.wrong.append(f"{result.method} norm: an update is missing")
                return
            where = f"{result.method} norm, step {update.step}: running "
            report.compare(where + "mean", update.running_mean, module.running_mean, size)  # type: ignore[arg-type]
            report.compare(where + "var", update.running_var, module.running_var, size)  # type: ignore[arg-type]
    if next(updates, None) is not None:
        report.wrong.append(f"{result.method} norm: there are more updates than steps")
    kept = [result.running_mean, result.running_var]
    for name, own in zip(("mean", "var"), kept, strict=True):
        assert own is not None
        report.compare(f"{result.method} norm: running_{name}", own, getattr(module, f"running_{name}"), size)
    report.compare(f"{result.method} norm: kept", [result.buffers], torch.tensor([2 * result.shape[1]]))


def _statistics(report: Report, result: Normalized, x: Tensor) -> None:
    """Who shares with the first cell of a set, and the mean and the variance over those."""
    name = f"{result.method} norm: "
    flat = x.flatten()
    size = float(x.abs().max())
    for label, members in _sharing(result):
        own = torch.tensor(result.labels.ravel() == label)
        if not torch.equal(own, members):
            report.wrong.append(
                f"{name}set {label} has {int(own.sum())} cells, in torch {int(members.sum())}"
            )
            continue
        report.numbers += len(flat)
        values = flat[members]
        assert result.var is not None
        if result.mean is None:
            report.compare(f"{name}mean square of set {label}", result.var[label], values.square().mean())
            continue
        var, mean = torch.var_mean(values, correction=0)
        report.compare(f"{name}mean of set {label}", result.mean[label], mean, size)
        report.compare(f"{name}var of set {label}", result.var[label], var, size)
        unbiased = result.unbiased(label)
        if unbiased is not None:
            report.compare(f"{name}unbiased var of set {label}", unbiased, values.var(), size)


def _sharing(result: Normalized) -> Iterator[tuple[int, Tensor]]:
    """For some labels, the cells that the output of the label's first cell depends on.

    On random numbers, and with a large eps: with a small one, two cells that share would come out as 1 and -1 whatever
    they are.
    """
    assert result.op is not None
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(result.shape, dtype=torch.float64, generator=draw, requires_grad=True)
    y = _apply(result.op, _module(result.op, result, eps=1.0, affine=False), x).flatten()
    flat = result.labels.ravel()
    _, first = np.unique(flat, return_index=True)
    for label in np.unique(np.linspace(0, len(first) - 1, min(SETS, len(first))).astype(int)).tolist():
        cell = int(first[label])
        (slope,) = torch.autograd.grad(y[cell], x, retain_graph=True)
        members = slope.flatten() != 0
        members[cell] = True  # a cell that is alone comes out as 0 whatever it is
        yield label, members


def _scaling(report: Report, result: Normalized) -> None:
    """The scalings of pixels, spelled out in torch."""
    rule = result.rule
    assert isinstance(rule, Scaling)
    x = torch.tensor(result.x, dtype=torch.float64)
    alone = {"image": 0, "channel": 1}.get(rule.over)
    dims = tuple(axis for axis in range(x.ndim) if axis != alone)
    if result.method == "pixel":
        expected = x / WHITE
    elif result.method == "minmax":
        low, high = x.amin(dims, keepdim=True), x.amax(dims, keepdim=True)
        expected = (x - low) / (high - low + rule.eps)
        assert result.low is not None and result.high is not None
        report.compare("least", result.low, low.flatten())
        report.compare("greatest", result.high, high.flatten())
    else:
        var, mean = torch.var_mean(x, dims, correction=0, keepdim=True)
        expected = x - mean if result.method == "center" else (x - mean) / (var + rule.eps).sqrt()
        assert result.mean is not None and result.var is not None
        size = float(x.abs().max())
        report.compare("mean", result.mean, mean.flatten(), size)
        report.compare("var", result.var, var.flatten(), size)
    report.compare("output", result.output, expected, 1.0 + float(x.abs().max()) / min(result.scale))


def _count(tensors: Iterator[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)
