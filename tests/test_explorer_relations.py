"""`taps`, `feeds` and `inside` of the page, in the real browser, against the Python on random settings."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from convviz.explorer.page import page
from convviz.explorer.relations import relation_json
from convviz.ops.relations import Relation, Table, adaptive, inside
from convviz.ops.resize import Sampling
from tests.browsing import Browser, lacking
from tests.test_relations import random_blocks, random_table, random_window

pytestmark = pytest.mark.skipif(lacking() is not None, reason=str(lacking()))

SETTINGS = 2000
BORDERS = ("zeros", "reflect", "replicate", "circular")
CELLS, OUTPUTS = range(-8, 16), 16
ASK = """(asked, cells, outputs) => asked.map((relation) => ({
  taps: cells.map((o) => convviz.taps(relation, o).map((tap) => [tap.cell, tap.index])),
  feeds: cells.map((i) => convviz.feeds(relation, i, outputs).map((tap) => [tap.cell, tap.index])),
}))"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(page({"page": "stub", "name": "stub"}), encoding="utf-8")
    made = Browser()
    made.open(file)
    yield made
    made.close()


def random_relation(rng: random.Random) -> Relation:
    kind = rng.randrange(5)
    if kind == 3:
        return adaptive(rng.randint(1, 12), rng.randint(1, 12))
    if kind == 4:
        mode, scale = (
            rng.choice(("nearest", "linear", "cubic")),
            Fraction(rng.randint(1, 9), rng.randint(1, 9)),
        )
        return Sampling(mode, scale).relation()
    return (random_window, random_blocks, random_table)[kind](rng)


def pairs(taps: Any) -> list[list[int]]:
    return [list(pair) for pair in zip(taps.cells, taps.index, strict=True)]


def test_taps_and_feeds_are_the_library_s(browser: Browser) -> None:
    rng = random.Random(7)
    relations = [random_relation(rng) for _ in range(SETTINGS)]
    for start in range(0, SETTINGS, 500):
        some = relations[start : start + 500]
        found = browser.run(ASK, [relation_json(r) for r in some], list(CELLS), OUTPUTS)
        for relation, answer in zip(some, found, strict=True):
            assert answer["taps"] == [pairs(relation.taps(o)) for o in CELLS], relation
            for i, fed, wanted in zip(CELLS, answer["feeds"], fed_by(relation), strict=True):
                kept = [tap[:1] for tap in fed] if isinstance(relation, Table) else fed
                assert sorted(kept) == sorted(wanted), (relation, i)


def fed_by(relation: Relation) -> list[list[list[int]]]:
    """What each of the cells feeds; of a table, whose rows may have gaps, the outputs that read it."""
    if not isinstance(relation, Table):
        return [pairs(relation.feeds(i)) for i in CELLS]
    read = [relation.taps(o).cells for o in range(OUTPUTS)]
    return [[[o] for o, cells in enumerate(read) if i in cells] for i in CELLS]


def test_borders_are_the_library_s(browser: Browser) -> None:
    asked = [
        (cell, n, border) for border in BORDERS for n in range(2, 9) for cell in range(-n + 1, 2 * n - 1)
    ]
    found = browser.run("(asked) => asked.map(([cell, n, border]) => convviz.inside(cell, n, border))", asked)
    for (cell, n, border), answer in zip(asked, found, strict=True):
        hits = [i for piece in inside(range(cell, cell + 1), n, border) for i in piece]
        assert ([] if answer is None else [answer]) == hits, (cell, n, border)
