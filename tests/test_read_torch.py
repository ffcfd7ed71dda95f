"""Reading torch modules: nets in the shape of real ones, one function at a time, and what is refused."""

from __future__ import annotations

import random
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from convviz.analysis import receptive_field
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.read import read, torch_call, torch_table, torch_trace, torch_windows
from convviz.read.torch_module import load_module, read_torch, trace_values
from convviz.read.torch_source import parse_source
from tests.nets import NETS, PUBLISHED
from tests.nets.small import Opaque, Shared

NETS_FILE = str(Path(__file__).parent / "nets" / "small.py")
HUGE = {"vit_b_16", "swin_t", "convnext_tiny"}  # small ones of the same shape are run on numbers


def filled(shape: Any, **options: Any) -> Any:
    """Tensors with a batch axis, in the structure of the shapes."""
    if isinstance(shape, dict):
        return {name: filled(part, **options) for name, part in shape.items()}
    return torch.randn(1, *shape, **options)


def computed(graph: Graph, inputs: dict[str, Tensor], values: dict[str, Tensor]) -> int:
    """Every node without weights, computed by our numpy from the nodes before it, is what torch computed."""
    arrays = {name: x.numpy() for name, x in inputs.items()}
    checked = 0
    for node in graph:
        if node.op.weights(*node.ins) or node.op.buffers(*node.ins):
            arrays[node.name] = values[node.name].numpy()
            continue
        arrays[node.name] = node.op.forward(*(arrays[i] for i in node.inputs))
        if node.name in values:
            np.testing.assert_allclose(
                arrays[node.name],
                values[node.name].numpy(),
                atol=1e-8,
                rtol=1e-6,
                err_msg=f"{node.name} {node.op}",
            )
            checked += 1
    return checked


class Lambda(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *xs: Tensor) -> Any:
        return self.function(*xs)


# -- whole nets -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def graphs() -> dict[str, Graph]:
    found = {}
    for name, (factory, shape) in NETS.items():
        with torch.device("meta"):
            module = factory()
        found[name] = read_torch(module, shape)
    return found


@pytest.mark.parametrize("name", NETS)
def test_parameters_are_counted(name: str, graphs: dict[str, Graph]) -> None:
    with torch.device("meta"):
        module = NETS[name][0]()
    unused = graphs[name].meta.get("unused", ())
    parameters = dict(module.named_parameters())
    assert graphs[name].params == sum(p.numel() for n, p in parameters.items() if n not in unused)
    assert all(n in parameters for n in unused)
    if name in PUBLISHED:
        assert not unused
        assert graphs[name].params == PUBLISHED[name]


@pytest.mark.parametrize("name", NETS)
def test_shapes_are_those_of_hooks(name: str, graphs: dict[str, Graph]) -> None:
    factory, shape = NETS[name]
    with torch.device("meta"):
        module = factory().eval()
    seen: dict[str, list[tuple[int, ...]]] = {}
    for path, part in module.named_modules():
        part.register_forward_hook(
            lambda m, args, out, path=path: (
                seen.setdefault(path, []).append(tuple(out.shape)) if isinstance(out, Tensor) else None
            )
        )
    inputs = filled(shape, device="meta")
    with torch.no_grad():
        module(**inputs) if isinstance(inputs, dict) else module(inputs)
    compared = 0
    for node in graphs[name]:
        if node.name in seen:
            want = seen[node.name][0]
            fits = [want, *(want[:i] + want[i + 1 :] for i, n in enumerate(want) if n == 1)]
            if node.op.kind == "layer_norm":  # a module may permute around it
                assert sorted(node.out) in map(sorted, fits)
            else:
                assert node.out in fits
            compared += 1
    assert compared or name in ("functional", "two_inputs")  # nothing there is named as a module


@pytest.mark.parametrize("name", [n for n in NETS if n not in HUGE])
def test_values_are_those_of_torch(name: str) -> None:
    factory, shape = NETS[name]
    torch.manual_seed(0)
    module = factory().eval()
    if isinstance(shape, tuple) and shape[1] >= 224:
        shape = (shape[0], 75, 75) if name == "inception_v3" else (shape[0], 64, 64)
    graph = read_torch(module, shape)
    inputs = {n: torch.randn(1, *s, dtype=torch.float64) for n, s in graph.inputs.items()}
    with torch.no_grad():
        values = trace_values(module, graph, inputs, input=shape)
        assert computed(graph, inputs, values) > 0
        if graph.inputs.keys() == {"input"}:
            result = module.double()(inputs["input"])
            first = next(torch_call.tensors_in(result))
            torch.testing.assert_close(values[graph.outputs[0]].flatten(), first.flatten())


def test_module_is_left_unchanged() -> None:
    class Restless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.calls, self.seen = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), 0, ["first"]
            self.register_buffer("count", torch.zeros(()))
            self.plain = torch.ones(4, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.last = x
            self.seen.append("again")
            self.count += 1
            self.conv.weight.data *= 0
            random.random(), np.random.rand(), torch.rand(2, device="cpu")
            return self.norm(self.conv(x)) * self.plain

    for real_numbers in (False, True):
        module = Restless().train()
        hook = module.conv.register_forward_hook(lambda *args: None)
        module.norm.eval()
        before = {k: v.clone() for k, v in module.state_dict().items()}
        plain, weight = module.plain, module.conv.weight
        states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
        graph = read_torch(module, (3, 8, 8))
        if real_numbers:
            trace_values(
                module, graph, {"input": torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))}
            )
        assert {k: torch.equal(v, before[k]) for k, v in module.state_dict().items()} == dict.fromkeys(
            before, True
        )
        assert module.training and not module.norm.training and module.conv.training
        assert (module.calls, module.seen, hasattr(module, "last")) == (0, ["first"], False)
        assert module.plain is plain and module.conv.weight is weight and weight.requires_grad
        assert module.conv._forward_hooks == {hook.id: module.conv._forward_hooks[hook.id]}
        assert not any("_convviz" in t.__dict__ for t in (*module.parameters(), *module.buffers(), plain))
        if not real_numbers:
            assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[2])
            assert np.random.get_state()[1].tolist() == states[1]
        assert nn.Module.__call__ is torch_trace.CALL


