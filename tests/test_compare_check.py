"""Stages, comparison, check and the ladder: pure functions of receptive-field results."""

from __future__ import annotations

from pathlib import Path

import pytest

from convviz.analysis import receptive_field
from convviz.analysis.check import FEATURES, check, layers_with
from convviz.analysis.compare import compare, net_field
from convviz.analysis.growth import growth
from convviz.analysis.results import ReceptiveField
from convviz.analysis.stages import block_regions, stages
from convviz.errors import ConvvizError
from convviz.read import read
from convviz.report.data import compare_data
from convviz.report.nets import compare_table


def result(source: str) -> ReceptiveField:
    return receptive_field(read(source))


def net(folder: Path, layers: str, shape: str = "[4, 16, 16]", name: str = "net") -> ReceptiveField:
    file = folder / f"{name}.yaml"
    file.write_text(f"input: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return receptive_field(read(file))


# -- stages -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "blocks", "channels"),
    [("resnet18", [2, 2, 2, 2], [64, 128, 256, 512]), ("resnet50", [3, 4, 6, 3], [256, 512, 1024, 2048])],
)
def test_stages_are_the_blocks_that_the_paper_counts(
    source: str, blocks: list[int], channels: list[int]
) -> None:
    found = stages(result(source))
    assert [s.name for s in found] == ["stem 112x112", "56x56", "28x28", "14x14", "7x7", "head"]
    assert [s.blocks for s in found[1:5]] == blocks
    assert [s.channels[-1] for s in found[1:5]] == channels


@pytest.mark.parametrize("source", ["code8", "resnet18", "densenet121", "unet", "wavenet", "inception_v3"])
def test_stages_hold_every_layer_once(source: str) -> None:
    net = result(source)
    found = stages(net)
    assert [name for s in found for name in s.layers] == [layer.node.name for layer in net]
    assert sum(s.params for s in found) == net.graph.params
    assert sum(s.macs for s in found) == net.graph.macs


def test_dense_blocks_and_the_two_arms_of_a_unet() -> None:
    assert [s.blocks for s in stages(result("densenet121"))] == [0, 6, 12, 24, 16, 0]
    jumps = [s.jump[0] for s in stages(result("unet")) if s.jump]
    assert jumps == [1, 2, 4, 8, 16, 8, 4, 2, 1]


def test_a_block_ends_where_its_paths_meet(tmp_path: Path) -> None:
    made = net(
        tmp_path,
        "  - relu:\n    name: a\n  - conv: {out_channels: 4, kernel_size: 1}\n    name: b\n"
        "  - add:\n    name: c\n    from: [a, b]\n  - relu:\n    name: d\n",
    )
    assert block_regions(made.graph) == (("b", "c"),)


# -- compare ------------------------------------------------------------------------------------------
def test_a_step_of_the_ladder_is_one_change() -> None:
    found = compare(result("code4"), result("code5"))
    assert [(c.kind, c.after.node.name if c.after else "") for c in found.changes] == [
        ("added", "dropout1"),
        ("added", "dropout2"),
    ]
    assert found.params == (10970, 10970)
    assert found.size == ((28, 28), (28, 28))


def test_a_net_is_the_same_as_itself() -> None:
    found = compare(result("resnet18"), result("resnet18"))
    assert found.same and not found.changes


@pytest.mark.parametrize(
    ("a", "b"),
    [("code7", "code8"), ("code8", "code7"), ("code2", "code3"), ("resnet18", "resnet34"), ("code1", "unet")],
)
def test_the_parameters_that_changes_move_add_up(a: str, b: str) -> None:
    found = compare(result(a), result(b))
    assert sum(change.params for change in found.changes) == found.params[1] - found.params[0]
    names = [change.after.node.name for change in found.changes if change.after]
    assert len(names) == len(set(names))


def test_growth_adds_up_along_a_chain_of_stride_one(tmp_path: Path) -> None:
    a = net(tmp_path, "  - conv: {out_channels: 4, kernel_size: 3}\n  - relu\n", name="a")
    b = net(
        tmp_path,
        "  - conv: {out_channels: 4, kernel_size: 5, dilation: 2}\n  - relu\n"
        "  - conv: {out_channels: 4, kernel_size: 3}\n",
        name="b",
    )
    found = compare(a, b)
    assert [change.growth for change in found.changes] == [6, 2]
    assert found.changes[0].fields == {"kernel_size": ((3, 3), (5, 5)), "dilation": ((1, 1), (2, 2))}


