"""The effective receptive field: the gradient of one unit with respect to the input, averaged."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convviz.analysis.influence import EffectiveField, Mass, Probe, extent
from convviz.analysis.lower import lower
from convviz.analysis.paths import PathCounts, path_counts
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.probe.erf_nets import LARGE, Built, Own, make_net
from convviz.probe.images import load_images
from convviz.read import parse_input, read
from convviz.read.torch_source import offline, same_random, told
from convviz.verify.places import locate

SEEDS, SAMPLES = 5, 8
INITS = ("default", "he", "ones")
ACTIVATIONS = ("keep", "linear")
COMBINES = ("random", "sum")
MODES = ("eval", "train")
BATCH = 1 << 24  # numbers that one forward may hold
FAINT = 1e-30  # a largest gradient below is taken again in float64
MOST = 100_000  # forwards of one call

Array = np.ndarray
Progress = Callable[[float], None]


def effective_receptive_field(
    source: str | Path | Graph | nn.Module,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    *,
    input: Any = None,
    weights: str | Path | None = None,
    images: str | Path | None = None,
    seeds: int | None = None,
    samples: int | None = None,
    init: str = "default",
    combine: str = "random",
    activation: str = "keep",
    mode: str = "eval",
    device: str = "auto",
    wrt: str | None = None,
    treat: Mapping[str, str] | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    progress: Progress | None = None,
) -> EffectiveField:
    """The mean of |d unit / d input| of one unit, beside the path counts of the same unit.

    source, input, treat: as ``convviz.read`` takes them. A torch module that is handed over keeps the weights that it
    has; otherwise they are drawn anew for each of ``seeds`` seeds, by the module's own constructor (``init``
    "default"), from He's normal distribution ("he") or all 1 ("ones", biases 0), unless ``weights`` names a state dict.
    Inputs are ``samples`` draws of the standard normal distribution for each seed, or ``images`` (see
    :func:`convviz.probe.images.load_images`). combine: what of the unit's channels is differentiated, a "random"
    combination of them or their "sum". activation: "linear" leaves activations out. mode: "train" normalises by the
    statistics of the batch, "eval" by the running ones, which in a net that was never trained change nothing.
    progress: told the share that is done, 0 to 1. The same seeds give the same result.

    Raises ConvvizError for a layer, unit, weights or images that do not fit.

    Source: Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep convolutional neural
    networks", 2016.

    >>> field = effective_receptive_field("code8", "conv2", seeds=2, samples=1)
    >>> field.gradient.shape, field.paths.size
    ((28, 28), (5, 5))
    """
    _check(
        init=(init, INITS),
        combine=(combine, COMBINES),
        activation=(activation, ACTIVATIONS),
        mode=(mode, MODES),
    )
    if isinstance(source, nn.Module) and weights is not None:
        raise ConvvizError("the module has weights already; load them into it", "weights")
    graph = read(source, input, treat=treat)
    counts = path_counts(graph, layer, unit, wrt)
    net = make_net(source, graph, counts.layer, activation, _shapes(input), treat)
    state = lower(graph, counts.wrt).state(counts.layer)
    assert state is not None
    cells = locate(state, counts.unit)
    if cells is None:
        raise ConvvizError(
            f"unit {','.join(map(str, counts.unit))} of {counts.layer} has no place in its tensor", "--unit"
        )
    kept = "file" if weights is not None else "own" if net.has_weights and init == "default" else "random"
    if kept != "random" and seeds is not None and seeds > 1:
        raise ConvvizError("seeds draw weights anew, and these are given; leave it out", "--seeds")
    if kept == "file" and init != "default":
        raise ConvvizError("weights are drawn or loaded, not both", "--init")
    count = _number(1 if kept != "random" else SEEDS if seeds is None else seeds, "--seeds")
    most = None if samples is None else _number(samples, "--samples")
    pictures, preparation = None, ""
    if images is not None:
        pictures, preparation = load_images(images, graph.inputs[counts.wrt], most=most, mean=mean, std=std)
    elif mean or std:
        raise ConvvizError("goes with --images", "--mean" if mean else "--std")
    each = len(pictures) if pictures is not None else SAMPLES if most is None else most
    if count * each > MOST:
        raise ConvvizError(f"{count} seeds x {each} inputs are more than {MOST:,} forwards", "--seeds")
    if mode == "train" and net.batches and each * sum(prod(node.out) for node in net.nodes) > LARGE:
        raise ConvvizError(
            f"a batch of {each} inputs, which train mode normalises together, is too large", "--samples"
        )
    probe = Probe(
        kept, init, "random" if pictures is None else "images", count, each, mode, combine, activation,
        _device(device, net.traced), "float32", str(weights or ""), preparation,
        any(node.op.kind in ("batch_norm", "ghost_batch_norm") for node in net.nodes),
    )  # fmt: skip
    run = _Run(net, graph, counts, cells, probe, pictures, weights, progress)
    seen = run.seeds()
    if seen is None:  # too small for float32, or too large
        probe = replace(probe, dtype="float64", device="cpu" if probe.device == "mps" else probe.device)
        seen = _Run(net, graph, counts, cells, probe, pictures, weights, progress).seeds()
    if seen is None:
        raise ConvvizError(
            f"the gradients of {counts.layer} are 0 or not finite for every input: with these weights nothing of the "
            "input reaches it (try --init he, or --activation linear)"
        )
    return _result(counts, replace(probe, dead=probe.seeds - len(seen[0])), *seen)


def _result(
    counts: PathCounts, probe: Probe, gradients: list[Array], energies: list[Array]
) -> EffectiveField:
    rank = len(counts.unit)

    def mass(parts: Sequence[Array]) -> Mass:
        return Mass((0,) * rank, (sum(part / part.sum() for part in parts) / len(parts),))

    by_seed = tuple(extent(mass([g]), counts.lo, counts.size) for g in gradients)
    return EffectiveField(counts, mass(gradients), mass(energies), by_seed, probe)


# -- the gradients --------------------------------------------------------------------------------------
class _Run:
    """All seeds and inputs of one probe."""

    def __init__(
        self,
        net: Built | Own,
        graph: Graph,
        counts: PathCounts,
        cells: Sequence[Sequence[int]],
        probe: Probe,
        images: Array | None,
        weights: str | Path | None,
        progress: Progress | None,
    ) -> None:
        self.net, self.graph, self.counts, self.probe = net, graph, counts, probe
        self.images, self.weights, self.progress = images, weights, progress
        self.dtype = getattr(torch, probe.dtype)
        self.where = np.ix_(*cells)
        held = max(1, sum(prod(node.out) for node in net.nodes))
        self.batch = max(1, min(probe.samples, BATCH // held)) if net.batches else 1
        if probe.mode == "train":
            self.batch = probe.samples if net.batches else 1

    def seeds(self) -> tuple[list[Array], list[Array]] | None:
        """Mean |gradient| and squared gradient of each seed, in units of its own; those of dead seeds are left out.

        None where this type of number does not do: gradients are not finite, too faint, or 0 for every seed.
        """
        gradients, energies = [], []
        single = self.probe.dtype == "float32"
        with same_random(), offline():
            for seed in range(self.probe.seeds):
                module = self.module(seed)
                total, square = np.zeros(self.counts.input), np.zeros(self.counts.input)
                unit = 0.0
                for first in range(0, self.probe.samples, self.batch):
                    last = min(first + self.batch, self.probe.samples)
                    g = self.gradient(module, seed, range(first, last))
                    if not np.isfinite(g).all():
                        return None
                    unit = unit or float(g.max())
                    if unit:
                        total += g.sum((0, 1)) / unit
                        square += ((g / unit) ** 2).sum((0, 1))
                    if self.progress is not None:
                        self.progress((seed + last / self.probe.samples) / self.probe.seeds)
                if single and unit < FAINT:
                    return None
                if unit:
                    gradients.append(total)
                    energies.append(square)
        return (gradients, energies) if gradients else None

    def module(self, seed: int) -> nn.Module:
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        module = self.net.module(self.weights)
        if self.probe.init != "default" and self.probe.weights == "random":
            initialise(module, self.probe.init)
        module.train(self.probe.mode == "train")
        return module.to(self.probe.device, self.dtype)

    def gradient(self, module: nn.Module, seed: int, which: range) -> Array:
        """|d unit / d input| (inputs, channels, *space) in float64."""
        shapes = self.graph.inputs
        values = {}
        for k, (name, shape) in enumerate(shapes.items()):
            if name == self.counts.wrt and self.images is not None:
                x = self.images[which.start : which.stop]
            else:
                x = np.stack([np.random.default_rng([seed, i, k]).standard_normal(shape) for i in which])
            values[name] = torch.as_tensor(x).to(self.probe.device, self.dtype)
        x = values[self.counts.wrt].requires_grad_()
        try:
            with torch.enable_grad():
                y = self.net.forward(module, values, self.probe.mode)
                wanted = y.reshape(len(which), *self.graph[self.counts.layer].out)
                index = tuple(torch.as_tensor(axis, device=y.device) for axis in self.where)
                units = wanted[(slice(None), *index)].reshape(len(which), -1)
                units = units * self.combination(units.shape[1], seed, which).to(units)
            if self.probe.mode == "train":  # the inputs of a batch know of each other
                rows = [
                    torch.autograd.grad(u.sum(), x, retain_graph=True, allow_unused=True)[0] for u in units
                ]
                found = (
                    None if any(r is None for r in rows) else torch.stack([r[i] for i, r in enumerate(rows)])
                )
            elif units.requires_grad:
                (found,) = torch.autograd.grad(units.sum(), x, allow_unused=True)
            else:
                found = None
        except ConvvizError:
            raise
        except Exception as err:  # whatever the user's module raises on these inputs
            raise told(err, self.graph.name) from None
        if found is None:
            return np.zeros((len(which), *shapes[self.counts.wrt]))
        return np.asarray(found.detach().double().abs().cpu().numpy())

    def combination(self, n: int, seed: int, which: range) -> Tensor:
        """(inputs, n): what multiplies the unit's channels, for each input anew."""
        if self.probe.combine == "sum":
            return torch.ones(len(which), n)
        rows = [np.random.default_rng([seed, i, 1 << 20]).standard_normal(n) for i in which]
        return torch.as_tensor(np.stack(rows))


