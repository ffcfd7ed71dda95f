"""Ten digits drawn by hand, 5 by 7: images that every reader can check, and what turns and shifts do to them."""

from __future__ import annotations

from functools import cache

import numpy as np

from convviz.ops.base import Array

DIGITS = """
 ### |  #  | ### |#####|   # |#####|  ## |#####| ### | ###
#   #| ##  |#   #|   # |  ## |#    | #   |    #|#   #|#   #
#  ##|  #  |    #|  #  | # # |#### |#    |   # |#   #|#   #
# # #|  #  |   # |   # |#  # |    #|#### |  #  | ### | ####
##  #|  #  |  #  |    #|#####|    #|#   #| #   |#   #|    #
#   #|  #  | #   |#   #|   # |#   #|#   #| #   |#   #|   #
 ### | ### |#####| ### |   # | ### | ### | #   | ### | ##
"""


@cache
def digits() -> Array:
    """The ten digits, 1 where there is ink: (10, 7, 5)."""
    rows = [[part.ljust(5) for part in line.split("|")] for line in DIGITS.strip("\n").split("\n")]
    return np.array([[[float(c == "#") for c in row[d]] for row in rows] for d in range(10)])


def image(digit: int = 6, scale: int = 3, size: int = 28) -> Array:
    """A digit in the middle of a square image, each of its cells ``scale`` pixels wide: (size, size), 0 to 1."""
    drawn = np.kron(digits()[digit], np.ones((scale, scale)))
    top, left = ((size - n) // 2 for n in drawn.shape)
    out = np.zeros((size, size))
    out[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return out


def rotated(picture: Array, degrees: float, fill: float) -> tuple[Array, Array]:
    """The picture turned about its middle by nearest neighbours, and where it was filled because nothing lies there."""
    n, m = picture.shape
    y, x = np.mgrid[:n, :m] - np.array([(n - 1) / 2, (m - 1) / 2])[:, None, None]
    a = np.deg2rad(degrees)
    from_y = np.rint(y * np.cos(a) - x * np.sin(a) + (n - 1) / 2).astype(int)
    from_x = np.rint(y * np.sin(a) + x * np.cos(a) + (m - 1) / 2).astype(int)
    inside = (from_y >= 0) & (from_y < n) & (from_x >= 0) & (from_x < m)
    out = np.full(picture.shape, fill)
    out[inside] = picture[from_y[inside], from_x[inside]]
    return out, ~inside
