"""Images a second when CODE8 trains: convviz's loop against the usual per-image pipeline, as ratios of one run.

    python benchmarks/training.py [--quick] [--threads 1,2] [--data FOLDER]

CODE8 with its elementwise dropout of .1, batches of 128, SGD .01/.9 and the negative log-likelihood of MNIST's digits,
with rotation by up to 7 degrees and without. The usual pipeline is what scripts for MNIST do, written from Pillow and
torch alone: a data set that turns each image by PIL (nearest pixel), makes a tensor of it and normalizes it as
torchvision does, a DataLoader with 0, 1 or 2 worker processes, the net as `convviz export` writes it, the loss fetched
at every step for a line of progress. The ratio is to the best of the three.

Each way runs in a process of its own and they take turns of a few steps, so that other work on the machine meets all of
them. Told are the fastest turn and the median of all turns; the first batches of a turn, which loader processes
prepared while others had their turn, do not count.

Below that: how long the convolutions of a step take by themselves, forward and backward, one after the other in a
process that does nothing else, and which share of a step they are. It is the most that a step can reach with torch's
convolutions; the rate of a large matrix product stands beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BATCH, DEGREES, TARGET = 128, 7.0, 4.0
USUAL = {f"PIL + DataLoader, {n} workers": ("usual", n) for n in (0, 1, 2)}
OURS = {f"convviz, {kind}": ("ours", kind) for kind in ("float32", "bfloat16")}
CONVS = {f"convolutions, {kind}": ("convs", kind) for kind in ("float32", "bfloat16")}


# -- the parent: gives turns, and tells what came out ----------------------------------------------------------
class Contender:
    """A process that trains when it is told to."""

    def __init__(self, how: tuple[str, Any], turn: bool, threads: int, data: str | None) -> None:
        command = [sys.executable, __file__, "--worker", how[0], str(how[1]), "--threads", str(threads)]
        command += ["--rotate"] * turn + ["--data", data] * (data is not None)
        # What libraries start by themselves keeps to the same number of threads.
        env = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        self.times: list[float] = []
        self.ask(1)

    def ask(self, steps: int) -> dict[str, float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("took"):
                return dict(zip(("seconds", "cpu", "extra"), map(float, line.split()[1:]), strict=False))
        raise SystemExit("a contender ended early")

    def turn(self, steps: int) -> None:
        self.times.append(self.ask(steps)["seconds"])

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def race(turn: bool, threads: int, rounds: int, steps: int, data: str | None) -> dict[str, list[float]]:
    """Seconds of a step in each turn of each contender."""
    ways = {name: Contender(how, turn, threads, data) for name, how in {**USUAL, **OURS, **CONVS}.items()}
    try:
        for _ in range(rounds):
            for way in ways.values():
                way.turn(steps)
    finally:
        for way in ways.values():
            way.end()
    return {name: way.times for name, way in ways.items()}


def show(found: dict[str, list[float]]) -> None:
    rates = {name: (BATCH / min(times), BATCH / statistics.median(times)) for name, times in found.items()}
    best = [max(rates[name][i] for name in USUAL) for i in (0, 1)]
    print(f"{'':<30}{'images/s: fastest':>20}{'median':>10}{'ratio: fastest':>18}{'median':>10}")
    for name in (*USUAL, *OURS):
        fast, middle = rates[name]
        line = f"{name:<30}{fast:>20,.0f}{middle:>10,.0f}{fast / best[0]:>17.2f}x{middle / best[1]:>9.2f}x"
        if name in OURS:
            line += "" if fast / best[0] >= TARGET and middle / best[1] >= TARGET else f"   below {TARGET:g}x"
        print(line, flush=True)


def show_shares(found: dict[str, list[float]], flops: float) -> None:
    for kind in ("float32", "bfloat16"):
        convs, steps = found[f"convolutions, {kind}"], found[f"convviz, {kind}"]
        fast, middle = (pick(convs) / pick(steps) for pick in (min, statistics.median))
        print(
            f"{kind:<9} a step's convolutions alone {min(convs) * 1e3:>6.1f} ms = "
            f"{flops / min(convs) / 1e9:>4.0f} GFLOP/s; "
            f"the step {min(steps) * 1e3:>6.1f} ms: it reaches {fast:.0%} of that rate (median {middle:.0%})"
        )


# -- the contenders ----------------------------------------------------------------------------------------------
def usual(workers: str, data: Any, rotate: bool) -> Callable[[int], tuple[float, float]]:
    """The loop of the usual scripts; the function runs some steps and says the seconds of one."""
    import torch
    import torch.nn.functional as F

    import convviz
    from convviz.build import build_module

    loader = torch.utils.data.DataLoader(
        PerImage(data.train_images[:, 0], data.train_labels, rotate, data.mean, data.std),
        batch_size=BATCH, shuffle=True, num_workers=int(workers), drop_last=True,
    )  # fmt: skip
    model = build_module(convviz.read("code8"))[0].train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def epochs() -> Iterator[Any]:
        while True:
            yield from loader

    batches = epochs()

    def step() -> None:
        x, y = next(batches)
        optimizer.zero_grad()
        loss = F.nll_loss(model(x), y)
        loss.backward()
        optimizer.step()
        print(f"Loss={loss.item():.4f}", file=NOWHERE)

    return timed(step, 1 + 2 * int(workers))


class PerImage:
    """A data set as scripts for MNIST have it: one image at a time, through PIL, to a normalized tensor."""

    def __init__(
        self, images: Any, labels: Any, rotate: bool, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        import torch

        self.images, self.labels = torch.tensor(images), torch.tensor(labels)
        self.rotate, self.mean, self.std = rotate, mean, std

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, at: int) -> tuple[Any, int]:
        import numpy as np
        import torch
        from PIL import Image

        image, label = Image.fromarray(self.images[at].numpy()), int(self.labels[at])
        if self.rotate:  # RandomRotation
            angle = float(torch.empty(1).uniform_(-DEGREES, DEGREES).item())
            image = image.rotate(angle, Image.Resampling.NEAREST, fillcolor=0)
        x = torch.from_numpy(np.array(image, np.uint8, copy=True))  # ToTensor
        x = x.view(image.size[1], image.size[0], 1).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        mean, std = (torch.as_tensor(part, dtype=x.dtype) for part in (self.mean, self.std))  # Normalize
        return x.clone().sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1)), label


def ours(kind: str, data: Any, rotate: bool) -> Callable[[int], tuple[float, float]]:
    """convviz's own loop, stopped after some steps and taken up again; times are between its steps."""
    import torch

    import convviz
    from convviz.runs.recipe import Recipe
    from convviz.train.loop import Interrupted, Trainer

    recipe = Recipe(net="code8", precision=kind, rotation=DEGREES if rotate else 0, epochs=100_000)
    trainer = Trainer(recipe, data, convviz.read("code8"), device="cpu", threads=torch.get_num_threads())

    def turn(steps: int) -> tuple[float, float]:
        # The first step does not count, and none in which an epoch ends with its test.
        marks: list[tuple[int, float, float]] = []

        def stop() -> bool:
            marks.append((trainer.epoch, time.perf_counter(), time.process_time()))
            return len(marks) > steps

        with contextlib.suppress(Interrupted):
            trainer.run(stop=stop)
        whole = [(b[1] - a[1], b[2] - a[2]) for a, b in itertools.pairwise(marks) if a[0] == b[0]]
        return tuple(sum(part) / len(whole) for part in zip(*whole))  # type: ignore[return-value]

    return turn