CONV = "  - conv: {out_channels: 4, kernel_size: 3}\n"
UNIT = CONV + "  - relu\n  - batch_norm\n"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (UNIT, CONV + "  - batch_norm\n  - relu\n", ("moved", "relu1", "behind batch_norm1")),
        (
            "  - max_pool: 2\n" + UNIT,
            UNIT + "  - max_pool: 2\n",
            ("moved", "max_pool1", "behind batch_norm1"),
        ),
        (
            UNIT,
            UNIT.replace("batch_norm", "group_norm: 2"),
            ("replaced", "batch_norm1→group_norm1", "batch_norm → group_norm"),
        ),
        (UNIT, UNIT.replace("relu", "gelu"), ("replaced", "relu1→gelu1", "relu → gelu")),
        (
            UNIT + "  - max_pool: 2\n",
            UNIT + "  - conv: {out_channels: 4, kernel_size: 2, stride: 2}\n",
            ("replaced", "max_pool1→conv2", "max_pool k2 s2 → conv k2 s2 4"),
        ),
        (UNIT, UNIT.replace("kernel_size: 3", "kernel_size: 5"), ("changed", "conv1", "kernel 3→5")),
        (
            UNIT + "  - max_pool: 2\n",
            UNIT + "  - max_pool: 2\n    from: relu1\n",
            ("changed", "max_pool1", "from batch_norm1→relu1"),
        ),
        (UNIT, UNIT.replace("relu", "relu: {}\n    name: other"), None),
    ],
)
def test_one_change_is_told_in_one_line(
    tmp_path: Path, before: str, after: str, told: tuple[str, str, str] | None
) -> None:
    found = compare(net(tmp_path, before, name="a"), net(tmp_path, after, name="b"))
    assert [row[:3] for row in compare_table(found).rows] == ([told] if told else [])
    assert found.same == (told is None)


def test_a_path_around_new_layers_is_no_other_connection(tmp_path: Path) -> None:
    skip = UNIT + CONV.replace("}", ", padding: 1}") + "  - add:\n    from: [batch_norm1, conv2]\n"
    found = compare(net(tmp_path, UNIT + CONV, name="a"), net(tmp_path, skip + CONV, name="b"))
    assert [change.kind for change in found.changes] == ["added", "added"]


def test_a_deeper_net_has_its_blocks_added_by_name() -> None:
    found = compare(result("resnet18"), result("resnet34"))
    names = {change.after.node.name.split(".")[0] for change in found.changes if change.after}
    assert {change.kind for change in found.changes} == {"added"}
    assert names == {f"layer{i}_{j}" for i, n in ((1, 3), (2, 4), (3, 6), (4, 3)) for j in range(2, n)}


def test_layers_that_a_stride_makes_grow_more_are_named(tmp_path: Path) -> None:
    a = net(tmp_path, CONV * 3, name="a")
    b = net(tmp_path, CONV.replace("3}", "3, stride: 2}") + CONV * 2, name="b")
    found = compare(a, b)
    assert [(layer.node.name, growth) for layer, growth in found.carried] == [("conv2", 2), ("conv3", 2)]
    assert found.size == ((7, 7), (11, 11))
    assert compare_data(found)["carried"] == [{"name": "conv2", "growth": 2}, {"name": "conv3", "growth": 2}]
    notes = compare_table(found).notes
    assert "Δr of unchanged layers, whose steps on the input changed: conv2 +2, conv3 +2" in notes


def test_percentages_have_the_minus_of_all_other_numbers(tmp_path: Path) -> None:
    found = compare(net(tmp_path, UNIT, name="a"), net(tmp_path, CONV, name="b"))
    assert "parameters: 156 → 148 (−8, −5 %)" in compare_table(found).notes


def test_inputs_that_differ_are_told(tmp_path: Path) -> None:
    a = net(tmp_path, "  - relu\n", name="a")
    b = net(tmp_path, "  - relu\n", shape="[4, 8, 8]", name="b")
    found = compare(a, b)
    assert found.inputs is not None and not found.same


def test_long_nets_are_compared_quickly(tmp_path: Path) -> None:
    layer = "  - conv: {out_channels: 4, kernel_size: 1}\n  - relu\n"
    a = net(tmp_path, layer * 600, name="a")
    b = net(tmp_path, layer * 300 + "  - dropout\n" + layer * 300, name="b")
    assert [change.kind for change in compare(a, b).changes] == ["added"]


