"""The proof itself: it agrees where the analysis is right, and sees errors that are planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.nn import functional as F

import convviz
import convviz.analysis.lower
from convviz.analysis import receptive_field
from convviz.analysis.lower import LoweredNode
from convviz.cli import main
from convviz.graph import Graph, GraphBuilder
from convviz.ops import OPS, build
from convviz.ops.conv import Conv
from convviz.ops.relations import Window
from convviz.verify import verify
from convviz.verify.ones import Ones
from convviz.verify.places import locate, sample, spread_out
from tests.nets import NETS
from tests.nets.small import Opaque

SMALL = ["code2", "code8", "dcgan", "espcn", "lenet5", "s4", "s6_ln", "s7", "tiny"]
TORCH = [
    *[
        "convnext_small_test",
        "vit_small_test",
        "swin_small_test",
        "unet",
        "unet_bilinear",
        "deeplab",
        "tcn_weight_norm",
    ],
    *[
        "wavenet",
        "crnn",
        "functional",
        "in_place",
        "shared",
        "control_flow",
        "outputs",
        "two_inputs",
        "sequence_input",
    ],
]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", SMALL)
def test_bundled_nets_agree(name: str) -> None:
    graph = convviz.read(name)
    found = verify(graph, receptive_field(graph), budget=60, units=8)
    assert found.passed, str(found)
    assert found.layers == found.of == len(graph)
    assert (
        found.line
        == f"verified: {found.units} units of {len(graph)} of {len(graph)} layers agree with autograd"
    )


@pytest.mark.slow
@pytest.mark.parametrize("with_global", [False, True])
@pytest.mark.parametrize("name", TORCH)
def test_torch_nets_agree(name: str, with_global: bool) -> None:
    factory, shape = NETS[name]
    module = factory()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    graph = convviz.read(module, shape)
    result = receptive_field(graph, with_global=with_global)
    found = verify(graph, result, module=module, input=shape, budget=60, units=2)
    assert found.passed, str(found)
    assert found.layers >= 0.8 * found.of  # what lies within one torch function cannot be asked
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_each_input() -> None:
    factory, shape = NETS["two_inputs"]
    module = factory()
    graph = convviz.read(module, shape)
    for wrt in shape:
        found = verify(graph, receptive_field(graph, wrt=wrt), module=module, input=shape)
        assert found.passed, str(found)


@pytest.mark.parametrize("how", ["pointwise", "global"])
def test_treated_modules_read_what_was_said(how: str) -> None:
    module = Opaque()
    graph = convviz.read(module, (2, 12, 12), treat={"Sort": how})
    found = verify(graph, receptive_field(graph), module=module, treat={"Sort": how})
    assert found.passed, str(found)


def line(*ops: tuple[str, dict[str, Any]], shape: tuple[int, ...] = (2, 15)) -> Graph:
    builder, last = GraphBuilder("line", {"input": shape}), "input"
    for i, (kind, fields) in enumerate(ops):
        last = builder.add(f"{kind}{i}", build(kind, fields, len(shape) - 1), [last]).name
    return builder.build()


def conv(kernel_size: int, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "conv", {"out_channels": 4, "kernel_size": kernel_size, **fields}


CASES = {
    "reflect": line(conv(5, padding=3, padding_mode="reflect")),
    "circular": line(conv(5, padding=3, padding_mode="circular")),
    "replicate": line(("pad", {"padding": 3, "mode": "replicate"}), conv(3)),
    "phases": line(
        ("conv_transpose", {"out_channels": 2, "kernel_size": 2, "stride": 3}),
        ("max_pool", {"kernel_size": 2}),
    ),
    "cubic": line(("upsample", {"scale_factor": 2, "mode": "bicubic"}), shape=(1, 9, 7)),
    "cubic smaller": line(("upsample", {"size": [4, 3], "mode": "bicubic"}), shape=(1, 9, 7)),
    "linear": line(("upsample", {"size": 40, "mode": "linear"})),
    "corners": line(("upsample", {"size": 29, "mode": "linear", "align_corners": True})),
    "nearest": line(("upsample", {"size": 22, "mode": "nearest"})),
    "adaptive": line(("adaptive_max_pool", {"output_size": 4})),
    "dilated pool": line(
        ("max_pool", {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": 1, "ceil_mode": True})
    ),
    "lp": line(("lp_pool", {"norm_type": 3, "kernel_size": 3, "ceil_mode": True})),
    "groups": line(conv(3, groups=2, stride=2)),
    "lstm": line(("lstm", {"hidden_size": 3})),
    "gru": line(("gru", {"hidden_size": 3, "bidirectional": True})),
    "attention": line(("attention", {"num_heads": 2}), shape=(4, 3, 3)),
    "glu": line(conv(3), ("glu", {})),
    "shuffle": line(("pixel_shuffle", {"upscale_factor": 2}), conv(3)),
    "extreme": line(conv(3), ("amax", {"dims": [1], "keepdim": True})),
    "unfold": line(("unfold", {"kernel_size": 3, "stride": 2}), shape=(2, 7, 9)),
}


@pytest.mark.parametrize("name", CASES)
def test_single_ops_agree(name: str) -> None:
    graph = CASES[name]
    found = verify(graph, receptive_field(graph), budget=60)
    assert found.passed, str(found)
    assert found.layers == len(graph)


# -- errors are seen --------------------------------------------------------------------------------
class Strided(nn.Module):
    """8 cells to 2 with stride 3 or with stride 2: the shape does not tell."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 5, stride=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.conv(x))


