"""Real handwritten digits that need no download: the 1,797 of 8x8 pixels that scikit-learn brings.

They are the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (UCI, 1998).
"""

from __future__ import annotations

import numpy as np

from convviz.errors import ConvvizError

NAME = "scikit-learn digits, enlarged to 28×28"
HELD_OUT = 500  # they come without a test set
TEST_SPLIT = "the last 500 of the 1,797 digits in scikit-learn's order"
TIMES, MARGIN = 3, 2  # each pixel 3x3 times, and a margin of 2: 8 * 3 + 2 * 2 = 28


def enlarged() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 images (N, 28, 28) in bytes, 0 paper to 255 ink, and their labels; raises ConvvizError.

    Pixels are repeated, not smoothed: no grey is made up that the 17 levels of the originals do not have.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ConvvizError("needs scikit-learn: pip install 'convviz[train]'", "digits") from None
    found = load_digits()
    small = np.rint(found.images * (255 / 16)).astype(np.uint8)
    margin = (MARGIN, MARGIN)
    return np.pad(small.repeat(TIMES, 1).repeat(TIMES, 2), ((0, 0), margin, margin)), found.target
