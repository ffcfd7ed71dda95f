"""What groups cost and what they cut off: every number of groups from 1 to C, and who still reads whom behind a second
layer, with and without a channel shuffle between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd

from convviz.ops.base import Along, Op, Shape, build
from convviz.ops.conv import Conv
from convviz.plan import formulas, words
from convviz.plan.model import Formula

Block = tuple[range, range]  # outputs, and the inputs that all of them read


@dataclass(frozen=True)
class Split:
    """A convolution with one number of groups. share: of the MACs without groups; formula: of the parameters.

    blocks: for each group its output channels and the input channels that they read, from the op's ``Blocks`` relation.
    """

    groups: int
    params: int
    macs: int
    share: Fraction
    blocks: tuple[Block, ...]
    formula: Formula

    @property
    def each(self) -> int:
        """Input channels that a filter reads."""
        return len(self.blocks[0][1])


@dataclass(frozen=True)
class Mixed:
    """Two grouped layers in a row; shuffled: with a channel shuffle between them.

    reads: for each output channel of the second, the input channels of the first that it depends on.
    """

    groups: int
    shuffled: bool
    order: tuple[int, ...]  # the channel of the first layer that lies at each place in front of the second
    reads: tuple[frozenset[int], ...]

    @property
    def reached(self) -> int:
        """The fewest input channels that an output depends on."""
        return min(map(len, self.reads))


@dataclass(frozen=True)
class Groups:
    """A convolution ``op`` on ``shape`` with every number of groups that divides its channels, fewest first."""

    op: Conv
    shape: Shape
    out: Shape
    splits: tuple[Split, ...]

    def __getitem__(self, groups: int) -> Split:
        return next(split for split in self.splits if split.groups == groups)

    @cached_property
    def own(self) -> Split:
        """The op's own number of groups."""
        return self[self.op.groups]

    def mixed(self, groups: int, shuffled: bool) -> Mixed:
        """Who depends on whom behind this layer and a second one with as many groups."""
        first = regrouped(self.op, groups)
        second = build(
            "conv", {"out_channels": self.out[0], "kernel_size": 1, "groups": groups}, self.op.rank
        )
        shuffle = build("channel_shuffle", {"groups": groups}, self.op.rank)
        chain: list[Op] = [first, shuffle, second] if shuffled else [first, second]
        return Mixed(
            groups,
            shuffled,
            tuple(c for (c,) in channel_reads([shuffle], self.out))
            if shuffled
            else tuple(range(self.out[0])),
            tuple(frozenset(reads) for reads in channel_reads(chain, self.shape)),
        )


def groups_of(op: Conv, shape: Shape) -> Groups:
    """Costs and reads of ``op`` on a map ``(C, *space)`` for each number of groups; the bias counts as the op has it.

    >>> from convviz.ops import build
    >>> found = groups_of(build("conv", {"out_channels": 4, "kernel_size": 3, "bias": False}), (4, 6, 6))
    >>> [(s.groups, s.params, s.macs, str(s.share)) for s in found.splits]
    [(1, 144, 2304, '1'), (2, 72, 1152, '1/2'), (4, 36, 576, '1/4')]
    """
    out = op.shape(shape)
    most = gcd(shape[0], out[0])
    whole = regrouped(op, 1).macs(shape)
    found = []
    for count in (g for g in range(1, most + 1) if most % g == 0):
        one = regrouped(op, count)
        (params, _), macs = formulas.costs(one, shape), one.macs(shape)
        found.append(Split(count, one.params(shape), macs, Fraction(macs, whole), blocks(one, shape), params))
    return Groups(op, shape, out, tuple(found))


def regrouped(op: Conv, groups: int) -> Conv:
    made = build(op.kind, {**op.fields(), "groups": groups}, op.rank)
    assert isinstance(made, Conv)
    return made


def blocks(op: Op, shape: Shape) -> tuple[Block, ...]:
    """The outputs that read the same input channels, in order."""
    found: dict[range, list[int]] = {}
    for out, cells in enumerate(taps(op, shape)):
        found.setdefault(cells, []).append(out)
    return tuple((range(outs[0], outs[-1] + 1), cells) for cells, outs in found.items())


def taps(op: Op, shape: Shape) -> list[range]:
    """For each output channel the input channels that it reads, by the op's own relation."""
    (reads,) = op.reads(shape)
    assert isinstance(reads, Along)
    return [reads.axes[0].relation.taps(out).cells for out in range(op.shape(shape)[0])]


def channel_reads(ops: Sequence[Op], shape: Shape) -> list[set[int]]:
    """For each channel behind ops in a row, the channels in front of them that it depends on."""
    reads = [{channel} for channel in range(shape[0])]
    for op in ops:
        reads = [set().union(*(reads[c] for c in cells)) for cells in taps(op, shape)]
        shape = op.shape(shape)
    return reads


def told(split: Split) -> str:
    """``every filter reads 4 of 8 channels``"""
    total = split.blocks[-1][1].stop
    if split.each == total:
        return f"every filter reads all {words.count(total, 'channel')}"
    return f"every filter reads {split.each} of {words.count(total, 'channel')}"
