"""Every op, declared once: fields, shape, weights, reads, numpy forward and PyTorch source."""

from convviz.ops import (  # noqa: F401
    activation,
    attention,
    conv,
    dense,
    join,
    norm,
    opaque,
    pool,
    recurrent,
    resize,
    shape,
    shuffle,
    source,
)
from convviz.ops.base import OPS, Op, build

__all__ = ["OPS", "Op", "build"]
