"""A real Chromium for tests: :class:`Browser` drives it through tests/browser/bridge.mjs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from convviz.explorer.choose import explored
from convviz.explorer.page import page

FOLDER = Path(__file__).parent / "browser"
AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"


def chromium() -> str | None:
    """The browser to run: ``$CHROMIUM``, or one that is installed."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def lacking() -> str | None:
    """Why there can be no browser tests here, or None; with $CONVVIZ_BROWSER=required that is an error."""
    why = _lacking()
    if why and os.environ.get("CONVVIZ_BROWSER") == "required":
        raise pytest.UsageError(f"$CONVVIZ_BROWSER asks for tests in a browser, but {why}")
    return why


def _lacking() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed (tools/setup.sh says how)"
    if chromium() is None:
        return "chromium is not installed (tools/setup.sh says how; $CHROMIUM names one)"
    if not AXE.exists():
        return f"tests/{FOLDER.name} has no node_modules: npm ci --prefix tests/{FOLDER.name}"
    return None


WIDE, SMALL = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


class Browser:
    """A Chromium with one page; every call is Playwright's method of that name on the page."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["node", str(FOLDER / "bridge.mjs")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
            env={**os.environ, "CHROMIUM": chromium() or ""},
        )  # fmt: skip

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def __call__(self, call: str, *args: Any) -> Any:
        """``browser("click", "#play")``; fails the test where Playwright does."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": call, "args": args}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        assert "error" not in answer, f"{call}{args}: {answer['error']}"
        return answer["value"]

    def open(self, file: Path, hash: str = "", **options: Any) -> None:
        """Open a file in a fresh context; options are Playwright's (``viewport``, ``colorScheme`` ...)."""
        self("open", file.as_uri() + hash, options)

    def leave(self) -> None:
        """Close the page: what moves on it would go on beside the tests to come."""
        if self.process.poll() is None:
            self("leave")

    def run(self, function: str, *args: Any) -> Any:
        """What a function, written in JavaScript, returns in the page; it may be async."""
        return self("evaluate", f"({function})(...{json.dumps(args)})")

    def wait(self, condition: str) -> None:
        """Until an expression holds, for eight seconds; the page's policy keeps Playwright's own way out."""
        again = "await new Promise((done) => setTimeout(done, 20))"
        fail = f"if (!({condition})) throw new Error('never came true')"
        self.run(f"async () => {{ for (let i = 0; i < 400 && !({condition}); i++) {again}; {fail} }}")

    def text(self, selector: str) -> str:
        return str(self("innerText", selector))

    def clean(self) -> None:
        """Fails where the console showed an error or a warning, or the page asked for anything at all."""
        assert self("faults")["faults"] == []
        self.only_itself()

    def only_itself(self) -> None:
        """Fails where the page asked for anything but itself."""
        asked = self("faults")["requests"]
        assert asked == [], asked

    def serious(self) -> list[str]:
        """What axe-core finds that is serious or critical, with the first element that it names."""
        self("evaluate", AXE.read_text(encoding="utf-8") + ";0")
        found = self.run("async () => (await axe.run(document)).violations")
        return [
            f"{fault['id']} ({fault['impact']}): {fault['nodes'][0]['html'][:200]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]


class Pages(Browser):
    """A browser that opens the explorer's pages, each of which is made once."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.made: dict[str, Path] = {}

    def show(self, what: Any, hash: str = "", theme: str = "auto", look: Any = None, **own: Any) -> Browser:
        """The page of what ``explored(what, **own)`` chooses; look: options of the context beside the usual ones."""
        key = repr((what, own, theme))  # of a net that a test built, all its layers
        if key not in self.made:
            self.made[key] = self.folder / f"{len(self.made)}.html"
            self.made[key].write_text(page(explored(what, **own), theme), encoding="utf-8")
        self.open(self.made[key], hash, **{"viewport": WIDE, "colorScheme": "light", **(look or {})})
        self.run("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self


# -- fixtures (tests/conftest.py hands them to every test) ------------------------------------------------------------
def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A run that left out all that a browser would have shown says so at its end."""
    why = lacking()
    left = [
        report for report in terminalreporter.stats.get("skipped", []) if why and why in str(report.longrepr)
    ]
    if left:
        terminalreporter.write_line(f"{len(left)} tests in a browser were skipped: {why}", yellow=True)


Open = Callable[..., Browser]


@pytest.fixture(scope="session")
def browser_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """One browser for every module: it takes a second to start, and pages that are made stay."""
    made = Pages(tmp_path_factory.mktemp("pages"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(browser_of_all: Pages) -> Iterator[Pages]:
    if browser_of_all.process.poll() is not None:  # a module whose browser died takes no other along
        browser_of_all.start()
    yield browser_of_all
    browser_of_all.leave()


@pytest.fixture
def tab(pages: Pages) -> Iterator[Open]:
    """Opens a page; whatever a test does there, no error is shown and nothing is asked for."""
    yield pages.show
    pages.clean()