def test_wrong_stride_in_the_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from convviz.read import torch_windows

    real = torch_windows.operation

    def wrong(kind: str, rank: int = 2, **fields: Any) -> Any:
        return real(kind, rank, **(fields | {"stride": (2,)} if kind == "conv" else fields))

    module = Strided()
    good = convviz.read(module, (1, 8))
    assert verify(good, receptive_field(good), module=module).passed
    monkeypatch.setattr(torch_windows, "operation", wrong)
    graph = convviz.read(module, (1, 8))
    assert graph["conv"].op.fields()["stride"] == (2,)
    found = verify(graph, receptive_field(graph), module=module)
    assert not found.passed
    worst = found.disagreements[0]
    assert (worst.layer, worst.unit) == ("conv", (1,)) or worst.layer == "relu1"
    assert (worst.expected.lo, worst.found.lo) == ((2,), (3,))
    assert found.line.startswith("NOT verified: ")
    # The same on the command line: exit code 1, and the layer is named.
    (tmp_path / "strided.py").write_text(
        "from torch import nn\nNet = lambda: nn.Sequential(nn.Conv1d(1, 1, 5, stride=3), nn.ReLU())\n"
    )
    command = ["rf", f"{tmp_path / 'strided.py'}:Net", "--input", "1x8", "--verify"]
    bad = CliRunner().invoke(main, command)
    assert bad.exit_code == 1, bad.output
    assert "NOT verified" in bad.output
    monkeypatch.undo()
    good_again = CliRunner().invoke(main, command)
    assert good_again.exit_code == 0, good_again.output
    assert "layers agree with autograd" in good_again.output


