"""How long commands take from a cold start: tables against `convviz rf code8`, pictures against matplotlib alone.

    python benchmarks/commands.py

Each command runs in a process of its own, the commands take turns and the fastest run of each counts. A picture is
compared with the least that matplotlib can do: import, draw one cell with a number in it and save a PNG.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
TABLES = {
    "convviz rf code8": "rf code8",
    "convviz convs": "convs 64 128 --size 56",
    "convviz checkerboard": "checkerboard --kernel-size 3 --stride 2",
    "convviz checkerboard MODEL": "checkerboard dcgan",
    "convviz checkerboard, 10**12": "checkerboard --kernel-size 1000000000000 --stride 2",
    "convviz gridding": "gridding 1,2,5",
    "convviz gridding MODEL": "gridding wavenet",
    "convviz sizes MODEL": "sizes unet",
    "convviz tile MODEL": "tile unet --tile 572",
    "convviz norm": "norm batch",
    "convviz norm all": "norm all --preset B",
    "convviz norm, LaTeX": "norm batch --format latex",
    "convviz norm --nice": "norm batch --shape 4x4x6x6 --nice",
    "convviz norm --mistake": "norm batch --mistake pixelwise",
    "convviz norm, spreadsheet": "norm all --preset B --output {}",
    "convviz regularize": "regularize l1",
    "convviz softmax": "softmax 1,2,3",
    "convviz heads": "heads 64x7x7 --classes 10",
    "convviz exercise, 1 sheet": "exercise norm",
    "convviz exercise, 120 sheets": "exercise norm --variants 120 --format json",
    "convviz questions": "questions",
    "convviz questions, one": "questions gap-parameters",
}
PICTURES = {
    "convs": "convs 64 128 --size 56 --plot {}",
    "one step of a conv": "draw conv -o {}",
    "its contact sheet": "draw conv --all -o {}",
    "transposed, three views": "draw conv_transpose -o {}",
    "a layer of ResNet-50": "draw resnet50 --layer conv1 -o {}",
    "ResNet-50 as blocks": "draw resnet50 -o {}",
    "checkerboard": "checkerboard --kernel-size 3 --stride 2 --plot {}",
    "gridding": "gridding 2,3,5 --plot {}",
    "one norm": "norm batch --plot {}",
    "all norms": "norm all --preset B --plot {}",
    "a mistake": "norm batch --mistake pixelwise --plot {}",
    "L1": "regularize l1 --plot {}",
    "ridge and lasso": "regularize ridge-lasso --plot {}",
    "heads": "heads 64x7x7 --plot {}",
}
LEAST = (
    "import matplotlib; matplotlib.use('Agg'); from matplotlib.figure import Figure;"
    "f = Figure(); a = f.add_subplot(); a.text(.5, .5, '1'); f.savefig({!r})"
)


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def fastest(commands: dict[str, list[str]], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        for name, arguments in commands.items():
            best[name] = min(best[name], seconds(*arguments))
    return best


def show(best: dict[str, float], base: str) -> None:
    for name, value in best.items():
        print(f"{name:<32}{value:>8.3f} s{value / best[base]:>8.2f}x", flush=True)


def main() -> None:
    print(f"tables{'':<26}{'seconds':>10}{'to rf':>9}")
    with tempfile.TemporaryDirectory() as folder:
        book = str(Path(folder) / "norms.xlsx")
        tables = {name: ["-m", "convviz", *line.format(book).split()] for name, line in TABLES.items()}
        show(fastest(tables, ROUNDS), "convviz rf code8")
        file = str(Path(folder) / "picture.png")
        commands = {"matplotlib alone": ["-c", LEAST.format(file)]}
        commands |= {name: ["-m", "convviz", *line.format(file).split()] for name, line in PICTURES.items()}
        print(f"\npictures{'':<24}{'seconds':>10}{'to least':>9}")
        show(fastest(commands, ROUNDS), "matplotlib alone")


if __name__ == "__main__":
    main()
