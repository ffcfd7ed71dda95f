"""The exported source runs, and is the same net: shapes, weights and, with copied weights, outputs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import convviz
from convviz.build import build_module
from convviz.errors import ConvvizError
from convviz.export import MODULE, WIDTH, attributes, class_name, export, identifiers, sanitise
from convviz.graph import Graph, GraphBuilder
from convviz.ops import build
from convviz.read import bundled
from tests.nets import NETS

SMALL = [
    "code2",
    "code8",
    "code10",
    "dcgan",
    "lenet5",
    "s4",
    "s6_gn",
    "s6_ln",
    "s7",
    "tiny",
    "cifar_s7_small",
]
TORCH = [n for n in NETS if n != "dict_input"]
# Their parameters are more or fewer than the op that reads them holds: gathered, normalised, or a buffer.
OTHERWISE_PARAMETERISED = {"swin_t", "swin_small_test", "tcn_weight_norm", "functional"}


def graph_of(name: str) -> Graph:
    factory, shape = NETS[name]
    with torch.device("meta"):
        module = factory()
    return convviz.read(module, shape)


def check_same(graph: Graph, trained: bool = True) -> None:
    """Shapes of the outputs, and every weight by node, on meta tensors."""
    with torch.device("meta"):
        module, names = build_module(graph)
        result = module(*(torch.zeros(2, *shape) for shape in graph.inputs.values()))
    outputs = result if isinstance(result, tuple) else (result,)
    assert [tuple(y.shape) for y in outputs] == [(2, *graph.shape(name)) for name in graph.outputs]
    state = {
        k: tuple(v.shape) for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")
    }
    said = {
        f"{names[node.name]}.{key}": shape
        for node in graph
        for key, shape in (node.op.weights(*node.ins) | node.op.buffers(*node.ins)).items()
    }
    assert state == said
    if trained:
        assert sum(p.numel() for p in module.parameters() if p.requires_grad) == graph.params


@pytest.mark.parametrize("name", bundled.names())
def test_bundled_nets(name: str) -> None:
    check_same(convviz.read(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_torch_nets(name: str) -> None:
    check_same(graph_of(name), name not in OTHERWISE_PARAMETERISED)


def numpy_outputs(
    graph: Graph, state: dict[str, np.ndarray], names: dict[str, str], xs: list[np.ndarray]
) -> list[np.ndarray]:
    """The ops' own arithmetic, node by node."""
    values = dict(zip(graph.inputs, xs, strict=True))
    for node in graph:
        keys = {**node.op.weights(*node.ins), **node.op.buffers(*node.ins)}
        weights = {key: state[f"{names[node.name]}.{key}"] for key in keys}
        values[node.name] = node.op.forward(*(values[s] for s in node.inputs), weights=weights)
    return [values[name] for name in graph.outputs]


def randomise(module: nn.Module) -> None:
    """Weights that no two layers share and that tell running means from zeros."""
    generator = torch.Generator().manual_seed(0)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(
                torch.rand(value.shape, generator=generator) * 0.2 + (0.5 if "running_var" in name else -0.1)
            )