def test_wrong_padding_in_an_op(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Conv.windows

    def wrong(self: Conv) -> tuple[Window, ...]:
        return tuple(replace(w, padding=w.padding + 1) for w in real(self))

    monkeypatch.setattr(Conv, "windows", wrong)
    graph = convviz.read("code8")
    found = verify(graph, receptive_field(graph), budget=60, units=4)
    assert not found.passed
    assert found.disagreements


class Gated(nn.Module):
    """A squeeze-and-excite gate, which is left out, and a residual behind it, which is not."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.a(x)
        x = x * x.mean((2, 3), keepdim=True).sigmoid()
        return self.b(x) + x


def test_dropped_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    real = convviz.analysis.lower._node

    def forgetful(node: Any, *args: Any) -> LoweredNode:
        done = real(node, *args)
        return replace(done, edges=done.edges[1:]) if node.op.kind == "add" else done

    module = Gated()
    graph = convviz.read(module, (2, 12, 12))
    result = receptive_field(graph)
    assert result["add1"] is not None and result["add1"].also_global
    assert verify(graph, result, module=module).passed
    monkeypatch.setattr(convviz.analysis.lower, "_node", forgetful)
    found = verify(graph, receptive_field(graph), module=module)
    assert {d.layer for d in found.disagreements} == {"add1"}


def test_wrong_numbers_of_a_layer() -> None:
    graph = convviz.read("code8")
    result = receptive_field(graph)
    layers = list(result.layers)
    rf = layers[4].rf
    assert rf is not None
    layers[4] = replace(layers[4], rf=replace(rf, size=(rf.size[0] + 1, *rf.size[1:])))
    found = verify(graph, replace(result, layers=tuple(layers)), budget=60, units=3)
    assert not found.passed
    assert {d.layer for d in found.disagreements} == {layers[4].node.name}


# -- parts ------------------------------------------------------------------------------------------
def test_budget_bounds_the_sample_and_asks_the_ends() -> None:
    graph = convviz.read("resnet18", "3x64x64")
    found = verify(graph, receptive_field(graph), budget=1e-9)
    assert found.passed
    assert (found.layers, found.of) == (2, len(graph))


def test_every_op_with_weights_is_replaced_or_cell_by_cell() -> None:
    replaced = {"conv", "conv_transpose", "linear", "attention", "lstm", "gru", "parameter", "opaque"}
    for kind, cls in OPS.items():
        if not cls.elementwise and cls.weights is not OPS["relu"].weights:
            assert kind in replaced, f"{kind} has weights: convviz.verify.ones must set them to one"


@pytest.mark.parametrize("call", [
    lambda x: F.max_pool2d(x, 3, 2, 1, dilation=2, ceil_mode=True),
    lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    lambda x: F.conv2d(x, torch.randn(6, 2, 3, 3), None, 2, 1, 2, 2),
    lambda x: F.conv_transpose2d(x, torch.randn(4, 3, 3, 2), None, 2, 1, 1, 2),
    lambda x: F.adaptive_max_pool2d(x, (3, 2)),
    lambda x: F.interpolate(x, scale_factor=1.7, mode="bicubic"),
    lambda x: torch.var(x, dim=(2, 3), keepdim=True),
    lambda x: torch.max(x, dim=1).values,
    lambda x: x @ torch.randn(7, 5),
    lambda x: torch.einsum("nchw,wk->nkhc", x, torch.randn(7, 5)),
    lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    lambda x: F.glu(x, 1),
])  # fmt: skip
def test_replacements_keep_shapes_and_read_what_the_function_reads(call: Any) -> None:
    """The cells with a gradient are those that a change of which changes the real output."""
    torch.manual_seed(0)
    x = torch.randn(1, 4, 9, 7, requires_grad=True)
    torch.manual_seed(1)
    real = call(x)
    torch.manual_seed(1)
    with Ones():
        ones = call(x)
    assert ones.shape == real.shape
    at = tuple(n // 2 for n in real.shape)
    (gradient,) = torch.autograd.grad(ones[at], x)
    assert (gradient >= 0).all()
    (true,) = torch.autograd.grad(real[at], x)
    assert ((gradient > 0) | (true.abs() < 1e-9)).all()  # never less than the function's own gradient


def test_spread_out() -> None:
    for n in range(12):
        assert sorted(spread_out(n)) == list(range(n))


def test_sample_has_phases_and_corners() -> None:
    units = sample((9, 12), (3, 1))
    assert units[:3] == [(4, 6), (0, 0), (8, 11)]
    assert {(5, 6), (6, 6), (0, 11), (8, 0)} <= set(units)
    assert all(0 <= a < 9 and 0 <= b < 12 for a, b in units)
    assert sample((1,), (1,)) == [(0,)]


def test_places_of_a_unit_in_tokens() -> None:
    """A unit of a map whose two axes became one: row times width plus column, behind nothing."""
    builder = GraphBuilder("tokens", {"input": (3, 4, 5)})
    builder.add("reshape", build("reshape", {"size": [3, 20]}), ["input"])
    builder.add("permute", build("permute", {"dims": [2, 1]}), ["reshape"])
    state = receptive_field(builder.build()).engine.lowered.nodes["permute"].state
    assert state is not None
    assert locate(state, (2, 3)) == [[13], [0, 1, 2]]


def test_progress_is_told_and_ends_at_all_of_it() -> None:
    graph = convviz.read("lenet5")
    told: list[float] = []
    verify(graph, convviz.receptive_field(graph), budget=60, progress=told.append)
    assert told == sorted(told) and 0 < told[0] <= told[-1] == 1.0
