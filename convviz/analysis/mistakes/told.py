"""How a wrong normalization gives itself away, with the numbers of the batch at hand."""

from __future__ import annotations

import numpy as np

from convviz.analysis.norms.normalize import Normalized
from convviz.analysis.norms.set_names import names_of

MINUS = "\N{MINUS SIGN}"
VISIBLE = 0.004  # a mean or variance that is off by less is not told as a sign
DIGITS = 4


def told_of(right: Normalized, wrong: Normalized) -> tuple[str, ...]:
    """Sentences that hold for any mistake: a set's mean and variance, equal inputs, the largest difference."""
    found = []
    if right.live and (sentence := moments_told(right, wrong)):
        found.append(sentence)
    if sentence := twins_told(right, wrong):
        found.append(sentence)
    found.append(largest_told(right, wrong))
    return tuple(found)


def moments_told(right: Normalized, wrong: Normalized) -> str:
    """The set whose mean and variance are most off before gamma and beta; nothing where none is visibly off."""
    means, squares = by_right_set(right, wrong.normalized)
    due_means, due_squares = by_right_set(right, right.normalized)
    centred = right.mean is not None
    spread, due = (squares - means**2, due_squares - due_means**2) if centred else (squares, due_squares)
    off = np.abs(means - due_means) * centred + np.abs(spread - due)
    k = int(np.argmax(off >= off.max() * (1 - 1e-9)))
    if off[k] < VISIBLE:
        return ""
    name = names_of(right)[k]
    if not centred:
        return (
            f"Before gamma, {name} should have the mean square {figure(due[k])}; "
            f"here it has {figure(spread[k])}."
        )
    return (
        f"Before gamma and beta, {name} should have mean {figure(due_means[k])} and variance {figure(due[k])}; "
        f"here it has mean {figure(means[k])} and variance {figure(spread[k])}."
    )


def by_right_set(right: Normalized, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and mean square of the cells of each right set."""
    labels = right.labels.ravel()
    cells = np.bincount(labels)
    return np.bincount(labels, values.ravel()) / cells, np.bincount(labels, values.ravel() ** 2) / cells


def twins_told(right: Normalized, wrong: Normalized) -> str:
    """Two cells of one right set with equal inputs, and equal right outputs, whose wrong outputs are furthest apart."""
    found: dict[tuple[int, float, float], list[int]] = {}
    flat = zip(
        right.labels.ravel().tolist(), right.x.ravel().tolist(), right.output.ravel().tolist(), strict=True
    )
    for i, key in enumerate(flat):
        found.setdefault(key, []).append(i)
    outputs = wrong.output.ravel()
    best, apart = (0, 0), 0.0
    for cells in found.values():
        own = outputs[cells]
        low, high = cells[int(own.argmin())], cells[int(own.argmax())]
        if outputs[high] - outputs[low] > apart * (1 + 1e-9):
            best, apart = (min(low, high), max(low, high)), float(outputs[high] - outputs[low])
    if apart < VISIBLE:
        return ""
    a, b = (tuple(int(i) for i in np.unravel_index(i, right.shape)) for i in best)
    return (
        f"Equal values of {names_of(right)[right.labels[a]]} should stay equal: {figure(right.x[a])} at {place(a)} "
        f"and at {place(b)} both become {figure(right.output[a])}; here they become {figure(wrong.output[a])} and "
        f"{figure(wrong.output[b])}."
    )


def largest_told(right: Normalized, wrong: Normalized) -> str:
    off = np.abs(wrong.output - right.output)
    at = tuple(int(i) for i in np.argwhere(off >= off.max() * (1 - 1e-9))[0])
    made, due = apart(float(wrong.output[at]), float(right.output[at]))
    return f"The largest difference is {figure(off[at])}, at {place(at)}: {made} in place of {due}."


def apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers with as many digits as tell them apart.

    >>> apart(1.6666671, 1.6666666)
    ('1.6666671', '1.6666666')
    """
    if figure(a) != figure(b):
        return figure(a), figure(b)
    for digits in range(DIGITS + 1, 17):
        one, other = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if one != other:
            break
    return one.replace("-", MINUS), other.replace("-", MINUS)


def moments_listed(result: Normalized, most: int = 4) -> str:
    """``(1, 1) (5, 9)``: mean and variance of the first sets."""
    assert result.var is not None
    pairs = [f"({figure(m)}, {figure(v)})" for m, v in zip(result.shift[:most], result.var, strict=False)]
    return " ".join([*pairs, *["…"] * (len(result.shift) > most)])


def place(cell: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, cell))})"


def figure(value: float) -> str:
    """A number in a sentence.

    >>> figure(-1.33333), figure(-1e-17), figure(4.0), figure(0.00001234)
    ('−1.3333', '0', '4', '1.23e−05')
    """
    value = float(value)
    if abs(value) < 1e-12:
        return "0"
    if abs(value) >= 1e9 or abs(value) < 10.0**-DIGITS:
        return f"{value:.3g}".replace("-", MINUS)
    return f"{value:.{DIGITS}f}".rstrip("0").rstrip(".").replace("-", MINUS)
