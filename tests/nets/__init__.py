"""Torch nets in the shape of the well-known ones, written from their papers, for tests and benchmarks.

``NETS[name]`` is (a function that builds the net, the shape of one input without its batch axis); what has
several inputs gives a dict of shapes. ``PUBLISHED`` has parameter counts as their authors state them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from . import (
    convnext,
    dense,
    gates,
    generate,
    inception,
    mobile,
    residual,
    segment,
    sequences,
    small,
    transformers,
)

Factory = Callable[[], nn.Module]

NETS: dict[str, tuple[Factory, Any]] = {
    "resnet18": (residual.resnet18, (3, 224, 224)),
    "resnet50": (residual.resnet50, (3, 224, 224)),
    "resnet3d": (residual.resnet3d, (3, 16, 64, 64)),
    "densenet121": (dense.DenseNet, (3, 224, 224)),
    "inception_v3": (inception.inception_v3, (3, 299, 299)),
    "mobilenet_v2": (mobile.mobilenet_v2, (3, 224, 224)),
    "efficientnet_b0": (mobile.efficientnet_b0, (3, 224, 224)),
    "shufflenet_v2": (mobile.ShuffleNet, (3, 224, 224)),
    "convnext_tiny": (convnext.ConvNeXt, (3, 224, 224)),
    "convnext_small_test": (partial(convnext.ConvNeXt, (1, 1), (8, 16), 10), (3, 32, 32)),
    "vit_b_16": (transformers.ViT, (3, 224, 224)),
    "vit_small_test": (partial(transformers.ViT, 32, 8, 16, 2, 2, 10), (3, 32, 32)),
    "swin_t": (transformers.Swin, (3, 224, 224)),
    "swin_small_test": (partial(transformers.Swin, 8, (2, 2), (2, 2), 4, 10), (3, 44, 44)),
    "unet": (segment.UNet, (1, 64, 64)),
    "unet_bilinear": (partial(segment.UNet, up="bilinear"), (1, 72, 72)),
    "unet_valid": (partial(segment.UNet, valid=True), (1, 188, 188)),
    "deeplab": (segment.DeepLab, (3, 96, 96)),
    "tcn": (sequences.tcn, (2, 64)),
    "tcn_weight_norm": (partial(sequences.tcn, True), (2, 64)),
    "wavenet": (sequences.WaveNet, (1, 128)),
    "crnn": (sequences.CRNN, (1, 16, 48)),
    "crnn_gru": (partial(sequences.CRNN, "GRU", False), (1, 16, 48)),
    "dcgan": (generate.dcgan, (100, 1, 1)),
    "patchgan": (generate.patchgan, (6, 256, 256)),
    "espcn": (generate.espcn, (1, 32, 32)),
    "coordinate_attention": (gates.CoordinateAttention, (3, 12, 16)),
    "selective_kernel": (gates.SelectiveKernel, (3, 12, 12)),
    "response_norm": (gates.ResponseNorm, (3, 12, 12)),
    "split_shuffle": (gates.SplitShuffle, (3, 16, 16)),
    "generalized_mean": (gates.GeneralizedMean, (3, 12, 12)),
    "causal_attention": (gates.CausalAttention, (12, 8)),
    "text_cnn": (gates.TextCNN, (20, 8)),
    "bidirectional": (gates.Bidirectional, (7, 4)),
    "functional": (small.Functional, (3, 16, 16)),
    "in_place": (small.InPlace, (3, 12, 12)),
    "shared": (small.Shared, (4, 12, 12)),
    "control_flow": (small.ControlFlow, (2, 20, 20)),
    "outputs": (small.Outputs, (3, 12, 12)),
    "two_inputs": (small.TwoInputs, {"image": (3, 12, 12), "mask": (1, 12, 12)}),
    "dict_input": (small.DictInput, {"batch": {"image": (3, 12, 12), "mask": (1, 12, 12)}}),
    "sequence_input": (small.SequenceInput, (6, 8)),
}

PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
    "inception_v3": 23_834_568,
    "mobilenet_v2": 3_504_872,
    "efficientnet_b0": 5_288_548,
    "shufflenet_v2": 2_278_604,
    "convnext_tiny": 28_589_128,
    "vit_b_16": 86_567_656,
    "swin_t": 28_288_354,
}
