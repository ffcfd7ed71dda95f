"""The gap between training and test, from real runs: epoch by epoch, by arm, and what of it is a way of measuring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from convviz.analysis.statistics.compare import Comparison
from convviz.analysis.statistics.intervals import mean_sd, standard_error
from convviz.errors import ConvvizError, nearest
from convviz.plan.words import MINUS, images
from convviz.runs.epochs import Epoch
from convviz.runs.nets import net_of
from convviz.runs.results import Results, TrainedArm, TrainedRun
from convviz.runs.variants import DROPOUTS

AUGMENTED = ("rotation", "shift", "scale", "shear", "crop", "flip", "erase")
CLEAR = 2.0  # standard errors from which a gap is told as one


@dataclass(frozen=True)
class Figure:
    """A mean over runs and the deviation between them (None of one), in per cent or points."""

    mean: float
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        return cls(*mean_sd(values))

    def text(self, signed: bool = False) -> str:
        """``95.73 ± 0.11``, or with its sign."""
        sd = "" if self.sd is None else f" ± {self.sd:.2f}"
        return f"{self.mean:{'+' if signed else ''}.2f}{sd}".replace("-", MINUS)


@dataclass(frozen=True)
class Gap:
    """One arm after its last epoch: training accuracy as it was logged, and of the final model evaluated as test images
    are; the test accuracy; both gaps, paired by run.
    """

    name: str
    seeds: tuple[int, ...]
    logged: Figure
    alike: Figure
    test: Figure
    logged_gap: Figure
    gap: Figure
    error: float
    reasons: tuple[str, ...]

    @property
    def n(self) -> int:
        return len(self.seeds)

    @property
    def clear(self) -> bool:
        """Whether the gap is more than the choice of images explains."""
        return abs(self.gap.mean) > CLEAR * self.error


@dataclass(frozen=True)
class Growth:
    """One run, epoch by epoch, and what can be said of it.

    known: the first epoch from which all training images are right until the end (None: never). best: the epoch of the
    lowest test loss.
    """

    arm: str
    seed: int
    epochs: tuple[Epoch, ...]
    known: int | None
    best: int

    @property
    def last(self) -> Epoch:
        return self.epochs[-1]

    @property
    def gap(self) -> str:
        """``+4.27``, training as logged less test, after the last epoch."""
        return f"{self.last.train - self.last.test:+.2f}".replace("-", MINUS)

    @property
    def later(self) -> bool:
        """Whether the test loss rose after its lowest epoch while that of training fell on."""
        return self.best < len(self.epochs) and self.last.train_loss < self.epochs[self.best - 1].train_loss


@dataclass(frozen=True)
class Gaps:
    """Arms, and one run of the first of them as it grows."""

    name: str
    data_set: str
    train_images: int
    test_images: int
    epochs: int
    arms: tuple[Gap, ...]
    growth: Growth
    comparison: Comparison

    @property
    def images(self) -> str:
        """``MNIST: 1,000 training images, 10,000 test images``"""
        return images(self.data_set, self.train_images, self.test_images)

    @property
    def runs(self) -> str:
        """``10 runs each``, ``one run each``"""
        counts = sorted({arm.n for arm in self.arms})
        if counts == [1]:
            return "one run" if len(self.arms) == 1 else "one run each"
        each = " each" if len(self.arms) > 1 else ""
        return f"{counts[0]} runs{each}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} runs each"

    @property
    def turned(self) -> tuple[Gap, ...]:
        """Arms whose gap has another sign as logged."""
        return tuple(arm for arm in self.arms if arm.gap.mean * arm.logged_gap.mean < 0)


def gaps(found: Results, arm: str | None = None, seed: int | None = None) -> Gaps:
    """The gaps of all arms, and how one run grew: of ``arm`` (the first unless told), of ``seed`` (its first).

    Raises ConvvizError where runs have no epochs, or were not evaluated on training images after the last one.
    """
    for one in found.arms:
        for run in one.runs:
            if not run.history or run.alike is None:
                raise ConvvizError(
                    "has no epochs; give its run directory, or a .json that convviz compare --save wrote from it",
                    f"arm {one.name!r}, seed {run.seed}",
                )
            if run.train_images is None or run.test_images is None:
                raise ConvvizError(
                    "does not say how many images there were", f"arm {one.name!r}, seed {run.seed}"
                )
    first = found.arms[0].first
    name, picked = _picked(found, arm, seed)
    return Gaps(
        found.name, found.data_set, first.train_images or 0, first.test_images or 0, first.recipe.epochs,
        tuple(_gap(found, one) for one in found.arms), _growth(name, picked), found.compare(),
    )  # fmt: skip


def _picked(found: Results, arm: str | None, seed: int | None) -> tuple[str, TrainedRun]:
    names = [one.name for one in found.arms]
    if arm is not None and arm not in names:
        raise ConvvizError(f"no arm {arm!r}{nearest(arm, names)} (there are {', '.join(names)})", "arm")
    chosen = found.arms[0 if arm is None else names.index(arm)]
    if seed is None:
        return chosen.name, chosen.first
    if seed not in chosen.seeds:
        raise ConvvizError(
            f"{chosen.name} has no seed {seed} (there are {', '.join(map(str, chosen.seeds))})", "run"
        )
    return chosen.name, chosen.runs[chosen.seeds.index(seed)]


def _gap(found: Results, arm: TrainedArm) -> Gap:
    runs, first = arm.runs, arm.first
    alike = [run.alike or 0.0 for run in runs]
    logged = [run.history[-1].train for run in runs]
    test = [run.test for run in runs]
    tested = first.test_images or 1
    seen = min(first.train_images or 1, tested)  # training images that were evaluated alike
    error = sqrt(standard_error(mean_sd(alike)[0], seen) ** 2 + standard_error(mean_sd(test)[0], tested) ** 2)
    return Gap(
        arm.name, arm.seeds, Figure.of(logged), Figure.of(alike), Figure.of(test),
        Figure.of([a - b for a, b in zip(logged, test)]), Figure.of([a - b for a, b in zip(alike, test)]), error,
        tuple(_reasons(found, arm)),
    )  # fmt: skip


def _reasons(found: Results, arm: TrainedArm) -> Iterator[str]:
    """What, besides the change of the weights within the epoch, makes training accuracy as logged another thing."""
    if any(node.op.kind in DROPOUTS for node in net_of(found, arm.name, arm.first.recipe)):
        yield "dropout"
    if any(getattr(arm.first.recipe, name) for name in AUGMENTED):
        yield "augmentation"


def _growth(arm: str, run: TrainedRun) -> Growth:
    epochs = run.history
    known = next((i + 1 for i in range(len(epochs)) if all(e.train == 100 for e in epochs[i:])), None)
    best = min(range(len(epochs)), key=lambda i: epochs[i].test_loss) + 1
    return Growth(arm, run.seed, epochs, known, best)
