"""What penalties, weight decay and dropout do to numbers: pages whose knobs are strengths, every step worked out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

from convviz.analysis.regularizers.regularize import regularize
from convviz.explorer.knobs import Knob, place
from convviz.explorer.plans import plans_data
from convviz.plan.model import Plan
from convviz.plan.regularizers.regularize import plan_of

Settings = dict[str, Any]
HOW = "The scrubber plays the steps; point at a number to see how it is worked out."


class Strength(Knob):
    """Numbers as they are written, along a slider."""

    def data(self) -> dict[str, Any]:
        return {**super().data(), "slider": True}


@dataclass(frozen=True)
class Topic:
    """One page: its knobs, and the regularizer of a setting (None where a setting says nothing)."""

    title: str
    about: str
    knobs: tuple[Knob, ...]
    of: Callable[[Settings], tuple[str, Settings] | None]


def penalty(at: Settings) -> tuple[str, Settings] | None:
    """L1, L2, or both; without either there is no penalty."""
    strengths = {name: at[name] for name in ("l1", "l2") if at[name]}
    return ("+".join(strengths), {**strengths, "lr": at["lr"]}) if strengths else None


TOPICS: Mapping[str, Topic] = {
    "l1_l2": Topic(
        "L1 and L2: what they do to weights",
        f"Turn both strengths, down to none. L1 pulls all weights alike, L2 each in proportion to its size. {HOW}",
        (
            Strength("l1", ("0", "0.5", "1", "3", "5"), 3),
            Strength("l2", ("0", "0.5", "1", "2", "5"), 0),
            Strength("lr", ("0.05", "0.1", "0.2"), 1),
        ),
        penalty,
    ),
    "weight_decay": Topic(
        "Weight decay in SGD, Adam and AdamW",
        f"The same decay in three optimizers: Adam divides it by its own size, AdamW takes it past that. {HOW}",
        (
            Strength("decay", ("0.1", "0.25", "0.5", "1"), 2),
            Strength("gradient", ("0", "0.5", "1"), 0),
            Strength("lr", ("0.05", "0.1", "0.2"), 1),
        ),
        lambda at: ("weight-decay", at),
    ),
    "dropout_batch": Topic(
        "Dropout on a batch, cell by cell or by channel",
        f"Choose what falls together, how likely it is, and another draw. {HOW}",
        (
            Knob("kind", ("dropout", "dropout2d"), 0),
            Strength("p", ("0.1", "0.25", "0.5", "0.75"), 2),
            Knob("seed", (14, 15, 16, 17, 18, 19), 0),
        ),
        lambda at: (at["kind"], {"p": at["p"], "seed": at["seed"]}),
    ),
}


def regularizer_data(name: str) -> dict[str, Any]:
    """The page of TOPICS with this name: the plan of every setting of its knobs.

    >>> data = regularizer_data("l1_l2")
    >>> [knob["labels"][0] for knob in data["knobs"]], len(data["states"])
    (['0', '0', '0.05'], 72)
    """
    topic = TOPICS[name]
    return plans_data(name, topic.title, topic.about, topic.knobs, dict(plans(topic)))


def plans(topic: Topic) -> Iterator[tuple[int, Plan]]:
    """By the numbers of the settings that there are."""
    for at in product(*(range(len(knob.values)) for knob in topic.knobs)):
        chosen = topic.of({knob.field: exact(knob.values[i]) for knob, i in zip(topic.knobs, at)})
        if chosen is not None:
            what, settings = chosen
            yield place(topic.knobs, at), plan_of(regularize(None, what, **settings))


def exact(value: Any) -> Any:
    """A number that is written as text; words and whole numbers stay."""
    return Fraction(value) if isinstance(value, str) and value[0].isdigit() else value
