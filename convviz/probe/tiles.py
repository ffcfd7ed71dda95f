"""The proof of a tiling: the net on the whole image beside the net on its tiles, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from convviz.analysis.resized import Misfit, Reread, Resizer
from convviz.analysis.tiles import Plan, Tile, Tiling
from convviz.analysis.tiling import tiling
from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import show
from convviz.ops.norm import Norm

EXACT = 100_000_000_000  # MACs up to which the net is run in float64
BUDGET = 60_000_000_000  # MACs up to which the image that was asked for is run, and a smaller one above
LARGE = 1 << 26  # numbers of an image's activations that are run at once
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}  # of the output's largest value

Hook = Callable[[str, Sequence[Tensor], Callable[[], Tensor]], Tensor]


@dataclass(frozen=True)
class Control:
    """The unit next to what is kept: how far it is off where a tile ends inside the image (None: there is none)."""

    axis: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class TileCheck:
    """What both runs gave. difference, and those of the controls, are shares of the output's largest value."""

    layer: str
    image: tuple[int, ...]
    tile: tuple[int, ...]
    tiles: int
    difference: float
    tolerance: float
    dtype: str
    frozen: tuple[str, ...]
    controls: tuple[Control, ...]
    own: bool  # the image and the tile are those that were asked for
    seconds: float

    @property
    def passed(self) -> bool:
        return self.difference <= self.tolerance

    @property
    def line(self) -> str:
        what = f"{self.tiles} tiles of {show(self.tile)} in an image of {show(self.image)}"
        verdict = "verified" if self.passed else "NOT verified"
        held = f", {len(self.frozen)} layer{'s' * (len(self.frozen) > 1)} held" if self.frozen else ""
        text = (
            f"{verdict}: {what}{held}: the largest difference from the whole image is {self.difference:.1e} of the "
            f"largest output ({self.dtype}, at most {self.tolerance:.0e} is rounding)"
        )
        return text if self.own else f"{text}; a smaller image than asked for, to be quick"

    def __str__(self) -> str:
        return "\n".join([self.line, *(f"  {text}" for c in self.controls for text in self._told(c))])

    def _told(self, control: Control) -> list[str]:
        out = []
        for side, value in (("before", control.before), ("after", control.after)):
            if value is None:
                continue
            if value > self.tolerance:
                verdict = f"is off by {value:.1e}: the halo is needed"
            else:
                verdict = f"is off by {value:.1e} only: with these weights a smaller halo would do"
            out.append(f"control: along the {control.axis}, one unit more {side} what is kept {verdict}")
        return out

    @property
    def needed(self) -> bool:
        """Whether every unit beside what is kept is indeed wrong."""
        values = [v for c in self.controls for v in (c.before, c.after) if v is not None]
        return all(v > self.tolerance for v in values)


def verify(
    found: Tiling,
    *,
    module: nn.Module | None = None,
    reread: Reread | None = None,
    input: Any = None,
    treat: Mapping[str, str] | None = None,
    seed: int = 0,
    quick: bool = True,
    fresh: bool = False,
    progress: Callable[[float], None] | None = None,
) -> TileCheck:
    """Run the net on an image of noise, whole and in tiles, and compare.

    module: the user's own, where the graph was read from one (then ``reread`` reads it at a given size, and ``input``
    and ``treat`` are as it was read). Otherwise the graph's ops with random weights, biases and running statistics.
    fresh: the module's weights are those of its initialisation; they become random ones that keep signals alive.
    quick: where the image that was asked for costs too much, a smaller one with the smallest tile.
    Raises ConvvizError where there is no tiling to try, or the module cannot be run.
    """
    start = time.perf_counter()
    if found.axes is None:
        first = next((b for b in found.blockers if not b.freezable), None)
        raise ConvvizError(
            f"there is no tiling to try: {first.layer} {first.reason}" if first else "no tiling"
        )
    image, used, own = _image(found, quick)
    plan = used.plan
    assert plan is not None
    cost = _macs(used)
    dtype = torch.float64 if cost <= EXACT else torch.float32
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two on a machine that is busy are ten times slower than one
    try:
        net: _Own | _Exported
        if module is not None:
            assert reread is not None
            if fresh:
                randomise(module, seed, trained_only=True)
            net = _Own(module, reread, used, input, treat)
        else:
            net = _Exported(used, dtype, seed)
        with torch.inference_mode():
            difference, controls = _compare(net, used, plan, image, dtype, seed, progress)
    finally:
        torch.set_num_threads(threads)
    frozen = tuple(b.layer for b in used.blockers) if used.frozen else ()
    return TileCheck(
        found.layer,
        image,
        used.tile,
        plan.count,
        difference,
        TOLERANCE[dtype],
        str(dtype).removeprefix("torch."),
        frozen,
        controls,
        own,
        time.perf_counter() - start,
    )


