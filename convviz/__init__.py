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
    from convviz.analysis.heads import heads
    from convviz.analysis.kinds import kinds
    from convviz.analysis.norms.normalize import normalize, normalize_all
    from convviz.analysis.paths import path_counts
    from convviz.analysis.receptive_field import receptive_field, unit
    from convviz.analysis.regularizers.regularize import regularize
    from convviz.analysis.sizes import sizes
    from convviz.analysis.statistics import compare_runs
    from convviz.analysis.suggest import suggest
    from convviz.analysis.tiling import tiling
    from convviz.errors import ConvvizError
    from convviz.exercise import exercises, mark
    from convviz.explorer.widget import explore
    from convviz.plan.build import explain
    from convviz.plan.logits import softmax
    from convviz.probe.erf import effective_receptive_field
    from convviz.read import read
    from convviz.render.notebook import show

# Public names are resolved on first use, so that `import convviz` costs next to nothing.
_PUBLIC = {
    "ConvvizError": "convviz.errors",
    "checkerboard": "convviz.analysis.checkerboard",
    "compare_runs": "convviz.analysis.statistics",
    "effective_receptive_field": "convviz.probe.erf",
    "exercises": "convviz.exercise",
    "explain": "convviz.plan",
    "explore": "convviz.explorer.widget",
    "gridding": "convviz.analysis.gridding",
    "heads": "convviz.analysis.heads",
    "kinds": "convviz.analysis.kinds",
    "mark": "convviz.exercise",
    "normalize": "convviz.analysis.norms.normalize",
    "normalize_all": "convviz.analysis.norms.normalize",
    "overlap": "convviz.analysis.checkerboard",
    "path_counts": "convviz.analysis.paths",
    "read": "convviz.read",
    "receptive_field": "convviz.analysis",
    "regularize": "convviz.analysis.regularizers.regularize",
    "show": "convviz.render.notebook",
    "sizes": "convviz.analysis.sizes",
    "softmax": "convviz.plan.logits",
    "suggest": "convviz.analysis.suggest",
    "tiling": "convviz.analysis.tiling",
    "unit": "convviz.analysis",
}
__all__ = [
    "ConvvizError",
    "__version__",
    "checkerboard",
    "compare_runs",
    "effective_receptive_field",
    "exercises",
    "explain",
    "explore",
    "gridding",
    "heads",
    "kinds",
    "mark",
    "normalize",
    "normalize_all",
    "overlap",
    "path_counts",
    "read",
    "receptive_field",
    "regularize",
    "show",
    "sizes",
    "softmax",
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
