"""The training loop: a recipe and a data set in, weights and a line of measurements for each epoch out.

Images stay on the device as bytes and are turned into batches there; nothing waits for the device in a step; and the
state after any step can be saved and taken up again, bit for bit on a CPU with the same number of threads.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.runs.recipe import Recipe
from convviz.train.augment import Augment
from convviz.train.average import Average
from convviz.train.dataset import Data
from convviz.train.images import EVALUATED, Images, splits
from convviz.train.net import built, check_batches, gives_probabilities
from convviz.train.optimizers import Scheduler, make_optimizer
from convviz.train.penalties import add_gradients, penalized, shrink
from convviz.train.quick import Draws, quicken
from convviz.train.seeds import generator, seed_for

LOOK = 50  # steps between looks at the losses where looking waits for the device
TOLD = 0.1  # seconds between two signs of life
TINY = 1e-12  # of a probability whose logarithm is taken


class Diverged(ConvvizError):
    """The loss, or a weight, is no finite number any more."""


class Interrupted(Exception):
    """Somebody asked to stop; the state is that of a finished step."""


class Watch(Protocol):
    """Who wants to see how a run goes on."""

    def step(self, epoch: int, done: int, of: int, images_per_second: float) -> None:
        """``done`` of ``of`` steps of epoch ``epoch`` (from 1)."""

    def epoch(self, row: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""


@dataclass(frozen=True)
class Measured:
    """loss: mean cross-entropy; accuracy in per cent; probabilities (N, classes)."""

    loss: float
    accuracy: float
    probabilities: torch.Tensor


class Trainer:
    """A run in memory: :meth:`run` trains it to its end, :meth:`state` and :meth:`load` stop and continue it.

    device: ``auto`` is a GPU where there is one. threads: of the CPU, None as torch has it.
    Raises ConvvizError for settings that torch, the net or the data set refuse.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Data,
        graph: Graph,
        *,
        device: str = "auto",
        threads: int | None = None,
        compile: bool = False,
    ) -> None:
        self.recipe, self.data, self.graph = recipe, data, graph
        self.device = device_of(device)
        self.threads = threads or torch.get_num_threads()
        self.draws = Draws()
        self.module = quicken(built(graph, recipe.seed), self.draws).to(self.device)
        self.module = (
            self.module.to(memory_format=torch.channels_last) if len(data.shape) == 3 else self.module
        )
        self._net: Callable[..., torch.Tensor] = torch.compile(self.module) if compile else self.module
        self._log = gives_probabilities(graph)
        self.splits = splits(data, recipe, self.device)
        self.steps = self._steps()
        self.weights = penalized(self.module, recipe.penalize) if recipe.penalized else []
        if recipe.penalized and not self.weights:
            raise ConvvizError(f"{graph.name} has no weights of this kind, {recipe.penalize}", "penalize")
        self.optimizer = make_optimizer(recipe.optimizer, self.module.parameters())
        self.scheduler = Scheduler(recipe.scheduler, self.optimizer, recipe.epochs, self.steps)
        self.average = Average(self.module, recipe.ema) if recipe.ema else None
        self.augment = Augment.of(recipe)
        self.history: list[dict[str, Any]] = []
        self.epoch = 0  # the epoch that is under way, from 0
        self.step = 0  # steps of it that are done
        self.seconds = 0.0  # of training and testing, in all processes that worked on this run
        self.cpu_seconds = 0.0
        # Loss, right, seen in this epoch.
        self._totals = torch.zeros(3, dtype=wide(self.device), device=self.device)
        self._epoch_seconds = 0.0

    def _steps(self) -> int:
        count, size = len(self.splits.train), self.recipe.batch_size
        if size > count:
            raise ConvvizError(f"must be at most the {count:,} training images, got {size:,}", "batch_size")
        # Batch norm cannot take a last batch of a single image.
        rest = 0 if self.recipe.drop_last or count % size == 1 else count % size
        check_batches(self.graph, {size, rest or size})
        return count // size + bool(rest)

    @property
    def finished(self) -> bool:
        return self.epoch == self.recipe.epochs

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.module.parameters() if p.requires_grad)

    # -- training -----------------------------------------------------------------------------------------
    def run(
        self,
        watch: Watch | None = None,
        save: Callable[[], None] = lambda: None,
        *,
        every: float = 60.0,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train to the end. ``save`` is called after each epoch, and within one every ``every`` seconds.

        ``stop`` is asked after each step; where it says yes, the state is saved and Interrupted raised.
        Raises Diverged at the first loss that is not finite; what was saved last is good then.
        """
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            while not self.finished:
                self._one_epoch(watch, save, every, stop)
        finally:
            torch.set_num_threads(before)

    def _one_epoch(
        self, watch: Watch | None, save: Callable[[], None], every: float, stop: Callable[[], bool]
    ) -> None:
        recipe, train = self.recipe, self.splits.train
        order = torch.randperm(len(train), generator=generator(recipe.seed, "order", self.epoch)).to(
            self.device
        )
        losses = torch.zeros(self.steps, device=self.device)
        clock, looked, began = Clock(), self.step, self.step
        saved = told = clock.wall
        look = 1 if self.device.type == "cpu" else LOOK
        self.module.train()
        while self.step < self.steps:
            losses[self.step] = self._one_step(order)
            self.step += 1
            if self.step - looked >= look or self.step == self.steps:
                self._check(losses, looked)
                looked = self.step
            now = time.perf_counter()
            if watch is not None and now - told > TOLD:
                speed = (self.step - began) * recipe.batch_size / (now - clock.wall)
                watch.step(self.epoch + 1, self.step, self.steps, speed)
                told = now
            wanted = stop()
            if wanted or now - saved > every:
                self._check(losses, looked)
                looked = self.step
                self._account(clock)
                clock, began, saved = Clock(), self.step, now
                if self._whole():
                    save()
                if wanted:
                    raise Interrupted
        self._account(clock)
        self._close_epoch(watch)
        save()

    def _one_step(self, order: torch.Tensor) -> torch.Tensor:
        recipe, place = self.recipe, (self.epoch, self.step)
        at = order[self.step * recipe.batch_size : (self.step + 1) * recipe.batch_size]
        self.draws.reseed(seed_for(recipe.seed, "dropout", *place))
        draws = generator(recipe.seed, "augment", *place)
        x, y = self.splits.train.batch(at, self.augment, recipe.fill, recipe.augment == "after", draws)
        scores = self._scores(x)
        loss = F.cross_entropy(scores, y, label_smoothing=recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.weights:
            proximal = recipe.l1_step == "proximal"
            add_gradients(self.weights, 0.0 if proximal else recipe.l1, recipe.l2)
            rate = self.optimizer.param_groups[0]["lr"]
            self.optimizer.step()
            if proximal:
                shrink(self.weights, float(rate) * recipe.l1)
        else:
            self.optimizer.step()
        self.scheduler.after_step()
        if self.average is not None:
            self.average.update()
        with torch.no_grad():
            found = loss.detach()
            self._totals[0] += found.to(self._totals.dtype) * len(y)
            self._totals[1] += (scores.argmax(1) == y).sum()
            self._totals[2] += len(y)
        return found

    def _scores(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) in float32, whose softmax is the answer."""
        half = self.recipe.precision == "bfloat16" and self.module.training
        with torch.autocast(self.device.type, torch.bfloat16) if half else contextlib.nullcontext():
            out = self._net(x)
        out = out.float().flatten(1)
        return out.clamp_min(TINY).log() if self._log else out

    def _check(self, losses: torch.Tensor, since: int) -> None:
        bad = (~torch.isfinite(losses[since : self.step])).nonzero()
        if len(bad):
            step = since + int(bad[0])
            raise Diverged(
                f"the loss is {float(losses[step])} at step {step + 1:,} of {self.steps:,} in epoch {self.epoch + 1}"
                f"; a smaller learning rate than {self.optimizer.param_groups[0]['lr']:g} may be right"
            )

    def _whole(self) -> bool:
        """Whether all weights are finite: only then is a state worth keeping."""
        return all(bool(torch.isfinite(p).all()) for p in self.module.parameters())

    def _account(self, clock: Clock) -> None:
        wall, cpu = clock.passed()
        self._epoch_seconds += wall
        self.seconds += wall
        self.cpu_seconds += cpu

    def _close_epoch(self, watch: Watch | None) -> None:
        if not self._whole():
            raise Diverged(
                f"a weight is not finite after epoch {self.epoch + 1}; a smaller learning rate than "
                f"{self.optimizer.param_groups[0]['lr']:g} may be right"
            )
        clock = Clock()
        loss, right, seen = self._totals.tolist()
        test = self.test()
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "train_loss": loss / seen,
            "train_accuracy": 100 * right / seen,
            "test_loss": test.loss,
            "test_accuracy": test.accuracy,
        }
        if len(self.splits.held):
            held = self.test(self.splits.held)
            row |= {"held_loss": held.loss, "held_accuracy": held.accuracy}
        row |= {
            "seconds": self._epoch_seconds,
            "images_per_second": seen / self._epoch_seconds,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
        }
        wild = next((name for name, value in row.items() if not isfinite(value)), None)
        if wild is not None:
            raise Diverged(
                f"{wild} is {row[wild]} after epoch {self.epoch + 1}; a smaller learning rate than {row['lr']:g} "
                "may be right"
            )
        wall, cpu = clock.passed()
        self.seconds += wall
        self.cpu_seconds += cpu
        self.scheduler.after_epoch(row["train_loss"])
        self.history.append(row)
        self.epoch, self.step, self._epoch_seconds = self.epoch + 1, 0, 0.0
        self._totals.zero_()
        if watch is not None:
            watch.epoch(row)

    # -- testing ------------------------------------------------------------------------------------------
    def test(self, images: Images | None = None) -> Measured:
        """Loss, accuracy and probabilities in evaluation mode, in float32; of the test images unless told."""
        images = self.splits.test if images is None else images
        with self.averaged():
            return measure(self.module, images, self._log)

    def averaged(self) -> contextlib.AbstractContextManager[Any]:
        """Within it the module has the averaged weights, where the recipe wants them."""
        return self.average.applied() if self.average is not None else contextlib.nullcontext()

    def weights_now(self) -> dict[str, torch.Tensor]:
        """The state dict that is tested and kept, on the CPU."""
        with self.averaged():
            return {name: value.detach().cpu().clone() for name, value in self.module.state_dict().items()}

    # -- stopping and going on ----------------------------------------------------------------------------
    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as tensors and plain values."""
        return {
            "recipe": self.recipe.key,
            "epoch": self.epoch,
            "step": self.step,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "average": self.average.state_dict() if self.average else {},
            "totals": self._totals,
            "history": self.history,
            "seconds": [self.seconds, self.cpu_seconds, self._epoch_seconds],
            "threads": self.threads,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; raises ConvvizError where it belongs to another recipe."""
        if state.get("recipe") != self.recipe.key:
            raise ConvvizError("is the state of a run with other settings")
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self._totals = state["totals"].to(self.device)
        self.history = state["history"]
        self.epoch, self.step = state["epoch"], state["step"]
        self.seconds, self.cpu_seconds, self._epoch_seconds = state["seconds"]


class Clock:
    """Seconds since it was made: on the wall, and of the processor."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def passed(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


def wide(device: torch.device) -> torch.dtype:
    """What sums are kept in: Apple's GPUs have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def device_of(name: str) -> torch.device:
    """``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; raises ConvvizError for one that is not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConvvizError(f"there is no device {name!r} here; auto and cpu always work", "device") from None
    return device


def measure(module: nn.Module, images: Images, probabilities: bool = False) -> Measured:
    """A module in evaluation mode on images, which it is put back from afterwards; see :class:`Measured`."""
    was = module.training
    module.eval()
    try:
        with torch.no_grad():
            parts, total = [], 0.0
            for start in range(0, len(images), EVALUATED):
                y = images.y[start : start + EVALUATED]
                out = module(images.prepared(images.x[start : start + EVALUATED])).float().flatten(1)
                scores = out.clamp_min(TINY).log() if probabilities else out
                total += float(F.cross_entropy(scores.to(wide(out.device)), y, reduction="sum"))
                parts.append(out if probabilities else out.softmax(1))
            found = torch.cat(parts)
            right = int((found.argmax(1) == images.y).sum())
    finally:
        module.train(was)
    return Measured(total / len(images), 100 * right / len(images), found.cpu())


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
