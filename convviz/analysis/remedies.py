"""What helps against a checkerboard, each proved by computing its coverage anew, with its costs.

- a kernel that the stride divides, with a dilation that has no factor in common with the stride;
- resize-convolution: nearest neighbours, then a conv (Odena et al., Distill 2016);
- a conv and a pixel shuffle: filters that start equal for all phases (ICNR), no free bias (Aitken et al., 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from convviz.analysis.coverage import Coverage, coverage_of, of_relation
from convviz.analysis.phase_index import at_init, proof_of_icnr
from convviz.analysis.response import gradients, responses
from convviz.errors import ConvvizError
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops.base import Op, Shape, build, squeeze
from convviz.ops.conv import Conv, ConvTranspose

KERNEL, RESIZE, SHUFFLE = "kernel", "resize", "shuffle"


@dataclass(frozen=True)
class Present:
    """The layer as it is: its input, output and costs, with which remedies are compared."""

    shape: Shape
    out: Shape
    params: int
    macs: int


@dataclass(frozen=True)
class Remedy:
    """A replacement: its ops in order, what it covers, its costs, and the rho of its weights at initialisation.

    same_size: the output keeps its shape. keeps_even: training cannot make the phase sums uneven.
    """

    name: str
    ops: tuple[tuple[str, Mapping[str, Any]], ...]
    coverage: Coverage
    out: Shape
    params: int
    macs: int
    rho_at_init: float
    same_size: bool
    keeps_even: bool
    short: str
    words: str
    built: tuple[Op, ...] = ()


def remedies(node: Node) -> tuple[tuple[Remedy, ...], Present]:
    """Remedies for a transposed conv, or on the gradient's side for a strided conv; none for stride 1."""
    op, shape = node.op, node.ins[0]
    present = Present(shape, node.out, op.params(shape), op.macs(shape))
    assert isinstance(op, Conv | ConvTranspose)
    if all(s == 1 for s in op.stride):
        return (), present
    if isinstance(op, Conv):
        found = [_finer_conv(op, shape, present)]
    else:
        found = [_kernel(op, shape, present), _resize(op, shape, present), _shuffle(op, shape, present)]
    return tuple(r for r in found if r is not None), present


def _made(
    name: str, ops: Sequence[tuple[str, dict[str, Any]]], shape: Shape, present: Present, rank: int, short: str,
    words: str, rho: float, keeps: bool, backwards: bool = False,
) -> Remedy:  # fmt: skip
    """The remedy built, run through the analysis and counted."""
    builder = GraphBuilder(name, {"input": shape})
    last = "input"
    for i, (kind, fields) in enumerate(ops):
        last = builder.add(f"{kind}{i}", build(kind, fields, rank), [last]).name
    nodes = builder.nodes
    axes = range(len(shape) - rank, len(shape))
    if backwards:
        pattern = gradients(nodes, last, {"input": shape}, counting=True)["input"]
    else:
        pattern = responses(nodes)[last]
    out = nodes[-1].out
    params, macs = sum(n.params for n in nodes), sum(n.macs for n in nodes)
    listed = tuple((k, f) for k, f in ops)
    return Remedy(
        name, listed, coverage_of(pattern, axes), out, params, macs, rho, out == present.out, keeps, short, words,
        tuple(n.op for n in nodes),
    )  # fmt: skip


# -- a kernel that the stride divides -------------------------------------------------------------------
def _kernel(op: ConvTranspose, shape: Shape, present: Present) -> Remedy | None:
    fits = [all_equal(of_relation(w)) for w in op.windows()]
    if all(fits):
        return None
    fields = dict(op.fields())
    axes = zip(op.kernel_size, op.stride, op.padding, op.dilation, op.output_padding, fits, strict=True)
    new = [(k, p, d, q) if fit else _divisible(k, s, p, d, q) for k, s, p, d, q, fit in axes]
    for i, name in enumerate(("kernel_size", "padding", "dilation", "output_padding")):
        fields[name] = [axis[i] for axis in new]
    short = f"kernel {_told(fields['kernel_size'])}"
    words = f"{short}, which the stride divides"
    if fields["dilation"] != list(op.dilation):
        short += f", dilation {_told(fields['dilation'])}"
        words += f"; dilation {_told(fields['dilation'])}, which has no factor in common with it"
    phases = 1
    for s in op.stride:
        phases *= s
    ops = [("conv_transpose", fields)]
    return _made(KERNEL, ops, shape, present, op.rank, short, words, at_init(phases), keeps=False)


