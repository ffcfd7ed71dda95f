"""Many seeds of one recipe trained at the same time, in one net that holds all of them side by side.

Every seed has its own first weights, images, order and augmentation, drawn as a run of its own draws them, so that
without dropout it ends where that run ends, but for the rounding of sums that are taken in another order. Dropout
draws one mask for all nets together: as random, but not the same as in single runs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.runs.recipe import Recipe
from convviz.train.augment import Augment, warped
from convviz.train.average import Average
from convviz.train.beside import Beside, joined, parted
from convviz.train.dataset import Data
from convviz.train.graphed import Graphed, Update, recorder_for
from convviz.train.images import Images
from convviz.train.loop import Diverged, Trainer, Watch
from convviz.train.net import built, graph_of
from convviz.train.optimizers import Scheduler, make_optimizer, optimizers
from convviz.train.penalties import add_gradients, penalized, shrink
from convviz.train.quick import quicken
from convviz.train.seeds import generator, seed_for

# Their step of a weight depends on that weight's own gradients alone, so stacked weights are trained as single ones.
ELEMENTWISE = (
    "sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam", "asgd", "rprop",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SeedResult:
    """What one seed of many came to. ``weights``: the state dict that was tested; accuracy in per cent, after the
    last epoch; seconds: this seed's share of the time of all.
    """

    seed: int
    history: tuple[Mapping[str, Any], ...]
    weights: Mapping[str, torch.Tensor]
    test_accuracy: float
    test_loss: float
    seconds: float

    def __repr__(self) -> str:
        return (
            f"seed {self.seed}: {self.test_accuracy:.2f} % of the test images, loss {self.test_loss:.4f}, "
            f"{len(self.history)} epochs, {self.seconds:.1f} s"
        )


def train_many(
    recipe: Recipe,
    seeds: Sequence[int],
    data: Data,
    *,
    device: str = "auto",
    threads: int | None = None,
    watch: Watch | None = None,
) -> tuple[SeedResult, ...]:
    """Train ``recipe`` with each of ``seeds`` at once, and return what each came to, in their order.

    Raises ConvvizError for what cannot be trained side by side (an optimizer that looks at more than single weights,
    a schedule that looks at the loss), and Diverged where the loss of a seed is not finite.
    """
    many = Many(recipe, seeds, data, device=device, threads=threads)
    many.run(watch)
    return many.results()


class Many(Trainer):
    """A :class:`convviz.train.loop.Trainer` of several seeds: ``runs`` has a Trainer for each.

    They are up to date when ``save`` is called, after an epoch, and after :meth:`part`; what they are loaded with
    before :meth:`join` is where all go on, which must be the same step of the same epoch.
    """

    def __init__(
        self,
        recipe: Recipe,
        seeds: Sequence[int],
        data: Data,
        graph: Graph | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
        compile: bool = False,
    ) -> None:
        recipes = [recipe.replace(seed=seed) for seed in seeds]
        check_seeds(recipe, [own.seed for own in recipes])
        graph = graph if graph is not None else graph_of(recipe, data)
        super().__init__(recipes[0], data, graph, device=device, threads=threads)
        self.runs = [Trainer(own, data, graph, device=device, threads=threads) for own in recipes]
        self.seeds = tuple(own.seed for own in recipes)
        self.diverged: tuple[int, ...] = ()  # seeds of which Diverged tells
        self._images, self._own_images = self.splits.train, recipe.train_images is not None
        if self._own_images:
            parts = [run.splits.train for run in self.runs]
            self._images = Images(
                torch.cat([part.x for part in parts]),
                torch.cat([part.y for part in parts]),
                parts[0].mean,
                parts[0].std,
            )
        else:
            for run in self.runs:  # the images need be on the device once
                run.splits = self.splits
        net: torch.nn.Module = Beside(graph, [built(graph, seed) for seed in self.seeds]).train()
        net = quicken(net, self.draws).to(self.device)
        self.module = net.to(memory_format=torch.channels_last) if len(data.shape) == 3 else net
        self._compiled = compile
        self._net = torch.compile(self.module) if compile else self.module
        self.weights = penalized(self.module, recipe.penalize) if recipe.penalized else []
        self.optimizer = make_optimizer(recipe.optimizer, self.module.parameters())
        self.scheduler = Scheduler(recipe.scheduler, self.optimizer, recipe.epochs, self.steps)
        self.average = Average(self.module, recipe.ema) if recipe.ema else None
        self._orders: tuple[int, torch.Tensor] | None = None
        self._update: Update | None = None
        self.join()

    # -- many runs and one --------------------------------------------------------------------------------
    def join(self) -> None:
        """Take over the states of ``runs``."""
        self.load(_joined([run.state() for run in self.runs]))

    def part(self) -> None:
        """Hand the state on to ``runs``; the seconds are shared among them."""
        for run, state in zip(self.runs, _parted(self.state(), self.runs)):
            run.load(state)

    def without(self, seeds: Sequence[int]) -> Many:
        """The same but for some seeds, at the same step."""
        self.part()
        kept = [run for run in self.runs if run.recipe.seed not in seeds]
        rest = Many(
            self.recipe, [run.recipe.seed for run in kept], self.data, self.graph, device=str(self.device),
            threads=self.threads, compile=self._compiled,
        )  # fmt: skip
        for new, old in zip(rest.runs, kept):
            new.load(old.state())
        rest.join()
        return rest

    def results(self) -> tuple[SeedResult, ...]:
        self.part()
        return tuple(
            SeedResult(
                run.recipe.seed,
                tuple(run.history),
                run.weights_now(),
                run.history[-1]["test_accuracy"],
                run.history[-1]["test_loss"],
                run.seconds,
            )
            for run in self.runs
        )

    def load(self, state: dict[str, Any]) -> None:
        super().load(state)
        self._orders = None
        self._finite = torch.ones(len(self.seeds), dtype=torch.bool, device=self.device)
        self._learn = self._learner()  # what was recorded reads and writes the old tensors

    # -- a step -------------------------------------------------------------------------------------------
    def _learner(self) -> Graphed:
        recorder = recorder_for(self.device)
        # The proximal step takes its rate as a number, which a recording would keep for ever.
        whole = recorder is not None and Update.fits(self.optimizer) and not self._proximal
        self._update = Update(self.optimizer) if whole else None  # type: ignore[arg-type]
        return Graphed(self._learned, recorder)

    @property
    def replays(self) -> int:
        """How many steps since the state was loaded were replayed from a recording, which only a GPU makes."""
        return self._learn.replays

    @property
    def note(self) -> str:
        """Why steps are not recorded on a GPU; empty where they are."""
        return self._learn.note

    @property
    def _proximal(self) -> bool:
        return bool(self.weights) and self.recipe.l1_step == "proximal"

    def _one_step(self, order: torch.Tensor) -> torch.Tensor:
        recipe = self.recipe
        self.draws.reseed(seed_for(recipe.seed, "dropout", self.epoch, self.step))
        x, y = self._batch()
        if self._update is not None:
            self._update.follow()
        losses, *grads = self._learn(x, y)
        self._finite.logical_and_(torch.isfinite(losses))
        if self._update is None:
            for weight, grad in zip(self.module.parameters(), grads):
                weight.grad = grad  # a replay writes where the recorded step did, whatever came between
            rate = float(self.optimizer.param_groups[0]["lr"])
            self.optimizer.step()
            if self._proximal:
                shrink(self.weights, rate * recipe.l1)
        self.scheduler.after_step()
        if self.average is not None:
            self.average.update()
        return losses.mean()  # finite where all are

    def _batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (N, S * C, H, W) and labels (N, S) of the step that is due, net by net."""
        recipe, count = self.recipe, len(self.seeds)
        if self._orders is None or self._orders[0] != self.epoch:
            self._orders = self.epoch, self._order()
        at = self._orders[1][:, self.step * recipe.batch_size : (self.step + 1) * recipe.batch_size]
        draws = [generator(seed, "augment", self.epoch, self.step) for seed in self.seeds]
        each = _Each(**vars(self.augment), draws=draws)
        x, y = self._images.batch(at.flatten(), each, recipe.fill, recipe.augment == "after", draws[0])
        side_by_side = x.unflatten(0, (count, -1)).transpose(0, 1).flatten(1, 2)
        if side_by_side.dim() == 4:
            side_by_side = side_by_side.contiguous(memory_format=torch.channels_last)
        return side_by_side, y.unflatten(0, (count, -1)).t().contiguous()

    def _order(self) -> torch.Tensor:
        """(S, images): the order of each seed in this epoch."""
        count = len(self.splits.train)
        orders = [
            torch.randperm(count, generator=generator(seed, "order", self.epoch)) for seed in self.seeds
        ]
        offsets = torch.arange(len(self.seeds))[:, None] * (count if self._own_images else 0)
        return (torch.stack(orders) + offsets).to(self.device)

    def _learned(self, x: torch.Tensor, y: torch.Tensor) -> tuple[Any, ...]:
        """The part of a step that can be recorded: the loss of each seed (S,), and gradients that are still to use."""
        recipe = self.recipe
        self.optimizer.zero_grad(set_to_none=True)
        scores = self._scores(x).unflatten(1, (len(self.seeds), -1))
        each = F.cross_entropy(
            scores.flatten(0, 1), y.flatten(), reduction="none", label_smoothing=recipe.label_smoothing
        )
        losses = each.view(y.shape).mean(0)
        losses.sum().backward()
        if self.weights:
            add_gradients(self.weights, 0.0 if self._proximal else recipe.l1, recipe.l2)
        if self._update is not None:
            self._update()
        with torch.no_grad():
            found = losses.detach()
            self._totals[0] += found.to(self._totals.dtype) * len(y)
            self._totals[1] += (scores.argmax(2) == y).sum(0)
            self._totals[2] += len(y)
        return (found,) if self._update is not None else (found, *(p.grad for p in self.module.parameters()))

    # -- the rest of an epoch -----------------------------------------------------------------------------
    def run(
        self,
        watch: Watch | None = None,
        save: Callable[[], None] = lambda: None,
        *,
        every: float = 60.0,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """As a Trainer's; ``watch`` is told means over the seeds. Diverged names the seeds, and so does ``diverged``:
        :meth:`without` them the others go on.
        """

        def save_all() -> None:
            self.part()
            save()

        super().run(watch, save_all, every=every, stop=stop)

    def _check(self, losses: torch.Tensor, since: int) -> None:
        try:
            super()._check(losses, since)
        except Diverged as err:
            self._tell([seed for seed, good in zip(self.seeds, self._finite.tolist()) if not good], err)

    def _tell(self, seeds: Sequence[int], err: Diverged) -> None:
        self.diverged = tuple(seeds)
        raise Diverged(f"seed {', '.join(map(str, seeds))}: {err.message}") from None

    def _close_epoch(self, watch: Watch | None) -> None:
        self.part()
        failed: dict[int, Diverged] = {}
        for run in self.runs:
            try:
                run._close_epoch(None)
            except Diverged as err:
                failed[run.recipe.seed] = err
        self.seconds = sum(run.seconds for run in self.runs)
        self.cpu_seconds = sum(run.cpu_seconds for run in self.runs)
        self.scheduler.after_epoch(0.0)  # none that looks at the loss gets here
        self.epoch, self.step, self._epoch_seconds = self.epoch + 1, 0, 0.0
        self._totals.zero_()
        if failed:
            self._tell(list(failed), next(iter(failed.values())))
        row = _means([run.history[-1] for run in self.runs])
        self.history.append(row)
        if watch is not None:
            watch.epoch(row)


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A line of metrics for all seeds: means, and the seconds of all together."""
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    return {**means, "epoch": rows[0]["epoch"], "seconds": sum(row["seconds"] for row in rows)}


@dataclass(frozen=True)
class _Each(Augment):
    """An augmentation of the images of all seeds, seed by seed in a row, each drawn by its own generator."""

    draws: Sequence[torch.Generator] = ()

    def __call__(self, x: torch.Tensor, fill: float, draws: torch.Generator) -> torch.Tensor:
        pairs = list(zip(x.chunk(len(self.draws)), self.draws))
        if self.crop or self.flip or self.erase:
            return torch.cat([super(_Each, self).__call__(own, fill, its) for own, its in pairs])
        # The warps of all at once: a few launches on a GPU instead of a few for each seed.
        matrices = torch.cat([self.matrices(own.shape, its) for own, its in pairs])
        return warped(x, matrices.to(x.device, non_blocking=True), fill)


def check_seeds(recipe: Recipe, seeds: Sequence[int]) -> None:
    """Raises ConvvizError for what only single runs can do."""
    if not seeds:
        raise ConvvizError("must be one or more, got none", "seeds")
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if list(seeds).count(seed) > 1)
        raise ConvvizError(f"must differ, got {twice} twice", "seeds")
    name = str(recipe.optimizer["name"])
    if name.lower() in (known.lower() for known in optimizers()) and name.lower() not in ELEMENTWISE:
        raise ConvvizError(
            f"{name} looks at more than each weight by itself, so seeds cannot be trained together with it; "
            "train them one after another",
            "optimizer",
        )
    if recipe.scheduler is not None and str(recipe.scheduler["name"]).lower() == "reducelronplateau":
        raise ConvvizError(
            f"{recipe.scheduler['name']} goes by each seed's own loss, so seeds cannot be trained together with it; "
            "train them one after another",
            "scheduler",
        )


def _joined(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """States of single runs as one of all; raises ConvvizError where they are not at the same step."""
    first = states[0]
    if any((own["epoch"], own["step"]) != (first["epoch"], first["step"]) for own in states):
        raise ConvvizError("are not all at the same step of the same epoch", "seeds")

    def all_of(*path: Any) -> Any:
        values = [_at(own, path) for own in states]
        if isinstance(values[0], Mapping):
            return {name: all_of(*path, name) for name in values[0]}
        return joined(values) if isinstance(values[0], torch.Tensor) else copy.deepcopy(values[0])

    return {
        **first,
        **{name: all_of(name) for name in ("module", "optimizer", "scheduler", "average")},
        "totals": torch.stack([own["totals"] for own in states], 1),
        "history": [],
        "seconds": [sum(own["seconds"][i] for own in states) for i in range(3)],
    }


def _parted(state: Mapping[str, Any], runs: Sequence[Trainer]) -> list[dict[str, Any]]:
    """The other way round, for ``runs``, whose recipes and histories are their own."""
    count = len(runs)

    def part_of(value: Any, s: int) -> Any:
        if isinstance(value, Mapping):
            return {name: part_of(item, s) for name, item in value.items()}
        return parted(value, count)[s] if isinstance(value, torch.Tensor) else copy.deepcopy(value)

    return [
        {
            **state,
            **{name: part_of(state[name], s) for name in ("module", "optimizer", "scheduler", "average")},
            "recipe": run.recipe.key,
            "totals": state["totals"][:, s].clone(),
            "history": list(run.history),
            "seconds": [value / count for value in state["seconds"]],
        }
        for s, run in enumerate(runs)
    ]


def _at(state: Any, path: Sequence[Any]) -> Any:
    for name in path:
        state = state[name]
    return state
