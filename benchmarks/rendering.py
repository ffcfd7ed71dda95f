"""What films cost: CPU for a second of each scene at 480p15, the time to its first preview, memory; and naive drawing.

    python benchmarks/rendering.py [--scenes dilated,norms] [--json FILE]

Each scene is made from nothing by `convviz render`'s worker, in a process of its own, with its poster, subtitles and
description. Below that, the same picture drawn twice in one run, so that the speed of the machine cancels: naively, as
a first script for manim does it (a new Text for every number in every step; a Cube for every cell of a block), and as
scenes do it (glyph outlines that they share; shaded polygons in painter's order). Both sides show the same numbers,
cells and motions; what it takes to load manim is left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SIDE, KERNEL, STEP = 6, 3, 0.4  # cells of the input, of the kernel, seconds of a step
BLOCK = (3, 4, 4)
PAIRS = {"numbers: new Text every step": "numbers", "a block: a Cube for every cell": "block"}


def cpu() -> float:
    """Seconds of CPU of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# -- scenes ---------------------------------------------------------------------------------------------------
def scene(name: str, folder: Path) -> dict[str, Any]:
    """One scene from nothing."""
    from convviz.scenes.settings import Settings

    from convviz.render.films import render
    from convviz.render.wanted import Wanted

    before, start = cpu(), time.perf_counter()
    (made,) = render([Wanted(name, Settings(), folder, name)], limit=600)
    spent, wall = cpu() - before, time.perf_counter() - start
    if made.error or made.duration is None:
        return {"scene": name, "error": made.error}
    return {
        "scene": name,
        "film_s": round(made.duration, 1),
        "cpu_s": round(spent, 2),
        "cpu_per_film_s": round(spent / made.duration, 3),
        "preview_s": round(wall, 1),
        "memory_mib": made.memory and round(made.memory / 2**20),
        "file_kb": round((folder / f"{name}.mp4").stat().st_size / 1000),
    }


# -- the same picture, two ways -------------------------------------------------------------------------------
def numbers() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    return draw.integers(0, 9, (SIDE, SIDE)), draw.integers(-2, 3, (KERNEL, KERNEL))


def steps() -> list[tuple[int, int, str, str]]:
    """Row and column of the window, the sum in words, and its result."""
    data, kernel = numbers()
    found = []
    for row in range(SIDE - KERNEL + 1):
        for column in range(SIDE - KERNEL + 1):
            cells = data[row : row + KERNEL, column : column + KERNEL]
            words = " + ".join(f"{a}×{b}" for a, b in zip(cells.flat, kernel.flat))
            found.append((row, column, f"{words} =", str((cells * kernel).sum())))
    return found


X, Y, CELL, OUT = 30.0, 60.0, 26.0, 380.0  # points: the input's corner, a cell, the output's left


def draw_numbers(naive: bool) -> Any:
    """A window over an input: in each step its nine weights, the sum and a result."""
    from convviz.scenes.stage import board, ink
    from manim import RoundedRectangle, Scene, Square, Text, VGroup

    from convviz.figures.cells import Box
    from convviz.theme import theme

    look, (data, kernel) = theme("light"), numbers()
    many = SIDE - KERNEL + 1

    def place(x: float, y: float) -> np.ndarray:
        return board.to_scene([(x, y)])[0]

    def middle(row: int, column: int, left: float = X) -> tuple[float, float]:
        return left + (column + 0.5) * CELL, Y + (row + 0.5) * CELL

    def text(x: float, y: float, words: str, size: float) -> Any:
        if naive:
            return Text(words, font="JetBrains Mono", font_size=size * 1.6, color=look.ink).move_to(
                place(x, y)
            )
        return ink.text(x, y, words, look.ink, size=size, mono=True, align="center")

    def box(row: int, column: int, left: float, side: float = 1.0) -> Box:
        return Box(left + column * CELL, Y + row * CELL, side * CELL, side * CELL)

    class Window(Scene):
        def construct(self) -> None:
            self.camera.background_color = look.paper
            cells = [(r, c) for r in range(SIDE) for c in range(SIDE)]
            if naive:
                unit = CELL / board.UNIT
                for r, c in cells:
                    self.add(
                        Square(unit, color=look["input"].edge, stroke_width=2).move_to(place(*middle(r, c)))
                    )
                for r in range(many):
                    for c in range(many):
                        shape = RoundedRectangle(
                            0.05, height=unit, width=unit, color=look["output"].edge, stroke_width=2
                        )
                        self.add(shape.move_to(place(*middle(r, c, OUT))))
                frame: Any = Square(KERNEL * unit, color=look["active"].edge, stroke_width=5)
                frame.move_to(place(*middle(1, 1)))
            else:
                self.add(ink.tiles([box(r, c, X) for r, c in cells], edge=look["input"].edge))
                results = [box(r, c, OUT) for r in range(many) for c in range(many)]
                self.add(ink.tiles(results, edge=look["output"].edge, rounded=True))
                frame = ink.tiles([box(0, 0, X, KERNEL)], edge=look["active"].edge, width=2.4)
            self.add(*(text(*middle(r, c), str(data[r, c]), 9) for r, c in cells))
            self.add(frame)
            told: Any = VGroup()
            for row, column, words, result in steps():
                self.remove(told)
                weights = [
                    text(X + (column + j + 0.8) * CELL, Y + (row + i + 0.8) * CELL, str(kernel[i, j]), 7)
                    for i in range(KERNEL)
                    for j in range(KERNEL)
                ]
                told = VGroup(*weights, text(board.WIDTH / 2, 250, f"{words} {result}", 9))
                self.add(told, text(*middle(row, column, OUT), result, 9))
                self.play(frame.animate.move_to(place(*middle(row + 1, column + 1))), run_time=STEP)

    return Window


