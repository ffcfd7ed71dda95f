"""model.yaml -> Graph: names, blocks, repeats, parameters, sources, sugar, several inputs."""

import subprocess
import sys
import time

import pytest

import convviz
from convviz.graph import Graph
from convviz.read import bundled, parse_input
from convviz.read.document import load
from convviz.read.model_yaml import assemble, choose_inputs, parse


def read(text, input=None):
    net = parse(text, "net.yaml", "net")
    return assemble(net, choose_inputs(net, input))


def layers(text, input="[1, 28, 28]"):
    return read(f"input: {input}\nlayers:\n{text}")


def names(graph):
    return [node.name for node in graph]


EXAMPLE = """
name: example
input: [1, 28, 28]
blocks:
  unit:
    with: {channels: 16, drop: 0.1}
    layers:
      - conv: {out_channels: $channels, kernel_size: 3, bias: false}
      - relu
      - batch_norm
      - dropout: $drop
layers:
  - unit: {channels: 16}
  - unit: {channels: 32}
    repeat: 2
    name: body
  - conv: {out_channels: 10, kernel_size: 1}
    name: left
  - max_pool: {kernel_size: 1}
    name: right
    from: body2
  - concat:
    from: [left, right]
"""


def test_the_example_of_the_format():
    graph = read(EXAMPLE)
    inner = ["conv1", "relu1", "batch_norm1", "dropout1"]
    units = [f"{unit}.{layer}" for unit in ("unit1", "body1", "body2") for layer in inner]
    assert names(graph) == [*units, "left", "right", "concat1"]
    assert graph["left"].inputs == ("body2.dropout1",)
    assert graph["right"].inputs == ("body2.dropout1",)
    assert graph["concat1"].inputs == ("left", "right")
    assert graph["concat1"].out == (42, 22, 22)
    assert graph["body1.dropout1"].op.p == 0.1
    assert graph["body1.conv1"].op.out_channels == 32
    assert graph.outputs == ("concat1",)
    assert graph["body1.conv1"].where == "net.yaml:8: blocks.unit.layers[0].conv"


CONV = "- conv: {out_channels: 4, kernel_size: 1}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CONV * 2 + "- relu\n" + CONV, ["conv1", "conv2", "relu1", "conv3"]),
        (CONV + CONV + "  name: mine\n" + CONV, ["conv1", "mine", "conv3"]),
        (CONV + CONV + "  repeat: 2\n" + CONV, ["conv1", "conv2", "conv3", "conv4"]),
        (CONV + CONV + "  repeat: 2\n  name: c\n" + CONV, ["conv1", "c1", "c2", "conv4"]),
        (CONV + "  repeat: 1\n  name: c\n", ["c1"]),
        ("- depthwise_conv: {kernel_size: 3}\n" * 2 + CONV, ["depthwise_conv1", "depthwise_conv2", "conv1"]),
        (
            "- separable_conv: {out_channels: 4, kernel_size: 3}\n  name: sep\n",
            ["sep.depthwise", "sep.pointwise"],
        ),
        (
            "- spatially_separable_conv: {out_channels: 4, kernel_size: 3}\n",
            ["spatially_separable_conv1.axis0", "spatially_separable_conv1.axis1"],
        ),
    ],
)
def test_names(text, expected):
    assert names(layers(text)) == expected


def test_each_copy_of_a_block_counts_for_itself():
    graph = read(
        """
        input: [1, 8, 8]
        blocks:
          inner: {layers: [relu, relu]}
          outer: {layers: [inner, {inner, name: last}, relu]}
        layers: [outer, {outer, repeat: 2}, inner]
        """
    )
    one = ["inner1.relu1", "inner1.relu2", "last.relu1", "last.relu2", "relu1"]
    outer = [f"outer{i}.{name}" for i in (1, 2, 3) for name in one]
    assert names(graph) == [*outer, "inner1.relu1", "inner1.relu2"]


def test_copies_read_the_one_before():
    graph = layers(
        "- relu\n- tanh:\n  from: input\n  repeat: 3\n- add:\n  from: [tanh3, relu1]\n  repeat: 2\n"
    )
    assert [node.inputs for node in graph] == [
        ("input",), ("input",), ("tanh1",), ("tanh2",), ("tanh3", "relu1"), ("add1", "relu1"),
    ]  # fmt: skip


