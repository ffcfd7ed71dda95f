"""The same net with faster layers: what a training step on a CPU loses between its convolutions.

Small nets spend most of a step on dropout, normalization and ReLU. ``quicken`` draws dropout from numpy's SFC64
(quick_draws.py), runs ReLU, batch norm and dropout in a row as one layer (quick_norm.py, quick.c), lets ReLU work in
place where nothing can notice, and lays images in memory with their channels side by side. Values, gradients, running
statistics and state-dict keys stay those of the plain layers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from torch import Tensor, fx, nn

from convviz.train.quick_draws import Draws, dropped
from convviz.train.quick_native import keep_memory
from convviz.train.quick_norm import QuickBatchNorm

__all__ = ["Draws", "QuickBatchNorm", "QuickDropout", "quicken"]

WHOLE_CHANNELS = {nn.Dropout1d: 3, nn.Dropout2d: 4, nn.Dropout3d: 5}  # and the axes of a batch
DROPOUTS = (nn.Dropout, *WHOLE_CHANNELS)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Layers whose gradient does not need what they gave, so that a ReLU may write over it.
FORGET = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, *NORMS, QuickBatchNorm)


class QuickDropout(nn.Module):
    """nn.Dropout, or with ``axes`` (of a batch, 3 to 5) nn.Dropout1d to 3d: its masks are drawn from ``draws``."""

    def __init__(self, p: float, draws: Draws, axes: int | None = None, inplace: bool = False) -> None:
        super().__init__()
        self.p, self.draws, self.axes, self.inplace = p, draws, axes, inplace

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return input
        if self.axes is None:
            return dropped(input, self.p, self.draws, inplace=self.inplace)
        if input.dim() == self.axes - 1:  # one image without a batch, as torch takes it
            return dropped(input[None], self.p, self.draws, channels=True, inplace=self.inplace)[0]
        return dropped(input, self.p, self.draws, channels=True, inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}" + (", of whole channels" if self.axes else "")


def quicken(module: nn.Module, draws: Draws) -> nn.Module:
    """Put faster layers into ``module``, in place, and give it back; parameters and buffers stay the same objects.

    Dropout takes its masks from ``draws``. A module whose order of layers cannot be followed (control flow that
    depends on values), layers used twice and layers with hooks keep their arithmetic one by one. A ReLU or a dropout
    that has become part of a batch norm leaves an nn.Identity behind.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.Dropout(0.1))
    >>> [type(layer).__name__ for layer in quicken(net, Draws())]
    ['Conv2d', 'Identity', 'QuickBatchNorm', 'Identity']
    """
    for path, row in _rows(module).items():
        norm = module.get_submodule(path)
        assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
        p = cast(nn.Dropout, module.get_submodule(row.dropout)).p if row.dropout else 0.0
        _put(module, path, QuickBatchNorm(norm, draws, bool(row.before), bool(row.after), p))
        for gone in filter(None, (row.before, row.after, row.dropout)):
            _put(module, gone, nn.Identity().train(module.get_submodule(gone).training))
    for path in _overwritable(module):
        cast(nn.ReLU, module.get_submodule(path)).inplace = True
    new: dict[nn.Module, QuickDropout] = {}  # one for each, under however many names it stands
    for parent in list(module.modules()):
        for name, child in parent._modules.items():
            if child is not None and type(child) in DROPOUTS and not _hooked(child):
                if child not in new:
                    axes = WHOLE_CHANNELS.get(type(child))
                    new[child] = QuickDropout(child.p, draws, axes, child.inplace).train(child.training)
                parent._modules[name] = new[child]
    keep_memory()
    return module


def _put(module: nn.Module, path: str, new: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, new)


# -- which layers follow each other --------------------------------------------------------------------------
class Row(NamedTuple):
    """The layers that a batch norm takes in, by their paths."""

    before: str | None = None
    after: str | None = None
    dropout: str | None = None


class _Tracer(fx.Tracer):
    """Follows calls down to the layers that hold no others."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not any(True for _ in m.children()) or super().is_leaf_module(m, module_qualified_name)


class _Calls:
    """Who calls whom, once, in a module as it is."""

    def __init__(self, module: nn.Module) -> None:
        try:
            self.nodes = list(_Tracer().trace(module).nodes)
        except (
            Exception
        ):  # whatever a forward does with a stand-in for its input: then nothing is put together
            self.nodes = []
        self._modules = dict(module.named_modules(remove_duplicate=False))
        self._count = Counter(self._modules[str(n.target)] for n in self.nodes if n.op == "call_module")

    def layer(self, node: Any, *kinds: type[nn.Module]) -> str | None:
        """The path of a layer of exactly one of these kinds, used once, with one input and no hooks."""
        if not isinstance(node, fx.Node) or node.op != "call_module" or len(node.args) != 1 or node.kwargs:
            return None
        path = str(node.target)
        layer = self._modules[path]
        fine = type(layer) in kinds and self._count[layer] == 1 and not _hooked(layer)
        return path if fine else None

    def next(self, node: fx.Node) -> fx.Node | None:
        """What takes this node's value, where that is one node alone."""
        return next(iter(node.users)) if len(node.users) == 1 else None


def _both(module: nn.Module, find: Callable[[_Calls], Mapping[str, Row]]) -> dict[str, Row]:
    """What holds in training and in evaluation: a forward may ask which it is."""
    modes = [(part, part.training) for part in module.modules()]
    found = []
    for training in (True, False):
        module.train(training)
        found.append(find(_Calls(module)))
    for part, was in modes:
        part.training = was
    return {path: row for path, row in found[0].items() if found[1].get(path) == row}


def _rows(module: nn.Module) -> dict[str, Row]:
    """For each batch norm that can be put together with its neighbours, or stand alone: which they are."""

    def find(calls: _Calls) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        taken: set[str | None] = {None}
        for node in calls.nodes:
            path = calls.layer(node, *NORMS)
            if path is None:
                continue
            source, follower = node.args[0], calls.next(node)
            before = calls.layer(source, nn.ReLU)
            if (
                before in taken
                or calls.next(source) is not node
                or not _harmless(calls, source, module, before)
            ):
                before = None
            after = calls.layer(follower, nn.ReLU)
            if after is not None:
                follower = calls.next(follower)
            dropout = calls.layer(follower, nn.Dropout)
            rows[path] = Row(before, after, dropout)
            taken |= {before, after}
        return rows

    return _both(module, find)


def _harmless(calls: _Calls, relu: fx.Node, module: nn.Module, path: str | None) -> bool:
    """Whether no other layer sees what a ReLU in place has done to its input."""
    if path is None:
        return True
    source = relu.args[0]
    alone = isinstance(source, fx.Node) and calls.next(source) is relu
    return alone or not cast(nn.ReLU, module.get_submodule(path)).inplace


def _overwritable(module: nn.Module) -> list[str]:
    """The ReLUs that may write over their input: nobody else reads it, and no gradient needs it."""

    def find(calls: _Calls) -> dict[str, Row]:
        return {
            path: Row()
            for node in calls.nodes
            if (path := calls.layer(node, nn.ReLU)) is not None
            and calls.layer(node.args[0], *FORGET) is not None
            and calls.next(node.args[0]) is node
        }

    return list(_both(module, find))


def _hooked(module: nn.Module) -> bool:
    return any(
        getattr(module, f"_{kind}")
        for kind in ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    )