@pytest.mark.parametrize("name", SMALL)
def test_outputs_are_those_of_the_ops(name: str) -> None:
    graph = convviz.read(name)
    module, names = build_module(graph)
    module.double()
    randomise(module)
    xs = [
        torch.rand(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        for shape in graph.inputs.values()
    ]
    with torch.no_grad():
        result = module(*xs)
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    said = numpy_outputs(graph, state, names, [x.numpy() for x in xs])
    for y, expected in zip(result if isinstance(result, tuple) else (result,), said, strict=True):
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["resnet18", "in_place", "shared", "two_inputs", "crnn", "tcn", "patchgan", "unet_valid"]
)
def test_outputs_are_those_of_the_users_module(name: str) -> None:
    factory, shape = NETS[name]
    theirs = factory().eval()
    if name == "resnet18":
        shape = (3, 64, 64)
    randomise(theirs)
    graph = convviz.read(theirs, shape)
    ours, names = build_module(graph)
    state = theirs.state_dict()
    # A node of a module is called by the module's path (and _2 where an input has that name).
    copied = {
        f"{names[node.name]}.{key}": state[f"{node.name.removesuffix('_2')}.{key}"]
        for node in graph
        if not node.shares
        for key in (*node.op.weights(*node.ins), *node.op.buffers(*node.ins))
    }
    missing, unexpected = ours.load_state_dict(copied, strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    xs = [torch.rand(1, *s, generator=torch.Generator().manual_seed(1)) for s in graph.inputs.values()]
    with torch.no_grad():
        got, expected = ours(*xs), theirs(*xs)
    # Ours has the batch first, whatever axis theirs has it on.
    torch.testing.assert_close(got.squeeze(0), expected.reshape(got.shape[1:]), rtol=1e-4, atol=1e-5)


# -- the file ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["code8", "densenet121", "unet", "wavenet", "inception_v3"])
def test_source_is_tidy(name: str, tmp_path: Path) -> None:
    source = export(convviz.read(name))
    assert max(map(len, source.splitlines())) <= WIDTH
    assert not any(line != line.rstrip() for line in source.splitlines())
    file = tmp_path / f"{name}.py"
    file.write_text(source)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "110", "--select"]
    found = subprocess.run(
        [*command, "E,F,W,I,UP,B,C4,SIM", str(file)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_source_reads_well() -> None:
    lines = export(convviz.read("code8")).splitlines()
    assert lines[:4] == [
        '"""code8 as a PyTorch module, written by convviz."""',
        "",
        "import torch",
        "from torch import Tensor, nn",
    ]
    assert "class Code8(nn.Module):" in lines
    assert "        self.conv1 = nn.Conv2d(1, 16, 3, bias=False)" in lines
    assert "        x = self.conv1(x)  # 16x26x26" in lines


def test_branches_have_names() -> None:
    lines = export(convviz.read("resnet18")).splitlines()
    assert "        layer1_0_relu1 = self.layer1_0_relu1(x)" in lines
    assert "        x = layer1_0_relu1 + x" in lines


def test_main_prints_shapes_and_parameters(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(export(convviz.read("tiny")))
    out = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True).stdout
    assert "3,762 parameters" in out
    assert "(1, 10)" in out


def net(name: str, *layers: str, **more: Any) -> Graph:
    builder, last = GraphBuilder(name, {"input": (1, 8, 8)}, more), "input"
    for layer in layers:
        last = builder.add(layer, build("conv", {"out_channels": 1, "kernel_size": 1}), [last]).name
    return builder.build()


HOSTILE = [
    *("x; import os", "a\nimport os\n", '"""', "\\", "{0}", "{self}", "__import__('os').system('true')"),
    *(
        "__class__",
        "__init__",
        "_modules",
        "forward",
        "train",
        "parameters",
        "self",
        "torch",
        "nn",
        "F",
        "Tensor",
    ),
    *("x", "len", "print", "lambda", "1st", "", "слой", "ﬁ", "fi", "a.b", "a_b", "a-b", "🙂"),
]


def test_names_are_data() -> None:
    graph = net('"""; import os #', *HOSTILE, source='"""\nimport os\nx = """\\', variant="{0}", year="\x00")
    source = export(graph)
    tree = ast.parse(source)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert {a.name for n in imports for a in n.names} == {"torch", "Tensor", "nn"}
    assert [type(n).__name__ for n in tree.body] == ["Expr", "Import", "ImportFrom", "ClassDef", "If"]
    module, names = build_module(graph)
    assert list(names) == HOSTILE
    assert len(set(names.values())) == len(HOSTILE)
    assert not set(names.values()) & set(dir(nn.Module()))
    assert tuple(module(torch.zeros(2, 1, 8, 8)).shape) == (2, 1, 8, 8)
    assert module.training is False
    module.train()
    assert module.training is True


def test_reserved_names_are_complete() -> None:
    assert {n for n in dir(nn.Module()) if not n.startswith("_")} <= MODULE


@pytest.mark.parametrize(("name", "expected"), [
    ("layer1.0.conv1", "layer1_0_conv1"), ("3x3", "layer_3x3"), ("a b", "a_b"), ("", "layer"), ("__x__", "x"),
])  # fmt: skip
def test_sanitise(name: str, expected: str) -> None:
    assert sanitise(name) == expected


def test_class_names() -> None:
    assert [class_name(n) for n in ("code8", "my net", "3d", "Tensor", "none", "")] == [
        "Code8", "MyNet", "Net3d", "TensorNet", "NoneNet", "Net",
    ]  # fmt: skip


def test_several_inputs_and_outputs() -> None:
    builder = GraphBuilder("two", {"image": (3, 8, 8), "mask": (1, 8, 8)})
    builder.add("both", build("concat", {}), ["image", "mask"])
    builder.add("conv", build("conv", {"out_channels": 2, "kernel_size": 3}), ["both"])
    builder.add("unused", build("relu", {}), ["conv"])
    graph = builder.build(["both", "conv"])
    source = export(graph)
    assert "    def forward(self, image: Tensor, mask: Tensor) -> tuple[Tensor, ...]:" in source
    assert "        _ = self.unused(conv)" in source
    check_same(graph)
    exec(compile(source, "two", "exec"), {"__name__": "__main__"})


def test_shared_weights_are_one_module_or_tied() -> None:
    builder = GraphBuilder("shared", {"input": (2, 9, 9)})
    fields = {"out_channels": 2, "kernel_size": 3, "padding": 1}
    builder.add("first", build("conv", fields), ["input"])
    builder.add("again", build("conv", fields), ["first"], shares="first")
    builder.add("dilated", build("conv", fields | {"dilation": 2}), ["again"], shares="again")
    graph = builder.build()
    assert attributes(graph) == {"first": "first", "again": "first", "dilated": "dilated"}
    module, _ = build_module(graph)
    assert module.dilated.weight is module.first.weight
    assert sum(p.numel() for p in module.parameters()) == graph.params


def test_identifiers_hide_nothing_that_the_source_uses() -> None:
    builder = GraphBuilder("n", {"input": (4, 8, 8)})
    builder.add("part", build("ghost_batch_norm", {"num_splits": 2}), ["input"])
    builder.add("i", build("relu", {}), ["part"])
    builder.add("out", build("add", {}), ["part", "i"])
    graph = builder.build()
    names = identifiers(graph, [node.op.torch(*node.ins) for node in graph])
    assert names["part"] == "part_2" and names["i"] == "i_2"
    check_same(graph)


def test_what_has_no_source_is_named() -> None:
    from tests.nets.small import Opaque

    graph = convviz.read(Opaque(), (2, 12, 12), treat={"Sort": "pointwise"})
    with pytest.raises(ConvvizError, match=r"sort \(Sort\).*: opaque has no PyTorch source"):
        export(graph)


def test_a_parameter_is_repeated_for_the_batch() -> None:
    builder = GraphBuilder("token", {"input": (9, 4)})
    builder.add("token", build("parameter", {"size": [1, 4]}), [])
    builder.add("joined", build("concat", {"dim": 1}), ["token", "input"])
    graph = builder.build()
    assert 'torch.cat([self.token["weight"][None].expand(len(x), -1, -1), x], dim=1)' in export(graph)
    check_same(graph)
