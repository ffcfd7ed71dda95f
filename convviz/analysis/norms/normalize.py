"""A batch of numbers normalized: who shares statistics, the statistics, the result, and what is kept for evaluation.

Everything works on a batch ``(N, C, *space)``. The sets of cells that share a mean and a variance are *labelled*,
0, 1, ... in the order in which they are met; statistics are listed by label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np

from convviz.analysis.norms.checks import (
    MAX_STEPS,
    Unfit,
    check_count,
    check_finite,
    check_kept,
    check_root,
    check_splits,
    checked,
)
from convviz.analysis.norms.labels import by_label, extremes, labels_of
from convviz.analysis.norms.running import Update, updates
from convviz.analysis.norms.scaling import SCALINGS, Scaling
from convviz.analysis.norms.settings import METHODS, affine, method_of, op_of
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape, show
from convviz.ops.norm import Norm, RunningNorm, running
from convviz.ops.relations import SAME, Blocks, Relation

__all__ = [
    "METHODS",
    "Mode",
    "Normalized",
    "Norms",
    "by_label",
    "check_finite",
    "checked",
    "labels_of",
    "method_of",
    "normalize",
    "normalize_all",
]

Mode = Literal["train", "eval"]


@dataclass(frozen=True, eq=False, repr=False)
class Normalized:
    """A batch and what a method makes of it.

    x, output: arrays (N, C, *space), float64; normalized: the output before the affine. labels: of the same shape,
    equal where cells share statistics. mean, var: by label, the biased variance; in evaluation the running ones;
    without centring mean is None and var the mean square. low, high: by label (min-max only). shift, scale: by label,
    ``normalized = (x - shift) / scale``. weights: gamma as ``weight``, beta as ``bias``, running statistics, by torch's
    names and shapes, where the method has them. updates: what each step left in the running statistics, if any.
    """

    method: str
    rule: Norm | Scaling
    mode: Mode
    x: Array
    labels: Array
    mean: tuple[float, ...] | None
    var: tuple[float, ...] | None
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    normalized: Array
    output: Array
    weights: dict[str, Array] = field(default_factory=dict)
    updates: tuple[Update, ...] = ()
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        return self.x.shape

    @property
    def op(self) -> Norm | None:
        """The norm as an op; None for a scaling of pixels."""
        return self.rule if isinstance(self.rule, Norm) else None

    @property
    def live(self) -> bool:
        """Whether the statistics come from these numbers, not from running ones."""
        return self.op is None or bool(self.op.statistics(self.shape[1:], mode=self.mode))

    @property
    def eps(self) -> float:
        return self.rule.epsilon(self.x)

    @property
    def params(self) -> int:
        """Trained parameters (gamma and beta)."""
        return self.op.params(self.shape[1:]) if self.op else 0

    @property
    def buffers(self) -> int:
        """Numbers that are kept but not trained (running means and variances)."""
        return sum(prod(s) for s in self.op.buffers(self.shape[1:]).values()) if self.op else 0

    @cached_property
    def sets(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """The cells ``(n, c, *space)`` of each label."""
        found: list[list[tuple[int, ...]]] = [[] for _ in self.shift]
        for cell in np.ndindex(self.shape):
            found[self.labels[cell]].append(cell)
        return tuple(map(tuple, found))

    @cached_property
    def cells(self) -> tuple[int, ...]:
        """How many cells share each label's statistics."""
        return tuple(np.bincount(self.labels.ravel()).tolist())

    @cached_property
    def sums(self) -> tuple[float, ...]:
        """The sum of each label's cells."""
        return tuple(np.bincount(self.labels.ravel(), self.x.ravel()).tolist())

    @cached_property
    def square_sums(self) -> tuple[float, ...]:
        """For each label the sum of ``(x - shift)**2``: of the deviations; of the cells where no mean is taken."""
        deviations = self.x - np.asarray(self.shift)[self.labels]
        return tuple(np.bincount(self.labels.ravel(), (deviations**2).ravel()).tolist())

    def unbiased(self, label: int) -> float | None:
        """The variance over one cell less, which goes into the running variance; None for a single cell."""
        cells = self.cells[label]
        if self.var is None or not self.live or cells < 2:
            return None
        return self.var[label] * cells / (cells - 1)

    @property
    def running_mean(self) -> Array | None:
        """By channel, after all steps; None where none is kept."""
        return self.updates[-1].running_mean if self.updates else self.weights.get("running_mean")

    @property
    def running_var(self) -> Array | None:
        return self.updates[-1].running_var if self.updates else self.weights.get("running_var")

    def __repr__(self) -> str:
        from convviz.report.norms.norm import text

        return text(self)

    def _repr_html_(self) -> str:
        from convviz.report.norms.norm import html

        return html(self)


