"""A Graph as a running PyTorch module: the exported source, executed."""

from __future__ import annotations

import linecache
from typing import Any

from torch import nn

from convviz.export import attributes, class_name, export
from convviz.graph import Graph


def build_module(graph: Graph) -> tuple[nn.Module, dict[str, str]]:
    """The module that ``export`` writes, in evaluation mode, and the name of its attribute for each node.

    Nodes without a module of their own (an addition, a reshape) have no attribute.
    Raises ConvvizError where an op has no PyTorch source.
    """
    source = export(graph)
    file = f"<convviz export of {graph.name}>"
    # So that a traceback shows the line.
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"__name__": "convviz_export"}
    exec(compile(source, file, "exec"), space)
    module: nn.Module = space[class_name(graph.name)]()
    return module.eval(), attributes(graph)
