"""The table of readers: for each torch function that can be read, the reader that says which op it is.

A reader has torch's own signature behind a :class:`~convviz.read.torch_call.Call`. It says which op with
which fields the call is, which tensors the op reads, and which axis of the result is the batch (of size 1,
left out of the graph's shapes). What is not in the table cannot be read, and the recorder says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

Reader = Callable[..., Any]
TABLE: dict[Any, Reader] = {}
PROPERTIES: dict[str, Reader] = {}
SPACES = (torch, Tensor, F, torch._C._nn, torch.linalg)


def functions(*names: str) -> Iterator[Any]:
    """All functions and methods of torch with one of these names."""
    for name in names:
        for space in SPACES:
            if hasattr(space, name):
                yield getattr(space, name)


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Decorator: this reader reads the torch functions and tensor methods of these names."""

    def enter(reader: Reader) -> Reader:
        for function in functions(*names):
            TABLE[function] = reader
        return reader

    return enter


# Functions that ask about a tensor: they just run.
ASKS = frozenset(
    functions(
        *(
            "size",
            "dim",
            "ndimension",
            "numel",
            "nelement",
            "stride",
            "element_size",
            "storage_offset",
            "type",
        ),
        *("is_floating_point", "is_complex", "is_contiguous", "is_same_size", "is_signed", "is_inference"),
        *("is_tensor", "get_device", "result_type", "broadcast_shapes", "register_hook", "retain_grad"),
        *("__len__", "__repr__", "__format__", "__hash__"),
    )
)
# Functions that ask the tensors behind their first argument for a shape or a type, and read none of their cells.
LIKE = frozenset(functions("expand_as", "view_as", "reshape_as", "type_as", "to"))
# Functions that make a constant as large as a tensor, or of its type.
MAKES = frozenset(
    functions(
        *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like"),
        *("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor"),
    )
)