def initialise(module: nn.Module, init: str) -> None:
    """Draw all weights anew: "he", or "ones"; biases become 0, the scales of norms 1."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            if not p.is_floating_point():
                continue
            if p.dim() < 2:
                p.fill_(0.0 if name.rpartition(".")[2].startswith("bias") else 1.0)
            elif init == "he":
                nn.init.kaiming_normal_(p, nonlinearity="relu")
            else:
                p.fill_(1.0)


# -- arguments ------------------------------------------------------------------------------------------
def _check(**choices: tuple[str, Sequence[str]]) -> None:
    for name, (value, known) in choices.items():
        if value not in known:
            raise ConvvizError(f"must be {' or '.join(known)}, got {value!r}", f"--{name}")


def _shapes(input: Any) -> Any:
    """Shapes written as text as tuples; nested ones stay as they are."""
    if isinstance(input, Mapping):
        return {name: _shapes(part) for name, part in input.items()}
    return parse_input(input) if isinstance(input, str) else input


def _number(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConvvizError(f"must be a whole number >= 1, got {value!r}", name)
    return value


def _device(name: str, traced: bool) -> str:
    """The device by name; "auto": a GPU where there is one and the layer can be had there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() and not traced else "cpu"
    try:
        torch.empty(0, device=name)
    except Exception as err:  # torch has many ways to refuse a device
        reason = str(err).split("\n")[0].split(". ")[0]
        raise ConvvizError(f"cannot be used: {reason}", f"--device {name}") from None
    if traced and torch.device(name).type != "cpu":
        raise ConvvizError(
            "this layer is computed within forward, where it is followed on the CPU only", f"--device {name}"
        )
    return name
