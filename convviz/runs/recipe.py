"""How a net is trained, as data: every setting that decides the final weights, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convviz.errors import ConvvizError, FieldError, nearest
from convviz.runs import settings as s
from convviz.runs.variants import check_dropout, check_norm

DATASETS = ("mnist", "cifar10", "digits")
PENALIZED = ("weights", "conv", "all")
PRECISIONS = ("float32", "bfloat16")


def _set(check: s.Check, default: Any, about: str) -> Any:
    extra = {"check": check, "about": about}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=extra)
    return field(default=default, metadata=extra)


@dataclass(frozen=True)
class Recipe:
    """Settings of a training run; ``Recipe(net="code8", epochs=5)``. Each is checked and normalised.

    Raises ConvvizError that names the setting. Learning rates and the like are arguments of the optimizer
    (``{"name": "SGD", "lr": 0.01}``), by torch's names.

    >>> recipe = Recipe(net="code8", epochs="5", optimizer={"SGD": {"lr": 0.1}})
    >>> recipe.epochs, recipe.optimizer
    (5, {'name': 'SGD', 'lr': 0.1})
    """

    net: str = _set(s.text, "code8", "What is trained: anything that convviz.read takes.")
    dataset: str = _set(s.one_of(*DATASETS), "mnist", "mnist, cifar10 or digits.")
    epochs: int = _set(s.whole(1, 100_000), 20, "How often every training image is seen.")
    batch_size: int = _set(s.whole(1, 1_000_000), 128, "Images in a step.")
    seed: int = _set(s.whole(0, 2**31 - 1), 0, "Decides first weights, order, augmentation and dropout.")
    optimizer: dict[str, Any] = _set(  # noqa: RUF009 (a field, as the others)
        s.named_arguments,
        {"name": "SGD", "lr": 0.01, "momentum": 0.9},
        "A class of torch.optim and its arguments.",
    )
    scheduler: dict[str, Any] | None = _set(  # noqa: RUF009
        s.or_none(s.named_arguments), None, "A class of torch.optim.lr_scheduler and its arguments."
    )
    norm: str | None = _set(
        s.or_none(check_norm),
        None,
        "batch, layer, group:2, ghost:2, instance, rms or without, in place of the net's.",
    )
    dropout: str | None = _set(
        s.or_none(check_dropout), None, "0.1, dropout2d, dropout2d:0.2 or without, in place of the net's."
    )
    l1: float = _set(s.real(0, 1e6), 0.0, "l1 * sum(|w|) is added to the loss.")
    l2: float = _set(s.real(0, 1e6), 0.0, "l2 / 2 * sum(w**2) is added to the loss.")
    penalize: str = _set(
        s.one_of(*PENALIZED),
        "weights",
        "What l1 and l2 apply to: weights (no biases and norms), conv (kernels only) or all.",
    )
    l1_step: str = _set(
        s.one_of("subgradient", "proximal"),
        "subgradient",
        "subgradient, or proximal, which gives weights of exactly 0.",
    )
    label_smoothing: float = _set(
        s.real(0, 1, open_high=True), 0.0, "Share of the target spread over all classes."
    )
    rotation: float = _set(s.real(0, 180), 0.0, "Degrees to either side, drawn evenly.")
    shift: float = _set(s.real(0, 1), 0.0, "Share of the side by which images move, at most.")
    scale: float = _set(s.real(0, 1, open_high=True), 0.0, "Share by which images grow or shrink, at most.")
    shear: float = _set(s.real(0, 80), 0.0, "Degrees of slant, at most.")
    crop: int = _set(s.whole(0, 1000), 0, "Pixels of padding around the image before a random crop.")
    flip: bool = _set(s.yes_or_no, False, "Mirror half of the images left to right.")
    erase: int = _set(s.whole(0, 1000), 0, "Side of a square that is blanked in every image (cutout).")
    fill: float = _set(
        s.real(-100, 100), 0.0, "What comes in at the edges, in the units of where it happens."
    )
    augment: str = _set(
        s.one_of("before", "after"),
        "before",
        "before or after pixels are normalized: where images are turned; fill is a pixel from 0 to 1, or a "
        "normalized one.",
    )
    normalize: str = _set(
        s.one_of("standardize", "unit", "bytes"),
        "standardize",
        "standardize (mean and deviation of the training images), unit (pixels 0 to 1) or bytes (0 to 255).",
    )
    ema: float = _set(
        s.real(0, 1, open_high=True),
        0.0,
        "Decay of an average of the weights by step, which is what is tested and kept; 0 is none.",
    )
    holdout: int = _set(s.whole(0, 1_000_000), 0, "Last training images kept aside to choose by.")
    train_images: int | None = _set(
        s.or_none(s.whole(1)), None, "Train on so many images, drawn by the seed."
    )
    drop_last: bool = _set(s.yes_or_no, False, "Leave out a last batch that is not full.")
    precision: str = _set(s.one_of(*PRECISIONS), "float32", "float32, or bfloat16 (autocast).")

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            try:
                object.__setattr__(self, item.name, item.metadata["check"](item.name, value))
            except ConvvizError as err:
                raise err if err.where else FieldError(item.name, err.message) from None

    def replace(self, **changes: Any) -> Recipe:
        """A copy with other settings; raises ConvvizError for an unknown name."""
        check_names(changes)
        return dataclasses.replace(self, **changes)

    def plain(self) -> dict[str, Any]:
        """As plain data, in the order of the fields: what ``config.yaml`` holds."""
        return dataclasses.asdict(self)

    @property
    def key(self) -> str:
        """A short name for exactly these settings, the seed included."""
        text = json.dumps(self.plain(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def penalized(self) -> bool:
        return bool(self.l1 or self.l2)

    def differences(self, other: Recipe) -> dict[str, tuple[Any, Any]]:
        """Settings in which two recipes differ: ``{name: (own, other's)}``."""
        mine, theirs = self.plain(), other.plain()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}

    def changes(self, now: Recipe) -> str:
        """The same in words, this one being ``there``: ``epochs 3 there, 4 now``; empty where they are equal."""
        told = self.differences(now).items()
        return ", ".join(f"{name} {_worded(a)} there, {_worded(b)} now" for name, (a, b) in told)


def _worded(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key}={item}" for key, item in value.items() if key != "name")
        return f"{value.get('name')}({inner})"
    return "none" if value is None else str(value)


FIELDS = {item.name: item for item in dataclasses.fields(Recipe)}
ABOUT = {name: item.metadata["about"] for name, item in FIELDS.items()}
DEFAULTS = Recipe().plain()
# Arguments of the optimizer that people set by themselves: `lr: 0.1` in a recipe is `optimizer.lr`.
SHORT = ("lr", "momentum", "weight_decay", "nesterov")


def check_names(given: Mapping[str, Any], where: str = "") -> None:
    """Raises ConvvizError for a setting that no recipe has."""
    for name in given:
        if name not in FIELDS and name not in SHORT:
            known = (*FIELDS, *SHORT)
            raise ConvvizError(f"there is no setting {name!r}{nearest(str(name), known)}", where)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """``base`` with ``changes``; ``lr``, ``momentum``, ``weight_decay`` and ``nesterov`` go into the optimizer.

    >>> merged({"epochs": 3}, {"lr": 0.1})["optimizer"]
    {'name': 'SGD', 'lr': 0.1, 'momentum': 0.9}
    """
    check_names(changes, where)
    out = {**base, **{name: value for name, value in changes.items() if name not in SHORT}}
    short = {name: value for name, value in changes.items() if name in SHORT}
    if short:
        optimizer = s.named_arguments("optimizer", out.get("optimizer", DEFAULTS["optimizer"]))
        out["optimizer"] = s.named_arguments("optimizer", {**optimizer, **short})
    return out


def recipe_of(given: Mapping[str, Any], where: str = "") -> Recipe:
    """A Recipe from plain data (of a file or a command line); raises ConvvizError placed at ``where``."""
    try:
        return Recipe(**merged({}, given))
    except ConvvizError as err:
        raise err.at(where) if where else err from None
