"""The committed script and style of the page are what its sources give; needs node and `npm ci` in the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convviz.explorer.page import STATIC

ROOT = Path(__file__).parents[1]
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


@pytest.mark.parametrize("wanted", ["", "required"])
def test_a_run_without_a_browser_says_so(wanted: str) -> None:
    """Skipped tests are counted at the end of a run; $CONVVIZ_BROWSER=required makes an error of them."""
    place = {"PATH": "", "CONVVIZ_BROWSER": wanted, "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in os.environ.items() if name != "CHROMIUM"} | place
    asked = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "tests/test_explorer_browser.py",
    ]
    done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    if wanted:
        assert (
            done.returncode != 0
            and "asks for tests in a browser, but node is not" in done.stdout + done.stderr
        )
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert " tests in a browser were skipped: node is not installed" in done.stdout


def test_no_registry_is_named() -> None:
    for folder in (SOURCES, Path(__file__).parent / "browser"):
        text = (folder / "package-lock.json").read_text(encoding="utf-8")
        assert '"resolved"' not in text and "registry" not in text
