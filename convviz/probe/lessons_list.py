"""The lessons: their questions, and for each the arms that differ in one thing.

The learning rate falls to a tenth after two thirds of the epochs, except where its schedule is the question: with a
constant one the last epoch is several times noisier, and small differences drown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convviz.probe.lessons_nets import Net
from convviz.probe.lessons_run import Recipe


@dataclass(frozen=True)
class Arm:
    """One side of a lesson: how its net is trained, and how the test images are turned."""

    name: str
    recipe: Recipe
    turn: str = "as is"


@dataclass(frozen=True)
class Lesson:
    """A question, arms that differ in one thing, and which are compared (default: each with the first)."""

    name: str
    question: str
    arms: tuple[Arm, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    note: str = ""

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        return self.pairs or tuple((arm.name, self.arms[0].name) for arm in self.arms[1:])


SETUP = (
    "SGD with momentum .9; where nothing else is said batch 64 and a learning rate of .05, which falls to a tenth "
    "after two thirds of the epochs."
)
BASE = Recipe(epochs=6, schedule="step")
LIGHT, HEAVY = Net(widths=(4, 4, 0, 8, 8)), Net(widths=(16, 16, 0, 32, 32))
WIDE_GAP = Net(widths=(18, 18, 0, 27, 27))  # as many parameters as the linear head on the narrow maps
OVERKILL = Net(widths=(32, 0, 64, 0, 128, 256, 0, 512), padding=1)
SLIM = Net(widths=(8, 0, 16, 0, 16, 16, 0, 16), padding=1)
BARE = Net(norm="none")
PIXELS = replace(BASE, net=Net(widths=(64,), head="hidden"))


def with_batch(size: int, norm: Any) -> Recipe:
    """Two epochs with a learning rate in proportion to the batch."""
    return replace(BASE, net=Net(norm=norm), epochs=2, batch=size, rate=BASE.rate * size / BASE.batch)


LESSONS = (
    Lesson(
        "lighter-longer",
        "Does a lighter net reach the goal when it is trained for longer?",
        (
            Arm("heavy, 6 epochs", replace(BASE, net=HEAVY)),
            Arm("light, 6 epochs", replace(BASE, net=LIGHT)),
            Arm("light, 18 epochs", replace(BASE, net=LIGHT, epochs=18)),
        ),
        (
            ("light, 6 epochs", "heavy, 6 epochs"),
            ("light, 18 epochs", "heavy, 6 epochs"),
            ("light, 18 epochs", "light, 6 epochs"),
        ),
    ),
    Lesson(
        "step-lr",
        "Is MNIST too small for StepLR?",
        (
            Arm("6,000 images, constant", replace(BASE, schedule="constant")),
            Arm("6,000 images, step", BASE),
            Arm("1,500 images, constant", replace(BASE, train=1500, schedule="constant")),
            Arm("1,500 images, step", replace(BASE, train=1500)),
        ),
        (
            ("6,000 images, step", "6,000 images, constant"),
            ("1,500 images, step", "1,500 images, constant"),
        ),
        "The step: a tenth of the learning rate after two thirds of the epochs.",
    ),
    Lesson(
        "dropout",
        "How much dropout: .1, .5 or .9?",
        (
            Arm("no dropout", BASE),
            *(Arm(f"dropout .{round(10 * p)}", replace(BASE, net=Net(dropout=p))) for p in (0.1, 0.5, 0.9)),
        ),
        note="Elementwise dropout after each of the four convs, of a net with 4,370 parameters.",
    ),
    Lesson(
        "norm-order",
        "Batch norm before or after ReLU?",
        (
            Arm("conv, ReLU, batch norm", BASE),
            Arm("conv, batch norm, ReLU", replace(BASE, net=Net(order="norm-relu"))),
            Arm("no batch norm", replace(BASE, net=BARE)),
        ),
    ),
    Lesson(
        "scaling",
        "What if ToTensor or Normalize is left out?",
        (
            Arm("standardized", replace(BASE, net=BARE)),
            Arm("0 to 1", replace(BASE, net=BARE, scale="unit")),
            Arm("0 to 255", replace(BASE, net=BARE, scale="bytes")),
            Arm("standardized, batch norm", BASE),
            Arm("0 to 255, batch norm", replace(BASE, scale="bytes")),
        ),
        (
            ("0 to 1", "standardized"),
            ("0 to 255", "standardized"),
            ("0 to 255, batch norm", "standardized, batch norm"),
        ),
    ),
    Lesson(
        "small-batches",
        "Does batch norm need large batches?",
        tuple(
            Arm(f"batch {size}, {norm} norm", with_batch(size, norm))
            for size in (2, 8, 64)
            for norm in ("batch", "group")
        ),
        tuple((f"batch {size}, batch norm", f"batch {size}, group norm") for size in (2, 8, 64)),
        "Two epochs, so that smaller batches take more steps; learning rate in proportion to the batch.",
    ),
    Lesson(
        "gap-or-linear",
        "Is global average pooling good or bad, at equal parameters?",
        (
            Arm("flatten and linear", replace(BASE, net=Net(head="linear"))),
            Arm("GAP, same convs", BASE),
            Arm("GAP, same parameters", replace(BASE, net=WIDE_GAP)),
        ),
    ),
    Lesson(
        "overkill",
        "Are 32 to 512 kernels overkill for MNIST?",
        (
            Arm("8 to 16 kernels", replace(BASE, net=SLIM, epochs=4, train=3000)),
            Arm("32 to 512 kernels", replace(BASE, net=OVERKILL, epochs=4, train=3000)),
        ),
    ),
    Lesson(
        "shift-and-rotation",
        "Is a convnet invariant to translation and rotation?",
        tuple(
            Arm(f"{name}, {turn}", recipe, turn)
            for name, recipe in (("convs and GAP", BASE), ("fully connected", PIXELS))
            for turn in ("as is", "shifted 4", "rotated 30")
        ),
        (
            ("convs and GAP, shifted 4", "convs and GAP, as is"),
            ("convs and GAP, rotated 30", "convs and GAP, as is"),
            ("fully connected, shifted 4", "fully connected, as is"),
            ("fully connected, rotated 30", "fully connected, as is"),
        ),
        "Trained on images as they are; test images are shifted by 4 pixels or rotated by 30 degrees.",
    ),
    Lesson(
        "batch-below-classes",
        "Must the batch hold at least as many images as there are classes?",
        tuple(Arm(f"batch {size}", with_batch(size, "group")) for size in (64, 16, 8, 4)),
        note="Group norm; two epochs, so that smaller batches take more steps; the learning rate goes with the batch.",
    ),
)
NAMES = {lesson.name: lesson for lesson in LESSONS}