def draw_block(naive: bool) -> Any:
    """A block of cells whose channels are pulled apart and closed again."""
    from convviz.scenes.stage import board
    from convviz.scenes.stage.solid import Block, Solid
    from manim import DEGREES, OUT, Cube, Scene, ThreeDScene, VGroup

    from convviz.theme import theme

    look = theme("light")

    class Polygons(Scene):
        def construct(self) -> None:
            self.camera.background_color = look.paper
            solid = Solid.fit(BLOCK, board.STAGE)
            block = Block(solid, look, "input")
            self.add(block)
            self.play(block.to(solid.pulled(30, 0)), run_time=1)
            self.play(block.to(solid), run_time=1)

    class Cubes(ThreeDScene):
        def construct(self) -> None:
            self.camera.background_color = look.paper
            self.set_camera_orientation(phi=65 * DEGREES, theta=-60 * DEGREES)
            channels, rows, columns = BLOCK
            how = {"fill_color": look["input"].fill, "fill_opacity": 1, "stroke_color": look["input"].edge}
            slabs = VGroup(
                *(
                    VGroup(
                        *(
                            Cube(0.7, stroke_width=1, **how).move_to([0.7 * column, 0.7 * row, 0.7 * channel])
                            for row in range(rows)
                            for column in range(columns)
                        )
                    )
                    for channel in range(channels)
                )
            ).center()
            self.add(slabs)
            for way in (1, -1):
                self.play(
                    *(slab.animate.shift(0.6 * way * i * OUT) for i, slab in enumerate(slabs)), run_time=1
                )

    return Cubes if naive else Polygons


def draw(kind: str, naive: bool) -> float:
    """Render one of the pictures in this process; seconds of CPU, without loading manim."""
    from convviz.scenes.stage.film import configured

    drawn = {"numbers": draw_numbers, "block": draw_block}[kind](naive)
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder, configured(Path(folder), "l"):
        drawn().render()
    return time.process_time() - start


def pair(kind: str) -> tuple[float, float]:
    """Seconds of CPU, naively and as scenes do it, each in a process of its own."""
    spent = []
    for way in ("naive", "ours"):
        command = [sys.executable, __file__, "--draw", kind, way]
        said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
        spent.append(float(said.split()[-1]))
    return spent[0], spent[1]


# -- what came out --------------------------------------------------------------------------------------------
def table(rows: list[dict[str, Any]], pairs: dict[str, tuple[float, float]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    heads = ("film s", "CPU s", "CPU s / film s", "preview s", "MiB", "kB")
    shown = Table("scene", *heads, title="480p15, each from nothing in its own process")
    for row in rows:
        values = [str(value) for value in list(row.values())[1:]]
        shown.add_row(row["scene"], *values)
    console.print(shown)
    both = Table("drawn naively", "CPU s", "as scenes do", "ratio")
    for name, (naive, ours) in pairs.items():
        both.add_row(name, f"{naive:.1f}", f"{ours:.1f}", f"{naive / ours:.1f}")
    console.print(both)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", help="names, separated by commas (default: all)")
    parser.add_argument("--json", metavar="FILE", help="write the numbers as JSON, too")
    parser.add_argument("--draw", nargs=2, metavar=("KIND", "WAY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.draw:
        print(draw(given.draw[0], given.draw[1] == "naive"))
        return
    from convviz.scenes.catalogue import entry, names

    chosen = [entry(name).name for name in given.scenes.split(",")] if given.scenes else list(names())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            rows.append(scene(name, Path(folder)))
            print(rows[-1], file=sys.stderr, flush=True)
    pairs = {name: pair(kind) for name, kind in PAIRS.items()}
    table(rows, pairs)
    if given.json:
        data = {
            "scenes": rows,
            "naive": {name: dict(zip(("naive", "ours"), two)) for name, two in pairs.items()},
        }
        Path(given.json).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
