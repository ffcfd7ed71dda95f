"""The command line as tests call it: ``run = Command("convs")``, ``run("64", "128")``, ``run.fails("64", "0")``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from convviz.cli import main


class Command:
    """``convviz`` with some first words, run in this process."""

    def __init__(self, *first: str) -> None:
        self.first = first

    def __call__(self, *arguments: object, **extra: Any) -> Result:
        return CliRunner().invoke(main, [*self.first, *map(str, arguments)], **extra)

    def fails(self, *arguments: object, code: int = 2) -> str:
        """The one line on stderr with which it fails, without its "convviz: "; nothing on stdout, no traceback."""
        done = self(*arguments)
        assert done.exit_code == code, done.output
        assert done.stdout == "", done.stdout
        assert done.stderr.startswith("convviz: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr.removeprefix("convviz: ").rstrip("\n")

    def refuses(self, line: str, start: str, folder: Path) -> None:
        """It fails with a line that starts so, and the folder it runs in keeps the one file that was there."""
        (folder / "file").write_text("", encoding="utf-8")
        told = self.fails(*line.split())
        assert told.startswith(start), told
        assert [path.relative_to(folder).as_posix() for path in folder.rglob("*")] == ["file"]


# A process for each line, all from one that has imported what every line needs: the rest is imported anew each time.
FORKS = """
import json, os, sys
import numpy
from convviz.cli import main
told, lines, names = os.dup(1), *map(json.loads, sys.argv[1:])
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for line in lines:
    if os.fork():
        os.wait()
        continue
    try:
        code = main(line)
    except SystemExit as stop:
        code = stop.code
    os.write(told, (json.dumps([" ".join(line), code or 0, [n for n in names if n in sys.modules]]) + "\\n").encode())
    os._exit(0)
"""


def loaded(lines: Collection[Collection[str]], names: Collection[str]) -> dict[str, list[str]]:
    """Which of some modules each command line loads; all of them must end well."""
    words = [json.dumps([list(line) for line in lines]), json.dumps(list(names))]
    done = subprocess.run([sys.executable, "-c", FORKS, *words], capture_output=True, text=True, check=True)
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert len(rows) == len(lines), done.stderr  # a line that stopped half-way tells nothing
    assert not any(code for _, code, _ in rows), (rows, done.stderr)
    return {line: found for line, _, found in rows}
