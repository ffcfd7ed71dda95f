"""What real weights do to the phases: S[r], the sum of the weights of phase r, and how much it varies.

Even coverage says that every phase is reached by equally many weights, not that these add up to the same. The index
``rho = var(S) / mean(S^2)`` over the phases is 0 where they do; independent weights of mean 0 give 1 - 1/phases.
Sources: Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016; Aitken et al.,
"Checkerboard artifact free sub-pixel convolution", 2017 (ICNR).
"""

from __future__ import annotations

import numpy as np

from convviz.ops.conv import ConvTranspose


def transposed_sums(weight: np.ndarray, op: ConvTranspose) -> np.ndarray:
    """S (C_out, *strides) of a transposed conv's weight (C_in, C_out/groups, *kernel): phase 0 is output 0's."""
    groups = op.groups
    each = weight.shape[1]
    w = weight.reshape(groups, weight.shape[0] // groups, each, *weight.shape[2:]).sum(1)
    w = w.reshape(groups * each, *weight.shape[2:])
    for a, window in enumerate(op.windows(), 1):
        lanes = np.moveaxis(w, a, 0)
        taps = [window.taps(r).index for r in range(op.stride[a - 1])]
        w = np.moveaxis(np.stack([lanes[list(t)].sum(0) for t in taps]), 0, a)
    return w


def shuffled_sums(weight: np.ndarray, factor: int) -> np.ndarray:
    """S (C, *factors) of a conv's weight (C * factor^n, C_in, *kernel) ahead of a pixel shuffle."""
    rank = weight.ndim - 2
    sums = weight.reshape(len(weight), -1).sum(1)
    return sums.reshape(-1, *(factor,) * rank)


def rho(sums: np.ndarray) -> float:
    """``var(S) / mean(S^2)`` over the phases, averaged over the output channels; S is (C, *phases).

    A channel whose sums are all 0 counts as 0.

    >>> rho(np.array([[1.0, 1.0], [1.0, -1.0]]))
    0.5
    """
    flat = sums.reshape(len(sums), -1).astype(np.float64)
    power = (flat**2).mean(1)
    variance = flat.var(1)
    alive = power > 0
    index = np.zeros(len(flat))
    index[alive] = variance[alive] / power[alive]
    return float(index.mean())


def at_init(phases: int) -> float:
    """What rho is on average for independent weights of mean 0: 1 - 1/phases, whatever the coverage."""
    return 1 - 1 / phases


def icnr(sub: np.ndarray, factor: int) -> np.ndarray:
    """Initialisation by ICNR: each filter of ``sub`` (C, C_in, *kernel) serves all factor^n phases.

    >>> rho(shuffled_sums(icnr(np.random.default_rng(0).normal(size=(2, 3, 3, 3)), 2), 2))
    0.0
    """
    return np.repeat(sub, factor ** (sub.ndim - 2), axis=0)


def proof_of_icnr(channels: int, wide: int, kernel: tuple[int, ...], factor: int) -> float:
    """rho of random filters under ICNR, recomputed on at most a few channels."""
    few = (min(channels, 4), min(wide, 4), *(min(k, 16) for k in kernel))
    sub = np.random.default_rng(0).normal(size=few)
    factor = min(factor, 8)  # more phases are more copies of the same filter
    return rho(shuffled_sums(icnr(sub, factor), factor))
