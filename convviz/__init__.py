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
    from convviz.analysis.receptive_field import receptive_field, unit
    from convviz.errors import ConvvizError
    from convviz.read import read

# Public names are resolved on first use, so that `import convviz` costs next to nothing.
_PUBLIC = {
    "ConvvizError": "convviz.errors",
    "read": "convviz.read",
    "receptive_field": "convviz.analysis",
    "unit": "convviz.analysis",
}
__all__ = ["ConvvizError", "__version__", "read", "receptive_field", "unit"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'convviz' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
