"""Imports point down only, and heavy libraries are imported at the edge only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import convviz
from tests.command import loaded
from tests.sweeps import sweep

ROOT = Path(convviz.__file__).parent
HEAVY = {"torch", "matplotlib", "manim", "IPython", "anywidget", "sklearn", "scipy", "xlsxwriter", "pooch", "joblib",
         "distributed"}  # fmt: skip

# Which parts of convviz a part may import; a part may always import itself, `errors` and the version.
MAY = {
    "errors": set(),
    "theme": set(),
    "ops": set(),
    "graph": {"ops"},
    "read": {"ops", "graph"},
    "export": {"ops", "graph"},
    "analysis": {"ops", "graph"},
    "build": {"ops", "graph", "export"},
    "verify": {"ops", "graph", "read", "analysis", "export", "build"},
    "plan": {"ops", "graph", "analysis", "runs"},
    "exercise": {"ops", "graph", "read", "analysis", "plan"},
    "questions": {"ops", "graph", "read", "analysis", "plan"},
    "runs": {"ops", "graph", "read", "analysis"},
    "export_norm": {"ops", "graph", "export", "runs"},
    "report": {"ops", "graph", "analysis", "plan", "exercise", "questions", "runs", "theme"},
    "train": {
        "ops",
        "graph",
        "read",
        "analysis",
        "export",
        "build",
        "export_norm",
        "runs",
        "report",
        "figures",
    },
    "probe": {"ops", "graph", "read", "analysis", "export", "build", "verify", "train"},
    "figures": {"ops", "graph", "analysis", "plan", "report", "runs", "theme"},
    "render": {"runs", "theme"},
    "explorer": {"ops", "graph", "read", "analysis", "plan", "report", "runs", "theme", "probe"},
}
# Parts whose files may import what is heavy, even at their top.
EDGE = {
    "read": {"torch"},
    "build": {"torch"},
    "verify": {"torch"},
    "probe": {"torch", "sklearn"},
    "figures": {"matplotlib"},
    "report": {"xlsxwriter"},
    "train": {"torch", "matplotlib", "sklearn", "pooch", "joblib", "distributed"},
    "render": {"manim"},
    "explorer": {"anywidget"},
}
# Results show themselves in a notebook, which only the writers can do; these imports are in functions.
SHOW = {(part, "report") for part in ("analysis", "plan", "probe", "exercise", "questions")}
# Films are made of scenes, which the worker imports when it is asked for one.
SHOW |= {("render", "scenes")}

FILES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT / "zoo")


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Dotted names that a file imports, and whether at its top (type-checking blocks are left out)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, id(node) not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            for name in node.names:
                yield f"{node.module}.{name.name}", id(node) not in inside


@sweep("path", FILES, part)
def test_imports_point_down(path: Path) -> None:
    own = part(path)
    for name, top in imports(path):
        words = name.split(".")
        if words[0] == "convviz" and own in MAY:
            other = words[1] if len(words) > 1 else ""
            known = other in ("errors", "__version__") or other == own
            allowed = known or other in MAY[own] or (not top and (own, other) in SHOW)
            assert allowed, f"{path.relative_to(ROOT)} imports {name}"
        if words[0] in HEAVY and own in {*MAY, "cli"}:
            assert words[0] in EDGE.get(own, set()), f"{path.relative_to(ROOT)} imports {name}"


def test_the_walk_sees_what_it_should_forbid(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import torch\ndef f():\n    from convviz.report.tables import x\n", encoding="utf-8")
    assert list(imports(bad)) == [("torch", True), ("convviz.report.tables.x", False)]


LIGHT = """
rf code8
rf resnet50 --stages
compare code7 code8
train -h
sweep -h
handin -h
convs 64 128 --size 56
checkerboard --kernel-size 3 --stride 2
checkerboard dcgan
gridding 1,2,5
gridding wavenet
erf resnet18 --paths
tile unet --tile 572
sizes unet
suggest code8 --rf 40
norm batch
norm all --format json
norm batch --mistake pixelwise
regularize l1
regularize contours
softmax 1,2,3
heads 64x7x7
exercise norm
questions
questions gap-parameters
draw --list
render -h
explore -h
list scenes
list
-h
convs 8 16
gridding 2,3,5
norm all --nice
norm group --format md
norm minmax --format json
"""


def test_the_command_line_stays_light() -> None:
    lines = [line.split() for line in LIGHT.strip().splitlines()]
    found = loaded(lines, [*HEAVY, "rich", "yaml"])
    plain = {"convs 8 16", "gridding 2,3,5"}  # what needs no net reads none
    heavy = {line: {*names} - (set() if line in plain else {"yaml"}) for line, names in found.items()}
    assert not {line: names for line, names in heavy.items() if names}


def test_what_is_heavy_would_be_seen(tmp_path: Path) -> None:
    line = ["draw", "max_pool", "-o", str(tmp_path / "a.png")]
    assert loaded([line, ["list"]], ["matplotlib", "torch"]) == {" ".join(line): ["matplotlib"], "list": []}