def _macs(used: Tiling) -> int:
    """MACs of both runs; where there are none, the numbers that are computed."""
    assert used.plan is not None
    whole = used.resizer.at(used.plan.image)
    work = max(whole.macs, whole.activations)
    return int(work * (1 + float(used.plan.redundancy or 1)))


# -- what is run ------------------------------------------------------------------------------------------
def _image(found: Tiling, quick: bool) -> tuple[tuple[int, ...], Tiling, bool]:
    """The image, its tiling, and whether it is the one that was asked for."""
    if found.plan is not None:
        small = found.resizer.at(found.plan.image).activations <= LARGE and _macs(found) <= BUDGET
        if (small and found.plan.count <= 400) or not quick:
            return found.plan.image, found, True
    assert found.axes is not None
    rests = [
        (n if found.plan is None else found.plan.image[i]) % a.align
        for i, (n, a) in enumerate(zip(found.tile, found.axes, strict=True))
    ]
    best: tuple[tuple[int, ...], Tiling] | None = None
    for tiles in (3, 2):
        made = _several(found, rests, tiles)
        if made is None:
            continue
        best = (made.plan.image if made.plan else (), made)
        if _macs(made) <= BUDGET:
            break
    if best is None:
        raise ConvvizError("no small image could be found on which to try it; name one with --size")
    return (*best, found.plan is None)


def _several(found: Tiling, rests: Sequence[int], tiles: int) -> Tiling | None:
    """The smallest tile, in an image with so many of them along each axis."""
    assert found.axes is not None
    tile = tuple(min(a.smallest, a.tile) for a in found.axes)
    for more in range(4):
        size = tuple(t + more * a.align for t, a in zip(tile, found.axes, strict=True))
        try:
            probe = tiling(
                found.resizer.graph, size, layer=found.layer, freeze=True, reread=found.resizer.reread
            )
        except ConvvizError:
            continue
        if probe.axes is None or any(a.pitch <= 0 for a in probe.axes):
            continue
        image = tuple(
            t + (tiles - 1) * a.pitch + (rest - t - (tiles - 1) * a.pitch) % a.align
            for t, a, rest in zip(probe.tile, probe.axes, rests, strict=True)
        )
        try:
            return tiling(
                found.resizer.graph,
                probe.tile,
                size=image,
                layer=found.layer,
                freeze=found.frozen,
                reread=found.resizer.reread,
            )
        except ConvvizError:
            continue
    return None


class _Exported:
    """The graph's ops as PyTorch modules with random weights, the same at every size."""

    def __init__(self, used: Tiling, dtype: torch.dtype, seed: int) -> None:
        self.resizer: Resizer = used.resizer
        self.layer, self.dtype, self.seed = used.layer, dtype, seed
        self.state: dict[str, Tensor] | None = None

    def __call__(self, space: tuple[int, ...], inputs: dict[str, Tensor], hook: Hook) -> Tensor:
        graph = self.resizer.at(space)
        module, names = build_module(graph)
        module.to(self.dtype).eval()
        if self.state is None:
            randomise(module, self.seed)
            self.state = module.state_dict()
        else:
            module.load_state_dict(self.state)
        last = {source: i for i, node in enumerate(graph) for source in node.inputs}
        values: dict[str, Tensor] = dict(inputs)
        for i, node in enumerate(graph):
            own = getattr(module, names[node.name]) if node.name in names else None
            xs = [values[s] for s in node.inputs]
            values[node.name] = hook(node.name, xs, lambda node=node, own=own, xs=xs: _line(node, own, xs))  # type: ignore[misc]
            for source in set(node.inputs):
                if last[source] == i and source != self.layer:
                    del values[source]
            if node.name == self.layer:
                break
        return values[self.layer]


