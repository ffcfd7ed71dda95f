"""The relations against brute force: taps and feeds turned round, borders, closed forms, and huge numbers."""

import random
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from convviz.ops.relations import SAME, Blocks, Rows, Table, Window, adaptive, inside, whole
from convviz.ops.resize import Sampling

HUGE = 10**12


def random_window(rng: random.Random) -> Window:
    dilation = rng.choice([1, 1, 1, 2, 3, 5, -1, -2, -3])
    return Window(rng.randint(1, 6), rng.randint(1, 5), dilation, rng.randint(-4, 6), rng.randint(1, 5))


def random_blocks(rng: random.Random) -> Blocks:
    return Blocks(rng.randint(1, 6), rng.randint(1, 6))


def random_table(rng: random.Random) -> Table:
    """Ordered rows, as resizing and adaptive pooling make them, from a list or on demand."""
    period, advance = rng.randint(1, 6), rng.randint(1, 7)
    cut = sorted(rng.randint(0, advance) for _ in range(period))
    rows = [range(c, c + rng.randint(1, 3)) for c in cut]
    ends = [r.stop for r in rows]
    rows = [range(r.start, max(ends[: i + 1])) for i, r in enumerate(rows)]
    rows = [range(r.start, max(r.stop, ends[-1] - advance, max(ends) - advance)) for r in rows]
    return Table(tuple(rows), advance)


def defined(w: Window, o: int) -> dict[int, int]:
    """{kernel index: cell} by the definition of a window."""
    places = {t: o * w.stride - w.padding + w.dilation * t for t in range(w.kernel)}
    return {t: at // w.up for t, at in places.items() if at % w.up == 0}


def test_window_is_its_definition() -> None:
    rng = random.Random(0)
    for _ in range(3000):
        w = random_window(rng)
        for o in range(-5, 12):
            taps = w.taps(o)
            assert dict(zip(taps.index, taps.cells, strict=True)) == defined(w, o), (w, o)


@pytest.mark.parametrize("make", [random_window, random_blocks])
def test_feeds_is_the_inverse_of_taps_with_the_same_index(make) -> None:
    rng = random.Random(1)
    for _ in range(2000):
        r = make(rng)
        units, cells = range(-12, 25), range(-8, 16)
        forth = {(i, o) for o in units for i in r.taps(o).cells if i in cells}
        back = {(i, o) for i in cells for o in r.feeds(i).cells if o in units}
        assert forth == back, r
        if isinstance(r, Window):
            forth = {(i, o, t) for o in units for i, t in zip(*r.taps(o), strict=True) if i in cells}
            back = {(i, o, t) for i in cells for o, t in zip(*r.feeds(i), strict=True) if o in units}
            assert forth == back, r


@pytest.mark.parametrize("lazy", [False, True])
def test_feeds_of_a_table_is_the_inverse_of_taps(lazy: bool) -> None:
    rng = random.Random(2)
    for _ in range(1500):
        t = random_table(rng)
        rows = t.rows
        if lazy:
            row = rows.__getitem__
            t = Table(Rows(t.period, row, hull=row), t.advance)
        units, cells = range(-30, 40), range(-5, 12)
        forth = {(i, o) for o in units for i in t.taps(o).cells if i in cells}
        back = {(i, o) for i in cells for o in t.feeds(i).cells if o in units}
        assert forth == back, (rows, t.advance)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "cubic"])
@pytest.mark.parametrize("corners", [False, True])
def test_feeds_of_a_resize_runs_from_the_first_to_the_last_that_reads(mode: str, corners: bool) -> None:
    """Where an output lies exactly on a cell it reads that alone, so cubic rows are not in order."""
    for scale in sorted({Fraction(p, q) for p in range(1, 13) for q in range(1, 13)}):
        r = Sampling(mode, scale, corners).relation()
        for i in range(-4, 9):
            near = range(int((i - 4) / scale) - 4, int((i + 5) / scale) + 5)
            true = [o for o in near if i in r.taps(o).cells]
            fed = sorted(r.feeds(i).cells)
            assert [o for o in fed if i in r.taps(o).cells] == true, (scale, i)
            assert not fed or (fed[0] in true and fed[-1] in true), (scale, i)


def test_jump_and_period_say_when_the_pattern_repeats() -> None:
    rng = random.Random(3)
    for _ in range(3000):
        r = rng.choice([random_window, random_blocks, random_table])(rng)
        q = r.period
        move = q * r.jump
        assert move.denominator == 1
        for o in range(-4, 8):
            assert [c + move for c in r.taps(o).cells] == list(r.taps(o + q).cells), r
    assert Window(2, 1, -1, 0, up=3).jump == Fraction(1, 3)
    assert Window(4, stride=2, up=4).period == 2


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "zeros"])
def test_inside_is_what_padding_copies(mode: str) -> None:
    numpy_mode = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}.get(mode)
    for n in range(2, 9):
        limit = n - 1 if mode == "reflect" else n
        ids = np.arange(n)
        padded = np.pad(ids, limit, mode=numpy_mode) if numpy_mode else np.pad(ids, limit, constant_values=-1)
        for start in range(-limit, n + limit):
            for step in (1, 2, 3, -1, -2):
                for count in range(1, 5):
                    cells = range(start, start + step * count, step)
                    if not all(-limit <= c < n + limit for c in cells):
                        continue
                    want = {int(padded[c + limit]) for c in cells} - {-1}
                    found = [c for part in inside(cells, n, mode) for c in part]
                    assert set(found) == want, (cells, n, mode)
    assert inside(range(0), 5, mode) == []


def test_adaptive_is_torch_s_adaptive_pooling() -> None:
    for n in range(1, 13):
        for m in range(1, 16):
            want = F.adaptive_avg_pool1d(torch.eye(n, dtype=torch.float64)[:, None], m)[:, 0] > 0
            r = adaptive(n, m)
            for o in range(m):
                assert [i for i in range(n) if want[i, o]] == list(r.taps(o).cells), (n, m, o)
    assert adaptive(7, 7) is SAME
    assert adaptive(12, 4) == Window(3, 3)
    assert adaptive(7, 1) == whole(7, 1)
    assert (adaptive(5, 3).jump, adaptive(5, 3).period) == (Fraction(5, 3), 3)


def test_huge_numbers_cost_nothing() -> None:
    w = Window(kernel=HUGE, stride=HUGE - 1, padding=HUGE // 2, up=7)
    assert len(w.taps(HUGE).cells) in (HUGE // 7, HUGE // 7 + 1)
    table = adaptive(HUGE + 1, HUGE)
    assert table.taps(HUGE // 2).cells == range(HUGE // 2, HUGE // 2 + 2)
    assert HUGE // 2 in table.feeds(HUGE // 2).cells
    resized = Sampling("linear", Fraction(HUGE + 1, HUGE)).relation()
    assert resized.period == HUGE
    assert all(HUGE // 3 in resized.taps(o).cells for o in resized.feeds(HUGE // 3).cells)
    assert Blocks(HUGE, 1).taps(0).cells == range(HUGE)
    (below, *_) = inside(range(-3, HUGE), HUGE, "circular")[1:]
    assert below == range(HUGE - 3, HUGE)


def test_an_index_beyond_the_period_is_refused() -> None:
    with pytest.raises(IndexError):
        Rows(3, lambda p: range(p, p + 1))[3]
    assert Rows(3, lambda p: range(p, p + 1))[1:] == [range(1, 2), range(2, 3)]