def test_names_and_places(graphs: dict[str, Graph]) -> None:
    graph = graphs["resnet18"]
    names = [node.name for node in graph][:12]
    assert names == [
        "conv1",
        "bn1",
        "relu",
        "maxpool",
        "layer1.0.conv1",
        "layer1.0.bn1",
        "layer1.0.relu",
        "layer1.0.conv2",
        "layer1.0.bn2",
        "layer1.0.add1",
        "layer1.0.relu_2",
        "layer1.1.conv1",
    ]
    assert graph["layer1.0.add1"].inputs == ("layer1.0.bn2", "maxpool")
    assert (
        graph["layer1.0.add1"].where.startswith("layer1.0 (Block), ")
        and "residual.py:" in graph["layer1.0.add1"].where
    )
    assert graph["layer1.0.conv1"].where.startswith("layer1.0.conv1 (Conv2d), ")
    assert [n.op.kind for n in graphs["convnext_tiny"]][:4] == ["conv", "permute", "layer_norm", "permute"]
    assert graphs["convnext_tiny"]["features.1"].op.kind == "layer_norm"


def test_shared_and_odd_weights(graphs: dict[str, Graph]) -> None:
    assert [(n.name, n.shares) for n in graphs["shared"] if n.op.kind == "conv"] == [
        ("conv", None),
        ("conv_2", "conv"),
        ("conv_3", "conv"),
    ]
    assert graphs["functional"]["conv2"].params == 0  # its kernel is a buffer
    swin = graphs["swin_t"]["layers.0.attn.parameter1"]
    assert (swin.out, swin.params) == ((1, 3, 49, 49), 169 * 3)
    assert graphs["tcn_weight_norm"].params == graphs["tcn"].params + 8 * 8
    assert graphs["vit_b_16"]["parameter1"].params == 768
    tied = nn.Linear(4, 4)
    other = nn.Linear(4, 4)
    other.weight = tied.weight
    graph = read_torch(nn.Sequential(tied, other), (4,))
    assert [n.params for n in graph] == [20, 4]


def test_inputs_and_outputs(graphs: dict[str, Graph]) -> None:
    assert dict(graphs["two_inputs"].inputs) == {"image": (3, 12, 12), "mask": (1, 12, 12)}
    assert list(graphs["dict_input"].inputs) == ["batch.image", "batch.mask"]
    assert graphs["outputs"].outputs == ("conv", "head", "sigmoid1")
    module, shapes = NETS["two_inputs"][0](), [(3, 12, 12), (1, 12, 12)]
    assert list(read_torch(module, shapes).inputs) == ["image", "mask"]
    assert list(read_torch(NETS["dict_input"][0](), {"image": shapes[0], "mask": shapes[1]}).inputs) == [
        "image",
        "mask",
    ]
    assert read_torch(Lambda(lambda x: x[0].relu()), [4, 4]).outputs == ("relu1",)


def test_inputs_by_keyword_or_position() -> None:
    class Keyword(nn.Module):
        def forward(self, *, image: Tensor, flag: bool = True) -> Tensor:
            return image.relu()

    class Positional(nn.Module):
        def forward(self, *maps: Tensor) -> Tensor:
            return torch.cat(maps, 1)

    assert list(read_torch(Keyword(), (4, 4)).inputs) == ["image"]
    assert list(read_torch(Positional(), {"a": (4, 4), "b": (2, 4)}).inputs) == ["a", "b"]
    assert list(read(Positional(), [(4, 4), (2, 4)]).inputs) == ["input0", "input1"]
    nested = {"batch": {"image": "3x12x12", "mask": [1, 12, 12]}}
    assert list(read(NETS["dict_input"][0](), nested).inputs) == ["batch.image", "batch.mask"]


def test_control_flow_follows_the_shape() -> None:
    module = NETS["control_flow"][0]()
    assert [sum(n.op.kind == "conv" for n in read_torch(module, (2, n, n))) for n in (8, 16, 32)] == [1, 2, 3]


