"""Runs convviz from a clone, without installing it: `python cli.py rf code8`."""

import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

NEEDED = {"click": "click", "numpy": "numpy", "yaml": "PyYAML", "rich": "rich"}  # module: what pip calls it


def refuse(reason: str) -> NoReturn:
    print(f"convviz: {reason}", file=sys.stderr)
    sys.exit(2)


def launch() -> None:
    """Start the command line of the convviz package beside this file; exit 2 where something is missing."""
    if sys.version_info < (3, 11):  # noqa: UP036  (pip would have checked it, but there was no pip)
        refuse(f"needs Python 3.11 or later, and this is {sys.version.split()[0]}")
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        refuse(f"needs {', '.join(missing)}: {Path(sys.executable).name} -m pip install {' '.join(missing)}")

    import convviz

    # An installed convviz has scenes/ as convviz.scenes; so has the clone.
    convviz.__path__.append(str(Path(__file__).resolve().parent))

    from convviz.cli import main

    main()


if __name__ == "__main__":
    launch()