def convs(kind: str, data: Any, rotate: bool) -> Callable[[int], tuple[float, float]]:
    """The convolutions of a step, forward and backward, in the loop's layout, and nothing else."""
    import torch
    from torch import nn

    import convviz
    from convviz.build import build_module
    from convviz.train.quick import keep_memory

    keep_memory()
    model = build_module(convviz.read("code8"))[0].eval().to(memory_format=torch.channels_last)
    work: list[Callable[[], Any]] = []

    def note(layer: nn.Module, args: tuple[Any, ...], out: Any) -> None:
        assert isinstance(layer, nn.Conv2d)
        form = {"dtype": getattr(torch, kind), "memory_format": torch.channels_last}
        x, w = (t.detach().to(**form) for t in (args[0], layer.weight))
        dy, first = torch.randn_like(out).to(**form), layer.in_channels == data.shape[0]
        sizes = [list(layer.stride), list(layer.padding), list(layer.dilation)]  # type: ignore[arg-type]
        work.append(lambda: torch.conv2d(x, w, None, *sizes))
        back = torch.ops.aten.convolution_backward
        work.append(lambda: back(dy, x, w, None, *sizes, False, [0, 0], 1, [not first, True, False]))

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        model(torch.randn(BATCH, *data.shape).contiguous(memory_format=torch.channels_last))

    def step() -> None:
        with torch.no_grad():
            for part in work:
                part()

    return timed(step, 1)


