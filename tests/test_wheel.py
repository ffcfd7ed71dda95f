"""The wheel holds all that it needs, and nothing that would land outside `convviz`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    source.mkdir()
    for file in [*tracked, *(ROOT / "convviz").rglob("*"), *(ROOT / "scenes").rglob("*")]:
        if file.is_file() and not {"__pycache__", "node_modules"} & set(file.parts):
            copy = source / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("convviz-*.whl"))


def test_everything_lies_under_convviz(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"convviz"}
    for folder in ("zoo", "zoo/lessons", "runs/experiments"):
        files = {f"convviz/{folder}/{file.name}" for file in (ROOT / "convviz" / folder).glob("*.yaml")}
        assert len(files) > 5 and files <= set(names)
    assert "convviz/train/quick.c" in names
    assert {f"convviz/explorer/static/explorer.{end}" for end in ("js", "css")} <= set(names)
    assert not [name for name in names if name.startswith("convviz/explorer/page/")]
    fonts = {f"convviz/fonts/{file.name}" for file in (ROOT / "convviz" / "fonts").iterdir()}
    assert len(fonts) > 4 and fonts <= set(names)
    assert {"convviz/py.typed", "convviz/scenes/__init__.py"} <= set(names)
    assert {"convviz/questions/claims.yaml", "convviz/questions/measured.json"} <= set(names)


def test_it_runs_with_nothing_of_the_checkout_in_reach(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    path = str(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import convviz; from convviz.cli import main; "
        "assert convviz.__file__.startswith(sys.path[0]), convviz.__file__; main()"
    )
    command = [sys.executable, "-P", "-c", code, path, "rf", "vgg16"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "total: 138,357,544 parameters" in done.stdout