def _line(node: Node, module: Any, xs: Sequence[Tensor]) -> Tensor:
    """One node, as its line in the exported forward computes it."""
    space = {"self": module, "torch": torch, "F": nn.functional, "nn": nn}
    space |= {f"x{i}": x for i, x in enumerate(xs)}
    if node.op.kind in ("concat", "stack"):  # these do not broadcast what has no batch of its own
        space |= {f"x{i}": x.expand(xs[0].shape[0], *x.shape[1:]) for i, x in enumerate(xs)}
    call = node.op.torch(*node.ins).call.replace("{self}", "self")
    y: Tensor = eval(call.format(*(f"x{i}" for i in range(len(xs)))), space)
    return y


def randomise(module: nn.Module, seed: int, trained_only: bool = False) -> None:
    """Weights that keep the size of what passes, and biases and running statistics that are not 0 and 1.

    trained_only: buffers other than running statistics (masks, positions) stay as they are.
    """
    rng = torch.Generator().manual_seed(seed)
    running = ("running_mean", "running_var")
    buffers = [b for b in module.named_buffers() if not trained_only or b[0].endswith(running)]
    with torch.no_grad():
        for name, p in (*module.named_parameters(), *buffers):
            if not p.is_floating_point() or isinstance(p, nn.parameter.UninitializedTensorMixin):
                continue
            if name.endswith("running_var"):
                p.copy_(torch.rand(p.shape, generator=rng) + 0.5)
            elif p.dim() > 1:
                fan = max(1, prod(p.shape[1:]))
                p.copy_(torch.randn(p.shape, generator=rng) * (2 / fan) ** 0.5)
            elif name.endswith("weight"):
                p.copy_(torch.rand(p.shape, generator=rng) + 0.5)
            else:
                p.copy_(torch.randn(p.shape, generator=rng) * 0.1)


class _Own:
    """The user's own forward."""

    def __init__(
        self, module: nn.Module, reread: Reread, used: Tiling, input: Any, treat: Mapping[str, str] | None
    ) -> None:
        self.module, self.reread, self.treat = module, reread, treat
        self.layer, self.resizer = used.layer, used.resizer
        self.whole: dict[tuple[int, ...], Graph] = {}

    def __call__(self, space: tuple[int, ...], inputs: dict[str, Tensor], hook: Hook) -> Tensor:
        from convviz.read.torch_module import trace_values

        if space not in self.whole:
            shapes = {name: tuple(x.shape[1:]) for name, x in inputs.items()}
            self.whole[space] = self.reread(shapes)
        training = {m: m.training for m in self.module.modules()}
        self.module.eval()
        try:
            values = trace_values(
                self.module,
                self.whole[space],
                inputs,
                lambda step: hook(step.name, step.inputs, step.output),
                self.treat,
                None,
                {self.layer},
            )
        finally:
            for m, was in training.items():
                m.training = was
        return values[self.layer]


class _Held:
    """What layers take from the whole image: kept in the first run, put in its place in all others.

    A norm with given statistics is ``a*x + b`` for each channel; a mean or a gate is a tensor.
    """

    def __init__(self, graph: Graph, layers: Sequence[str]) -> None:
        self.norms = {name: isinstance(graph[name].op, Norm) for name in layers}
        self.values: dict[str, Any] = {}

    def __call__(self, name: str, xs: Sequence[Tensor], compute: Callable[[], Tensor]) -> Tensor:
        if name not in self.norms:
            return compute()
        if name not in self.values:
            y = compute()
            self.values[name] = _affine(xs[0], y) if self.norms[name] else y
            return y
        if not self.norms[name]:
            return self.values[name]  # type: ignore[no-any-return]
        a, b = self.values[name]
        return xs[0] * a + b


