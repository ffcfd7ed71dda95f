"""The committed script and style of the page are what its sources give; needs node and `npm ci` in the sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from convviz.explorer.page import STATIC

SOURCES = STATIC.parent / "page"
BUILT = ("explorer.js", "explorer.css")
pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (SOURCES / "node_modules").is_dir(),
    reason="node or the page's node_modules are not installed (tools/setup.sh)",
)


def npx(*command: str) -> None:
    program, *arguments = command
    found = SOURCES / "node_modules" / ".bin" / program
    done = subprocess.run([str(found), *arguments], cwd=SOURCES, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bundle_is_built_from_the_sources(tmp_path: Path) -> None:
    done = subprocess.run(
        ["node", "build.mjs", str(tmp_path)], cwd=SOURCES, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for name in BUILT:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), f"{name}: run make explorer"


def test_types_and_format() -> None:
    npx("tsc", "--noEmit")
    npx("prettier", "--check", "src", "build.mjs")


def test_no_registry_is_named() -> None:
    for folder in (SOURCES, Path(__file__).parent / "browser"):
        text = (folder / "package-lock.json").read_text(encoding="utf-8")
        assert '"resolved"' not in text and "registry" not in text
