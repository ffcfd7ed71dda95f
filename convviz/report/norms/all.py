"""The same batch under several methods, side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convviz.analysis.norms.normalize import Normalized, Norms
from convviz.analysis.norms.set_names import names_of
from convviz.plan.words import number, size
from convviz.report.model import Cell, Column, Table
from convviz.report.norms import words
from convviz.report.norms.text import Section, batch_section, result_sections, running_section, sets_section

ROOM = 48  # columns that the name, the set and its statistics take


def sections_of_all(found: Norms, width: int, full: bool = False, told: str = "") -> Iterator[Section]:
    """What tells the methods apart, an image on which they differ, then each with its statistics and result."""
    first = found.results[0]
    yield Section(f"{len(found.results)} methods on the same batch {size(first.shape)}")
    yield batch_section(first, width, full, told)
    yield Section(
        "What tells them apart",
        table=overview(found),
        after=[f"{name} norm is left out: {why}" for name, why in found.left_out],
    )
    n, c = found.telling
    yield Section(
        f"Where they differ most: sample {n}, channel {c}",
        table=compared(found, n, c, None if full else width),
    )
    for result in found:
        yield Section(words.headline(result), [words.rule_text(result), *result.notes])
        if result.method != "pixel":
            yield sets_section(result, full)
        yield from result_sections(result, width, full)
        if result.updates:
            yield running_section(result, full)


def overview(found: Norms) -> Table:
    """Method by method: who shares, how many sets of how many cells, what is trained and kept."""
    columns = (
        Column("method", left=True),
        Column("statistics for", left=True, shrink="end"),
        Column("sets"),
        Column("cells of a set", short="cells"),
        Column("trained"),
        Column("kept"),
    )
    rows: list[tuple[Cell, ...]] = [
        (r.method, words.shares(r), len(r.cells), r.cells[0], r.params, r.buffers) for r in found
    ]
    return Table("", columns, tuple(rows))


def compared(found: Norms, n: int, c: int, width: int | None = None) -> Table:
    """The numbers of one image, and what each method makes of them; as many as fit (None: all)."""
    first = found.results[0]
    places = [f"[{','.join(map(str, at))}]" for at in np.ndindex(first.shape[2:])]
    rows = [("x", None, None, None, first.x[n, c].ravel())]
    rows += [(r.method, *_statistics(r, n, c), r.output[n, c].ravel()) for r in found]
    texts = [[number(float(v)) for v in row[-1]] for row in rows]
    each = max(len(text) for row in [places, *texts] for text in row) + 2
    count = len(places) if width is None else min(len(places), max(2, (width - ROOM) // each))
    columns = [
        Column("method", left=True),
        Column("set", left=True, shrink="end"),
        Column("mean"),
        Column("root"),
    ]
    columns += [Column(place) for place in places[:count]]
    columns += [Column("…")] * (count < len(places))
    more = ["…"] * (count < len(places))
    cells = ((*row[:-1], *values[:count], *more) for row, values in zip(rows, texts, strict=True))
    return Table("", tuple(columns), tuple(cells))


def _statistics(result: Normalized, n: int, c: int) -> tuple[Cell, ...]:
    """The set of the image's first cell, its mean and its root."""
    k = int(result.labels[n, c].ravel()[0])
    mean = None if result.mean is None else number(result.mean[k])
    return names_of(result)[k], mean, number(result.scale[k])
