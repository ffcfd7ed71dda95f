"""What an op is called in the title of its plan, and its fields there."""

from __future__ import annotations

from typing import Any

from convviz.ops.base import Op, squeeze
from convviz.plan.words import number, size

# Names that are not their op's word with a capital letter.
NAMES = {
    **{f"{kind}elu": f"{kind.upper()}ELU" for kind in ("", "s", "c", "g")},
    **{"relu": "ReLU", "relu6": "ReLU6", "leaky_relu": "Leaky ReLU", "prelu": "PReLU", "silu": "SiLU"},
    **{"glu": "GLU", "lstm": "LSTM", "gru": "GRU", "rms_norm": "RMS norm", "log_softmax": "Log softmax"},
    **{"exp": "Exponential", "log": "Logarithm", "abs": "Absolute value", "neg": "Negation"},
    **{
        "sqrt": "Square root",
        "rsqrt": "Reciprocal square root",
        "pow": "Power",
        "sin": "Sine",
        "cos": "Cosine",
    },
    **{"erf": "Error function", "sign": "Sign", "ceil": "Ceiling", "round": "Rounding"},
    **{"add": "Sum", "sub": "Difference", "mul": "Product", "div": "Quotient", "matmul": "Matrix product"},
    **{
        "einsum": "Sum of products",
        "amax": "Largest value",
        "amin": "Smallest value",
        "sum": "Sum over axes",
    },
    **{"mean": "Mean over axes", "scaled_dot_product_attention": "Scaled dot-product attention"},
}


def title_of(op: Op) -> str:
    """The op's name, and the fields that differ from their defaults: ``Linear: out_features 3``."""
    name = NAMES.get(op.kind) or op.kind.replace("_", " ").capitalize()
    fields = []
    for field, value in op.fields().items():
        default = type(op).__dataclass_fields__[field].metadata["default"]  # type: ignore[attr-defined]
        if value is not None and value != default and squeezed(value) != default:
            fields.append(f"{field} {field_text(field, value)}")
    return f"{name}: {', '.join(fields)}" if fields else name


def squeezed(value: Any) -> Any:
    """One number where all axes agree."""
    if isinstance(value, tuple) and value:
        return squeeze([squeezed(part) for part in value])
    return value


def field_text(field: str, value: Any) -> str:
    """A field's value as text; lists that are no settings by axis are kept whole."""
    if field == "size" and isinstance(value, tuple):
        return size(value)
    return value_text(value if field in ("dims", "shifts", "weight_shapes") else squeezed(value))


def value_text(value: Any) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, tuple):
        return f"({', '.join(value_text(v) for v in value)})"
    return str(value)
