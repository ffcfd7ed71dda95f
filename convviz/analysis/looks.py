"""What a trained net looks at and what its layers answer: Grad-CAM, first kernels, feature maps, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from convviz.analysis.results import Field
from convviz.errors import ConvvizError
from convviz.ops.base import Array, Shape


@dataclass(frozen=True, eq=False)
class Heat:
    """Grad-CAM of test image ``index`` for one class: how much each place speaks for it.

    coarse: (h, w), one number a unit of the layer, at least 0. fine: (H, W), the same on the image's pixels.
    """

    index: int
    about: int  # the class
    coarse: Array
    fine: Array

    @property
    def silent(self) -> bool:
        """Whether no place speaks for the class."""
        return not self.fine.any()


@dataclass(frozen=True, eq=False)
class Cam:
    """Grad-CAM of some images at one layer. answered, true: for the class that was answered, and the true one.

    sees: receptive field of a unit, in pixels by axis. placed: whether heat lies where those fields are centred
    (else the map is stretched over the image).
    """

    layer: str
    channels: int
    space: Shape
    sees: Shape
    placed: bool
    answered: tuple[Heat, ...]
    true: tuple[Heat, ...]


@dataclass(frozen=True, eq=False)
class Kernels:
    """Weights of the first convolution, (out channels, in channels of a group, height, width)."""

    layer: str
    weights: Array

    @property
    def coloured(self) -> bool:
        """Whether a kernel can be shown as a picture in red, green and blue."""
        return self.weights.shape[1] == 3


@dataclass(frozen=True, eq=False)
class Depth:
    """Maps of a layer on a few images: (images, shown channels, h, w). channels: which of ``of`` they are."""

    layer: str
    sees: Shape
    channels: tuple[int, ...]
    of: int
    maps: Array

    @property
    def space(self) -> Shape:
        return self.maps.shape[2:]


@dataclass(frozen=True, eq=False)
class Looks:
    """What was seen; None and empty where a net has no such layer, and ``notes`` say so. shown: images of the maps."""

    cam: Cam | None
    kernels: Kernels | None
    shown: tuple[int, ...]
    depths: tuple[Depth, ...]
    notes: tuple[str, ...] = ()


def grad_cam(activations: Array, gradients: Array) -> Array:
    """ReLU of the sum of maps, each weighted by its mean gradient: (N, C, h, w) twice -> (N, h, w).

    activations: of the layer; gradients: of one class's score, before the softmax, with respect to them.
    Raises ConvvizError where the shapes differ. Source: Selvaraju et al., "Grad-CAM", 2017, equations 1 and 2.

    >>> maps = np.array([[[[1.0, 0.0], [0.0, 2.0]]]])
    >>> grad_cam(maps, np.full((1, 1, 2, 2), 0.5)).tolist()
    [[[0.5, 0.0], [0.0, 1.0]]]
    """
    if activations.ndim != 4 or activations.shape != gradients.shape:
        raise ConvvizError(
            f"must be two arrays (N, C, h, w) of one shape, got {activations.shape} and {gradients.shape}",
            "grad_cam",
        )
    weights = gradients.mean((2, 3))
    return np.maximum(np.einsum("nc,nchw->nhw", weights, activations), 0.0)


def on_image(coarse: Array, image: Shape, field: Field | None) -> tuple[Array, bool]:
    """A map (h, w) on an image's (H, W) pixels, and whether it lies where the units' receptive fields are centred.

    Between centres it is linear, and a jump beyond the outermost ones it has faded to 0. Where the fields have no
    regular grid the map is stretched over the image, each unit over an equal share.

    >>> fine, placed = on_image(np.array([[0.0, 4.0]]), (1, 4), None)
    >>> fine.tolist(), placed
    ([[0.0, 1.0, 3.0, 4.0]], False)
    """
    grids = [_grid(field, axis) for axis in range(2)]
    placed = None not in grids
    rows, columns = (
        _placed(n, size, *grid) if placed and grid is not None else _stretched(n, size)
        for n, size, grid in zip(coarse.shape, image, grids)
    )
    return rows @ coarse @ columns.T, placed


def _grid(field: Field | None, axis: int) -> tuple[float, float] | None:
    """The pixel in the middle of the first unit's receptive field along one axis, and how far the next one lies."""
    if field is None or field.is_global:
        return None
    jump, start = field.jump[axis], field.start[axis]
    if not jump or start is None or field.period[axis] != 1:
        return None
    return start + (field.size[axis] - 1) / 2, float(jump)


def _placed(count: int, size: int, first: float, jump: float) -> Array:
    """(size, count): how much of each unit a pixel takes."""
    centres = first + np.arange(count) * jump
    return np.maximum(1 - abs(np.arange(size)[:, None] - centres) / jump, 0.0)


def _stretched(count: int, size: int) -> Array:
    centres = (np.arange(count) + 0.5) * size / count - 0.5
    return np.stack([np.interp(np.arange(size), centres, row) for row in np.eye(count)], axis=1)


def strongest(maps: Array, count: int) -> tuple[int, ...]:
    """The channels of (N, C, h, w) that rise furthest above their own mean, the strongest first.

    How far is the mean over the images of the highest value.

    >>> strongest(np.array([[[[0.0, 1.0]], [[5.0, 5.0]], [[0.0, 4.0]]]]), 2)
    (2, 0)
    """
    if not prod(maps.shape):
        return ()
    rise = maps.max((2, 3)).mean(0) - maps.mean((0, 2, 3))
    return tuple(int(i) for i in np.argsort(-rise, kind="stable")[:count])


def has_room_for(sees: Shape, image: Shape) -> str:
    """What fits into a receptive field: edges, textures, parts or the whole.

    >>> has_room_for((3, 3), (28, 28)), has_room_for((10, 10), (28, 28)), has_room_for((22, 22), (28, 28))
    ('edges', 'textures', 'parts')
    """
    widest = max(sees, default=0)
    if widest <= 5:
        return "edges"
    if widest >= max(image):
        return "the whole"
    return "textures" if 2 * widest < max(image) else "parts"