def test_from_takes_inner_names_blocks_and_parts():
    graph = read(
        """
        input: [2, 8, 8]
        blocks:
          u: {layers: [relu, separable_conv: {out_channels: 2, kernel_size: 1}]}
        layers:
          - u
          - tanh: {}
            from: u1.relu1
          - sigmoid:
            from: u1
          - elu:
            from: u1.separable_conv1.depthwise
          - {add, name: sum, from: [u1, input]}
        """
    )
    assert graph["tanh1"].inputs == ("u1.relu1",)
    assert graph["sigmoid1"].inputs == ("u1.separable_conv1.pointwise",)
    assert graph["elu1"].inputs == ("u1.separable_conv1.depthwise",)
    assert graph["sum"].inputs == ("u1.separable_conv1.pointwise", "input")


def test_input_inside_a_block_is_what_the_block_reads():
    graph = read(
        """
        input: [2, 8, 8]
        blocks:
          residual: {layers: [relu, {add, from: [input, relu1]}]}
          fuse: {layers: [{add, from: [input1, input2]}, {mul, from: [input, add1]}]}
        layers:
          - tanh
          - residual
          - fuse:
            from: [residual1, tanh1]
        """
    )
    assert graph["residual1.add1"].inputs == ("tanh1", "residual1.relu1")
    assert graph["fuse1.add1"].inputs == ("residual1.add1", "tanh1")
    assert graph["fuse1.mul1"].inputs == ("residual1.add1", "fuse1.add1")


def test_parameters_reach_values_items_repeats_and_blocks_within():
    graph = read(
        """
        input: [1, 16, 16]
        blocks:
          c:
            with: {k: 1, n: 1, out: }
            layers:
              - conv: {out_channels: $out, kernel_size: [$k, 1]}
                repeat: $n
          twice: {with: {k: 3}, layers: [{c: {k: $k, n: 2, out: 5}}]}
        layers: [twice, twice: 5, {c: {out: 7}}]
        """
    )
    twice = [f"twice{i}.c1.conv{j}" for i in (1, 2) for j in (1, 2)]
    assert names(graph) == [*twice, "c1.conv1"]
    assert [node.op.kernel_size for node in graph] == [(3, 1), (3, 1), (5, 1), (5, 1), (1, 1)]
    assert [node.out[0] for node in graph] == [5, 5, 5, 5, 7]


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("- max_pool: 3", "kernel_size", (3, 3)),
        ("- max_pool: [3, 1]", "kernel_size", (3, 1)),
        ("- dropout: 0.3", "p", 0.3),
        ("- avg_pool: 2", "stride", (2, 2)),
        ("- pad: 2", "padding", ((2, 2), (2, 2))),
        ("- conv: {out_channels: 1, kernel_size: 1}", "bias", True),
        ("- batch_norm: {eps: 1e-3}", "eps", 1e-3),
    ],
)
def test_fields(text, field, value):
    assert getattr(layers(text).nodes[0].op, field) == value


@pytest.mark.parametrize(
    ("shape", "kernel"), [((3, 9), (3,)), ((3, 9, 9), (3, 3)), ((3, 9, 9, 9), (3, 3, 3))]
)
def test_the_rank_follows_the_input(shape, kernel):
    graph = layers("- conv: {out_channels: 2, kernel_size: 3}", list(shape))
    assert graph["conv1"].op.kernel_size == kernel
    assert graph["conv1"].out == (2,) + (7,) * len(kernel)


def test_linear_reads_a_vector():
    assert layers("- linear: 10", "[784]").nodes[0].out == (10,)
    assert layers("- flatten\n- linear: 10").nodes[1].params == 7850


def test_several_inputs():
    joins = "{mul, from: [relu1, mask]}, {add, from: [input, mul1]}"
    text = f"input: {{image: [3, 8, 8], mask: [1, 8, 8]}}\nlayers: [relu, {joins}]"
    graph = read(text)
    assert dict(graph.inputs) == {"image": (3, 8, 8), "mask": (1, 8, 8)}
    assert [node.inputs for node in graph] == [("image",), ("relu1", "mask"), ("image", "mul1")]
    assert dict(read(text, {"mask": (1, 1, 1)}).inputs) == {"image": (3, 8, 8), "mask": (1, 1, 1)}