def _affine(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(a, b), one for each channel, with y = a*x + b: from the cells where x is largest and smallest."""
    flat, out = x.flatten(2), y.flatten(2)
    high, low = flat.argmax(2, keepdim=True), flat.argmin(2, keepdim=True)
    gap = flat.gather(2, high) - flat.gather(2, low)
    rise = out.gather(2, high) - out.gather(2, low)
    a = torch.where(gap > 0, rise / gap, torch.zeros_like(gap))
    b = out.gather(2, low) - a * flat.gather(2, low)
    shape = (*x.shape[:2], *(1,) * (x.dim() - 2))
    return a.reshape(shape), b.reshape(shape)


# -- both runs ----------------------------------------------------------------------------------------------
def _compare(
    net: _Own | _Exported,
    used: Tiling,
    plan: Plan,
    image: tuple[int, ...],
    dtype: torch.dtype,
    seed: int,
    progress: Callable[[float], None] | None,
) -> tuple[float, tuple[Control, ...]]:
    """The largest difference where units are kept, and one unit beyond, both as shares of the largest output."""
    rng = torch.Generator().manual_seed(seed)
    shapes = used.resizer.inputs(image)
    assert not isinstance(shapes, Misfit)
    inputs = {
        name: torch.randn((1, *shape), generator=rng, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }
    held = _Held(used.resizer.at(image), [b.layer for b in used.blockers] if used.frozen else [])
    whole = net(image, inputs, held)
    scale = float(whole.abs().max()) or 1.0
    rank = len(image)
    covered = torch.zeros(whole.shape[2:], dtype=torch.int32)
    worst, beside = 0.0, [[-1.0, -1.0] for _ in image]
    for i, tiles in enumerate(plan.tiles()):
        cut = tuple(slice(t.start, t.stop) for t in tiles)
        part = {
            name: x[(..., *cut)] if x.dim() == rank + 2 and tuple(x.shape[2:]) == image else x
            for name, x in inputs.items()
        }
        out = net(tuple(t.size for t in tiles), part, held)
        here, there = _kept(tiles)
        worst = max(worst, _off(out[here], whole[there]))
        covered[there[2:]] += 1
        for axis, (tile, along) in enumerate(zip(tiles, plan.axes, strict=True)):
            for side, (mine, theirs) in enumerate(_next_to(tiles, axis, along.tiling.drop, along.output)):
                if (
                    mine is not None
                    and theirs is not None
                    and (tile.start if side == 0 else tile.stop < image[axis])
                ):
                    beside[axis][side] = max(beside[axis][side], _off(out[mine], whole[theirs]))
        if progress is not None:
            progress((i + 1) / plan.count)
    if not bool((covered == 1).all()):
        raise ConvvizError("internal error: the kept parts do not cover the output exactly once")
    assert used.axes is not None
    controls = tuple(
        Control(axis.name, *(None if v < 0 else v / scale for v in sides))
        for axis, sides in zip(used.axes, beside, strict=True)
    )
    return worst / scale, controls


def _off(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        raise ConvvizError(f"internal error: a part of {show(a.shape)} is to match one of {show(b.shape)}")
    return float((a - b).abs().max()) if a.numel() else 0.0


Where = tuple[Any, ...]


def _kept(tiles: Sequence[Tile]) -> tuple[Where, Where]:
    """Where the kept units lie in the tile's output and in the whole output."""
    every = (slice(None), slice(None))
    here = tuple(slice(t.skip, t.skip + t.kept) for t in tiles)
    return (*every, *here), (*every, *(slice(t.out_start, t.out_stop) for t in tiles))


def _next_to(
    tiles: Sequence[Tile], axis: int, drop: tuple[int, int], output: int
) -> list[tuple[Where | None, Where | None]]:
    """For both sides, the slice of units just outside what is valid along ``axis``, in the tile and in the whole."""
    tile = tiles[axis]
    shift = tile.out_start - tile.skip  # from the tile's count to that of the whole output
    made: list[tuple[Where | None, Where | None]] = []
    here, there = _kept(tiles)
    before = drop[0] - 1 if drop[0] else None
    after = tile.skip + tile.kept if drop[1] else None
    for at in (before, after):
        if at is None or not 0 <= at + shift < output:
            made.append((None, None))
            continue
        mine, theirs = list(here), list(there)
        mine[axis + 2], theirs[axis + 2] = slice(at, at + 1), slice(at + shift, at + shift + 1)
        made.append((tuple(mine), tuple(theirs)))
    return made
