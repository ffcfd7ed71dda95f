"""Makes outputs/gallery/results/ from finished runs: tables, pictures, small JSON, an index; copies for the package.

    python tools/results.py RUNS_ROOT [--output FOLDER]

RUNS_ROOT holds a folder for each experiment, as `convviz sweep` and `convviz train` write them. An experiment without
one is taken from the JSON that is there already; one with neither is listed as not run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from functools import partial
from pathlib import Path

from convviz.errors import ConvvizError
from convviz.figures.training.results import plot
from convviz.report.documents import markdown
from convviz.report.training_results import Compared, arms_table, compared, render, reported_table, title
from convviz.runs.bundled import FOLDER
from convviz.runs.collection import collect
from convviz.runs.files import write_atomic, write_text
from convviz.runs.results_file import results_text

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "outputs" / "gallery" / "results"
# Name of the pages: the experiments that belong to them, by the beginning of their folders' names.
EXPERIMENTS = {
    "ladder": "the ten steps of the MNIST ladder",
    "norms": "three norms with four penalties each",
    "s7": "L1, L2 and ghost batch norm",
    "fast": "below 20,000 parameters in a minute",
    "tiny_fast": "at most 4,000 parameters",
    "cifar": "CIFAR-10",
    "overfitting": "1,000 training images",
}
BUNDLED = ("ladder", "s7", "fast", "tiny_fast", "overfitting")  # come with the package
SHOWCASE, PICTURES = "fast/seed-0", ("curves.png", "misclassified.png", "gradcam.png", "learned.png")
SHOWN = ("arm", "n", "mean %", "sd", "95 % interval", "epochs", "parameters", "seconds")


def sources(root: Path, name: str, kept: Path) -> list[Path]:
    """The folders of an experiment's runs, else its JSON."""
    several = name == "cifar"
    folders = sorted(root.glob(f"{name}*" if several else name)) if root.is_dir() else []
    found = [folder for folder in folders if folder.is_dir() and any(folder.rglob("summary.json"))]
    return found or ([kept] if kept.is_file() else [])


def page(name: str, found: Compared, folder: Path) -> None:
    """``name.md``, ``name.json``, ``name.png``, and a picture of each main effect."""
    write_text(folder / f"{name}.md", render(found, "md"))
    write_text(folder / f"{name}.json", results_text(found.results))
    write_atomic(folder / f"{name}.png", partial(plot, found))
    for effect in found.effects if len(found.effects) > 1 else ():
        one = compared(found.results, factors=[effect.factor])
        write_atomic(folder / f"{name}_{effect.factor}.png", partial(plot, one))


def section(name: str, about: str, found: Compared | None) -> str:
    """What the index says of one experiment."""
    if found is None:
        return f"## {name}: {about}\n\nNot run.\n"
    has_rows = found.results.reported or found.results.not_run
    table = arms_table(found)
    parts = [f"## {name}: {about}\n", markdown(table.only(SHOWN))]
    if has_rows:
        parts.append(markdown(reported_table(found)))
    pictures = [name] + [f"{name}_{e.factor}" for e in found.effects if len(found.effects) > 1]
    parts += [f"![{name}]({picture}.png)\n" for picture in pictures]
    parts.append(f"[All tables]({name}.md), [the figures of every seed]({name}.json).\n")
    return "\n".join(parts)


def showcase(run: Path, folder: Path) -> str:
    """The pictures of one run, as `convviz train` leaves them, copied beside the tables."""
    for name in PICTURES:
        if (run / name).is_file():
            shutil.copyfile(run / name, folder / name)
    there = [f"![{name.removesuffix('.png')}]({name})\n" for name in PICTURES if (folder / name).is_file()]
    return "\n".join(
        [f"## One run of {SHOWCASE.split('/')[0]}, seed 0, as it leaves its directory\n", *there]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Tables, pictures and JSON of finished runs.")
    parser.add_argument("runs", type=Path, help="a folder with a folder for each experiment")
    parser.add_argument("--output", type=Path, default=GALLERY)
    given = parser.parse_args()
    index = [
        "# Results\n",
        "Test accuracy in per cent after the last epoch; n seeds each, mean and standard deviation over them. No epoch "
        "and no seed was picked by the test images. Made by `python tools/results.py RUNS_ROOT`; "
        "`convviz compare NAME.json` prints each comparison again.\n",
    ]
    try:
        for name, about in EXPERIMENTS.items():
            paths = sources(given.runs, name, given.output / f"{name}.json")
            found = compared(collect(*paths)) if paths else None
            if found is not None:
                page(name, found, given.output)
            index.append(section(name, about, found))
            print(title(found) if found is not None else f"{name}: not run")
        index.append(showcase(given.runs / SHOWCASE, given.output))
        write_text(given.output / "README.md", "\n".join(index))
        if given.output == GALLERY:
            for name in BUNDLED:
                shutil.copyfile(GALLERY / f"{name}.json", FOLDER / f"{name}.json")
    except ConvvizError as error:
        print(f"results: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
