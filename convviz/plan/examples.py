"""Every kind that can be explained by name, with the small example that shows its point: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convviz.ops import OPS
from convviz.ops.base import Shape


@dataclass(frozen=True)
class Kind:
    """A name on the command line. op: of the registry, or a form (``separable_conv``); about: one line.

    ins: shapes of the example's inputs, without a batch axis; fields: of the op. chained: the form is explained as ops
    in a row.
    """

    name: str
    op: str
    about: str
    ins: tuple[Shape, ...] = ((2, 3, 3),)
    fields: Mapping[str, Any] = field(default_factory=dict)
    views: tuple[str, ...] = ()
    chained: bool = False


CONV = {"out_channels": 1, "kernel_size": 3}
CONV_VIEWS, TRANSPOSED_VIEWS = ("sum", "matrix"), ("both", "scatter", "gather", "matrix")
WINDOWS = (
    Kind("conv", "conv", "Convolution", ((1, 5, 5),), CONV, CONV_VIEWS),
    Kind("multi_channel_conv", "conv", "Convolution with several channels and filters", ((3, 4, 4),),
         {**CONV, "out_channels": 2}, CONV_VIEWS),
    Kind("strided_conv", "conv", "Convolution with stride 2", ((1, 6, 6),), {**CONV, "stride": 2, "padding": 1},
         CONV_VIEWS),
    Kind("dilated_conv", "conv", "Convolution with holes between its taps", ((1, 7, 7),), {**CONV, "dilation": 2},
         CONV_VIEWS),
    Kind("grouped_conv", "conv", "Convolution in groups of channels", ((4, 4, 4),),
         {**CONV, "out_channels": 4, "groups": 2}, CONV_VIEWS),
    Kind("depthwise_conv", "depthwise_conv", "One filter for every channel", ((3, 4, 4),), {"kernel_size": 3},
         CONV_VIEWS, chained=True),
    Kind("pointwise_conv", "pointwise_conv", "1×1 convolution: channels are mixed, space is not", ((3, 3, 3),),
         {"out_channels": 2}, CONV_VIEWS, chained=True),
    Kind("separable_conv", "separable_conv", "Depthwise, then pointwise convolution", ((2, 4, 4),),
         {"out_channels": 3, "kernel_size": 3}, chained=True),
    Kind("spatially_separable_conv", "spatially_separable_conv", "A column kernel, then a row kernel", ((1, 5, 5),),
         {**CONV, "bias": False}, chained=True),
    Kind("conv_transpose", "conv_transpose", "Transposed convolution: scattered, gathered, as a matrix", ((1, 3, 3),),
         {**CONV, "stride": 2, "padding": 1}, TRANSPOSED_VIEWS),
    Kind("transposed_conv", "conv_transpose", "Transposed convolution: scattered, gathered, as a matrix", ((1, 3, 3),),
         {**CONV, "stride": 2, "padding": 1}, TRANSPOSED_VIEWS),
    Kind("resize_conv", "resize_conv", "Nearest upsampling, then a convolution", ((1, 3, 3),),
         {**CONV, "padding": 1, "scale_factor": 2}, chained=True),
    Kind("subpixel_conv", "subpixel_conv", "A convolution, then a pixel shuffle", ((1, 3, 3),),
         {**CONV, "padding": 1, "upscale_factor": 2}, chained=True),
    Kind("max_pool", "max_pool", "The largest of each window", ((1, 4, 4),), {"kernel_size": 2}),
    Kind("avg_pool", "avg_pool", "The mean of each window", ((1, 4, 4),), {"kernel_size": 2}),
    Kind("lp_pool", "lp_pool", "The p-norm of each window", ((1, 4, 4),), {"kernel_size": 2, "norm_type": 2}),
    Kind("adaptive_avg_pool", "adaptive_avg_pool", "The means of a given number of parts", ((1, 5, 5),),
         {"output_size": 3}),
    Kind("adaptive_max_pool", "adaptive_max_pool", "The largest of a given number of parts", ((1, 5, 5),),
         {"output_size": 3}),
    Kind("global_avg_pool", "global_avg_pool", "The mean of the whole map", ((3, 4, 4),)),
    Kind("global_max_pool", "adaptive_max_pool", "The largest cell of the whole map", ((3, 4, 4),),
         {"output_size": 1}),
    Kind("pixel_shuffle", "pixel_shuffle", "Channels become pixels", ((4, 2, 2),), {"upscale_factor": 2}),
    Kind("pixel_unshuffle", "pixel_unshuffle", "Pixels become channels", ((1, 4, 4),), {"downscale_factor": 2}),
    Kind("channel_shuffle", "channel_shuffle", "Channels of groups are interleaved", ((6, 2, 2),), {"groups": 2}),
)  # fmt: skip

# Examples of the other ops, where one map of 2×3×3 and no fields do not do.
MAP, PAIR = (2, 3, 3), ((2, 3, 3), (2, 3, 3))
OTHERS: dict[str, tuple[tuple[Shape, ...], dict[str, Any]]] = {
    **{name: (PAIR, {}) for name in ("add", "sub", "mul", "div", "maximum", "minimum", "concat", "stack")},
    "linear": (((4,),), {"out_features": 3}),
    "matmul": (((2, 3), (3, 2)), {}),
    "einsum": (((2, 3), (3, 2)), {"equation": "nij,njk->nik"}),
    "upsample": (((1, 3, 3),), {"scale_factor": 2}),
    "group_norm": (((4, 2, 2),), {"num_groups": 2}),
    "ghost_batch_norm": (((2, 2, 2),), {"num_splits": 1}),
    "local_response_norm": (((4, 2, 2),), {"size": 3}),
    "batch_norm": (((2, 2, 2),), {}),
    "threshold": ((MAP,), {"threshold": 1, "value": 0}),
    "pow": ((MAP,), {"exponent": 2}),
    "clamp": ((MAP,), {"min": 0, "max": 2}),
    "attention": (((3, 4),), {}),
    "scaled_dot_product_attention": (((3, 2), (3, 2), (3, 2)), {}),
    "lstm": (((3, 2),), {"hidden_size": 2}),
    "gru": (((3, 2),), {"hidden_size": 2}),
    "pad": (((1, 3, 3),), {"padding": 1}),
    "crop": (((1, 4, 4),), {"padding": 1}),
    "chunk": (((4, 2, 2),), {"chunks": 2}),
    "roll": (((1, 3, 3),), {"shifts": 1, "dims": 3}),
    "flip": (((1, 3, 3),), {"dims": 3}),
    "reshape": (((2, 2, 3),), {"size": [3, 4]}),
    "permute": (((2, 2, 3),), {"dims": [0, 2, 3, 1]}),
    "expand": (((2, 1, 3),), {"size": [2, 2, 3]}),
    "unfold": (((1, 4, 4),), {"kernel_size": 2}),
    "softmax": (((4,),), {}),
    "log_softmax": (((4,),), {}),
    "softmin": (((4,),), {}),
    "glu": (((4, 2, 2),), {}),
}
HIDDEN = ("opaque", "constant", "parameter")  # nothing to explain: no arithmetic, or no input


def kinds() -> tuple[Kind, ...]:
    """Everything that :func:`convviz.plan.plan` knows by name: windowed ops and forms first, then the other ops.

    >>> [kind.name for kind in kinds()][:3]
    ['conv', 'multi_channel_conv', 'strided_conv']
    """
    named = {kind.name for kind in WINDOWS}
    rest = []
    for name, cls in OPS.items():
        if name not in named and name not in HIDDEN:
            ins, fields = OTHERS.get(name, ((MAP,), {}))
            about = (cls.__doc__ or "").strip().split("\n")[0].split(": ")[0].split(". ")[0].rstrip(".")
            rest.append(Kind(name, name, about, ins, fields))
    return (*WINDOWS, *rest)
