"""Random, untrained generators: what each way of enlarging paints before anything was learned.

The set-up: a latent of 64 channels of independent standard normal numbers, size/8 cells wide, goes through three
layers of 64, 32, 16 and 3 channels, each of which doubles the map, with ReLU between; kernels of 3 (4 where it says
so), PyTorch's own initialisation, and no biases but in "free bias". The interior is measured, one latent cell (8
pixels) away from the borders: padding reaches no further. After Odena, Dumoulin and Olah, Distill 2016: artifacts are
there before training.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from convviz.analysis.artifacts import Experiment, Measured, phase_fraction, power, spectrum_peak
from convviz.errors import ConvvizError

CHANNELS = (64, 32, 16, 3)
FACTOR = 2 ** (len(CHANNELS) - 1)
LARGEST = 1024
SETUP = (
    f"three layers of {', '.join(map(str, CHANNELS[:-1]))} and {CHANNELS[-1]} channels, each x2, ReLU between, "
    f"PyTorch's initialisation, no biases unless said; latent: standard normal, {FACTOR} times smaller"
)


def nearest(a: int, b: int) -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1, bias=False, padding_mode="reflect")]


def transposed3(a: int, b: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(a, b, 3, 2, 1, 1, bias=False)]


def transposed4(a: int, b: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]


def shuffle(a: int, b: int, bias: bool = False) -> list[nn.Module]:
    return [nn.Conv2d(a, 4 * b, 3, padding=1, bias=bias, padding_mode="reflect"), nn.PixelShuffle(2)]


def icnr(a: int, b: int, bias: bool = False) -> list[nn.Module]:
    """Pixel shuffle whose conv starts with the same filter for all phases (Aitken et al., 2017)."""
    conv, last = shuffle(a, b, bias)
    sub = nn.Conv2d(a, b, 3, bias=False).weight
    with torch.no_grad():
        conv.weight.copy_(sub.repeat_interleave(4, 0))
    return [conv, last]


def free_bias(a: int, b: int) -> list[nn.Module]:
    """ICNR, and the default bias of a conv: a number of its own for each phase."""
    return icnr(a, b, bias=True)


KINDS: dict[str, tuple[str, Callable[[int, int], list[nn.Module]]]] = {
    "nearest": ("nearest x2, conv 3", nearest),
    "transposed 3": ("transposed conv k 3, s 2", transposed3),
    "transposed 4": ("transposed conv k 4, s 2", transposed4),
    "shuffle": ("conv 3, pixel shuffle 2", shuffle),
    "icnr": ("pixel shuffle, ICNR", icnr),
    "free bias": ("ICNR, with a free bias", free_bias),
}


def experiment(
    seeds: int = 8, size: int = 64, *, progress: Callable[[float], None] | None = None
) -> Experiment:
    """Each kind of generator with seeds 0 .. seeds-1, painting images of ``size`` x ``size``; the global random state
    is left alone.

    Raises ConvvizError for a size that is no multiple of 8 between 32 and 1024.
    """
    good = isinstance(size, int) and not isinstance(size, bool) and 4 * FACTOR <= size <= LARGEST
    if not good or size % FACTOR:
        raise ConvvizError(
            f"must be a multiple of {FACTOR} from {4 * FACTOR} to {LARGEST}, got {size!r}", "size"
        )
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ConvvizError(f"must be a whole number >= 1, got {seeds!r}", "seeds")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two on a machine that is busy are ten times slower than one
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            kinds = []
            for i, (name, (words, layer)) in enumerate(KINDS.items()):
                images = []
                for seed in range(seeds):
                    images.append(_paint(layer, seed, size))
                    if progress:
                        progress((i + (seed + 1) / seeds) / len(KINDS))
                kinds.append(_measured(name, words, images))
    finally:
        torch.set_num_threads(threads)
    return Experiment(tuple(kinds), seeds, size, FACTOR, FACTOR, SETUP)


def generator(layer: Callable[[int, int], list[nn.Module]]) -> nn.Sequential:
    """Three layers of one kind with ReLU between."""
    parts: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(CHANNELS)):
        parts += [nn.ReLU()] * bool(i) + layer(a, b)
    return nn.Sequential(*parts)


def _paint(layer: Callable[[int, int], list[nn.Module]], seed: int, size: int) -> np.ndarray:
    torch.manual_seed(seed)
    latent = torch.randn(1, CHANNELS[0], size // FACTOR, size // FACTOR)
    image: np.ndarray = generator(layer)(latent)[0].double().numpy()
    return image


def _measured(name: str, words: str, images: list[np.ndarray]) -> Measured:
    inner = [image[:, FACTOR:-FACTOR, FACTOR:-FACTOR] for image in images]
    fractions = np.array([phase_fraction(image, FACTOR) for image in inner])
    peaks = np.array([spectrum_peak(image, FACTOR) for image in inner])
    spectrum = np.fft.fftshift(np.mean([power(image) / max(image.var(), 1e-300) for image in inner], 0))
    return Measured(name, words, fractions, peaks, images[0], spectrum)
