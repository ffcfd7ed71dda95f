"""What a module's forward is called with: shapes bound to its parameters, nested as the user says."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import Shape


def bind(module: nn.Module, input: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and named arguments of forward, with a :class:`Slot` where a tensor goes."""
    if input is None or (isinstance(input, Sequence | Mapping) and not input):
        raise ConvvizError(
            "a torch module needs the shape of its input, without batch axis, such as --input 3x224x224"
        )
    parameters = inspect.signature(module.forward).parameters.values()
    named = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    required = [p.name for p in parameters if p.default is p.empty and p.name in named]
    kinds = {p.kind for p in parameters}
    if is_shape(input):
        if len(required) > 1:
            each = " ".join(f"--input {name}=SHAPE" for name in required)
            raise ConvvizError(f"forward needs {len(required)} inputs, got one shape; name them: {each}")
        if required and kinds <= {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}:
            return (), {required[0]: Slot(required[0], shape_of(input))}
        return (Slot("input", shape_of(input)),), {}
    if isinstance(input, Mapping):
        strangers = [k for k in input if k not in named]
        if strangers and len(required) == 1 and not any(k in named for k in input):
            return (slots(input, ""),), {}
        if strangers and inspect.Parameter.VAR_KEYWORD not in kinds:
            if inspect.Parameter.VAR_POSITIONAL in kinds and len(strangers) == len(input):
                return tuple(slots(v, k) for k, v in input.items()), {}
            have = ", ".join(named) or "none"
            raise ConvvizError(
                f"forward has no parameter {strangers[0]!r}{nearest(strangers[0], named)} (it has {have})"
            )
        return (), {k: slots(v, k) for k, v in input.items()}
    if isinstance(input, Sequence) and not isinstance(input, str):
        names = [*named, *(f"input{i}" for i in range(len(named), len(input)))]
        if len(input) > len(named) and inspect.Parameter.VAR_POSITIONAL not in kinds:
            raise ConvvizError(
                f"forward takes {len(named)} inputs ({', '.join(named)}), got {len(input)} shapes"
            )
        return tuple(slots(v, n) for n, v in zip(names, input)), {}
    raise ConvvizError(f"the input must be a shape, or a dict or list of shapes, got {input!r}")


def wrapped(module: nn.Module, input: Any) -> str:
    """Where :func:`bind` made one dict of all inputs: why, for whoever finds that forward takes none."""
    args, _ = bind(module, input)
    if not (isinstance(input, Mapping) and args and isinstance(args[0], dict)):
        return ""
    names = ", ".join(inspect.signature(module.forward).parameters)
    return f"forward has no parameter {next(iter(input))!r} (it has {names}), so it was given a dict"


@dataclasses.dataclass(frozen=True)
class Slot:
    """Where a tensor goes."""

    name: str
    shape: Shape


def slots(value: Any, name: str) -> Any:
    if is_shape(value):
        return Slot(name, shape_of(value))
    if isinstance(value, Mapping):
        return {k: slots(v, f"{name}.{k}" if name else str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(slots(v, f"{name}.{i}" if name else str(i)) for i, v in enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return dataclasses.replace(
            value, **{k: slots(v, f"{name}.{k}" if name else k) for k, v in parts.items()}
        )
    raise ConvvizError(f"the input {name} must be a shape such as [3, 224, 224], got {value!r}")


def is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(n, int) for n in value)


def shape_of(value: Sequence[int]) -> Shape:
    if any(isinstance(n, bool) or n < 1 for n in value):
        raise ConvvizError(f"an input's shape must be whole numbers >= 1, got {list(value)}")
    return tuple(value)


def filled(value: Any, name: str, tensor: Callable[[str, Shape], Tensor]) -> Any:
    """The same structure with tensors for slots."""
    if isinstance(value, Slot):
        return tensor(value.name, value.shape)
    if isinstance(value, dict):
        return {k: filled(v, name, tensor) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(v, name, tensor) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value, **{f.name: filled(getattr(value, f.name), name, tensor) for f in dataclasses.fields(value)}
        )
    return value
