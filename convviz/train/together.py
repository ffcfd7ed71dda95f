"""Many seeds trained at once, each in its own run directory, as if it had been trained there alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convviz.read import bundled
from convviz.runs import run as files
from convviz.runs.recipe import Recipe
from convviz.runs.run import Run, read_run
from convviz.train import checkpoint
from convviz.train.data import load
from convviz.train.dataset import Data
from convviz.train.directory import about_run, finish, keep_net, run_in, save, take_up, what_is_kept
from convviz.train.loop import Diverged, Watch
from convviz.train.many import Many, check_seeds
from convviz.train.net import graph_of
from convviz.train.run import SAVE_EVERY


@dataclass(frozen=True)
class Together:
    """The runs that are finished, by seed, and why others are not: their loss is no number any more."""

    runs: tuple[Run, ...]
    failed: tuple[Diverged, ...] = ()


@dataclass(frozen=True)
class _Start:
    """Where a run begins: its last checkpoint, if there is one, and the net that was kept in its folder."""

    folder: Path
    state: dict[str, Any] | None
    net: str
    new: bool

    @property
    def place(self) -> tuple[int, int, str]:
        """Runs can go on together where this is the same."""
        state = self.state or {"epoch": 0, "step": 0}
        kept = Path(self.net)
        return state["epoch"], state["step"], kept.read_text(encoding="utf-8") if kept.is_file() else self.net


def train_together(
    recipe: Recipe,
    folders: Mapping[int, str | Path],
    data: Data | None = None,
    *,
    arm: str = "",
    experiment: str = "",
    target: str = "",
    device: str = "auto",
    threads: int | None = None,
    compile: bool = False,
    fresh: bool = False,
    watch: Watch | None = None,
    save_every: float = SAVE_EVERY,
    stop: Callable[[], bool] = lambda: False,
) -> Together:
    """Train ``recipe`` with every seed of ``folders``, all at once, each in its folder (see convviz.train.run.train).

    Finished runs are read. What was stopped goes on from its checkpoints, those at the same step together; a run that
    was begun alone may go on so, too, and the other way round. A seed whose loss is no number any more is left out and
    told of, and the others go on. Raises ConvvizError as ``train`` does, and for a recipe that only single runs can
    have (convviz.train.many.train_many).
    """
    check_seeds(recipe, tuple(folders))
    done: dict[int, Run] = {}
    starts: dict[int, _Start] = {}
    for seed, folder in folders.items():
        own, folder = recipe.replace(seed=seed), Path(folder)
        old = run_in(folder, own, fresh)
        if old is not None and old.finished:
            done[seed] = old
            continue
        kept = folder / files.CHECKPOINT
        state = checkpoint.load(kept) if old is not None and kept.exists() else None
        net = old.net_source if old is not None else str(bundled.path(recipe.net) or recipe.net)
        starts[seed] = _Start(folder, state, net, old is None)
    failed: list[Diverged] = []
    if starts:
        data = data if data is not None else load(recipe.dataset)
    for place in sorted({start.place for start in starts.values()}):
        group = {seed: start for seed, start in starts.items() if start.place == place}
        assert data is not None
        graph = graph_of(recipe, data, next(iter(group.values())).net)
        many = Many(recipe, tuple(group), data, graph, device=device, threads=threads, compile=compile)
        for run, start in zip(many.runs, group.values()):
            if start.new:
                keep_net(start.folder, run.recipe)
                about = {**about_run(run, arm, experiment, target), "together": sorted(group)}
                files.write_config(start.folder, run.recipe, about)
            if start.state is not None:
                take_up(run, start.state, start.folder)
        many.join()
        failed += _trained(
            many, {seed: start.folder for seed, start in group.items()}, data, watch, save_every, stop
        )
        lost = {Path(err.where) for err in failed if err.where}
        done |= {seed: read_run(start.folder) for seed, start in group.items() if start.folder not in lost}
    return Together(tuple(done[seed] for seed in folders if seed in done), tuple(failed))


def _trained(
    many: Many,
    folders: Mapping[int, Path],
    data: Data,
    watch: Watch | None,
    every: float,
    stop: Callable[[], bool],
) -> list[Diverged]:
    """Train to the end, and finish every run whose loss stays finite; the faults of the others."""
    failed: list[Diverged] = []
    while True:
        runs = many.runs

        def save_all(runs: list[Any] = runs) -> None:
            for run in runs:
                save(folders[run.recipe.seed], run)

        try:
            many.run(watch, save_all, every=every, stop=stop)
            break
        except Diverged as err:
            for seed in many.diverged:
                folder = folders[seed]
                failed.append(Diverged(f"{err.message}; {what_is_kept(folder)}", str(folder)))
            if len(many.diverged) == len(many.seeds):
                return failed
            many = many.without(many.diverged)
    for run in many.runs:
        finish(folders[run.recipe.seed], run, data)
    return failed
