"""Any optimizer of torch.optim and any scheduler of torch.optim.lr_scheduler, by name."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from convviz.errors import ConvvizError, nearest

# These change the rate at every step, by torch's own documentation; the others at every epoch.
BY_STEP = {"OneCycleLR", "CyclicLR"}
# Optimizers that need what a training loop does not give: a closure, sparse gradients.
UNFIT = {"LBFGS": "wants a closure", "SparseAdam": "is for sparse gradients"}
REFUSALS = (TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError, LookupError, AttributeError)
REHEARSED = 20_000  # changes of the rate that are tried before training begins


def optimizers() -> dict[str, type[Optimizer]]:
    """Names and classes of torch.optim."""
    return {
        name: kind for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, Optimizer) and kind is not Optimizer
    }  # fmt: skip


def schedulers() -> dict[str, type]:
    """Names and classes of torch.optim.lr_scheduler that a loop can step."""
    base = lr_scheduler.LRScheduler
    found = {
        name: kind for name, kind in vars(lr_scheduler).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base and not name.startswith("_")
    }  # fmt: skip
    # They are made from other schedulers or from functions, which settings cannot name.
    for name in ("ChainedScheduler", "SequentialLR", "LambdaLR", "MultiplicativeLR"):
        found.pop(name, None)
    return found


def make_optimizer(settings: Mapping[str, Any], parameters: Iterable[nn.Parameter]) -> Optimizer:
    """``{"name": "SGD", "lr": 0.1}`` on ``parameters``; raises ConvvizError for what torch does not know or takes."""
    arguments = dict(settings)
    kind = _kind(arguments.pop("name"), optimizers(), "optimizer", "torch.optim")
    if kind.__name__ in UNFIT:
        raise ConvvizError(
            f"{kind.__name__} {UNFIT[kind.__name__]}, which training here does not give", "optimizer"
        )
    _check(kind, arguments, "optimizer", first=("params",))
    made: Optimizer = _made(kind, (list(parameters),), arguments, "optimizer")
    _rehearse(_made(kind, ([nn.Parameter(torch.ones(2, 2))],), arguments, "optimizer"), arguments)
    return made


def _rehearse(optimizer: Optimizer, arguments: Mapping[str, Any]) -> None:
    """Torch looks at some arguments only in a step, at some only in the second."""
    (weight,) = optimizer.param_groups[0]["params"]
    for _ in range(2):
        weight.grad = torch.ones_like(weight)
        try:
            optimizer.step()
        except REFUSALS as err:
            raise _refused(type(optimizer), arguments, "optimizer", err) from None


@contextmanager
def unwarned() -> Iterator[None]:
    """Torch misses steps of the optimizer before a scheduler's: none in a rehearsal, or before a run was stopped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Scheduler:
    """A scheduler that knows when it is to be stepped; without settings it does nothing."""

    def __init__(
        self, settings: Mapping[str, Any] | None, optimizer: Optimizer, epochs: int, steps_an_epoch: int
    ) -> None:
        self.inner: Any = None
        self.by_step = False
        if settings is None:
            return
        arguments = dict(settings)
        kind = _kind(arguments.pop("name"), schedulers(), "scheduler", "torch.optim.lr_scheduler")
        every = arguments.pop("every", "step" if kind.__name__ in BY_STEP else "epoch")
        if every not in ("step", "epoch"):
            raise ConvvizError(f"must be step or epoch, got {every!r}", "scheduler.every")
        self.by_step = every == "step"
        self.wants_loss = kind.__name__ == "ReduceLROnPlateau"
        if self.by_step and self.wants_loss:
            raise ConvvizError(
                "must be epoch: ReduceLROnPlateau looks at the loss of a whole one", "scheduler.every"
            )
        length = epochs * steps_an_epoch if self.by_step else epochs
        takes = inspect.signature(kind).parameters
        if "total_steps" in takes and not {"total_steps", "epochs"} & arguments.keys():
            arguments["total_steps"] = length
        if "max_lr" in takes and "max_lr" not in arguments:
            arguments["max_lr"] = optimizer.param_groups[0]["lr"]
        if kind.__name__ == "OneCycleLR":
            arguments.setdefault("cycle_momentum", bool({"momentum", "betas"} & optimizer.defaults.keys()))
        if kind.__name__ == "CyclicLR":
            arguments.setdefault("base_lr", optimizer.param_groups[0]["lr"] / 10)
            arguments.setdefault("cycle_momentum", "momentum" in optimizer.defaults)
        for name in ("T_max", "T_0"):
            if name in takes and name not in arguments:
                arguments[name] = length
        if kind.__name__ == "LinearLR":  # torch's own five epochs would end in the middle of nothing
            arguments.setdefault("total_iters", length)
        _check(kind, arguments, "scheduler", first=("optimizer", "last_epoch"))
        before = [dict(group) for group in optimizer.param_groups]
        self.inner = _made(kind, (optimizer,), arguments, "scheduler")
        self._rehearse(min(length, REHEARSED), arguments)
        for group, old in zip(optimizer.param_groups, before):
            group.clear()
            group.update(old)
        self.inner = _made(kind, (optimizer,), arguments, "scheduler")

    def _rehearse(self, steps: int, arguments: Mapping[str, Any]) -> None:
        """Torch looks at some arguments only when the rate changes: better now than after hours."""
        with unwarned():
            for step in range(steps):
                try:
                    self._step(1.0)
                except REFUSALS as err:
                    when = f" at step {step + 1:,} of {steps:,}" if step else ""
                    raise _refused(type(self.inner), arguments, "scheduler", err, when) from None

    def _step(self, loss: float) -> None:
        self.inner.step(loss) if self.wants_loss else self.inner.step()

    def after_step(self) -> None:
        if self.inner is not None and self.by_step:
            self.inner.step()

    def after_epoch(self, train_loss: float) -> None:
        if self.inner is not None and not self.by_step:
            # The loss on the training images: choosing by the test images would be a selection on them.
            with unwarned():
                self._step(train_loss)

    def state_dict(self) -> dict[str, Any]:
        if self.inner is None:
            return {}
        kept = self.inner.state_dict()
        return {name: value for name, value in kept.items() if _storable(value)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.inner is not None:
            self.inner.load_state_dict(state)


def _storable(value: Any) -> bool:
    """Whether torch.load(weights_only=True) takes it back; what it does not take follows from the settings."""
    if isinstance(value, Mapping):
        return all(_storable(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(map(_storable, value))
    return value is None or isinstance(value, bool | int | float | str | torch.Tensor)


def _kind(name: str, known: Mapping[str, type], what: str, home: str) -> Any:
    by_lower = {kind.lower(): kind for kind in known}
    found = by_lower.get(str(name).lower())
    if found is None:
        hint = nearest(str(name), known) or nearest(str(name).lower(), by_lower)
        raise ConvvizError(f"{home} has no {name!r}{hint}", what)
    return known[found]


def _check(kind: Any, arguments: Mapping[str, Any], what: str, first: tuple[str, ...]) -> None:
    takes = [name for name in inspect.signature(kind).parameters if name not in first]
    for name in arguments:
        if name not in takes:
            raise ConvvizError(
                f"{kind.__name__} takes no {name!r}{nearest(name, takes)} ({', '.join(takes)})", what
            )


def _made(kind: Any, given: tuple[Any, ...], arguments: dict[str, Any], what: str) -> Any:
    arguments = {
        name: tuple(v) if name == "betas" and isinstance(v, list) else v for name, v in arguments.items()
    }
    try:
        return kind(*given, **arguments)
    except REFUSALS as err:
        raise _refused(kind, arguments, what, err) from None


def _refused(
    kind: Any, arguments: Mapping[str, Any], what: str, err: Exception, when: str = ""
) -> ConvvizError:
    told = " ".join(str(err).split()) or type(err).__name__
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return ConvvizError(f"{kind.__name__}({shown}) is refused by torch{when}: {told}", what)