def _divisible(k: int, s: int, p: int, d: int, q: int) -> tuple[int, int, int, int]:
    """(kernel, padding, dilation, output_padding) with even coverage and the same output size, the kernel nearest to k.

    Of two that are as near the larger is taken, which loses nothing of what the layer sees.
    """
    want = -2 * p + d * (k - 1) + q
    dilation = next(e for e in (d, *range(min(d, s) - 1, 0, -1), 1) if gcd(e, s) == 1)
    low = max(k // s, 1)
    reach = -(-(max(want, 0) // dilation + 1) // s)  # so many strides long, a kernel reaches as far
    options = []
    for m in {low, low + 1, reach, reach + 1}:
        rest = want - dilation * (m * s - 1)
        padding = max(0, -(rest // 2))
        extra = rest + 2 * padding
        if 0 <= extra < max(s, dilation):
            options.append((abs(m * s - k), -m, (m * s, padding, dilation, extra)))
    return min(options)[2]


def all_equal(values: Sequence[Any]) -> bool:
    return all(v == values[0] for v in values)


# -- resize, then convolve ------------------------------------------------------------------------------
def _resize(op: ConvTranspose, shape: Shape, present: Present) -> Remedy:
    rank = op.rank
    space, out = shape[-rank:], present.out[-rank:]
    grown = [n * s for n, s in zip(space, op.stride, strict=True)]
    kernel, pads = [], []
    for k, d, n, m in zip(op.kernel_size, op.dilation, grown, out, strict=True):
        odd = k if k % 2 else max(k - 1, 3)
        total = max(0, m - n + d * (odd - 1))  # a conv cannot crop: then the output is larger than before
        kernel.append(odd)
        pads.append([total // 2, total - total // 2])
    fields: dict[str, Any] = {
        "out_channels": op.out_channels,
        "kernel_size": kernel,
        "padding": pads,
        "dilation": list(op.dilation),
        "groups": op.groups,
        "bias": op.bias,
    }
    if all(a == b < n for (a, b), n in zip(pads, grown, strict=True)) and any(a for a, _ in pads):
        fields["padding_mode"] = "reflect"
    short = f"nearest x{_told(op.stride)} + conv {_told(kernel)}"
    words = f"nearest x{_told(op.stride)}, then conv {_told(kernel)}: equal phase sums for any weights"
    first = ("upsample", {"scale_factor": list(op.stride)})
    return _made(RESIZE, [first, ("conv", fields)], shape, present, rank, short, words, 0.0, keeps=True)


# -- conv, then pixel shuffle ---------------------------------------------------------------------------
def _shuffle(op: ConvTranspose, shape: Shape, present: Present) -> Remedy | None:
    factor = op.stride[0]
    if any(s != factor for s in op.stride) or len(shape) != op.rank + 1:
        return None  # a shuffle has one factor, and works on maps only
    kernel = [_odd(-(-k // factor)) for k in op.kernel_size]
    fields: dict[str, Any] = {
        "out_channels": op.out_channels * factor**op.rank,
        "kernel_size": kernel,
        "padding": [d * (k - 1) // 2 for k, d in zip(kernel, op.dilation, strict=True)],
        "dilation": list(op.dilation),
        "groups": op.groups,
        "bias": False,
    }
    rho = proof_of_icnr(shape[0], op.out_channels, tuple(kernel), factor)
    short = f"conv {_told(kernel)} + shuffle {factor}, ICNR"
    words = f"conv {_told(kernel)} and pixel shuffle {factor}, ICNR, no bias before the shuffle"
    last = ("pixel_shuffle", {"upscale_factor": factor})
    ops = [("conv", fields), last]
    return _made(SHUFFLE, ops, shape, present, op.rank, short, words, rho, keeps=False)


def _odd(k: int) -> int:
    return k if k % 2 else k + 1


# -- the gradient's side --------------------------------------------------------------------------------
def _finer_conv(op: Conv, shape: Shape, present: Present) -> Remedy | None:
    """A strided conv with a kernel that the stride divides, padded so that the output keeps its size."""
    if all(
        k % s == 0 and gcd(d, s) == 1 for k, s, d in zip(op.kernel_size, op.stride, op.dilation, strict=True)
    ):
        return None
    fields = dict(op.fields())
    kernel, pads, dilation = [], [], []
    for k, s, d, (before, after) in zip(op.kernel_size, op.stride, op.dilation, op.pads(), strict=True):
        new = d if gcd(d, s) == 1 else 1
        longer = -(-k // s) * s
        more = new * (longer - 1) - d * (k - 1)  # cells that the kernel gains, taken up by padding
        room = before + after + more
        if room < 0:  # never crops: a longer kernel with the old reach
            longer = -(-(d * (k - 1) - before - after + 1) // s) * s
            room = before + after + new * (longer - 1) - d * (k - 1)
        kernel.append(longer)
        pads.append([min(before + more // 2, room) if more >= 0 else room // 2, 0])
        pads[-1][1] = room - pads[-1][0]
        dilation.append(new)
    fields |= {"kernel_size": kernel, "padding": pads, "dilation": dilation}
    short = f"kernel {_told(kernel)}"
    words = f"{short}, which the stride divides: every input cell gets as many gradients"
    ops = [("conv", fields)]
    return _made(KERNEL, ops, shape, present, op.rank, short, words, 0.0, keeps=False, backwards=True)


# -- in a net -------------------------------------------------------------------------------------------
def repaired(graph: Graph, stages: Mapping[str, Sequence[Remedy]]) -> Iterator[tuple[str, Graph]]:
    """The net with all these layers replaced by one kind of remedy, for each kind that fits all of them in size."""
    for name in (KERNEL, RESIZE, SHUFFLE):
        chosen = {layer: next((r for r in found if r.name == name), None) for layer, found in stages.items()}
        if not chosen or any(r is None or not r.same_size for r in chosen.values()):
            continue
        builder = GraphBuilder(graph.name, graph.inputs, graph.meta)
        try:
            for node in graph.nodes:
                remedy = chosen.get(node.name)
                if remedy is None:
                    builder.add(node.name, node.op, node.inputs, node.where)
                    continue
                inputs: Sequence[str] = node.inputs
                for i, op in enumerate(remedy.built):
                    last = i == len(remedy.built) - 1
                    inputs = [builder.add(node.name if last else f"{node.name} {i}", op, inputs).name]
        except ConvvizError:
            continue
        yield name, builder.build(graph.outputs)


def _told(values: Sequence[int]) -> str:
    one = squeeze(list(values))
    return "x".join(map(str, one)) if isinstance(one, tuple) else str(one)