def quietly(function: Any, *args: Any) -> Any:
    """What torch only does with a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


# -- one function at a time -------------------------------------------------------------------------
C, M = torch.arange(4.0).view(4, 1, 1), torch.arange(6) % 2 == 0
FUNCTIONS = {
    "arithmetic": lambda x: (1 - x) * 2 + x / 3 - 2 / (x * x + 1) + 2 * x - (-x) + x**2,
    "alpha": lambda x: torch.add(x, x.exp(), alpha=3).sub(1),
    "in place": lambda x: (x * 1).add_(1).mul_(x).clamp_(0, 2).sigmoid_(),
    "clamp": lambda x: x.clamp(min=0) + torch.clamp(x, -1, 1) + x.clip(max=0.5),
    "functions": lambda x: (
        x.abs().sqrt() + x.exp() + (x.square() + 1).log() + x.tanh() + torch.sign(x) + x.sin() + x.cos()
    ),
    "activations": lambda x: (
        F.gelu(x, approximate="tanh")
        + F.silu(x)
        + F.elu(x, 0.5)
        + F.softplus(x, 2)
        + F.mish(x)
        + F.hardswish(x)
    ),
    "positional inplace": lambda x: (
        F.leaky_relu(x * 1, 0.3, True) + F.hardtanh(x * 1, -0.5, 0.5, True) + F.relu6(x * 1, True)
    ),
    "maximum": lambda x: torch.maximum(x, x.flip(-1)) + torch.min(x, -x),
    "constant": lambda x: x * C + C,
    "softmax": lambda x: x.softmax(1) + F.log_softmax(x, dim=-1) + F.normalize(x, dim=1),
    "powers of tensors": lambda x: x.abs() ** torch.full((4, 1, 1), 1.5) + 2**x + torch.pow(3.0, x),
    "bounds of tensors": lambda x: (
        torch.clamp(x, min=-x, max=x.abs() / 2) + x.clamp_min(0).clamp_max(1) + torch.clamp(x, max=C)
    ),
    "sums of products": lambda x: torch.addcmul(x, x, x.exp(), value=0.5) + torch.addcdiv(x, x, x.exp()),
    "logarithms": lambda x: x.exp().log2() + x.abs().log1p() + x.exp().log10() + x.expm1(),
    "steps": lambda x: x.round() + x.floor() + x.ceil(),
    "logsumexp": lambda x: x - torch.logsumexp(x, dim=1, keepdim=True),
    "var and mean": lambda x: (
        torch.var_mean(x, dim=1, keepdim=True)[0] + torch.std_mean(x, (2, 3), correction=0, keepdim=True)[1]
    ),
    "orders of norms": lambda x: (
        torch.norm(x, p=1, dim=1)
        + torch.linalg.norm(x, dim=1)
        + torch.linalg.vector_norm(x, 3, 1)
        + x.norm(float("inf"), 1)
    ),
    "similarity": lambda x: F.cosine_similarity(x, x.exp(), dim=1) + F.cosine_similarity(x, x + 1),
    "vector": lambda x: torch.matmul(x, torch.arange(6.0).to(x)) + x @ torch.ones(6).to(x),
    "repeat_interleave": lambda x: x.repeat_interleave(2, dim=2).repeat_interleave(3, -1),
    "windows": lambda x: x.unfold(3, 3, 1).sum(-1)[:, :, :4] - x.unfold(2, 2, 1).amax(-1)[..., :4],
    "windows that touch": lambda x: x.unfold(2, 2, 2).unfold(3, 3, 3),
    "in place shapes": lambda x: x.clone().unsqueeze_(1).squeeze_(1).transpose_(1, 2).swapaxes_(1, 2) + x,
    "uneven places": lambda x: x[:, [0, 1, 3, 2]] + x[..., [5, 0, 2, 3, 4, 4]] + x[:, np.array([0, 2, 3, 1])],
    "like": lambda x: x + torch.arange(6).type_as(x).expand_as(x) + torch.ones(120).to(x).view_as(x),
    "softmax without dim": lambda x: quietly(F.softmax, x) + quietly(F.log_softmax, x),
    "broadcast": lambda x: sum(torch.broadcast_tensors(x, x.mean(1, keepdim=True), C.to(x))),
    "compiled function": lambda x: x + compiled(doubled)(x),
    "masked_fill": lambda x: (
        x.masked_fill(M, 2.0).masked_fill(~M, float("-inf")).softmax(-1) + x.masked_fill(M, 0)
    ),
    "where": lambda x: torch.where(M, x, x * 2) + torch.where(M, x, 0.0) + torch.where(M, torch.ones(6), x),
    "lerp": lambda x: torch.lerp(x, x * 2, 0.25),
    "mean": lambda x: x.mean((2, 3), keepdim=True) * x + x.mean(1, keepdim=True),
    "mean of all": lambda x: x * x.mean(),
    "batch mean": lambda x: x.mean(0).relu(),
    "sum": lambda x: x.sum(dim=-1) + torch.amax(x, (3,)) - x.amin(-1),
    "max over an axis": lambda x: x.max(dim=2)[0] + torch.min(x, 2, keepdim=False).values,
    "var": lambda x: (
        x.var(1, keepdim=True) + x.std((2, 3), keepdim=True) + x.var(1, unbiased=False, keepdim=True)
    ),
    "norm": lambda x: x / (1 + x.norm(dim=1, keepdim=True)),
    "glu": lambda x: F.glu(x, 1),
    "pad": lambda x: F.pad(x, (1, 2, 0, -1)) + F.pad(x, (1, 2, 0, -1), value=1.0),
    "pad channels": lambda x: F.pad(x, (0, 0, 0, 0, 1, 2)),
    "reflect": lambda x: F.pad(x, (1, 1, 2, 2), mode="reflect") + F.pad(x, (1, 1, 2, 2), mode="circular"),
    "slices": lambda x: x[:, 1:3, ::2, 1:-1],
    "integers": lambda x: x[:, 0, :, -1] + x[:, 1, 2, :5],
    "new axes": lambda x: x[:, None, ..., None, 1:, :],
    "no batch": lambda x: x[0, 1:].unsqueeze(0) + x[0][None, :1],
    "even places": lambda x: x[:, [0, 2]] + x[:, torch.tensor([3, 1])] + x[:, range(1, 4, 2)],
    "select": lambda x: (
        x.select(1, 2) + x.narrow(2, 1, 3).mean(1)[:, :1] + x.index_select(1, torch.tensor([2])).squeeze(1)
    ),
    "chunk": lambda x: torch.cat(x.chunk(3, 1)[::-1], 1),
    "split": lambda x: (
        torch.cat([a * (i + 1) for i, a in enumerate(torch.split(x, [1, 3], dim=1))], 1)
        + torch.cat(x.split(2, 1), 1)
    ),
    "unbind": lambda x: torch.stack(x.unbind(1)[::-1], 1) + torch.stack(list(x[0]))[None],
    "stack": lambda x: (
        torch.stack([x, x + 1], 2) + torch.stack((x, x), dim=0).transpose(0, 1).transpose(1, 2)
    ),
    "batch as a stack": lambda x: torch.stack([x, x], 0),
    "reshape": lambda x: (
        x.view(1, 2, 2, -1).flatten(1, 2).reshape(1, -1).unflatten(1, (4, 5, 6)).squeeze(0).unsqueeze(0)
    ),
    "permute": lambda x: x.permute(0, 2, 3, 1).transpose(1, 2).movedim(-1, 1).mT.swapaxes(-1, 2),
    "batch moves": lambda x: x.permute(2, 0, 3, 1).relu().permute(1, 3, 0, 2),
    "batch second, merged": lambda x: x.permute(2, 0, 1, 3).reshape(5, 4, 6).transpose(0, 1).softmax(-1),
    "samples from windows": lambda x: (
        F.relu(x.permute(0, 2, 1, 3).reshape(5, 4, 1, 6)).reshape(1, 5, 4, 6).mean(1)
    ),
    "expand": lambda x: (
        x.mean(1, keepdim=True).expand(-1, 4, -1, -1) + x[:, :1].expand_as(x) + x.repeat(1, 2, 1, 1)[:, 2:6]
    ),
    "roll": lambda x: torch.roll(x, (1, -2), (2, 3)).roll(3, dims=1).flip(2, 3),
    "same": lambda x: x.contiguous().clone().detach().to(torch.float64).type_as(x).double().data.relu(),
    "matmul": lambda x: (x @ x.transpose(-1, -2)).matmul(x),
    "bmm": lambda x: torch.bmm(x.flatten(0, 1), x.flatten(0, 1).mT).view(1, 4, 5, 5),
    "einsum": lambda x: (
        torch.einsum("bchw,bdhw->bcd", x, x) + torch.einsum("b c ... , b d ... -> b c d", x, x)
    ),
    "attention": lambda x: (
        F.scaled_dot_product_attention(x, x * 2, x) + F.scaled_dot_product_attention(x, x, x, is_causal=True)
    ),
    "attention with a mask": lambda x: F.scaled_dot_product_attention(
        x, x, x, attn_mask=torch.ones(5, 5).tril().log()
    ),
    "pools": lambda x: (
        F.max_pool2d(x, 2, 1)
        + F.avg_pool2d(x, 2, 1)
        + F.interpolate(F.adaptive_avg_pool2d(x, (2, 3)), size=(4, 5))
    ),
    "pool 3-D as channels": lambda x: (
        F.max_pool1d(x.flatten(1, 2), 3) + F.adaptive_max_pool1d(x.flatten(1, 2), 2)
    ),
    "resize": lambda x: (
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        + F.interpolate(x, scale_factor=2.0)
    ),
    "shuffle": lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2) + F.channel_shuffle(x, 2),
    "unfold": lambda x: F.unfold(x, 3, padding=1),
    "frames": lambda x: F.avg_pool2d(x.transpose(0, 1), 2).transpose(0, 1),
    "dropout": lambda x: F.dropout2d(F.dropout(x, 0.3, False), 0.2, training=False),
    "constants only": lambda x: (
        x + torch.arange(6, device=x.device).float().view(1, 1, 1, 6) + torch.zeros_like(x) + x.new_ones(1)
    ),
    "item of a constant": lambda x: x * torch.linspace(0, 1, 3)[1].item(),
    "norms": lambda x: (
        F.layer_norm(x, (5, 6)) + F.group_norm(x, 2) + F.instance_norm(x) + F.rms_norm(x, (6,))
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    module = Lambda(FUNCTIONS[name])
    graph = read_torch(module, (4, 5, 6))
    x = torch.randn(1, 4, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = trace_values(module, graph, {"input": x})
    assert computed(graph, {"input": x}, values)
    torch.testing.assert_close(values[graph.outputs[0]].flatten(), module(x).to(torch.float64).flatten())


MODULES = {
    "conv with a border": (nn.Conv2d(4, 2, 3, padding=1, padding_mode="reflect"), (4, 5, 6), ["0.pad1", "0"]),
    "same": (nn.Conv1d(4, 2, 4, padding="same", dilation=2), (4, 9), ["0"]),
    "transposed": (nn.ConvTranspose3d(2, 4, 3, 2, 1, output_padding=1, groups=2), (2, 3, 3, 3), ["0"]),
    "unpooled sizes": (nn.AdaptiveAvgPool2d((None, 2)), (4, 5, 6), ["0"]),
    "lp": (nn.LPPool2d(2, 2), (4, 6, 6), ["0"]),
    "prelu": (nn.PReLU(4), (4, 5, 5), ["0"]),
    "norms": (
        nn.Sequential(nn.LayerNorm([4, 5]), nn.GroupNorm(2, 4), nn.InstanceNorm1d(4, affine=True)),
        (4, 5),
        ["0.0", "0.1", "0.2"],
    ),
    "no statistics": (nn.BatchNorm2d(4, affine=False, track_running_stats=False), (4, 5, 5), ["0"]),
    "vector norm": (nn.BatchNorm1d(6), (6,), ["0"]),
    "lrn": (nn.LocalResponseNorm(3), (4, 5, 5), ["0"]),
    "upsample": (nn.Upsample(scale_factor=2, mode="bicubic"), (2, 5, 5), ["0"]),
    "encoder": (
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (5, 8),
        [
            "0.self_attn",
            "0.dropout1",
            "0.add1",
            "0.norm1",
            "0.linear1",
            "0.relu1",
            "0.dropout",
            "0.linear2",
            "0.dropout2",
            "0.add2",
            "0.norm2",
        ],
    ),
    "identity": (nn.Sequential(nn.Identity(), nn.ReLU()), (3,), ["0.1"]),
    "shuffles": (
        nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2)),
        (8, 3, 3),
        ["0.0", "0.1", "0.2"],
    ),
    "flatten": (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 5))), (2, 2, 5), ["0.0", "0.1"]),
}


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    module, shape, names = MODULES[name]
    whole = nn.Sequential(module).eval()
    graph = read_torch(whole, shape)
    assert [n.name for n in graph] == names
    assert graph.params == sum(p.numel() for p in whole.parameters())
    x = torch.randn(1, *shape)
    values = trace_values(whole, graph, {"input": x})
    with torch.no_grad():
        torch.testing.assert_close(values[names[-1]], whole(x), atol=1e-5, rtol=1e-4)


def test_cached_constants_are_not_confused() -> None:
    table: dict[int, Tensor] = {}  # outlives a reading, and has a node in each

    class Cached(nn.Module):
        def __init__(self, before: int) -> None:
            super().__init__()
            self.before, self.weight = before, nn.Parameter(torch.ones(3, 2))

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(self.before):
                x = x.relu()
            grid = table.setdefault(0, torch.arange(3.0))
            return x * grid + self.weight.T[0] * self.weight.data.sum()

    for before in (1, 3):
        graph = read_torch(Cached(before), (3,))
        assert graph["mul1"].inputs == (f"relu{before}", "constant1")
        assert (graph.params, graph.meta) == (6, {})


def test_attention_with_a_mask_is_read_inside() -> None:
    class Causal(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            mask = torch.triu(torch.full((5, 5), float("-inf")), 1)
            return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]

    module = Causal().eval()
    graph = read_torch(module, (5, 8))
    assert "scaled_dot_product_attention" in [n.op.kind for n in graph]
    x = torch.randn(1, 5, 8)
    with torch.no_grad():
        values = trace_values(module, graph, {"input": x})
        torch.testing.assert_close(values[graph.outputs[0]].flatten(), module(x).flatten())
    assert graph.params == sum(p.numel() for p in module.parameters())


def test_recurrent_state() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[1][-1])

    module = Last().eval()
    graph = read_torch(module, (7, 3))
    assert [n.op.kind for n in graph] == ["gru", "slice", "reshape", "linear"] and graph.outputs == ("head",)
    assert graph["slice1"].out == (1, 4)


def test_states_of_layers_read_every_step() -> None:
    class States(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.LSTM(3, 4, 2), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            _, (h, c) = self.rnn(x.transpose(0, 1))
            return self.head(torch.cat([h[-1], c[-1]], 1))

    graph = read_torch(States(), (7, 3))
    assert [n.op.kind for n in graph][1:3] == ["opaque", "slice"] and graph["opaque1"].out == (2, 4)
    assert receptive_field(graph)["head"].is_global


@pytest.mark.parametrize(
    ("name", "size", "also"),
    [
        ("coordinate_attention", (5, 5), "pool_h"),
        ("selective_kernel", (5, 5), "mean1"),
        ("split_shuffle", (11, 11), None),
        ("text_cnn", (8,), None),  # axis 0 counts as channels
    ],
)
def test_receptive_fields(
    name: str, size: tuple[int, ...], also: str | None, graphs: dict[str, Graph]
) -> None:
    field = receptive_field(graphs[name])[graphs[name].outputs[0]]
    assert (field.size, field.also_global) == (size, also)


def test_devices_that_are_not_here() -> None:
    def forward(x: Tensor) -> Tensor:
        return x.cuda() + torch.ones(6, device="cuda:1").to("cuda")

    assert [n.op.kind for n in read_torch(Lambda(forward), (4, 6))] == ["constant", "add"]


def test_checkpoints_run_once() -> None:
    """Going back over a checkpoint would run its layers again, on the module's own weights."""
    for reentrant in (False, True):
        conv = nn.Conv2d(4, 4, 3)

        def forward(x: Tensor, conv: nn.Module = conv, reentrant: bool = reentrant) -> Tensor:
            return torch.utils.checkpoint.checkpoint(conv, x, use_reentrant=reentrant)

        graph = read_torch(Lambda(forward), (4, 5, 6))
        x = torch.zeros(1, 4, 5, 6, requires_grad=True)
        trace_values(Lambda(forward), graph, {"input": x})[graph.outputs[0]].sum().backward()
        assert x.grad is not None and x.grad.any()


