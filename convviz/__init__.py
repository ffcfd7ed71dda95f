"""convviz shows, computes and proves what convolutional networks do.

>>> import convviz
>>> graph = convviz.read("code8")
>>> convviz.receptive_field(graph)["conv1"].size
(3, 3)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from convviz.analysis.checkerboard import checkerboard, overlap
    from convviz.analysis.gridding import gridding
    from convviz.analysis.kinds import kinds
    from convviz.analysis.paths import path_counts
    from convviz.analysis.receptive_field import receptive_field, unit
    from convviz.analysis.sizes import sizes
    from convviz.analysis.suggest import suggest
    from convviz.analysis.tiling import tiling
    from convviz.errors import ConvvizError
    from convviz.plan.build import explain
    from convviz.probe.erf import effective_receptive_field
    from convviz.read import read

# Public names are resolved on first use, so that `import convviz` costs next to nothing.
_PUBLIC = {
    "ConvvizError": "convviz.errors",
    "checkerboard": "convviz.analysis.checkerboard",
    "effective_receptive_field": "convviz.probe.erf",
    "explain": "convviz.plan",
    "gridding": "convviz.analysis.gridding",
    "kinds": "convviz.analysis.kinds",
    "overlap": "convviz.analysis.checkerboard",
    "path_counts": "convviz.analysis.paths",
    "read": "convviz.read",
    "receptive_field": "convviz.analysis",
    "sizes": "convviz.analysis.sizes",
    "suggest": "convviz.analysis.suggest",
    "tiling": "convviz.analysis.tiling",
    "unit": "convviz.analysis",
}
__all__ = [
    "ConvvizError",
    "__version__",
    "checkerboard",
    "effective_receptive_field",
    "explain",
    "gridding",
    "kinds",
    "overlap",
    "path_counts",
    "read",
    "receptive_field",
    "sizes",
    "suggest",
    "tiling",
    "unit",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'convviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
