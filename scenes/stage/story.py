"""The base of every scene: a title, captions with the time that it takes to read them, named sections, a poster.

A scene says what is to be seen; this class sees to it that nobody is hurried. `say` waits until the caption before has
had its reading time, in which whatever moves meanwhile counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from convviz.scenes.catalogue import Entry, entry
from convviz.scenes.settings import Settings
from convviz.scenes.stage import board, faults, ink
from convviz.scenes.stage.record import Record, Section, Subtitle
from convviz.scenes.stage.view import View
from manim import FadeIn, FadeOut, Mobject, Scene, VGroup, VMobject, Wait
from manim.animation.animation import prepare_animation
from manim.utils.exceptions import EndSceneEarlyException

from convviz import theme as themes
from convviz.errors import ConvvizError
from convviz.figures import cells as draw
from convviz.figures import prose
from convviz.figures.cells import Box
from convviz.ops.base import show
from convviz.plan.model import Formula, Plan
from convviz.theme import Theme

HEAD, CAPTION, FORMULA = 14.0, 11.5, 10.5  # points
LEADING = 1.36
LETTERS = 17.0  # read in a second
LEAST = 1.4  # seconds that a caption stays at least
AFTER = 0.5  # seconds that a section's last pose is held beyond its reading time
FADE = 0.5


class Story(Scene):
    """A scene in sections. Subclasses have a ``name`` of the catalogue, `prepare` their numbers and `tell` them."""

    name: ClassVar[str] = ""
    tells_cut: ClassVar[bool] = (
        True  # whether to say first what was cut of a layer; scenes that cut nothing do not
    )

    def __init__(
        self, settings: Settings | None = None, *, looking: bool = False, still: bool = False, **more: Any
    ) -> None:
        self.settings = settings or Settings()
        self.entry: Entry = entry(self.name)
        self.look: Theme = themes.theme(self.settings.theme)
        self.plans: list[Any] = []
        self.looking, self.still = looking, still
        self.faults: list[str] = []
        self.moments: list[tuple[str, Any]] = []  # (what, picture), for those who look
        self.still_image: Any = None
        self._texts: dict[str, None] = {}
        self._sections: list[tuple[str, float]] = []
        self._subtitles: list[tuple[str, float, float]] = []
        self._due = 0.0
        self._caption: VMobject | None = None
        self._head: VMobject = VGroup()
        self._formula: VMobject | None = None
        super().__init__(**more)

    # -- what a scene fills in -----------------------------------------------------------------------------
    def prepare(self) -> None:
        """Make the plans and results that are shown; raises ConvvizError for settings that do not fit."""

    def tell(self) -> None:
        """Show them."""
        raise TypeError(f"{type(self).__name__} tells nothing")

    def keep(self, plan: Any) -> Any:
        """Note a plan or result of which numbers are shown, and give it back."""
        self.plans.append(plan)
        return plan

    # -- the frame of every scene --------------------------------------------------------------------------
    def construct(self) -> None:
        self.settings.check(self.entry)
        self.camera.background_color = self.look.paper
        self.prepare()
        self.tell()
        self._read()
        if self.still_image is None:
            self.poster()
        self._moment(self._sections[-1][0] if self._sections else self.name)
        self._end_subtitle()
        gone = [m for m in self.mobjects if len(m.get_family())]
        if gone:
            self.play(*(FadeOut(m) for m in gone), run_time=FADE)

    def section(self, name: str) -> None:
        """Begin a named section; the one before is held until its caption has been read."""
        first = not self._sections
        if not first:
            self._read()
            self.wait(AFTER)
            self._moment(self._sections[-1][0])
            self._end_subtitle()
            if self._caption is not None:  # it has been read, and belongs to what was
                self.remove(self._caption)
                self._caption = None
        self.next_section(name)
        self._sections.append((name, self.time))
        right = board.TITLE.right
        title = ink.text(
            board.TITLE.x, board.TITLE.centre[1], self._title(), self.look.ink, size=HEAD, bold=True
        )
        room = board.TITLE.width - ink.box_of(title).width - 16
        part = ink.text(
            right,
            board.TITLE.centre[1] + 1,
            draw.clip(name, room, 9.5),
            self.look.faint_ink,
            size=9.5,
            align="right",
        )
        head = VGroup(title, part)
        if first:
            self.play(FadeIn(head), run_time=FADE)
        else:
            self.remove(self._head)
            self.add(head)
        self._head = head
        if first and (cut := self.left_out()):
            self.say(cut)

    def left_out(self) -> str:
        """What was cut of a layer of a net, so that it can be drawn; "" for what is drawn as it is."""
        if self.settings.layer is None or not self.tells_cut:
            return ""
        plans = [plan for plan in self.plans if isinstance(plan, Plan)]
        notes = [note for plan in plans for note in plan.notes[:1]]
        if told := next((note for note in notes if "drawn here: " in note or " is drawn" in note), ""):
            return told
        node = self.settings.graph()[self.settings.layer]
        shown = next((plan.stages[0].ins[0] for plan in plans if plan.stages), node.ins[0])
        if shown == node.ins[0]:
            return ""
        return f"{node.name} takes {show(node.ins[0])} to {show(node.out)}; drawn here on {show(shown)}."

    def _title(self) -> str:
        """The scene's title, with the layer that it is told of."""
        if self.settings.model is None:
            return self.entry.title
        name = Path(self.settings.model.split(":")[0]).stem
        where = f"{name}, {self.settings.layer}" if self.settings.layer else name
        return draw.clip(f"{self.entry.title}: {where}", board.TITLE.width * 0.72, HEAD, bold=True)

    def say(self, words: str, hold: float = 0.0) -> None:
        """Show a sentence as caption and subtitle, once the one before has been read; ``hold``: seconds more."""
        self._read()
        if self._caption is not None:
            self._moment(self._subtitles[-1][0] if self._subtitles else "")
        self._end_subtitle()
        lines = balanced(words, board.CAPTION.width, CAPTION)
        if len(lines) > 2:
            self.faults.append(f"caption of {len(lines)} lines: {words!r}")
        x, y = board.CAPTION.centre
        top = y - (len(lines) - 1) * CAPTION * LEADING / 2
        made = ink.texts(
            [(x, top + i * CAPTION * LEADING, line) for i, line in enumerate(lines)],
            self.look.ink,
            size=CAPTION,
            align="center",
        )
        if self._caption is not None:
            self.remove(self._caption)
        self.add(made)
        self._caption = made
        self._subtitles.append((words, self.time, -1.0))
        self.add_subcaption(words, duration=reading(words) / self.settings.speed)
        self._due = self.time + (reading(words) + hold) / self.settings.speed

    def _end_subtitle(self) -> None:
        if self._subtitles and self._subtitles[-1][2] < 0:
            words, start, _ = self._subtitles[-1]
            self._subtitles[-1] = (words, start, self.time)

    def _read(self) -> None:
        """Wait until the caption has been read."""
        left = self._due - self.time
        if left > 0.05:
            self._check()
            super().play(Wait(run_time=left))

    def poster(self) -> None:
        """Mark this moment as the still picture of the scene."""
        self._check()
        self.still_image = self._picture()
        if self.still:
            self._end_subtitle()
            raise EndSceneEarlyException

    # -- time ----------------------------------------------------------------------------------------------
    def play(self, *animations: Any, **more: Any) -> None:
        """As manim's, the time divided by the speed of the film."""
        made = [prepare_animation(a) for a in animations]
        if not made:
            return
        more["run_time"] = (more.get("run_time") or max(a.run_time for a in made)) / self.settings.speed
        self._check()
        super().play(*made, **more)

    def wait(self, duration: float = 1.0, **more: Any) -> None:
        self._check()
        super().play(Wait(run_time=duration / self.settings.speed))

    def _check(self) -> None:
        """Note what can be read now, and what is wrong with it."""
        for said in faults.said(self.mobjects):
            self._texts.setdefault(said.text)
        if self.looking:
            where = self._sections[-1][0] if self._sections else ""
            for fault in faults.of(self.mobjects):
                line = f"{where}: {fault}"
                if line not in self.faults:
                    self.faults.append(line)

    # -- what stands on the stage --------------------------------------------------------------------------
    def show(
        self, plan: Plan, area: Box = board.PANELS, *, keys: Sequence[str] | None = None, run_time: float = 0.9,
        largest: int = 32, at: Sequence[int] | None = None,
    ) -> View:  # fmt: skip
        """Lay a plan's panels out in ``area`` and bring them in; ``keys``: these panels (default: all grids);
        ``at``: steps that have to be seen where not all channels can be. Raises ConvvizError where cells would be too
        small to read.
        """
        view = View(self, plan, area, keys=keys, largest=largest, at=at)
        view.enter(run_time)
        return view

    def formula(self, formula: Formula, area: Box = board.WORK, *, run_time: float = 0.8) -> VGroup:
        """A formula, and below it the same with its numbers put in and what comes out."""
        if self._formula is not None:
            self.remove(self._formula)
        numbers = prose.equation(replace(formula, symbols=""))
        rows = [(formula.symbols, self.look.faint_ink), (f"= {numbers}", self.look.ink)]
        x, y = area.centre
        made = VGroup()
        for i, (words, colour) in enumerate(rows):
            size = fitting(words, area.width, FORMULA)
            made.add(
                ink.text(
                    x, y + (i - 0.5) * FORMULA * 1.7, words, colour, size=size, mono=True, align="center"
                )
            )
        self.play(FadeIn(made), run_time=run_time)
        self._formula = made
        return made

    def lines(
        self, rows: Sequence[str], area: Box = board.WORK, *, size: float = FORMULA, mono: bool = True
    ) -> VGroup:
        """Lines of text in the middle of an area, not yet added."""
        x, y = area.centre
        step = size * 1.5
        top = y - (len(rows) - 1) * step / 2
        return VGroup(
            *(
                ink.text(
                    x,
                    top + i * step,
                    words,
                    self.look.ink,
                    size=fitting(words, area.width, size, mono),
                    mono=mono,
                    align="center",
                )
                for i, words in enumerate(rows)
            )
        )

    def clear(self, *what: View | Mobject, run_time: float = FADE) -> None:  # type: ignore[override]
        """Take views and objects away; without arguments everything but title and caption."""
        if what:
            gone = [m for item in what for m in (item.mobjects() if isinstance(item, View) else [item])]
        else:
            gone = [m for m in self.mobjects if m is not self._head and m is not self._caption]
        gone = [m for m in gone if m in self.mobjects or any(m in top.get_family() for top in self.mobjects)]
        if self._formula in gone:
            self._formula = None
        if gone:
            self.play(*(FadeOut(m) for m in gone), run_time=run_time)

    # -- what came of it -----------------------------------------------------------------------------------
    def record(self) -> Record:
        """Sections, subtitles, texts and words for those who cannot see it."""
        ends = [start for _, start in self._sections[1:]] + [self.time]
        sections = tuple(Section(name, start, end) for (name, start), end in zip(self._sections, ends))
        subtitles = tuple(
            Subtitle(start, end if end >= 0 else self.time, words) for words, start, end in self._subtitles
        )
        told = " ".join(words for words, _, _ in self._subtitles)
        alt = f"{self._title()}. An animation in {len(sections)} parts. {told}"
        return Record(self.name, sections, subtitles, self.time, alt, tuple(self._texts), tuple(self.faults))

    def _picture(self) -> Any:
        """The frame as it stands now."""
        camera = self.renderer.camera
        camera.reset()
        camera.capture_mobjects(self.mobjects)
        return camera.get_image().copy()  # the camera draws the next frame into the same memory

    def _moment(self, what: str) -> None:
        if self.looking:
            self.moments.append((what, self._picture().convert("RGB")))


def reading(words: str) -> float:
    """Seconds that a caption needs."""
    return max(LEAST, 0.6 + len(words) / LETTERS)


def balanced(words: str, width: float, size: float) -> list[str]:
    """Lines of about the same length: none of a single word below a full one."""
    lines = draw.wrap(words, width, size)
    for part in (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95) if len(lines) == 2 else ():
        narrower = draw.wrap(words, width * part, size)
        if len(narrower) == 2:
            return narrower
    return lines


def fitting(words: str, width: float, size: float, mono: bool = True) -> float:
    """The size at which a line fits; raises ConvvizError where that would be too small to read."""
    wide = draw.width_of(words, 1.0, mono=mono)
    found = min(size, width / wide) if wide else size
    if found < board.SMALLEST:
        raise ConvvizError(f"a line of {len(words)} letters does not fit: {words[:60]!r}", "scene")
    return found


__all__ = ["Story", "reading"]
