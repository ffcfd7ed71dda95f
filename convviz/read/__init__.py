"""Sources -> Graph: a model.yaml, a bundled net's name, a torch module, or the text that names one."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import Shape, shorten
from convviz.read import bundled
from convviz.read.model_yaml import check_input, read_yaml

if TYPE_CHECKING:
    import torch

__all__ = ["parse_input", "read"]

Input = str | Sequence[int] | Mapping[str, "str | Sequence[int]"]

KINDS = "a source is a path to a model.yaml, a bundled net (`convviz list nets`), or module:callable"
# module:callable, file.py:callable, with arguments or without; a Windows drive is not a module
_CALLABLE = re.compile(r"((?:[A-Za-z]:[\\/])?[^:(\n]+):([A-Za-z_][\w.]*)\s*(\(.*\))?\s*", re.DOTALL)
_WEIGHTS = {".pt", ".pth", ".ckpt", ".safetensors", ".bin"}


def read(
    source: str | Path | Graph | torch.nn.Module,
    input: Input | None = None,
    *,
    weights: str | Path | None = None,
    treat: Mapping[str, str] | None = None,
) -> Graph:
    """The Graph of a net.

    ``source`` is a path to a model.yaml, a bundled net's name (which goes before a file of that name;
    ``./unet`` is the file), ``module:callable`` or ``file.py:callable`` with arguments if need be, a torch
    module, or a Graph. ``input`` replaces the shape that the source states: ``"1x28x28"``, ``"1,28,28"``, a
    list, or several by name; channels first, no batch axis. ``weights`` (a state dict) and ``treat`` (what an
    unknown module does: ``pointwise`` or ``global``) are for torch sources. Raises ConvvizError.

    >>> len(read("lenet5", "1x32x32"))
    12
    """
    if callable(getattr(source, "forward", None)) and callable(getattr(source, "parameters", None)):
        return _read_torch(source, _nested(input), weights, treat)
    if isinstance(source, str) and not _exists(source) and _CALLABLE.fullmatch(source):
        return _read_torch(source, _nested(input), weights, treat)
    shape = None if input is None else parse_input(input)
    for name, value in (("weights", weights), ("treat", treat)):
        if value:
            raise ConvvizError("only a torch source (module:callable) takes it", name)
    if isinstance(source, Graph):
        return source if shape is None else _reshaped(source, shape)
    if not isinstance(source, str | Path):
        raise ConvvizError(f"cannot read {shorten(source)}; {KINDS}, a torch module or a Graph")
    if isinstance(source, str) and (net := bundled.path(source)):
        return read_yaml(net, shape, shown=net.name)
    return read_yaml(_model_file(source), shape)


def parse_input(value: Input) -> Shape | dict[str, Shape]:
    """A shape, or several by name, from ``"1x28x28"``, ``"1,28,28"``, a list, or a mapping to those.

    >>> parse_input("3x224x224")
    (3, 224, 224)
    """
    if isinstance(value, Mapping):
        if not value:
            raise ConvvizError("must name at least one input", "input")
        return {str(name): _shape(shape) for name, shape in value.items()}
    return _shape(value)


def _nested(value: Any) -> Any:
    """Shapes as a module's forward takes its tensors: in dicts and lists of any depth."""
    if isinstance(value, Mapping) and value:
        return {str(name): _nested(part) for name, part in value.items()}
    listed = isinstance(value, list | tuple) and value
    if listed and all(isinstance(part, list | tuple | Mapping) for part in value):
        return [_nested(part) for part in value]
    return None if value is None else parse_input(value)


def _shape(value: Any) -> Shape:
    if isinstance(value, str):
        sizes = re.split(r"\s*[x×,]\s*", value.strip().strip("[]()"))
        if not all(re.fullmatch("[0-9]{1,30}", n) for n in sizes):
            raise ConvvizError(
                f"must be sizes such as 1x28x28 (channels first), got {shorten(value)}", "input"
            )
        value = [int(n) for n in sizes]
    try:
        return check_input(list(value) if isinstance(value, Sequence) else value)
    except ConvvizError as err:
        raise err.at("input") from None


def _exists(source: str) -> bool:
    try:
        return Path(source).exists()
    except (OSError, ValueError):  # too long, or a character that no path has
        return False


def _model_file(source: str | Path) -> Path:
    """The path where a model.yaml may be; otherwise says what ``source`` is, and what would be right."""
    path, source = Path(source), str(source)
    if source and _exists(source):
        if path.suffix == ".py":
            raise ConvvizError(f"Python code; say which callable makes the net: {source}:NAME", source)
        if path.suffix in _WEIGHTS:
            raise ConvvizError("weights, not a net; give the net, and this file with --weights", source)
        if path.suffix == ".onnx":
            raise ConvvizError("ONNX cannot be read; give the torch module as module:callable", source)
        return path
    if re.match(r"[^:(]+:[A-Za-z_][\w.]*\(", source):
        raise ConvvizError(
            "module:callable whose arguments do not end with a closing bracket", shorten(source)
        )
    known = bundled.names()
    if path.suffix or len(path.parts) > 1:
        try:
            beside = [p.name for p in path.parent.iterdir() if p.suffix == path.suffix][:1000]
        except (OSError, ValueError):
            beside = []
        hint = nearest(path.name[:100], beside) or nearest(path.stem[:100], known)
        raise ConvvizError(f"no such file{hint}", shorten(source))
    hint = nearest(source[:100], known)
    raise ConvvizError(f"neither a file nor a bundled net{hint} ({KINDS})", shorten(source))


def _reshaped(graph: Graph, shape: Shape | dict[str, Shape]) -> Graph:
    """The same ops on other input shapes."""
    inputs = dict(graph.inputs)
    for name, value in (shape if isinstance(shape, dict) else {next(iter(inputs)): shape}).items():
        if name not in inputs:
            have = ", ".join(inputs)
            raise ConvvizError(f"no input {name!r}{nearest(name, inputs)} (inputs: {have})", graph.name)
        inputs[name] = value
    builder = GraphBuilder(graph.name, inputs, graph.meta)
    for node in graph:
        builder.add(node.name, node.op, node.inputs, node.where, node.shares)
    return builder.build(graph.outputs)


def _read_torch(source: Any, shape: Any, weights: Any, treat: Any) -> Graph:
    if importlib.util.find_spec("torch") is None:
        what = source if isinstance(source, str) else type(source).__name__
        raise ConvvizError("needs torch: pip install 'convviz[torch]'", shorten(what))
    from convviz.read.torch_module import read_torch

    return read_torch(source, shape, weights, treat)


class _CallableModule(ModuleType):
    """``convviz.read`` is this package and a function: importing the package must not hide the function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Graph:
        return read(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
