"""Functions of one number: each is one line of :data:`FUNCTIONS`; the rest are classes.

``forward`` of dropout is its arithmetic in evaluation, the identity, in every mode: what it drops is random.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from convviz.errors import FieldError, ShapeError
from convviz.ops.base import (
    Along,
    Array,
    AxisRead,
    Code,
    Op,
    Shape,
    Weights,
    arguments,
    axis,
    choice,
    integer,
    number,
    optional,
    record,
    register,
    show,
    spec,
)
from convviz.ops.relations import SAME, Window


class Function(Op):
    """``y = f(x)`` cell by cell; the class attributes come from a line of :data:`FUNCTIONS`."""

    function: ClassVar[Callable[..., Array]]
    source: ClassVar[str]  # nn.ReLU: a module; torch.exp: a function

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return type(self).function(xs[0], **self.fields())

    def torch(self, *ins: Shape) -> Code:
        defaults = {f.name: f.metadata["default"] for f in dataclasses.fields(self)}
        given = {name: value for name, value in self.fields().items() if value != defaults[name]}
        if self.source.startswith("nn."):
            return Code(f"{self.source}({arguments(**given)})")
        return Code("", f"{self.source}({{0}}{', ' if given else ''}{arguments(**given)})")


def sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(x / 2))  # never overflows


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    return 1.0507009873554805 * elu(
        x, 1.6732632423543772
    )  # Klambauer et al., "Self-normalizing neural networks", 2017


def gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + erf(x / math.sqrt(2)))


def erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[float])(x)


# op -> (PyTorch, numpy, fields)
FUNCTIONS: dict[str, tuple[str, Callable[..., Array], dict[str, Any]]] = {
    "identity": ("nn.Identity", lambda x: x, {}),
    "relu": ("nn.ReLU", lambda x: np.maximum(x, 0), {}),
    "relu6": ("nn.ReLU6", lambda x: np.clip(x, 0, 6), {}),
    "leaky_relu": (
        "nn.LeakyReLU",
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        {"negative_slope": spec(number(), 0.01)},
    ),
    "elu": ("nn.ELU", elu, {"alpha": spec(number(), 1.0)}),
    "selu": ("nn.SELU", selu, {}),
    "celu": (
        "nn.CELU",
        lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha),
        {"alpha": spec(number(), 1.0)},
    ),
    "gelu": ("nn.GELU", gelu, {"approximate": spec(choice("none", "tanh"), "none")}),
    "silu": ("nn.SiLU", lambda x: x * sigmoid(x), {}),
    "mish": ("nn.Mish", lambda x: x * np.tanh(softplus(x)), {}),
    "hardswish": ("nn.Hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, {}),
    "hardsigmoid": ("nn.Hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, {}),
    "hardtanh": (
        "nn.Hardtanh",
        lambda x, min_val, max_val: np.clip(x, min_val, max_val),
        {"min_val": spec(number(), -1.0), "max_val": spec(number(), 1.0)},
    ),
    "hardshrink": (
        "nn.Hardshrink",
        lambda x, lambd: np.where(np.abs(x) > lambd, x, 0),
        {"lambd": spec(number(), 0.5)},
    ),
    "softshrink": (
        "nn.Softshrink",
        lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
        {"lambd": spec(number(0), 0.5)},
    ),
    "tanhshrink": ("nn.Tanhshrink", lambda x: x - np.tanh(x), {}),
    "sigmoid": ("nn.Sigmoid", sigmoid, {}),
    "tanh": ("nn.Tanh", np.tanh, {}),
    "softplus": (
        "nn.Softplus",
        softplus,
        {"beta": spec(number(), 1.0), "threshold": spec(number(), 20.0)},
    ),
    "softsign": ("nn.Softsign", lambda x: x / (1 + np.abs(x)), {}),
    "logsigmoid": ("nn.LogSigmoid", lambda x: -np.logaddexp(0, -x), {}),
    "threshold": (
        "nn.Threshold",
        lambda x, threshold, value: np.asarray(np.where(x > threshold, x, value)),
        {"threshold": spec(number()), "value": spec(number())},
    ),
    "exp": ("torch.exp", np.exp, {}),
    "log": ("torch.log", np.log, {}),
    "abs": ("torch.abs", np.abs, {}),
    "neg": ("torch.neg", np.negative, {}),
    "sqrt": ("torch.sqrt", np.sqrt, {}),
    "rsqrt": ("torch.rsqrt", lambda x: 1 / np.sqrt(x), {}),
    "square": ("torch.square", np.square, {}),
    "reciprocal": ("torch.reciprocal", lambda x: 1 / x, {}),
    "pow": ("torch.pow", lambda x, exponent: x**exponent, {"exponent": spec(number())}),
    "sin": ("torch.sin", np.sin, {}),
    "cos": ("torch.cos", np.cos, {}),
    "sign": ("torch.sign", np.sign, {}),
    "erf": ("torch.erf", erf, {}),
    "floor": ("torch.floor", np.floor, {}),
    "ceil": ("torch.ceil", np.ceil, {}),
    "round": ("torch.round", np.round, {}),
}
SCALARS = {
    "leaky_relu": "negative_slope",
    "elu": "alpha",
    "celu": "alpha",
    "pow": "exponent",
    "gelu": "approximate",
}


def declare(kind: str, source: str, function: Callable[..., Array], fields: dict[str, Any]) -> type[Op]:
    """The op class of one line of :data:`FUNCTIONS`."""
    name = "".join(part.capitalize() for part in kind.split("_"))
    origin = source if source.startswith("torch.") else f"torch.{source}"
    body = {
        "__doc__": f"``{kind}`` of every cell. Source: {origin}.",
        "__module__": __name__,
        "__annotations__": dict.fromkeys(fields, "Any"),
        "kind": kind,
        "scalar": SCALARS.get(kind),
        "source": source,
        "function": staticmethod(function),
        **fields,
    }
    return register(type(name, (Function,), body))


for _kind, _line in FUNCTIONS.items():
    declare(_kind, *_line)


@register
class Clamp(Function):
    """``min(max(x, min), max)``; either bound may be left out. Source: torch.clamp."""

    kind: ClassVar[str] = "clamp"
    source: ClassVar[str] = "torch.clamp"
    min: float | None = spec(optional(number()), None)
    max: float | None = spec(optional(number()), None)

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise FieldError("min", "clamp needs min, max or both")

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        low, high = (-np.inf if self.min is None else self.min), (np.inf if self.max is None else self.max)
        return np.clip(xs[0], low, high)


@register
class Prelu(Op):
    """``max(0, x) + weight * min(0, x)``, one weight or one for each channel. Source: torch.nn.PReLU."""

    kind: ClassVar[str] = "prelu"
    scalar: ClassVar[str | None] = "num_parameters"
    num_parameters: int = spec(integer(1), 1)
    init: float = spec(number(), 0.25)

    def shape(self, *ins: Shape) -> Shape:
        channels = ins[0][0] if ins[0] else 1
        if self.num_parameters not in (1, channels):
            raise FieldError(
                "num_parameters", f"must be 1 or the {channels} channels, got {self.num_parameters}"
            )
        return ins[0]

    def weights(self, *ins: Shape) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        assert weights is not None
        slope = weights["weight"].reshape(-1, *(1,) * max(xs[0].ndim - 2, 0))
        return np.where(xs[0] > 0, xs[0], slope * xs[0])

    def torch(self, *ins: Shape) -> Code:
        extra = {
            k: v
            for k, v, d in (("num_parameters", self.num_parameters, 1), ("init", self.init, 0.25))
            if v != d
        }
        return Code(f"nn.PReLU({arguments(**extra)})")


@register
class Glu(Op):
    """First half times the sigmoid of the second half along ``dim``. Source: torch.nn.GLU."""

    kind: ClassVar[str] = "glu"
    elementwise: ClassVar[bool] = False
    scalar: ClassVar[str | None] = "dim"
    dim: int = spec(integer(), 1)

    def shape(self, *ins: Shape) -> Shape:
        at = axis(self.dim, ins[0])
        if ins[0][at] % 2:
            raise ShapeError(f"glu halves axis {self.dim}, which has an odd size in {show(ins[0])}")
        return (*ins[0][:at], ins[0][at] // 2, *ins[0][at + 1 :])

    def reads(self, *ins: Shape) -> tuple[Along, ...]:
        at = axis(self.dim, ins[0])
        both = Window(2, dilation=ins[0][at] // 2)
        return (Along(tuple(AxisRead(both if i == at else SAME, i) for i in range(len(ins[0])))),)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        first, second = np.split(xs[0], 2, axis=self.dim)
        return first * sigmoid(second)

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.GLU({arguments(**({} if self.dim == -1 else {'dim': self.dim}))})")


@record
class Random(Op):
    """Identity in evaluation; in training it drops at random with probability ``p``."""

    scalar: ClassVar[str | None] = "p"
    p: float = spec(number(0, 1), 0.5)

    def forward(self, *xs: Array, weights: Weights | None = None, mode: str = "eval") -> Array:
        return xs[0]

    def arguments(self) -> str:
        return "" if self.p == 0.5 else repr(self.p)


@register
class Dropout(Random):
    """Single cells become 0, the others grow by 1/(1-p). Source: Srivastava et al. 2014; torch.nn.Dropout."""

    kind: ClassVar[str] = "dropout"

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.Dropout({self.arguments()})")


class ChannelDropout(Random):
    """Whole channels become 0, in any number of spatial axes.

    Source: Tompson et al. 2015; torch.nn.Dropout2d.
    """

    def torch(self, *ins: Shape) -> Code:
        rank = len(ins[0]) - 1
        return Code(f"nn.Dropout{f'{rank}d' if 1 <= rank <= 3 else ''}({self.arguments()})")


@register
class Dropout1d(ChannelDropout):
    __doc__ = ChannelDropout.__doc__
    kind: ClassVar[str] = "dropout1d"


@register
class Dropout2d(ChannelDropout):
    __doc__ = ChannelDropout.__doc__
    kind: ClassVar[str] = "dropout2d"


@register
class Dropout3d(ChannelDropout):
    __doc__ = ChannelDropout.__doc__
    kind: ClassVar[str] = "dropout3d"


@register
class AlphaDropout(Random):
    """Dropout that keeps mean and variance, for SELU. Source: torch.nn.AlphaDropout."""

    kind: ClassVar[str] = "alpha_dropout"

    def torch(self, *ins: Shape) -> Code:
        return Code(f"nn.AlphaDropout({self.arguments()})")


@register
class DropPath(Random):
    """Whole samples of a branch become 0: stochastic depth.

    Source: Huang et al., "Deep networks with stochastic depth", 2016.
    """

    kind: ClassVar[str] = "drop_path"

    def torch(self, *ins: Shape) -> Code:
        sample = f"{{0}}.new_ones(len({{0}}){', 1' * len(ins[0])})"
        return Code(f"nn.Dropout({self.arguments()})", f"{{0}} * {{self}}({sample})")
