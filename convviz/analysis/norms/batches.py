"""Batches to work examples on: some that were searched once, random ones, and a search for whole statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from convviz.analysis.norms.checks import Unfit, check_count
from convviz.analysis.norms.labels import labels_of
from convviz.analysis.norms.nice import search
from convviz.analysis.norms.nice_atoms import LARGEST
from convviz.analysis.norms.nice_partition import Partition, whole
from convviz.analysis.norms.scaling import Scaling
from convviz.analysis.norms.settings import METHODS, method_of, op_of
from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Array, Shape, shorten, show

# Cells by image and channel, row by row; searched once. All means come out whole, and many deviations: in the picture,
# on whose shape the norms are usually drawn, all of batch, layer, group and ghost batch norm.
PRESETS = {
    "A": ((4, 1, 2, 2), "0220 2828 1551 5779"),
    "B": (
        (4, 4, 2, 2),
        "0480 8246 7517 3997 4664 8686 5735 5511 9797 3337 0444 4000 3319 5353 2424 4844",
    ),
    "picture": (
        (4, 4, 6, 6),
        "980258068684062551024473016804763510 094249284935549437957799698890679296 "
        "380450711574410417021406400504632144 689786679687879989971519769366957988 "
        "231569461586928685997098595894598891 901761128253524932112389257610950366 "
        "944795995979838799498473693899887668 136226040804611510053637136117500334 "
        "748323332411403110770109742000823413 757775699515799976897687978679983876 "
        "088993929089330647371762398144325873 719447044508738763539609298611919825 "
        "699888585749787939795555988389669687 017110302922754081973302453433241200 "
        "694896054314679014138794049394391497 506940140750999783969463839145449415",
    ),
}
MOST = 100_000  # cells of a batch that is made up
MOST_NICE = 10_000  # and of one that is searched for


@dataclass(frozen=True, eq=False)
class Nice:
    """A batch of small integers and what came out whole: (method, whole means, whole deviations, sets).

    Of rms norm, which has no mean, the third is how many roots of a mean square are whole.
    """

    x: Array
    found: tuple[tuple[str, int, int, int], ...]

    @property
    def told(self) -> str:
        """What the search reached, in a sentence.

        >>> nice_batch((4, 1, 2, 2), seed=3).told
        'Small integers, searched so that statistics come out whole: batch norm has 1 of 1 mean and 1 of 1 deviation.'
        """
        parts = []
        for method, means, deviations, sets in self.found:
            own = "root" if method == "rms" else "deviation"
            many = "s" if sets > 1 else ""
            first = "" if method == "rms" else f"{means} of {sets} mean{many} and "
            parts.append(
                f"{method}{' norm' if method in METHODS else ''} has {first}{deviations} of {sets} {own}{many}"
            )
        return f"Small integers, searched so that statistics come out whole: {', '.join(parts)}."


def preset(name: str) -> Array:
    """A batch of 2x2 images, ``A`` with one channel or ``B`` with four, or ``picture``, 4 x 4 x 6 x 6.

    >>> preset("A")[0].tolist()
    [[[0.0, 2.0], [2.0, 0.0]]]
    """
    if name not in PRESETS:
        raise ConvvizError(
            f"no batch {name!r}{nearest(name, PRESETS)} (there are {', '.join(PRESETS)})", "preset"
        )
    shape, digits = PRESETS[name]
    return np.array([float(d) for d in digits.replace(" ", "")]).reshape(shape)


def random_batch(shape: Shape, seed: int = 0) -> Array:
    """Integers from 0 to 9 in a shape (N, C, *space).

    >>> random_batch((2, 1, 3), seed=1).shape
    (2, 1, 3)
    """
    return np.random.default_rng(check_seed(seed)).integers(0, LARGEST + 1, check_shape(shape)).astype(float)


def nice_batch(
    shape: Shape,
    seed: int = 0,
    methods: Sequence[str] = ("batch",),
    groups: int | None = None,
    splits: int | None = None,
    over: str = "image",
) -> Nice:
    """Integers from 0 to 9 whose means, and where it is possible standard deviations, are whole under ``methods``.

    Of one method all come out whole where they can (a set of three never has a whole deviation, nor one of a
    single cell); of several all means, and the deviations of the coarser sets first. ``found`` tells what was
    reached. A search, the same for the same seed. Raises ConvvizError for a bad or large shape, and where no method
    fits it.

    >>> nice_batch((4, 1, 2, 2), seed=3).found
    (('batch', 1, 1, 1),)
    """
    shape, rng = check_shape(shape, MOST_NICE), np.random.default_rng(check_seed(seed))
    partitions: dict[str, Partition] = {}
    why = ""
    for method in methods:
        name = method_of(method)
        if name in METHODS:
            try:
                op = op_of(name, shape, groups, splits, None, 0.1, affine=False)
                check_count(op, shape, "train")
            except Unfit as err:
                why = err.message
                continue
            relations = op.shares(shape[1:], mode="train", batch=shape[0])
        elif name in ("center", "standardize"):
            relations = Scaling(name, over).shares(shape)
        else:
            why = f"{name} has no mean"
            continue
        partitions[name] = Partition(labels_of(relations, shape).ravel(), name != "rms")
    if not partitions:
        raise ConvvizError(f"nothing to search for: {why}", "nice")
    x = search(list(partitions.values()), rng)
    found = tuple((name, *whole(x, own), own.sets) for name, own in partitions.items())
    return Nice(x.astype(float).reshape(shape), found)


def check_shape(shape: Shape, most: int = MOST) -> Shape:
    """A batch's shape (N, C, *space), small enough to look at (or to be searched)."""
    own = tuple(shape)
    if not 2 <= len(own) <= 5 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in own):
        raise ConvvizError(
            f"must be N x C x space, with up to three axes of it, such as 4x1x2x2, got {shorten(show(own))}",
            "shape",
        )
    if prod(own) > most:
        what = "a worked batch" if most == MOST else "a batch that is searched for"
        count = f"{prod(own):,}" if prod(own) < 10**15 else f"more than {10**15:,}"
        raise ConvvizError(f"{what} has at most {most:,} cells, and {show(own)} has {count}", "shape")
    return own


def check_seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConvvizError(f"must be a whole number >= 0, got {seed!r}", "seed")
    return seed