def timed(step: Callable[[], Any], uncounted: int) -> Callable[[int], tuple[float, float]]:
    def turn(steps: int) -> tuple[float, float]:
        for _ in range(uncounted):
            step()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        return (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps

    return turn


def worker(how: str, which: str, rotate: bool, threads: int, folder: str | None) -> None:
    """Wait for a number of steps, take them, say how long one took; until the input ends."""
    import torch

    from convviz.train.data import load

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    turn = {"usual": usual, "ours": ours, "convs": convs}[how](which, mnist(load, folder), rotate)
    for line in sys.stdin:
        print("took", *turn(int(line)), flush=True)


def mnist(load: Callable[..., Any], folder: str | None) -> Any:
    """MNIST where it is, else digits: speed does not depend on what the images show."""
    from convviz.train.data import has

    return load("mnist" if folder or has("mnist") else "digits", folder, download=False)


# -- rates by themselves -----------------------------------------------------------------------------------------
def flops() -> float:
    """Of the convolutions of a step, forward and backward, as torch counts them: 2 for a product that is added."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import convviz
    from convviz.build import build_module

    model = build_module(convviz.read("code8"))[0].train()
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(BATCH, 1, 28, 28)).sum().backward()
    return float(counter.get_total_flops())


def product(threads: int, size: int = 1024, tries: int = 20) -> dict[str, float]:
    """FLOP/s of a product of two square matrices, the fastest of some."""
    import torch

    torch.set_num_threads(threads)
    found = {}
    for kind in ("float32", "bfloat16"):
        a = torch.randn(size, size).to(getattr(torch, kind))
        best = math.inf
        for _ in range(tries):
            start = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - start)
        found[kind] = 2 * size**3 / best
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="two short rounds: whether it runs, not how fast"
    )
    parser.add_argument("--threads", default="1,2", help="numbers of threads to measure, such as 1,2")
    parser.add_argument(
        "--data", help="folder with mnist/ in it; $CONVVIZ_DATA or the user's cache unless told"
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--rotate", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker:
        worker(*given.worker, given.rotate, int(given.threads), given.data)
        return
    rounds, steps = (2, 2) if given.quick else (9, 10)
    work = flops()
    for threads in map(int, given.threads.split(",")):
        speed = product(threads, *((256, 3) if given.quick else ()))
        print(f"\n{threads} thread{'s' * (threads > 1)}; matrix products: "
              + ", ".join(f"{kind} {value / 1e9:,.0f} GFLOP/s" for kind, value in speed.items()))  # fmt: skip
        for rotate in (True, False):
            print(
                f"\nCODE8, batch {BATCH}, "
                + (f"rotation by up to {DEGREES:g} degrees" if rotate else "no augmentation")
            )
            found = race(rotate, threads, rounds, steps, given.data)
            show(found)
            show_shares(found, work)


NOWHERE = open(os.devnull, "w")  # noqa: SIM115

if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    warnings.filterwarnings("ignore")
    main()
