"""A running average of the weights, which is what is tested and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class Average:
    """``a = d a + (1 - d) w`` after each step, over weights and running statistics alike.

    d grows as (1 + t) / (10 + t) up to ``decay``, so that the first weights are soon forgotten.
    Source: Polyak and Juditsky 1992; the growing decay is TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay, self.steps = module, decay, 0
        self.values = {name: value.detach().clone() for name, value in self._floats()}

    def _floats(self) -> Iterator[tuple[str, torch.Tensor]]:
        return ((n, v) for n, v in self.module.state_dict().items() if v.is_floating_point())

    def update(self) -> None:
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.values.values()), [v.detach() for _, v in self._floats()], share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module has the averaged values within, its own again afterwards."""
        with torch.no_grad():
            own = {name: value.detach().clone() for name, value in self._floats()}
            self._put(self.values)
            try:
                yield
            finally:
                self._put(own)

    def _put(self, values: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, value in self._floats():
                value.copy_(values[name])

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]
        with torch.no_grad():
            for name, value in self.values.items():
                value.copy_(state["values"][name])