def test_own_autograd_function_and_checkpoint() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return gradient * 2

    def forward(x: Tensor) -> Tensor:
        y = torch.utils.checkpoint.checkpoint(lambda y: y.relu(), x, use_reentrant=False)
        return Double.apply(y)

    assert [n.op.kind for n in read_torch(Lambda(forward), (3,))] == ["relu", "mul"]


# -- the same forward with other functions ------------------------------------------------------------
def test_on_node_replaces_what_nodes_compute() -> None:
    """As the verifier does: no ReLU, ones for weights, so that the gradient shows the receptive field."""
    module = NETS["in_place"][0]()
    graph = read_torch(module, (3, 12, 12))
    steps = []

    def linear(step: torch_call.Step) -> Tensor | None:
        steps.append((step.name, step.op.kind, [tuple(x.shape) for x in step.inputs]))
        if step.op.kind == "relu":
            return step.inputs[0]
        if step.op.kind == "conv":
            step.args = (step.args[0], torch.ones_like(step.args[1]), *step.args[2:])
        return None

    x = torch.zeros(1, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    value = trace_values(module, graph, {"input": x}, linear)[graph.outputs[0]]
    gradient = torch.autograd.grad(value[0, 0, 6, 6], x)[0]
    assert gradient[0].any(0).nonzero().aminmax(dim=0).min.tolist() == [4, 4]
    assert gradient[0].any(0).sum() == 25
    assert steps[0] == ("a", "conv", [(1, 3, 12, 12)]) and [s[0] for s in steps] == [n.name for n in graph]
    assert list(trace_values(module, graph, {"input": x}, keep=["b"])) == ["b"]


def test_a_wrong_reader_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(call: Any, input: Tensor, weight: Tensor, bias: Any, stride: Any, *rest: Any) -> Any:
        return torch_windows.convolution(2)(call, input, weight, bias, (2, 2), *rest)

    monkeypatch.setitem(torch_table.TABLE, F.conv2d, wrong)
    with pytest.raises(
        ConvvizError,
        match=r"conv \(Conv2d\), .*py:\d+: internal error: conv computes 1x4x6x6, torch 1x4x12x12",
    ):
        read_torch(Shared(), (4, 12, 12))


# -- modules that are told about --------------------------------------------------------------------
def test_treat() -> None:
    graph = read_torch(Opaque(), (2, 8, 8), treat={"Sort": "pointwise"})
    node = graph["sort"]
    assert (node.op.kind, node.out, node.params) == ("opaque", (4, 8, 8), 4)
    assert read_torch(Opaque(), (2, 8, 8), treat={"sort": "global"})["sort"].op.fields()["mode"] == "global"
    scripted = nn.Sequential(nn.Conv2d(2, 4, 3), compiled(nn.Tanh()))
    assert [n.name for n in read_torch(scripted, (2, 8, 8), treat={"1": "pointwise"})] == ["0", "1"]
    values = trace_values(Opaque(), graph, {"input": torch.randn(1, 2, 8, 8)}, treat={"Sort": "pointwise"})
    assert values["sort"].shape == (1, 4, 8, 8)


# -- sources ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "place", "name", "args", "kwargs"),
    [
        ("pkg.mod:Net", "pkg.mod", "Net", (), {}),
        ("pkg.mod:Net()", "pkg.mod", "Net", (), {}),
        (
            'pkg.mod:Unet("a:b", depth=4, widths=[1, 2], extra=None)',
            "pkg.mod",
            "Unet",
            ("a:b",),
            {"depth": 4, "widths": [1, 2], "extra": None},
        ),
        ("dir/net.py:make.small(-1.5)", "dir/net.py", "make.small", (-1.5,), {}),
        (r"C:\nets\net.py:Net", r"C:\nets\net.py", "Net", (), {}),
    ],
)
def test_parse_source(text: str, place: str, name: str, args: Any, kwargs: Any) -> None:
    assert parse_source(text)[1:] == (place, name, args, kwargs)