def test_meta_keeps_what_the_file_says():
    graph = read(
        "name: n\nvariant: v\nsource: s\nyear: 2020\nexpect: {params: 0}\ninput: [1, 4]\nlayers: [relu]"
    )
    assert graph.name == "n"
    assert dict(graph.meta) == {
        "variant": "v", "source": "s", "year": 2020, "expect": {"params": 0}, "path": "net.yaml",
    }  # fmt: skip


def test_scalars_are_those_of_yaml_1_2_and_merges_work():
    text = "a: [1e-5, no, 010, 1_000, 0x10, .inf, ~, 'true', true, 1:30, -3, +.5]"
    assert load(f"{text}\nb: &b {{x: 1, y: 2}}\nc: {{<<: *b, y: 3}}", "f") == {
        "a": [1e-5, "no", 10, 1000, "0x10", float("inf"), None, "true", True, "1:30", -3, 0.5],
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
    }


def test_lines_are_remembered():
    doc = load("a:\n  b: 1\n  c:\n    - x\n    - {d: 1}\n", "f")
    assert doc.lines == {"a": 1} and doc["a"].lines == {"b": 2, "c": 3} and doc["a"]["c"].lines == [4, 5]


def test_huge_numbers_cost_nothing():
    graph = layers(
        "- conv: {out_channels: 8, kernel_size: 1000000000000}", "[1, 1000000000000, 1000000000001]"
    )
    assert graph["conv1"].out == (8, 1, 2)
    assert graph.params == 8 * 10**24 + 8


def test_ten_thousand_layers_in_about_a_second():
    text = (
        "input: [1, 28, 28]\nlayers:\n" + "- conv: {out_channels: 8, kernel_size: 3, padding: 1}\n" * 10_000
    )
    start = time.process_time()
    assert len(read(text)) == 10_000
    assert time.process_time() - start < 3  # .4 s on a quiet machine


# -- sources ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["3x8x9", "3,8,9", "[3, 8, 9]", "3 x 8 x 9", [3, 8, 9], (3, 8, 9)])
def test_input_texts(text):
    assert parse_input(text) == (3, 8, 9)


def test_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text("input: [1, 8]\nlayers: [relu]\n")
    (tmp_path / "tiny").write_text("input: [1, 4]\nlayers: [tanh]\n")
    (tmp_path / "vgg16").mkdir()
    assert convviz.read("net.yaml").name == "net"
    assert convviz.read(tmp_path / "net.yaml", "1x5").inputs["input"] == (1, 5)
    assert len(convviz.read("tiny")) > 1  # a bundled net's name goes first,
    assert len(convviz.read("./tiny")) == 1  # and this is the file
    assert len(convviz.read("vgg16")) > 30  # whatever lies about
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfinput: [1, 8]\r\nlayers: [relu]\r\n")
    assert len(convviz.read("bom.yaml")) == 1


def test_torch_sources_go_to_their_reader(tmp_path, monkeypatch):
    nn = pytest.importorskip("torch").nn
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("from torch import nn\ndef make(k):\n    return nn.Conv2d(1, 2, k)\n")
    assert convviz.read(nn.Conv2d(1, 2, 3), "1x8x8").params == 20
    assert convviz.read("net.py:make(5)", "1x8x8").nodes[-1].out == (2, 4, 4)


def test_a_graph_is_a_source():
    graph = convviz.read("lenet5")
    assert convviz.read(graph) is graph
    wider = convviz.read(convviz.read("s7"), "3x32x32")
    assert isinstance(wider, Graph) and wider.inputs["input"] == (3, 32, 32)
    assert names(wider) == names(convviz.read("s7", (3, 32, 32)))


def test_the_package_is_the_function_too():
    import convviz.read as package

    assert package is convviz.read
    assert len(convviz.read("lenet5")) == len(package.read("lenet5"))


def test_bundled_nets_are_listed_cheaply():
    listed = bundled.names()
    assert listed.index("code2") < listed.index("code10")
    assert bundled.describe("patchgan")["year"] == 2016
    assert "layers" not in bundled.describe("patchgan")


def test_reading_yaml_imports_nothing_heavy():
    heavy = ("torch", "matplotlib", "manim", "importlib.metadata")
    code = f"import sys, convviz; convviz.read('code8'); print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