# -- check --------------------------------------------------------------------------------------------
def test_cifar_s7_wide_fails_its_own_brief() -> None:
    brief = dict(max_params=1_000_000, min_rf=44, uses=["dilated", "separable"])
    verdict = check(result("cifar_s7_wide"), **brief)  # type: ignore[arg-type]
    assert [(rule.name, rule.value, rule.by) for rule in verdict.failed] == [("min_rf", 34, 10)]
    assert check(result("cifar_s7_small"), **brief | {"uses": ["dilated"]}).passed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "passed", "by"),
    [
        ({"max_params": 13_808}, True, 0),
        ({"max_params": 13_807}, False, 1),
        ({"min_params": 13_808}, True, 0),
        ({"min_params": 20_000}, False, 6_192),
        ({"max_macs": 3_393_376}, True, 0),
        ({"min_rf": 32}, True, 0),
        ({"min_rf": 33}, False, 1),
        ({"max_rf": 30}, False, 2),
    ],
)
def test_limits_include_themselves(limits: dict[str, int], passed: bool, by: int) -> None:
    (rule,) = check(result("code8"), **limits).rules  # type: ignore[arg-type]
    assert (rule.passed, rule.by) == (passed, by)


@pytest.mark.parametrize(
    ("feature", "layer"),
    [
        ("dilated", "conv: {out_channels: 4, kernel_size: 3, dilation: 2}"),
        ("depthwise", "depthwise_conv: {kernel_size: 3}"),
        ("pointwise", "conv: {out_channels: 2, kernel_size: 1}"),
        ("grouped", "conv: {out_channels: 4, kernel_size: 3, groups: 2}"),
        ("separable", "separable_conv: {out_channels: 8, kernel_size: 3}"),
        ("spatially_separable", "spatially_separable_conv: {out_channels: 4, kernel_size: 3}"),
        ("strided", "conv: {out_channels: 4, kernel_size: 3, stride: 2}"),
        ("transposed", "conv_transpose: {out_channels: 4, kernel_size: 3}"),
        ("padded", "conv: {out_channels: 4, kernel_size: 3, padding: 1}"),
        ("padded", "max_pool: {kernel_size: 3, padding: 1}"),
        ("padded", "conv: {out_channels: 4, kernel_size: 3, padding: same}"),
        ("global_pool", "global_avg_pool"),
        ("global_pool", "adaptive_max_pool: 1"),
        ("global_pool", "avg_pool: 16"),
        ("bias", "conv: {out_channels: 4, kernel_size: 3}"),
        ("residual", "add:\n    from: [relu1, input]"),
    ],
)
def test_every_feature_is_found_and_not_elsewhere(tmp_path: Path, feature: str, layer: str) -> None:
    plain = "  - relu\n  - conv: {out_channels: 4, kernel_size: 3, bias: false}\n    from: input\n"
    assert not layers_with(net(tmp_path, plain).graph, feature)
    assert layers_with(net(tmp_path, f"  - relu\n  - {layer}\n").graph, feature)


def test_every_feature_has_a_test() -> None:
    (mark,) = (m for m in test_every_feature_is_found_and_not_elsewhere.pytestmark if m.name == "parametrize")
    assert {feature for feature, _ in mark.args[1]} == set(FEATURES)


def test_unknown_words_name_the_nearest() -> None:
    with pytest.raises(ConvvizError, match="did you mean 'dilated'"):
        check(result("code8"), uses=["dilatd"])


def test_the_net_s_field_is_that_before_a_global_pool() -> None:
    layer = net_field(result("resnet50"))
    assert layer is not None and layer.rf is not None
    assert layer.rf.size == (427, 427)


# -- the ladder ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("source", ["code8", "resnet18", "unet", "wavenet", "inception_v3", "patchgan"])
def test_steps_grow_and_their_unit_reads_what_is_said(source: str) -> None:
    net = result(source)
    ladder = growth(net)
    counts = [step.field.size for step in ladder.steps]
    assert counts == sorted(counts, key=lambda size: size[0] * size[-1])
    for step in ladder.steps:
        spans = tuple(last - first + 1 for first, last in zip(step.lo, step.hi, strict=True))
        assert spans == step.field.size
        if step.boxes is not None and not step.holes:
            assert len(step.boxes) >= 1
    first = ladder.steps[0]
    assert all(abs(a + b - n) <= 40 for a, b, n in zip(first.lo, first.hi, ladder.shape, strict=True))


def test_a_causal_net_is_known_as_one() -> None:
    ladder = growth(result("wavenet"))
    assert ladder.causal
    assert len({step.hi for step in ladder.steps}) == 1
    assert not growth(result("code8")).causal


def test_holes_come_as_boxes(tmp_path: Path) -> None:
    made = net(tmp_path, "  - conv: {out_channels: 4, kernel_size: 3, dilation: 2}\n")
    (step,) = growth(made).steps
    assert step.holes and step.boxes is not None
    assert len({(a[0], b[0]) for a, b in step.boxes}) == 9