def test_sources_from_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts.py").write_text("from torch import nn\nWIDTH = 5\n")
    (tmp_path / "made_net.py").write_text(
        "from torch import nn\nfrom parts import WIDTH\n"
        "def make(width=WIDTH):\n    return nn.Conv2d(1, width, 3)\n"
        "ready = make(2)\nnumber = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert read_torch("made_net:make(width=7)", (1, 5, 5)).nodes[0].out == (7, 3, 3)
    assert read_torch(f"{tmp_path}/made_net.py:make", (1, 5, 5)).nodes[0].out == (5, 3, 3)
    assert read_torch("made_net.py:ready", (1, 5, 5)).nodes[0].out == (2, 3, 3)
    assert read_torch("torch.nn:Conv1d(1, 2, 3)", [1, 9]).name == "Conv1d"
    with pytest.raises(
        ConvvizError,
        match=r"made_net.py:number: number is of type int, not a module, its class or a function",
    ):
        read_torch("made_net.py:number", (1, 5, 5))
    with pytest.raises(ConvvizError, match=r"no 'mak' in made_net; did you mean 'make'\?"):
        read_torch("made_net:mak", (1, 5, 5))
    with pytest.raises(ConvvizError, match=r"ready is a module already and takes no arguments"):
        read_torch("made_net:ready(1)", (1, 5, 5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet18", "'resnet18' is not of the form module:callable or file.py:callable"),
        ("m:Net(", "'m:Net\\(' is not of the form"),
        ("m:Net(1 2)", "cannot read the arguments of"),
        ("m:Net(*a)", "write plain values, without"),
        ("m:Net(open('x'))", r"the argument open\('x'\) in .* must be a plain value"),
        ("no_such_module_x:Net", r"no module named 'no_such_module_x'; is it installed"),
        ("no/such/file.py:Net", "no file no/such/file.py"),
        (
            "torch.nn:Linear(3)",
            r"torch.nn:Linear\(3\): TypeError: .*missing 1 required positional argument: 'out_features'",
        ),
        ("torch:manual_seed(0)", r"manual_seed\(...\) returned a Generator, not a torch.nn.Module"),
        (f"{NETS_FILE}:Shard", r"no 'Shard' in .*; did you mean 'Shared'\?"),
    ],
)
def test_bad_sources(text: str, message: str) -> None:
    with pytest.raises(ConvvizError, match=message) as caught:
        read_torch(text, (3, 8, 8))
    assert "\n" not in str(caught.value)


def test_errors_of_user_code_are_placed(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "import torch\nfrom torch import nn\nclass Net(nn.Module):\n"
        "    def __init__(self, bad=False):\n        super().__init__()\n"
        "        if bad:\n            raise ValueError('too\\nbad')\n        self.fc = nn.Linear(10, 2)\n"
        "    def forward(self, x):\n        return self.fc(x.flatten(1))\n"
    )
    with pytest.raises(ConvvizError, match=r"net.py:7: ValueError: too bad$"):
        read_torch(f"{file}:Net(bad=True)", (1, 2, 5))
    with pytest.raises(ConvvizError, match=r"^fc \(Linear\), .*net.py:10: RuntimeError: .*1x12 and 10x2"):
        read_torch(f"{file}:Net", (1, 3, 4))
    (tmp_path / "broken.py").write_text("x = = 1\n")
    with pytest.raises(ConvvizError, match=r"broken.py:1: SyntaxError: invalid syntax"):
        read_torch(f"{tmp_path / 'broken.py'}:Net", (1, 3, 4))


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    file = tmp_path / "greedy.py"
    file.write_text(
        "import socket, urllib.request, torch\nfrom torch.hub import load_state_dict_from_url\n"
        "def hub(): return torch.hub.load_state_dict_from_url('http://localhost/x.pth')\n"
        "def early(): return load_state_dict_from_url('http://localhost/x.pth', model_dir=__file__ + '.d')\n"
        "def url(): return urllib.request.urlopen('http://localhost')\n"
        "def plug():\n    s = socket.socket()\n    s.settimeout(1)\n    s.connect(('127.0.0.1', 9))\n"
    )
    for name in ("hub", "early", "url", "plug"):
        with pytest.raises(
            ConvvizError, match=rf"greedy.py:{name}: the code wants to download something.*pass weights=None"
        ):
            read_torch(f"{file}:{name}", (3, 8, 8))
    assert urllib.request.urlopen.__module__ == "urllib.request"


def test_user_code_neither_prints_nor_exits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "loud.py"
    file.write_text(
        "import sys\nfrom torch import nn\nprint('imported')\nclass Loud(nn.ReLU):\n"
        "    def __init__(self):\n        super().__init__()\n        print('built')\n"
        "    def forward(self, x):\n        print('running')\n        return super().forward(x)\n"
        "class Exits(nn.Module):\n    def forward(self, x):\n        sys.exit(4)\n"
    )
    read_torch(f"{file}:Loud", (3, 8))
    out, err = capsys.readouterr()
    assert not out and {"imported", "built", "running"} <= set(err.split())
    with pytest.raises(ConvvizError, match=r"^Exits, .*loud.py:13: SystemExit: 4$"):
        read_torch(f"{file}:Exits", (3, 8))


# -- weights ----------------------------------------------------------------------------------------
def test_weights(tmp_path: Path) -> None:
    source, file = f"{NETS_FILE}:Shared", tmp_path / "w.pt"
    state = Shared().state_dict()
    for content in (
        state,
        {"state_dict": state},
        {f"module.{k}": v for k, v in state.items()},
        {"state_dict": {f"model.net.{k}": v for k, v in state.items()}, "epoch": 3},
    ):
        torch.save(content, file)
        assert torch.equal(load_module(source, file).conv.weight, state["conv.weight"])
        assert read_torch(source, (4, 8, 8), weights=file).params == 148
    torch.save({"conv.weight": state["conv.weight"], "conv.bais": state["conv.bias"]}, file)
    with pytest.raises(
        ConvvizError,
        match=r"w.pt: misses 'conv.bias' and has unexpected 'conv.bais'; did you mean 'conv.bais'\?",
    ):
        read_torch(source, (4, 8, 8), weights=file)
    torch.save({k: v[:1] for k, v in state.items()}, file)
    with pytest.raises(
        ConvvizError, match=r"conv.weight has shape \(1, 4, 3, 3\), the module needs \(4, 4, 3, 3\)"
    ):
        load_module(source, file)
    torch.save([1, 2], file)
    with pytest.raises(ConvvizError, match="is not a state dict: it must map names to tensors"):
        load_module(source, file)
    torch.save(Shared(), file)
    with pytest.raises(
        ConvvizError, match="is not a state dict of plain tensors, and nothing else is loaded"
    ):
        load_module(source, file)
    file.write_bytes(b"nonsense")
    with pytest.raises(ConvvizError, match="is not a state dict of plain tensors"):
        load_module(source, file)
    with pytest.raises(ConvvizError, match=r"none\.pt: no such file"):
        load_module(source, tmp_path / "none.pt")


# -- what is refused --------------------------------------------------------------------------------
def compiled(code: Any) -> Any:
    return quietly(torch.jit.script, code)


def doubled(x: Tensor) -> Tensor:
    return x * 2


REFUSED = {
    "vmap": (
        lambda x: x + torch.vmap(torch.relu)(x),
        r"uses a tensor that was made in a way that cannot be watched",
    ),
    "compiled": (
        lambda x: quietly(torch.jit.trace, nn.ReLU(), torch.ones(4))(x),
        r"is compiled by torch.jit and cannot be read",
    ),
    "lists beside others": (lambda x: x[:, [0, 1], [0, 1]], r"with a list of places beside another index"),
    "constant written": (lambda x: torch.zeros(1, 4, 5, 6).add_(x), r"add_\(\) writes data into a constant"),
    "sort": (
        lambda x: x.sort()[0],
        r"^Lambda, .*test_read_torch.py:\d+: sort\(\) cannot be read; --treat Lambda=pointwise counts it as",
    ),
    "topk": (lambda x: torch.topk(x, 2)[0], r"topk\(\) cannot be read"),
    "cumsum": (lambda x: x.cumsum(1), r"cumsum\(\) cannot be read"),
    "gather": (lambda x: x.gather(1, x.long()), r"long\(\) cannot be read"),
    "grid_sample": (lambda x: F.grid_sample(x, torch.zeros(1, 2, 2, 2)), r"grid_sample\(\) cannot be read"),
    "data mask": (lambda x: x[x > 0], r"gt\(\) cannot be read"),
    "data index": (
        lambda x: x[:, x.max(1)[1]],
        r"with an index that depends on the data|gives places that depend on the data",
    ),
    "branch on data": (lambda x: x if x.sum() else -x, r"__bool__\(\) looks at the values of data"),
    "item": (lambda x: x * x.max().item(), r"item\(\) looks at the values"),
    "setitem": (
        lambda x: (x * 1).__setitem__(0, 1),
        r"__setitem__\(\) \(x\[...\] = y\) cannot be read; build the result with torch.cat",
    ),
    "composed in place": (lambda x: x.clone().pow_(x), r"pow_\(\) cannot be read in place"),
    "a key": (
        lambda x: x["image"],
        r"forward asks for 'image', as of a dict of tensors; name it: --input image=SHAPE",
    ),
    "stale view": (
        lambda x: [y := x * 1, y.view(1, -1).add_(1), y + 1][-1],
        r"used after a view of it was changed in place",
    ),
    "weights from data": (
        lambda x: F.conv2d(x, x.expand(2, -1, -1, -1)),
        r"uses weights that are computed from the input",
    ),
    "out": (
        lambda x: torch.add(x, 1, out=torch.empty(1, 4, 5, 6)),
        r"add\(\) writes to out=..., which cannot be read",
    ),
    "constant result": (lambda x: torch.ones(3), r"nothing that forward returns depends on the input"),
    "argmax": (lambda x: x.argmax(1), r"argmax\(\) cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    function, message = REFUSED[name]
    with pytest.raises(ConvvizError, match=message) as caught:
        read_torch(Lambda(function), (4, 5, 6))
    assert "\n" not in str(caught.value)


def test_refused_in_its_place() -> None:
    with pytest.raises(ConvvizError) as caught:
        read_torch(Opaque(), (2, 8, 8))
    assert str(caught.value).startswith("sort (Sort), ")
    assert str(caught.value).endswith(
        "sort() cannot be read; --treat Sort=pointwise counts it as reading its own position only, "
        "Sort=global as reading everything"
    )
    assert "small.py:" in str(caught.value)


@pytest.mark.parametrize(
    ("input", "treat", "message"),
    [
        (None, {}, "a torch module needs the shape of its input"),
        ((4, 0, 8), {}, r"an input's shape must be whole numbers >= 1, got \[4, 0, 8\]"),
        ({"x": "4x8x8"}, {}, "the input x must be a shape such as"),
        ({"imge": (4, 8, 8), "x": (4, 8, 8)}, {}, r"forward has no parameter 'imge' \(it has x\)"),
        ([(4, 8, 8), (4, 8, 8)], {}, r"forward takes 1 inputs \(x\), got 2 shapes"),
        (
            (4, 8, 8),
            {"Conv": "globl"},
            r"--treat Conv=globl: must be pointwise or global; did you mean 'global'\?",
        ),
        (
            (4, 8, 8),
            {"Conv3d": "global"},
            r"--treat Conv3d: no module of that class or path was called; did you mean 'Conv2d'\?",
        ),
        ((4, 8, 8), 3, r"treat: must say how by class or path, \{'Sort': 'pointwise'\}; got 3"),
        ((4, 8, 8), {"Covn2d": "global"}, r"--treat Covn2d: no module of that .*; did you mean 'Conv2d'\?"),
        (
            {"y": (4, 8, 8)},
            {},
            r"^forward has no parameter 'y' \(it has x\), so it was given a dict, conv \(Conv2d\), .*: TypeError",
        ),
        (
            (3, 8, 8),
            {},
            r"^conv \(Conv2d\), .*small.py:\d+: RuntimeError: .*input\[1, 3, 8, 8\] to have 4 channels",
        ),
    ],
)
def test_bad_inputs(input: Any, treat: dict[str, str], message: str) -> None:
    with pytest.raises(ConvvizError, match=message) as caught:
        read_torch(Shared(), input, treat=treat)
    assert "\n" not in str(caught.value)
