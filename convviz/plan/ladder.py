"""The ladder: nets one change after the other, what each costs, and what real runs of them reached."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from convviz.analysis import receptive_field
from convviz.analysis.statistics.compare import BEFORE, Comparison, Pair, Summary
from convviz.analysis.statistics.intervals import Interval
from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.norm import Norm
from convviz.plan.words import MINUS, TIMES, listing, size
from convviz.runs.experiment import experiment, names
from convviz.runs.nets import net_of
from convviz.runs.recipe import Recipe
from convviz.runs.results import Results, TrainedArm, differing, flat, worded
from convviz.runs.variants import DROPOUTS

POOLS = ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool")
QUIET = ("flatten", "log_softmax", "softmax")  # layers that no picture of a net needs


@dataclass(frozen=True)
class Layer:
    """One layer of a net as a picture shows it. sort: conv, linear, norm, dropout, pool, activation or other; new: the
    net below on the ladder lacks it.
    """

    sort: str
    op: str
    channels: int
    new: bool


@dataclass(frozen=True)
class Rung:
    """One net of the ladder. what: the change, in a few words; detail: more of it.

    accuracy: mean of n runs, in per cent of the test images after the last epoch, None where none was run (``why``);
    sd: None of a single run; interval: Wilson's of a single run, Student's of several. step: against the rung below.
    """

    name: str
    what: str
    detail: str
    changes: tuple[str, ...]
    layers: tuple[Layer, ...]
    params: int
    field: tuple[int, ...] | None
    epochs: int
    n: int = 0
    accuracy: float | None = None
    sd: float | None = None
    interval: Interval | None = None
    step: Pair | None = None
    why: str = ""

    @property
    def label(self) -> str:
        """``CODE4``, and other names as they are."""
        return self.name.upper() if re.fullmatch(r"code\d+", self.name) else self.name

    @property
    def reads(self) -> str:
        """The receptive field: ``28×28``, or that it is the whole image."""
        return "whole image" if self.field is None else size(self.field)

    @property
    def reached(self) -> str:
        """``99.19 %``, ``99.52 ± 0.04 %``, ``not run``"""
        if self.accuracy is None:
            return self.why
        return f"{self.accuracy:.2f}{'' if self.sd is None else f' ± {self.sd:.2f}'} %"

    @property
    def moved(self) -> str:
        """``+0.76``, against the rung below; nothing where that was not run."""
        return "" if self.step is None else f"{self.step.difference:+.2f}".replace("-", MINUS)

    @property
    def span(self) -> str:
        """``+0.53 to +0.99``, the interval of the step."""
        if self.step is None or self.step.interval is None:
            return ""
        ends = (self.step.interval.low, self.step.interval.high)
        return " to ".join(f"{end:+.2f}".replace("-", MINUS) for end in ends)


@dataclass(frozen=True)
class Ladder:
    """Rungs from the first to the last, all trained on one data set."""

    name: str
    rungs: tuple[Rung, ...]
    data_set: str
    test_images: int | None
    comparison: Comparison

    @property
    def run(self) -> tuple[Rung, ...]:
        """The rungs that were run."""
        return tuple(rung for rung in self.rungs if rung.accuracy is not None)

    @property
    def runs(self) -> str:
        """``one run each``, ``10 runs each``, ``1 to 3 runs each``"""
        counts = sorted({rung.n for rung in self.run})
        if len(counts) > 1:
            return f"{counts[0]} to {counts[-1]} runs each"
        return "one run each" if counts == [1] else f"{counts[0]} runs each"


def ladder(found: Results) -> Ladder:
    """Arms of results in their order as rungs; each is held against the one before.

    Raises ConvvizError for a single arm, and where an arm's net cannot be read any more.
    """
    if len(found.rows) < 2:
        raise ConvvizError("a ladder needs at least two arms", "results")
    comparison = found.compare(BEFORE)
    summaries = {summary.name: summary for summary in comparison.arms}
    pairs = {pair.arm: pair for pair in comparison.pairs}
    rungs: list[Rung] = []
    before: tuple[Graph, Recipe] | None = None
    for row in found.rows:
        arm = row if isinstance(row, TrainedArm) else None
        name = row if isinstance(row, str) else row.name
        recipe = _planned(found, name) if arm is None else arm.first.recipe
        graph = net_of(found, name, recipe)
        summary = None if arm is None else summaries[name]
        follows = bool(rungs) and rungs[-1].accuracy is not None
        why = "" if arm is not None else found.why_absent(name)
        rungs.append(_rung(name, graph, recipe, before, summary, pairs.get(name) if follows else None, why))
        before = graph, recipe
    images = {arm.first.test_images for arm in found.arms}
    return Ladder(
        found.name, tuple(rungs), found.data_set, images.pop() if len(images) == 1 else None, comparison
    )


def _planned(found: Results, name: str) -> Recipe:
    return experiment(next(item for item in found.experiments if item in names())).recipe(name)


def _rung(
    name: str,
    graph: Graph,
    recipe: Recipe,
    before: tuple[Graph, Recipe] | None,
    summary: Summary | None,
    step: Pair | None,
    why: str,
) -> Rung:
    changes = () if before is None else tuple(_changes(*before, graph, recipe))
    same = (before is not None and before[1].net == recipe.net) or recipe.norm or recipe.dropout
    variant = "" if same else str(graph.meta.get("variant", ""))
    told = re.sub(r"(?<=\d)x(?=\d)", TIMES, variant.replace("+-", "±"))
    told, _, detail = told.partition("; " if "; " in told else ", ")
    what = told or listing(changes) or ("the first net" if before is None else "no change")
    fields = [layer.rf for layer in receptive_field(graph) if layer.rf is not None]
    last = fields[-1] if fields else None
    made = Rung(
        name, what, detail, changes, tuple(_layers(graph, before[0] if before else None)), graph.params,
        None if last is None or last.is_global else last.size, recipe.epochs, step=step, why=why,
    )  # fmt: skip
    if summary is None:
        return made
    return replace(made, n=summary.n, accuracy=summary.mean, sd=summary.sd, interval=summary.interval)


# -- what changed ---------------------------------------------------------------------------------------------
def _sort(node: Node) -> str:
    kind = node.op.kind
    if isinstance(node.op, Norm):
        return "norm"
    if kind in DROPOUTS:
        return "dropout"
    if kind in POOLS:
        return "pool"
    if kind in ("conv", "linear"):
        return kind
    return "other" if node.params or len(node.inputs) != 1 else "activation"


def _shown(graph: Graph) -> list[Node]:
    return [node for node in graph if node.op.kind not in QUIET]


def _layers(graph: Graph, before: Graph | None) -> Iterator[Layer]:
    nodes = _shown(graph)
    keys = [(node.op.kind, repr(node.op)) for node in nodes]
    new = set(range(len(nodes))) if before is not None else set()
    if before is not None:
        old = [(node.op.kind, repr(node.op)) for node in _shown(before)]
        for block in SequenceMatcher(None, old, keys, autojunk=False).get_matching_blocks():
            new -= set(range(block.b, block.b + block.size))
    for i, node in enumerate(nodes):
        yield Layer(_sort(node), node.op.kind, node.out[0], i in new)


def _changes(old: Graph, old_recipe: Recipe, new: Graph, recipe: Recipe) -> Iterator[str]:
    """``+2 dropout``, ``−1 conv``, ``other conv``, then settings of the training."""
    was, now = (Counter(node.op.kind for node in _shown(graph)) for graph in (old, new))
    for kind in dict.fromkeys([*was, *now]):
        if was[kind] != now[kind]:
            yield f"{now[kind] - was[kind]:+d} {kind.replace('_', ' ')}".replace("-", MINUS)
    if was == now:
        changed = [a.op.kind for a, b in zip(_shown(old), _shown(new)) if repr(a.op) != repr(b.op)]
        yield from (f"other {kind.replace('_', ' ')}" for kind in dict.fromkeys(changed))
    before, after = flat(old_recipe), flat(recipe)
    for name in differing([before, after]):
        if name not in ("net", "norm", "dropout"):  # of which the layers tell
            yield worded(name, after.get(name) or None)
