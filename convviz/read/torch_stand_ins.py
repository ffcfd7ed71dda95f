"""A module on borrowed tensors: it runs without values, in evaluation mode, and is then as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from convviz.read.torch_call import MARK, Origin


@contextmanager
def stand_ins(
    module: nn.Module, device: str, dtype: torch.dtype | None
) -> Iterator[Callable[[Tensor], Tensor]]:
    """While this lasts the module is in evaluation mode and holds stand-ins for its tensors.

    On ``meta`` they have no values, on ``cpu`` they are copies, floating ones of ``dtype`` if that is given.
    """
    memo: dict[int, Tensor] = {}

    def stand_in(t: Tensor) -> Tensor:
        if id(t) not in memo:
            real = t.detach()
            if device == "meta":
                copy = torch.empty_like(real, device="meta")
            elif t.is_meta:
                copy = torch.zeros_like(real, device="cpu")
            else:
                copy = real.to("cpu", copy=True)
            if dtype is not None and copy.is_floating_point():
                copy = copy.to(dtype)
            memo[id(t)] = nn.Parameter(copy, requires_grad=False) if isinstance(t, nn.Parameter) else copy
            memo[id(t)].__dict__[MARK] = Origin(())
        return memo[id(t)]

    def swapped(value: Any) -> Any:
        if isinstance(value, Tensor):
            return stand_in(value)
        if type(value) in (list, tuple) and any(isinstance(v, Tensor) for v in value):
            return type(value)(swapped(v) for v in value)
        if isinstance(value, dict) and any(isinstance(v, Tensor) for v in value.values()):
            return type(value)((k, swapped(v)) for k, v in value.items())
        return value

    saved = []
    for m in module.modules():
        containers = [(v, v.copy()) for v in m.__dict__.values() if isinstance(v, list | dict | set) and v]
        saved.append((m.__dict__, m.__dict__.copy(), containers))
    try:
        for attributes, before, _ in saved:
            for name, value in before.items():
                if isinstance(value, Tensor | list | tuple | dict):
                    attributes[name] = swapped(value)
            attributes["training"] = False
        yield stand_in
    finally:
        for attributes, before, containers in saved:
            attributes.clear()
            attributes.update(before)
            for container, content in containers:
                container.clear()
                container.extend(content) if isinstance(container, list) else container.update(content)
