"""The norms of a hand-in's arms, worked out on one small batch of whole numbers."""

from __future__ import annotations

from collections.abc import Iterable

from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import Normalized, Norms, normalize
from convviz.ops.base import Array
from convviz.report.handin.parts import Worked

LARGEST = 16  # channels, samples: what can still be followed by hand
FOLDER = "normalization"


def worked_out(words: Iterable[str]) -> tuple[tuple[Worked, ...], tuple[str, ...]]:
    """``batch``, ``layer``, ``group:2``, ``ghost:2`` ... worked, and a sentence for each that is not.

    A workbook has each method once, so that ``group:2`` and ``group:5`` take two. ``group:1`` has the sets of layer
    norm, and is shown as that.
    """
    wanted = list(
        dict.fromkeys("layer" if word == "group:1" else word for word in words if word != "without")
    )
    groups, splits = (
        [_number(word) for word in wanted if word.startswith(kind)] for kind in ("group", "ghost")
    )
    channels, left_out = _size(groups, "groups")
    samples, too_many = _size(splits, "parts of a batch")
    batch = preset("B") if (samples, channels) == (4, 4) else random_batch((samples, channels, 2, 2))
    books: list[dict[str, tuple[str, Normalized]]] = []
    for word in wanted:
        kind, count = word.partition(":")[0], _number(word)
        if kind in ("group", "ghost") and (channels if kind == "group" else samples) % count:
            continue
        result = _normalized(batch, kind, count)
        book = next((book for book in books if kind not in book), None)
        if book is None:
            books.append(book := {})
        book[kind] = (word.replace(":", "-"), result)
    found = tuple(
        Worked(
            Norms(tuple(result for _, result in book.values())),
            {kind: f"{FOLDER}/{name}.md" for kind, (name, _) in book.items()},
            f"{FOLDER}/normalization{'' if i == 1 else f'-{i}'}.xlsx",
        )
        for i, book in enumerate(books, 1)
    )
    return found, (*left_out, *too_many)


def _number(word: str) -> int:
    return int(word.partition(":")[2] or 1)


def _normalized(batch: Array, kind: str, count: int) -> Normalized:
    if kind == "group":
        return normalize(batch, kind, groups=count)
    return normalize(batch, kind, splits=count) if kind == "ghost" else normalize(batch, kind)


def _size(counts: list[int], what: str) -> tuple[int, list[str]]:
    """The smallest even size from 4 that all counts divide, each part having two at least; those above are left out."""
    fit = [n for n in counts if 2 * n <= LARGEST]
    told = [
        f"{n:,} {what} are too many to be followed by hand; `convviz norm` takes them"
        for n in counts
        if n not in fit
    ]
    for size in range(4, LARGEST + 1, 2):
        if all(size % n == 0 and size >= 2 * n for n in fit):
            return size, told
    # No small size has them all: one is worked, the others are told.
    size = max(4, 2 * fit[0])
    return size, told + [
        f"{n:,} {what} do not go with {fit[0]:,} on one small batch" for n in fit if size % n
    ]
