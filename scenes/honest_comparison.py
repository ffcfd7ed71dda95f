"""Is one better? Real runs: what a single one says, what pairs of a seed say, what chance alone would do."""

from __future__ import annotations

from convviz.scenes.parts.duel import ROLES, Forest, Heap, Heaps, Shares, Slopes
from convviz.scenes.stage import board, ink
from convviz.scenes.stage.story import Story
from manim import FadeIn, Transform, VGroup

from convviz.figures import cells as draw
from convviz.figures.cells import Box
from convviz.plan import seed_plan
from convviz.plan.seeds import Duel, seeds
from convviz.plan.words import count
from convviz.runs.bundled import only, results

SLOPES, HEAPS = Box(60, 74, 210, 170), Box(330, 74, 190, 170)
DIFFERENCES = Box(330, 74, 210, 160)
LEFT, CHANCE = Box(56, 74, 200, 160), Box(316, 92, 226, 142)
SHARES = (Box(46, 92, 214, 136), Box(338, 92, 214, 136))
AFTER = 4  # seeds that are told slowly; the rest runs through


class HonestComparison(Story):
    """Is one better? Real runs: what a single one says, what pairs of a seed say, what chance alone says."""

    name = "honest_comparison"

    def prepare(self) -> None:
        fields = self.settings.fields
        self.found = seeds(only(results(fields.get("results", "overfitting")), fields.get("arms", ())))
        self.keep(seed_plan.plan(self.found))

    def tell(self) -> None:
        first, second = self.found.first, self.found.second
        self.section("One run of each")
        self.runs(first)
        self.section("The same seed, a pair")
        forest = self.pairs(first)
        self.section("What chance alone would do")
        self.chance(first, forest)
        if second is not None:
            self.section("A difference that is there")
            self.there(second)
        self.section("How many seeds it takes")
        self.more()

    def header(self) -> VGroup:
        """What the runs are."""
        found = self.found
        words = f"{found.images}; {count(found.epochs, 'epoch')}, {found.told} seeds, accuracy after the last epoch"
        size = 8.8
        return ink.text(
            board.STAGE.x, 43, draw.clip(words, board.STAGE.width, size), self.look.faint_ink, size=size
        )

    # -- single runs ---------------------------------------------------------------------------------------
    def runs(self, duel: Duel) -> None:
        """A seed at a time: the story turns."""
        self.slopes, heaps = Slopes(duel, SLOPES, self.look), Heaps(duel, HEAPS, self.look)
        self.play(FadeIn(self.header(), self.slopes.still(), heaps.still()), run_time=0.7)
        turned = duel.turned
        told = [0] if turned is None else [0, turned]
        kept = self.lines = VGroup()
        tiles = VGroup()
        for i in range(duel.n):
            strong = self.slopes.line(i, True)
            tile = heaps.tile(i)
            if i in told:
                self.play(FadeIn(strong), run_time=0.5)
                self.say(seed_plan.one_run(duel, i))
                if tile is not None:
                    self.play(FadeIn(tile, shift=board.shift(0, 14)), run_time=0.5)
                self._read()
            else:
                self.add(strong)
                if tile is not None:
                    self.add(tile)
                self.wait(0.35 if i < AFTER else 0.22)
            self.remove(strong)
            kept.add(self.slopes.line(i))
            self.add(kept)
            if tile is not None:
                self.remove(tile)
                tiles.add(tile)
                self.add(tiles)
        self.say(seed_plan.all_runs(duel))

    # -- pairs ---------------------------------------------------------------------------------------------
    def pairs(self, duel: Duel) -> Forest:
        """Each line becomes a stroke from 0."""
        kept = self.lines
        self.remove(*(m for m in self.mobjects if m not in (self._head, self._caption)))
        self.add(self.header(), self.slopes.still(), kept)
        forest = Forest(duel, DIFFERENCES, self.look)
        self.play(FadeIn(forest.still()), run_time=0.6)
        self.say(seed_plan.pairs(duel))
        strokes = VGroup()
        for i in range(duel.n):
            moved = self.slopes.line(i, True)
            self.play(Transform(moved, forest.stroke(i)), run_time=0.7 if i < 2 else 0.25)
            self.remove(moved)
            strokes.add(forest.stroke(i))
            self.add(strokes)
        self.play(FadeIn(forest.interval(), forest.mean()), run_time=0.6)
        self.say(seed_plan.mean(duel))
        return forest

    # -- chance --------------------------------------------------------------------------------------------
    def chance(self, duel: Duel, before: Forest) -> None:
        """Signs turn round, and every mean that they give falls on a heap."""
        self.clear()
        forest = Forest(duel, LEFT, self.look)
        heap = Heap(duel.chance, duel.pair.difference, CHANCE, self.look)
        strokes, mean = forest.strokes(), forest.mean()
        self.play(FadeIn(self.header(), forest.still(), heap.still(), strokes, mean), run_time=0.7)
        self.say(seed_plan.alike())
        drops = VGroup()
        for gaps, value in duel.turns:
            moved = (Transform(strokes, forest.strokes(gaps)), Transform(mean, forest.mean(value)))
            self.play(*moved, run_time=0.8)
            fallen = forest.mean(value)
            self.play(Transform(fallen, heap.drop(value)), run_time=0.6)
            drops.add(fallen)
        near, far = heap.bars()
        self.play(FadeIn(near, far), run_time=0.9)
        self.remove(*drops)
        self.play(FadeIn(heap.here()), run_time=0.5)
        self.say(seed_plan.chance(duel))
        self.poster()
        self.say(seed_plan.verdict(duel, self.found.family))

    def there(self, duel: Duel) -> None:
        """The same for a pair in which the test finds a difference."""
        self.clear()
        forest = Forest(duel, LEFT, self.look)
        heap = Heap(duel.chance, duel.pair.difference, CHANCE, self.look)
        self.play(FadeIn(self.header(), forest.still(), forest.strokes()), run_time=0.7)
        self.play(FadeIn(forest.interval(), forest.mean()), run_time=0.5)
        near, far = heap.bars()
        self.play(FadeIn(heap.still(), near, far, heap.here()), run_time=0.7)
        self.say(seed_plan.chance(duel))
        self.say(seed_plan.verdict(duel, self.found.family))

    # -- more seeds ----------------------------------------------------------------------------------------
    def more(self) -> None:
        """Bars for every number of seeds, of both pairs."""
        first, second = self.found.first, self.found.second
        self.clear()
        left = Shares(first, SHARES[0], self.look)
        self.play(FadeIn(self.header(), self.key(), left.still()), run_time=0.6)
        self.grow(left)
        self.say(seed_plan.few(first))
        self.say(seed_plan.fewest(first))
        if second is not None:
            right = Shares(second, SHARES[1], self.look)
            self.play(FadeIn(right.still()), run_time=0.5)
            self.grow(right)
            self.say(seed_plan.sure(second))

    def grow(self, shares: Shares) -> None:
        made = VGroup()
        for i in range(len(shares.duel.tallies)):
            made.add(shares.bar(i))
            self.add(made)
            self.wait(0.12)

    def key(self) -> VGroup:
        """What the parts of a bar mean."""
        look, made, x, y = self.look, VGroup(), SHARES[0].x, 60.0
        for role, words in zip(ROLES, ("first arm higher", "second arm higher")):
            for fill, told in ((look[role].fill, words), (look[role].edge, "and found by a test")):
                made.add(ink.tiles([Box(x, y - 4, 8, 8)], fill=fill, edge=look[role].edge, width=1.0))
                made.add(ink.text(x + 12, y, told, look.faint_ink, size=8.2))
                x += 22 + draw.width_of(told, 8.2)
        return made
