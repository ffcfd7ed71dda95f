"""A batch of numbers as text: samples side by side, channels under one another, each a small grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convviz.ops.base import Array
from convviz.plan.words import number

ROWS, COLUMNS = 8, 10  # of an image, that are shown
CHANNELS, LINES = 6, 104  # channels, and lines of all bands
GAP = "   "


def grid_lines(values: Array, width: int, full: bool = False) -> list[str]:
    """The numbers (N, C, *space), right-aligned; wide batches in several bands. What is cut is told in the last line.

    >>> import numpy as np
    >>> print("\\n".join(grid_lines(np.arange(8.0).reshape(2, 1, 2, 2), 60)))
                sample 0   sample 1
    channel 0        0 1        4 5
                     2 3        6 7
    """
    if values.ndim == 2:
        return _matrix(values, width, full)
    cut = values if full else _corner(values)
    cell = max(len(number(float(v))) for v in cut.ravel())
    each = max(len(f"sample {len(cut) - 1}"), cut.shape[-1] * (cell + 1) - 1)
    names = _names(cut.shape)
    label = max(map(len, names))
    fit = max(1, (width - label) // (each + len(GAP)))
    if not full:
        cut = cut[: fit * max(1, LINES // (len(names) + 2))]
    lines: list[str] = []
    for start in range(0, len(cut), fit):
        own = cut[start : start + fit]
        heads = [f"sample {start + i}".rjust(each) for i in range(len(own))]
        lines += [""] * bool(lines) + [GAP.join([" " * label, *heads])]
        columns = [_rows(sample, cell) for sample in own]
        for name, *parts in zip(names, *columns, strict=True):
            lines.append(GAP.join([name.ljust(label), *(part.rjust(each) for part in parts)]))
    return lines + _told(values, cut)


def _corner(values: Array) -> Array:
    """Of a large batch, some channels of each sample, some rows and columns of each image."""
    *limits, last = [CHANNELS, *[ROWS] * (values.ndim - 3), COLUMNS]
    if values.ndim == 5:  # fewer slices, so that whole ones are seen
        limits[1] = ROWS // 2
    return values[(slice(None), *(slice(limit) for limit in [*limits, last]))]


def _told(values: Array, cut: Array) -> list[str]:
    if cut.shape == values.shape:
        return []
    shown, whole = (" x ".join(map(str, shape)) for shape in (cut.shape, values.shape))
    return [f"(the first {shown} of {whole} cells; --full shows all, and so do JSON and CSV)"]


def _names(shape: Sequence[int]) -> list[str]:
    """A name for each line of a sample: the channel, and the slice, where one begins."""
    rows = shape[-2] if len(shape) > 3 else 1
    slices = [f", slice {i}" for i in range(shape[2])] if len(shape) == 5 else [""]
    heads = [f"channel {c}{at}" for c in range(shape[1]) for at in slices]
    return [name for head in heads for name in (head, *[""] * (rows - 1))]


def _rows(sample: Array, cell: int) -> list[str]:
    """The lines of a sample."""
    rows = sample.reshape(-1, sample.shape[-1])
    return [" ".join(number(float(v)).rjust(cell) for v in row) for row in rows]


def _matrix(values: Array, width: int, full: bool) -> list[str]:
    """Vectors: a row for each sample, a column for each channel."""
    cut = values if full else values[: 4 * ROWS]
    texts = [[number(float(v)) for v in row] for row in cut]
    head = [f"channel {c}" for c in range(values.shape[1])]
    label = len(f"sample {len(cut) - 1}")
    wide = [max([len(name), *(len(row[c]) for row in texts)]) for c, name in enumerate(head)]
    lines: list[str] = []
    shown = 0
    for own in _bands(wide, width - label):
        if shown >= 2 * COLUMNS and not full:
            break
        shown = own[-1] + 1
        lines += [""] * bool(lines)
        lines.append("  ".join([" " * label, *(head[c].rjust(wide[c]) for c in own)]))
        for i, row in enumerate(texts):
            lines.append("  ".join([f"sample {i}".ljust(label), *(row[c].rjust(wide[c]) for c in own)]))
    return lines + _told(values, cut[:, :shown])


def _bands(wide: Sequence[int], room: int) -> Iterator[list[int]]:
    """The columns that fit beside one another, band after band."""
    band: list[int] = []
    for c, w in enumerate(wide):
        if band and sum(wide[k] + 2 for k in band) + w + 2 > room:
            yield band
            band = []
        band.append(c)
    yield band
