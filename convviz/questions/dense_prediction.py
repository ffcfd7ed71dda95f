"""Questions about outputs as large as the input, and about dilation."""

from __future__ import annotations

import numpy as np

from convviz.analysis.receptive_field import receptive_field
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import apply, brief, chain, conv, evidence, last_map
from convviz.read import read


def disc(size: int = 224, radius: float = 60.0) -> np.ndarray:
    """A label image: 1 inside a disc a little off the middle."""
    y, x = np.mgrid[:size, :size]
    return ((y - 0.46 * size) ** 2 + (x - 0.53 * size) ** 2 < radius**2).astype(float)


@ask(
    "dense-prediction",
    "dense",
    "What is dense prediction, and why does it need upsampling?",
    "An answer for every pixel: segmentation, depth, super-resolution. A net that has halved its map five "
    "times has an answer for every 32nd pixel; something must bring it back, or no size may be given up on "
    "the way.",
    commands=("sizes unet", "rf unet", "draw upsample", "checkerboard --kernel-size 3 --stride 2"),
)
def dense_prediction() -> list[Evidence]:
    rows = []
    for name in ("vgg16", "resnet18", "unet", "espcn"):
        graph = read(name)
        shape, out = next(iter(graph.inputs.values())), graph.shape(last_map(graph))
        jump = receptive_field(graph)[last_map(graph)]
        assert jump is not None
        rows.append((name, "x".join(map(str, shape[1:])), "x".join(map(str, out[1:])), str(jump.jump[0])))
    truth = disc()
    seen = []
    for stride in (1, 2, 4, 8, 16, 32):
        small = apply("avg_pool", truth[None, None], {"kernel_size": stride}) >= 0.5
        big = np.kron(small[0, 0], np.ones((stride, stride)))
        both, either = np.minimum(truth, big).sum(), np.maximum(truth, big).sum()
        seen.append((stride, f"{small.shape[2]}x{small.shape[3]}", 100 * both / either))
    return [
        evidence(
            "sizes",
            "the last map of some nets",
            ("net", "input", "last map", "input cells a step"),
            rows,
            "Classifiers end with an answer for 32x32 pixels at a time. U-Net comes back to one a pixel "
            "(its size is smaller only for lack of padding), and ESPCN's steps are finer than its input's.",
        ),
        evidence(
            "coarse",
            "a disc of radius 60 on 224x224: every cell of the coarse map right, enlarged by repetition",
            ("stride", "map", "overlap with the truth (IoU), %"),
            seen,
            f"Even with every answer right, a stride of 32 reaches {brief(seen[-1][2])} % overlap, and a "
            f"stride of 4 {brief(seen[2][2])} %.",
        ),
    ]


@ask(
    "super-resolution",
    "dense",
    "Super-resolution: enlarge first, or at the end?",
    "At the end, if cost matters: convs on the small map cost r*r times less. A pixel shuffle then turns "
    "channels into pixels.",
    commands=("draw pixel_shuffle", "rf espcn"),
    picture="draw pixel_shuffle",
)
def super_resolution() -> list[Evidence]:
    r, n = 3, 32
    body = (conv(64, 5, padding=2), conv(32, padding=1))
    late = chain((1, n, n), *body, conv(r * r, padding=1), ("pixel_shuffle", {"upscale_factor": r}))
    early = chain((1, n, n), ("upsample", {"scale_factor": r}), *body, conv(1, padding=1))
    rows = [
        (name, "x".join(map(str, graph.nodes[-1].out)), graph.params, graph.macs)
        for name, graph in (("upsample, then convs", early), ("convs, then pixel shuffle", late))
    ]
    return [
        evidence(
            "orders",
            f"from {n}x{n} to {r * n}x{r * n}, one channel, no biases",
            ("order", "output", "parameters", "MACs"),
            rows,
            f"Enlarging at the end costs {brief(early.macs / late.macs)} times fewer MACs.",
        )
    ]


@ask(
    "dilated-then-normal",
    "dense",
    "A dilated convolution followed by a normal 3x3: does that work?",
    "Yes. The 3x3 fills the gaps of a dilation of 2 or 3 and no more; from 4 on, cells are left out. That "
    "dilated convs are bad feature extractors is an opinion; the gaps (gridding) are the fact.",
    commands=("gridding 2,1", "gridding 4,1", "gridding 2,2,2", "gridding 1,2,5"),
    picture="gridding 2,2,2 --plot gridding.png",
)
def dilated_then_normal() -> list[Evidence]:
    from convviz.analysis.gridding import gridding

    rows = []
    for rates in ((1, 1), (2, 1), (3, 1), (4, 1), (2, 2), (2, 2, 2), (1, 2, 5)):
        found = gridding(rates)
        graph = chain((8, 64, 64), *[conv(8, dilation=rate) for rate in rates])
        rows.append(
            (", ".join(map(str, rates)), found.span, found.hits, "no" if found.dense else "yes", graph.params)
        )
    return [
        evidence(
            "gridding",
            "stacks of 3x3 convs by their dilations, along one axis; 8 channels",
            ("dilations", "receptive field", "cells really read", "gaps", "parameters"),
            rows,
            f"Dilation 2, then a normal 3x3, reads all {rows[1][1]} cells for the parameters of two normal "
            f"convs, which read {rows[0][1]}. Dilation 2 three times over reads {rows[5][2]} of "
            f"{rows[5][1]}.",
        )
    ]
