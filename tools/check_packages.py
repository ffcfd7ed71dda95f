"""Checks that pyproject.toml lists every package, so that the wheel holds it; --write puts the list right."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"convviz": "convviz", "scenes": "convviz.scenes"}  # folder: the package that it is


def packages_on_disk() -> list[str]:
    """The dotted names of all folders with an `__init__.py`, sorted."""
    names = []
    for folder, package in SOURCES.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            names.append(".".join([package, *init.parent.relative_to(ROOT / folder).parts]))
    return sorted(names)


def main() -> int:
    file = ROOT / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    listed = tomllib.loads(text)["tool"]["setuptools"]["packages"]
    found = packages_on_disk()
    if listed == found:
        return 0
    if "--write" in sys.argv[1:]:
        lines = "".join(f'  "{name}",\n' for name in found)
        text, count = re.subn(r"(?m)^packages = \[\n.*?^\]", f"packages = [\n{lines}]", text, flags=re.DOTALL)
        assert count == 1, "pyproject.toml has no list of packages of its own"
        file.write_text(text, encoding="utf-8")
        return 0
    for name in sorted(set(found) ^ set(listed)):
        fault = "lacks" if name in found else "names a missing"
        print(f"pyproject.toml: packages {fault} {name}", file=sys.stderr)
    print("put it right with: python tools/check_packages.py --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
