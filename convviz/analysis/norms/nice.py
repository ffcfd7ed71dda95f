"""A search for small integers whose means and standard deviations are whole, for several partitions at once.

Cells that no partition tells apart are an *atom*. First the atoms get whole means with which every set's mean is whole;
then each set a whole deviation to aim at, such that the partitions agree on the squares; then pairs of cells inside an
atom move apart or together, which changes the squares and no sum, until the aims are reached.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convviz.analysis.norms.nice_aims import AIMS, aims_of
from convviz.analysis.norms.nice_atoms import Atoms
from convviz.analysis.norms.nice_partition import Partition, same, whole
from convviz.ops.base import Array

TRIES = 60  # times that the search begins anew
MOVES = 110_000  # of pairs of cells, over all tries
EACH = 40_000  # towards one set of aims
SMALL = 1_000  # cells with which more than the outer partitions are tried


def search(partitions: Sequence[Partition], rng: np.random.Generator) -> Array:
    """Integers from 0 to 9 for the cells, with as many whole statistics as could be found.

    All means of centred partitions are whole. Deviations are looked after in the outer partitions first, which lie in
    no other, and the search ends with these. Roots of mean squares are looked after where nothing is centred.
    """
    wanted = [p for p in partitions if p.centred] or list(partitions)
    able = sorted((p for p in wanted if p.varies), key=lambda p: p.sets)
    outer = [p for p in able if not any(p.sets > q.sets and p.parents(q) for q in able)]
    inner = [p for p in able if p not in outer]
    best, score, moves = np.zeros(0, np.int64), -1, MOVES
    for i in range(TRIES):
        atoms = Atoms(wanted, rng)
        x = atoms.fill(atoms.means() if wanted[0].centred else None)
        moves -= atoms.rounds * atoms.count * len(wanted) // 1000  # what that costs, about
        early = i < TRIES // 2 and moves > MOVES // 2
        if early and wanted[0].centred and any(same(x, p) for p in outer):
            continue  # sets of equal means show nothing
        together = outer if i < TRIES - 1 else outer[:1]  # in the end: at least some
        most = len(inner) if len(x) <= SMALL else 0
        for more in range(most, -1, -1):  # as many as agree, and can be reached
            aimed = [*together, *inner[:more]]
            aims = aims_of(x, aimed, atoms, rng) if aimed else None
            moves -= AIMS * (len(aimed) > 1)
            if aims is None:
                continue
            x, used = atoms.reach(x, aimed, aims, min(moves, EACH + 10 * len(x)))
            moves -= used
            if moves <= 0 or all((p.totals(x**2) == aim).all() for p, aim in zip(aimed, aims, strict=True)):
                break
        reached = sum(whole(x, p)[1] * (len(x) if p in outer else 1) for p in able)
        if reached > score:
            best, score = x, reached
        if moves <= 0 or all(whole(best, p)[1] == p.sets for p in outer):
            break
    return best
