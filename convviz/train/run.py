"""One run in its directory: started, continued where it stopped, finished."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from convviz.runs import run as files
from convviz.runs.recipe import Recipe
from convviz.runs.run import Run, read_run
from convviz.train import checkpoint
from convviz.train.data import load
from convviz.train.dataset import Data
from convviz.train.directory import about_run, finish, keep_net, run_in, save, take_up, what_is_kept
from convviz.train.loop import Diverged, Trainer, Watch
from convviz.train.net import graph_of

SAVE_EVERY = 60.0  # seconds between two checkpoints within an epoch


def train(
    recipe: Recipe,
    folder: str | Path,
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
) -> Run:
    """Train ``recipe`` in ``folder`` and return the finished :class:`convviz.runs.run.Run`.

    A run of the same settings that was stopped, by whatever, goes on where its last checkpoint is, and ends with the
    same weights as one that was not, bit for bit on a CPU; one that is finished is read. ``fresh`` starts again.
    Raises ConvvizError for a folder with a run of other settings, for what the net, the data set or torch refuse,
    and Diverged where the loss is not finite: the last good checkpoint stays.
    """
    folder = Path(folder)
    old = run_in(folder, recipe, fresh)
    if old is not None and old.finished:
        return old
    state = None
    if old is not None and (folder / files.CHECKPOINT).exists():
        state = checkpoint.load(folder / files.CHECKPOINT)
        threads = state.get("threads") if threads is None else threads
    data = data if data is not None else load(recipe.dataset)
    graph = graph_of(recipe, data, old.net_source if old is not None else None)
    trainer = Trainer(recipe, data, graph, device=device, threads=threads, compile=compile)
    if old is None:
        keep_net(folder, recipe)
        files.write_config(folder, recipe, about_run(trainer, arm, experiment, target))
    if state is not None:
        take_up(trainer, state, folder)

    try:
        trainer.run(watch, partial(save, folder, trainer), every=save_every, stop=stop)
    except Diverged as err:
        raise Diverged(f"{err.message}; {what_is_kept(folder)}", str(folder)) from None
    finish(folder, trainer, data)
    return read_run(folder)
