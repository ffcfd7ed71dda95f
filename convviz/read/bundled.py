"""The nets that come with convviz: one model.yaml each, in convviz/zoo; those of experiments in its ``lessons/``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

# Beside the code in a clone and in a wheel; importlib.resources would cost start-up time.
ZOO = Path(__file__).parent.parent / "zoo"


def names() -> list[str]:
    """Names of the bundled nets, ``code2`` before ``code10``."""
    return sorted((path.stem for path in ZOO.glob("*.yaml")), key=natural)


def natural(name: str) -> list[int | str]:
    """The key by which names with numbers are sorted."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def path(name: str) -> Path | None:
    """The file of a bundled net, ``lessons/flat`` and the like included, or None where there is none of this name."""
    file = ZOO / f"{name}.yaml"
    return file if re.fullmatch(r"(lessons/)?\w{1,50}", name) and file.is_file() else None


def describe(name: str) -> dict[str, Any]:
    """What a bundled net's file says about itself, by key: ``name, variant, source, year, input, expect``.

    >>> describe("patchgan")["expect"]["rf"]
    [70, 70]
    """
    from convviz.read.document import load

    file = ZOO / f"{name}.yaml"
    text = file.read_text(encoding="utf-8")
    header = re.split(r"^(?:blocks|layers):", text, maxsplit=1, flags=re.MULTILINE)[
        0
    ]  # reads no layer: quick
    return dict(load(header, file.name))
