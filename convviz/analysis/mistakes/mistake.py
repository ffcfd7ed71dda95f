"""Common mistakes in normalization, each made on a batch beside the right answer.

A mistake is the same arithmetic over other sets of cells, with another divisor, other running statistics or another
affine: the recipes are in :mod:`convviz.analysis.mistakes.cases`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from convviz.analysis.mistakes.cases import CASES
from convviz.analysis.mistakes.told import told_of
from convviz.analysis.norms.normalize import Normalized, check_finite, checked, method_of
from convviz.analysis.norms.set_names import set_names
from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Array, Shape, show

MISTAKES: dict[str, str] = {name: case.what for name, case in CASES.items()}
NOTHING = 1e-12  # a difference below this share of the largest value is rounding


@dataclass(frozen=True, eq=False, repr=False)
class Mistake:
    """A batch normalized rightly and wrongly.

    name: of the mistake; what: it is, a sentence. right, wrong: both ways with their sets, statistics and output
    (``wrong.rule`` is the right method's; ``wrong.var`` is what the mistake takes for the variance). notice: how to
    notice it, sentences with the numbers of this batch. wrong_code, right_code: both in torch, from ``x`` to ``y``.
    """

    name: str
    what: str
    right: Normalized
    wrong: Normalized
    notice: tuple[str, ...]
    wrong_code: str
    right_code: str

    @property
    def method(self) -> str:
        """The method that is meant."""
        return self.right.method

    @property
    def x(self) -> Array:
        return self.right.x

    @property
    def shape(self) -> Shape:
        return self.right.shape

    @property
    def output(self) -> Array:
        """The wrong one."""
        return self.wrong.output

    @property
    def labels(self) -> Array:
        """The number of each cell's set in the wrong answer; ``mean`` and ``var`` are by label."""
        return self.wrong.labels

    @property
    def mean(self) -> tuple[float, ...] | None:
        return self.wrong.mean

    @property
    def var(self) -> tuple[float, ...] | None:
        return self.wrong.var

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the wrong sets are called, by label."""
        return set_names(self.labels)

    @property
    def same_sets(self) -> bool:
        """Whether the mistake is elsewhere than in who shares."""
        return bool((self.labels == self.right.labels).all())

    @cached_property
    def difference(self) -> Array:
        """Wrong less right, cell by cell."""
        return self.wrong.output - self.right.output

    @property
    def largest(self) -> float:
        """The largest difference, without its sign."""
        return float(np.abs(self.difference).max())

    @property
    def average(self) -> float:
        """The mean of the differences without their signs."""
        return float(np.abs(self.difference).mean())

    @property
    def at(self) -> tuple[int, ...]:
        """The first cell ``(n, c, *space)`` where the difference is largest (to rounding)."""
        off = np.abs(self.difference)
        return tuple(int(i) for i in np.argwhere(off >= off.max() * (1 - 1e-9))[0])

    def __repr__(self) -> str:
        from convviz.report.norms.mistakes import render

        return render(self, "text")

    def _repr_html_(self) -> str:
        from convviz.report.norms.mistakes import render

        return render(self, "html")


def mistake(x: Any, name: str, method: str | None = None, **settings: Any) -> Mistake:
    """A batch ``x`` (N, C, *space) normalized rightly, and with the common mistake ``name`` (see ``MISTAKES``).

    method: that is meant; None is the one that the mistake is most often made in. settings: as of
    :func:`convviz.analysis.norms.normalize.normalize`. Raises ConvvizError for an unknown mistake, a method in which it
    cannot be made, and a batch on which it cannot be made or changes nothing.

    >>> from convviz.analysis.norms.batches import preset
    >>> found = mistake(preset("A"), "unbiased")
    >>> found.wrong.var, round(float(found.output[0, 0, 0, 0]), 4), round(float(found.right.output[0, 0, 0, 0]), 4)
    ((9.6,), -1.291, -1.3333)
    """
    word = mistake_of(name)
    case = CASES[word]
    meant = method_fits(word, method)
    batch = checked(x)
    if settings.get("mode", "train") == "eval" and not case.evaluates:
        raise ConvvizError(f"{word} is made in training; leave out the mode", "mode")
    with np.errstate(all="ignore"):
        made = case.make(batch, meant, dict(settings))
    check_finite(made.wrong.output, f"the result of {word}")
    found = Mistake(
        word, case.what, made.right, made.wrong, (*told_of(made.right, made.wrong), *made.told),
        made.wrong_code, made.right_code,
    )  # fmt: skip
    if found.largest <= NOTHING * max(1.0, float(np.abs(found.right.output).max())):
        why = f" ({case.needs})" if case.needs else ""
        raise ConvvizError(
            f"{word} changes nothing in the {meant} norm of this {show(batch.shape)} batch{why}", "mistake"
        )
    return found


def mistake_of(name: str) -> str:
    """A mistake's name, with ``_`` for ``-`` too; raises ConvvizError for an unknown one."""
    word = str(name).strip().lower().replace("_", "-")
    if word not in CASES:
        raise ConvvizError(
            f"no mistake {str(name)[:40]!r}{nearest(word, CASES)} (there are {', '.join(CASES)})", "mistake"
        )
    return word


def methods_of(name: str) -> Sequence[str]:
    """The methods in which a mistake can be made; the first is taken where none is asked for.

    >>> methods_of("ghost-view")
    ('ghost',)
    """
    return CASES[mistake_of(name)].methods


def mistakes_of(method: str) -> tuple[str, ...]:
    """The mistakes that can be made in a method.

    >>> mistakes_of("ghost")
    ('ghost-view',)
    """
    meant = method_of(method)
    return tuple(name for name, case in CASES.items() if meant in case.methods)


def method_fits(name: str, method: str | None) -> str:
    """The method, checked to be one in which the mistake can be made."""
    possible = methods_of(name)
    meant = possible[0] if method is None else method_of(method)
    if meant not in possible:
        own = mistakes_of(meant)
        there = f"; of {meant} norm there {'is' if len(own) == 1 else 'are'} {', '.join(own)}" if own else ""
        raise ConvvizError(
            f"{name} is a mistake of {' or '.join(possible)} norm, not of {meant}{there}", "mistake"
        )
    return meant
