"""Seeds of one recipe trained at once against the same seeds one after the other, as ratios of one run.

    python benchmarks/many_seeds.py [--nets s6_bn s7 code8] [--seeds 2 5 10] [--device auto] [--recipe fast]

Both ways take turns and the fastest of each counts; tests after an epoch are left out. The images are random bytes,
which take as long as others. On a GPU it also says how many steps were replayed from a recording. ``--recipe`` times
a whole run with its tests when everything is warm: loading the data and a first run do not count.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from convviz.runs.experiment import experiment
from convviz.runs.recipe import Recipe
from convviz.train.data import load
from convviz.train.dataset import Data
from convviz.train.loop import Trainer, device_of
from convviz.train.many import Many
from convviz.train.net import graph_of


def images(count: int) -> Data:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (count, 1, 28, 28), np.uint8), rng.integers(0, 10, count)
    return Data("random bytes", x, y, x[:10], y[:10], tuple(map(str, range(10))), "ten of them")


def seconds(trainers: Sequence[Trainer]) -> float:
    """Of all steps of the next epoch, by trainers one after the other; nothing else is in it."""
    begin = now(trainers[0].device)
    for trainer in trainers:
        order = torch.randperm(len(trainer.splits.train)).to(trainer.device)
        trainer.module.train()
        for step in range(trainer.steps):
            trainer.step = step
            trainer._one_step(order)
    return now(trainers[0].device) - begin


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def against(recipe: Recipe, data: Data, count: int, device: str, rounds: int) -> tuple[float, float, int]:
    """Seconds of an epoch of ``count`` seeds, one after the other and at once, and how many steps were replayed."""
    graph, threads = graph_of(recipe, data), torch.get_num_threads()
    each = [
        Trainer(recipe.replace(seed=s), data, graph, device=device, threads=threads) for s in range(count)
    ]
    many = Many(recipe, range(count), data, graph, device=device, threads=threads)
    ways: tuple[Sequence[Trainer], ...] = (each, [many])
    best = [float("inf")] * 2
    for counted in (False, *[True] * rounds):
        for i, way in enumerate(ways):
            taken = seconds(way)
            best[i] = min(best[i], taken) if counted else best[i]
    return best[0], best[1], many.replays


def whole(recipe: Recipe, data: Data, device: str) -> tuple[float, float]:
    """Seconds and test accuracy of a whole run with its tests, the second time."""
    for seed in (0, 1):
        many = Many(recipe, [seed], data, device=device)
        begin = now(many.device)
        many.run()
        taken = now(many.device) - begin
    return taken, many.results()[0].test_accuracy


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Many seeds at once against one after the other.")
    parser.add_argument("--nets", nargs="+", default=["s6_bn", "s7", "code8"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 5, 10])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None, help="of the CPU; default: as torch has it")
    parser.add_argument("--recipe", default=None, help="a bundled recipe to time a whole run of")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    device = device_of(given.device)
    told = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    print(
        f"{device.type} ({told}), batches of {given.batch_size}, {given.steps} steps; images/s of all seeds together"
    )
    print(f"{'net':<10}{'seeds':>6}{'in turn':>12}{'at once':>12}{'ratio':>8}")
    data = images(given.steps * given.batch_size)
    for net in given.nets:
        for count in given.seeds:
            recipe = Recipe(net=net, epochs=1000, batch_size=given.batch_size)
            turn, once, replays = against(recipe, data, count, given.device, given.rounds)
            seen = given.steps * given.batch_size * count
            note = f"  {replays:,} steps replayed" if replays else ""
            print(
                f"{net:<10}{count:>6}{seen / turn:>12,.0f}{seen / once:>12,.0f}{turn / once:>8.2f}{note}",
                flush=True,
            )
    if given.recipe:
        recipe = experiment(given.recipe).jobs[0].recipe
        taken, accuracy = whole(recipe, load(recipe.dataset), given.device)
        print(f"{given.recipe}: {recipe.epochs} epochs in {taken:.2f} s when warm, {accuracy:.2f} % (seed 1)")


if __name__ == "__main__":
    main()