@dataclass(frozen=True, eq=False, repr=False)
class Norms:
    """The same batch under several methods; left_out: (method, why) of those that it does not fit."""

    results: tuple[Normalized, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[Normalized]:
        return iter(self.results)

    @cached_property
    def telling(self) -> tuple[int, int]:
        """The sample and the channel on which the methods differ most."""
        outputs = np.stack([result.output for result in self.results])
        with np.errstate(over="ignore"):
            apart = outputs.var(0).reshape(*outputs.shape[1:3], -1).sum(-1)
        n, c = np.unravel_index(int(apart.argmax()), apart.shape)
        return int(n), int(c)

    def __getitem__(self, method: str) -> Normalized:
        name = method_of(method)
        for result in self.results:
            if result.method == name:
                return result
        raise ConvvizError(
            f"{name} norm was left out: {dict(self.left_out).get(name, 'it was not asked for')}"
        )

    def __repr__(self) -> str:
        from convviz.report.norms.norm import text

        return text(self)

    def _repr_html_(self) -> str:
        from convviz.report.norms.norm import html

        return html(self)


def normalize(
    x: Any,
    method: str = "batch",
    *,
    groups: int | None = None,
    splits: int | None = None,
    eps: float | None = None,
    gamma: float | Sequence[float] | None = None,
    beta: float | Sequence[float] | None = None,
    mode: Mode = "train",
    momentum: float | None = 0.1,
    steps: int = 1,
    before: Sequence[Any] = (),
    over: str = "image",
) -> Normalized:
    """A batch ``x`` (N, C, *space) normalized by one method, with every number that goes into it.

    method: batch, layer, group, instance, rms or ghost (or bn, ln, gn, in, gbn, or the op's name), or one of the pixel
    scalings pixel, center, standardize, minmax, which work over each image, channel or the whole data set (``over``).
    Settings that a method does not have are not looked at.
    groups, splits: of group norm and ghost batch norm; 2 where that divides, else 1. eps: None is torch's default.
    gamma, beta: one number, one for each channel, or for layer and rms norm one for each cell of a sample; None: ones
    and zeros where torch has them. mode: ``train`` takes the batch's own statistics and updates the running ones,
    ``eval`` takes the running ones after ``steps`` training steps on this batch. before: batches that come earlier.
    momentum: None is the plain average of all steps.

    Source: torch.nn's modules, on which every number is tested. Raises ConvvizError where something does not fit.

    >>> import numpy as np
    >>> done = normalize(np.array([[[[0, 2], [2, 0]]], [[[2, 8], [2, 8]]], [[[1, 5], [5, 1]]], [[[5, 7], [7, 9]]]]))
    >>> done.mean, done.var, round(float(done.running_var[0]), 2)
    ((4.0,), (9.0,), 1.86)
    """
    name = method_of(method)
    if mode not in ("train", "eval"):
        raise ConvvizError(f"must be train or eval, got {mode!r}", "mode")
    batch = checked(x)
    if name in SCALINGS:
        return scaled(batch, Scaling(name, over, 0.0 if eps is None else eps))
    shape = batch.shape[1:]
    op = op_of(name, batch.shape, groups, splits, eps, momentum, affine=gamma is not None or beta is not None)
    weights = affine(op, shape, gamma, beta)
    earlier = [checked(b) for b in before]
    for other in earlier:
        if other.shape[1:] != shape:
            raise ConvvizError(
                f"batches of one shape are needed, got {show(other.shape)} before {show(batch.shape)}"
            )
        check_splits(op, len(other))
    check_count(op, batch.shape, mode)
    if isinstance(steps, bool) or not isinstance(steps, int) or not 0 <= steps <= MAX_STEPS:
        raise ConvvizError(f"must be a whole number from 0 to {MAX_STEPS:,}, got {steps!r}", "steps")
    kept: tuple[Update, ...] = ()
    if isinstance(op, RunningNorm) and op.track_running_stats:
        for one in {b.shape: b for b in [*earlier, *[batch] * bool(steps)]}.values():
            check_count(op, one.shape, "train")
        check_kept(op, len(earlier) + steps, shape[0])
        with np.errstate(all="ignore"):  # what is not finite is refused below
            kept = updates(op, [*earlier, *[batch] * steps])
        weights |= (
            kept[-1].state()
            if kept
            else {"running_mean": np.zeros(shape[0]), "running_var": np.ones(shape[0])}
        )
    done = applied(op, batch, weights, mode, kept)
    for kind in (done.shift, done.var, *weights.values()):
        check_finite(np.asarray(kind), "statistics", "the numbers are too large to be squared", place=False)
    scale, bare = np.array(done.scale)[done.labels], done.live and op.centred and not op.epsilon(batch)
    check_root(scale, batch, done.labels, bare)
    check_finite(done.output, "the result")
    return done


def applied(
    op: Norm, x: Array, weights: dict[str, Array], mode: Mode = "eval", kept: tuple[Update, ...] = ()
) -> Normalized:
    """What an op makes of a batch ``x`` (N, C, *space) with these weights and running statistics, unchecked."""
    shape = x.shape[1:]
    live = bool(op.statistics(shape, mode=mode))
    # Running statistics belong to a channel.
    each: tuple[Relation, ...] = (Blocks(len(x)), SAME, *(Blocks(n) for n in shape[1:]))
    labels = labels_of(op.shares(shape, mode=mode, batch=len(x)) if live else each, x.shape)
    with np.errstate(all="ignore"):
        mean, var = op.moments(x, mode) if live else running(weights, x.ndim)
        scale = np.sqrt(var + op.epsilon(x))
        normalized, output = (x - mean) / scale, op.forward(x, weights=weights, mode=mode)
    means = by_label(mean, labels)
    return Normalized(
        method_of(op.kind), op, mode, x, labels, means if op.centred else None, by_label(var, labels), means,
        by_label(scale, labels), normalized, output, weights, kept, notes=notes(op, x, labels, live),
    )  # fmt: skip


def notes(op: Norm, batch: Array, labels: Array, live: bool) -> tuple[str, ...]:
    """What is odd about the sets, in sentences."""
    if not live or not op.centred:
        return ()
    alike = np.flatnonzero(extremes(batch, labels)[0] == extremes(batch, labels)[1])
    sets = int(labels.max()) + 1
    if not len(alike):
        return ()
    which = (
        "Every set" if len(alike) == sets else f"Set {alike[0]}" if len(alike) == 1 else f"{len(alike)} sets"
    )
    verb = "have" if which.endswith("sets") else "has"
    why = f"{verb} a single cell" if labels.size == sets else f"{verb} equal values"
    return (f"{which} {why}: the variance is 0, and all that is left is beta.",)


def normalize_all(x: Any, methods: Iterable[str] = tuple(METHODS), **settings: Any) -> Norms:
    """The same batch under every method that it fits, with the settings of :func:`normalize`; a beta is left out where
    a method has none.

    >>> import numpy as np
    >>> [done.method for done in normalize_all(np.arange(8.0).reshape(2, 2, 2))]
    ['batch', 'layer', 'group', 'instance', 'rms', 'ghost']
    """
    batch = checked(x)
    results, left_out = [], []
    for method in methods:
        name = method_of(method)
        own = dict(settings, beta=None) if name == "rms" else settings
        try:
            results.append(normalize(batch, name, **own))
        except Unfit as err:
            left_out.append((name, err.message))
    if not results:
        raise ConvvizError(f"no method fits {show(batch.shape)}: {'; '.join(why for _, why in left_out)}")
    return Norms(tuple(results), tuple(left_out))


def scaled(batch: Array, rule: Scaling) -> Normalized:
    """A scaling of pixels."""
    labels = labels_of(rule.shares(batch.shape), batch.shape)
    with np.errstate(all="ignore"):
        parts = rule.parts(batch)
        output = (batch - parts.shift) / parts.scale
    for part in (parts.shift, parts.scale):
        check_finite(part, "statistics", "the numbers are too large", place=False)
    bare = rule.method in ("standardize", "minmax") and not rule.epsilon(batch)
    check_root(np.broadcast_to(parts.scale, batch.shape), batch, labels, bare)
    check_finite(output, "the result")

    def listed(part: Array | None) -> tuple[float, ...] | None:
        return None if part is None else by_label(part, labels)

    return Normalized(
        rule.method, rule, "train", batch, labels, listed(parts.mean), listed(parts.var), by_label(parts.shift, labels),
        by_label(parts.scale, labels), output, output, {}, (), listed(parts.low), listed(parts.high), parts.notes,
    )  # fmt: skip
