"""Every op, declared once: fields, shape, weights, reads, numpy forward and PyTorch source."""

from convviz.ops import conv  # noqa: F401
from convviz.ops.base import OPS, Op, build

__all__ = ["OPS", "Op", "build"]
