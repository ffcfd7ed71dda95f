"""Suggestions: each changed net is what it says, nothing cheaper was missed, and bad questions get one line."""

from __future__ import annotations

import json
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import pytest
import yaml

from convviz.analysis import receptive_field
from convviz.analysis.changes import Change, apply, widened
from convviz.analysis.suggest import Suggestions, suggest
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import build
from convviz.read import read
from convviz.report.suggest import notes, render_suggestions, told, yaml_lines, yaml_value
from tests.command import Command

CHAIN = [
    {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}},
    {"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}},
    {"max_pool": 2},
    {"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1, "bias": False}},
    {"conv": {"out_channels": 16, "kernel_size": 1}},
]
BRANCHES = [
    {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}, "name": "stem"},
    {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}, "name": "a"},
    {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}, "name": "b"},
    {"add": None, "name": "sum", "from": ["stem", "b"]},
    {"max_pool": 2, "name": "pool"},
    {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}, "name": "last"},
]
CAUSAL = [
    {"conv": {"out_channels": 2, "kernel_size": 2, "dilation": d, "padding": [[d, 0]]}, "name": f"c{d}"}
    for d in (1, 2, 4)
]
NETS: dict[str, tuple[list[int], list[dict[str, Any]]]] = {
    "chain": ([1, 24, 24], CHAIN),
    "branches": ([1, 24, 24], BRANCHES),
    "causal": ([2, 40], CAUSAL),
    "line": ([1, 48], CHAIN),
    "volume": ([1, 10, 12, 12], CHAIN[:3]),
    "wide": ([1, 16, 24], CHAIN[:2]),
}


@cache
def net(name: str) -> Graph:
    return written(*NETS[name])


def written(shape: list[int], layers: list[dict[str, Any]]) -> Graph:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a_net.yaml"
        file.write_text(yaml.safe_dump({"input": shape, "layers": layers}), encoding="utf-8")
        return read(file)


# -- each suggestion is what it says ----------------------------------------------------------------------
QUESTIONS = [
    *(("chain", 18), ("chain", (13, 20)), ("branches", 16), ("branches", 21), ("causal", 12), ("causal", 20)),
    *(("line", 15), ("line", 40), ("volume", 9), ("wide", (7, 9)), ("wide", (28, 30))),
]


@pytest.mark.parametrize(("name", "target"), QUESTIONS)
def test_a_suggestion_reaches_the_target_at_its_price(name: str, target: Any) -> None:
    graph = net(name)
    answer = suggest(graph, target)
    assert answer.found and not answer.reached and answer.best is None
    for s in answer.found:
        again = apply(graph, s.changes)
        field = receptive_field(again)[s.layer]
        assert field is not None
        assert field.size == s.size and all(n >= t for n, t in zip(s.size, answer.target, strict=True))
        assert (again.params, again.macs) == (s.params, s.macs)
        assert [again.shape(o) for o in again.outputs] == [graph.shape(o) for o in graph.outputs]
        assert not receptive_field(again).misaligned
        made = {c.name or c.layer: c.op for c in s.changes}  # a new layer may be changed by the second change
        assert all(again[name].op == op for name, op in made.items())
        assert (s.read or 0) * prod(s.size) == field.pixels
    order = [(s.macs, s.read is None or s.read < 1, len(s.changes), s.params, s.size) for s in answer.found]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("name", "target"), [("line", 15), ("branches", 16), ("causal", 12), ("wide", (7, 9))]
)
def test_autograd_finds_the_same_field(name: str, target: Any) -> None:
    pytest.importorskip("torch")
    from tests.oracle import all_units

    for s in suggest(net(name), target, top=6).found:
        reads = all_units(s.graph, s.layer, {})
        rank = reads.ndim - 1
        for axis in range(rank):
            others = tuple(a + 1 for a in range(rank) if a != axis)
            lines = reads.any(others)
            spans = [
                int(line.nonzero()[0].max() - line.nonzero()[0].min()) + 1 for line in lines if line.any()
            ]
            assert max(spans) == min(s.size[axis], reads.shape[axis + 1]), (told(s.changes), axis)


@pytest.mark.parametrize("name", ["chain", "line", "volume", "causal"])
def test_the_yaml_lines_make_the_suggested_net(name: str) -> None:
    """Written into the file by hand, they give the same numbers."""
    shape, layers = NETS[name]
    graph = net(name)
    size = suggest(graph, 1).before.size
    checked = 0
    for s in suggest(graph, tuple(n + 2 for n in size)).found:
        items = [{**layer, "name": node.name} for layer, node in zip(layers, graph.nodes, strict=True)]
        for line in yaml_lines(s.changes, graph):
            where, _, what = line.partition(" write ")
            if where.startswith("on "):
                for target in where.removeprefix("on ").split(" (")[0].split(", "):
                    item = next(i for i in items if i["name"] == target)
                    kind = next(iter(item))
                    old = (
                        item[kind]
                        if isinstance(item[kind], dict)
                        else {"kernel_size": item[kind], "stride": item[kind]}
                    )
                    item[kind] = old | yaml.safe_load("{" + what + "}")
            else:
                at = next(i for i, item in enumerate(items) if item["name"] == where.removeprefix("behind "))
                items[at + 1 : at + 1] = yaml.safe_load(what)
        made = written(shape, items)
        assert (made.params, made.macs) == (s.params, s.macs)
        field = receptive_field(made)[s.layer]
        assert field is not None and field.size == s.size
        checked += 1
    assert checked >= 3


# -- nothing cheaper was missed ---------------------------------------------------------------------------
def brute(name: str, target: int) -> dict[str, tuple[int, int]]:
    """For each kind of change of a single layer the least (MACs, parameters) that reaches ``target``, by trying all."""
    shape, layers = NETS[name]
    outputs = net(name).nodes[-1].out
    best: dict[str, tuple[int, int]] = {}

    def attempt(kind: str, changed: list[dict[str, Any]]) -> None:
        try:
            graph = written(shape, changed)
        except ConvvizError:
            return
        result = receptive_field(graph)
        field = result[graph.nodes[-1].name]
        if graph.nodes[-1].out != outputs or result.misaligned or field is None or min(field.size) < target:
            return
        best[kind] = min(best.get(kind, (10**18, 0)), (graph.macs, graph.params))

    for i, layer in enumerate(layers):
        kind = next(iter(layer))
        rest = {key: value for key, value in layer.items() if key != kind}
        n = net(name).nodes[i].ins[0][-1]
        if kind == "conv":
            old = layer["conv"]
            k, d, p = old["kernel_size"], old.get("dilation", 1), old.get("padding", 0)
            one_sided = isinstance(p, list)

            def padded(more: int, p: Any = p, one_sided: bool = one_sided) -> Any:
                return [[p[0][0] + more, 0]] if one_sided else p + more // 2

            for e in range(d + 1, n):
                if k > 1 and e * (k - 1) + 1 <= n:
                    attempt(
                        "dilation",
                        [
                            *layers[:i],
                            {"conv": {**old, "dilation": e, "padding": padded((e - d) * (k - 1))}, **rest},
                            *layers[i + 1 :],
                        ],
                    )
            for j in range(k + 2, n + 1, 2):
                if d * (j - 1) + 1 <= n:
                    attempt(
                        "kernel_size",
                        [
                            *layers[:i],
                            {"conv": {**old, "kernel_size": j, "padding": padded(d * (j - k))}, **rest},
                            *layers[i + 1 :],
                        ],
                    )
        if kind == "max_pool":
            for p in (1, 2):  # up to three times the stride, padded by at most half of the kernel
                pool = {"kernel_size": 2 + 2 * p, "stride": 2, "padding": p}
                attempt("kernel_size", [*layers[:i], {"max_pool": pool, **rest}, *layers[i + 1 :]])
        at = layers[: i + 1], layers[i + 1 :]
        channels = net(name).nodes[i].out[0]
        if "from" not in str(layers):
            for bias in (True, False):
                attempt(
                    "conv",
                    [
                        *at[0],
                        {
                            "conv": {"out_channels": channels, "kernel_size": 3, "padding": 1, "bias": bias},
                            "name": "new",
                        },
                        *at[1],
                    ],
                )
    return best


@pytest.mark.parametrize(
    ("name", "target"),
    [("chain", 13), ("chain", 18), ("line", 13), ("line", 21), ("causal", 10), ("branches", 18)],
)
def test_nothing_cheaper_was_missed_among_single_changes(name: str, target: int) -> None:
    found = suggest(net(name), target, top=100).found
    for kind, (macs, _) in brute(name, target).items():
        mine = [s for s in found if s.what == kind and len(s.changes) == 1]
        if name == "causal" and kind == "conv":
            continue  # there the new conv is padded in front only
        assert mine and min(s.macs for s in mine) == macs, kind


@pytest.mark.parametrize(("name", "target"), [("chain", 18), ("line", 30), ("causal", 20)])
def test_a_dilation_is_the_smallest_that_reaches(name: str, target: int) -> None:
    for s in suggest(net(name), target, top=100).found:
        if s.what == "dilation" and len(s.changes) == 1:
            (change,) = s.changes
            op = widened(change.op, dilation=tuple(d - 1 for d in change.op.dilation))
            assert op is not None
            field = receptive_field(apply(net(name), [Change(change.layer, op, change.before)]))[s.layer]
            assert field is not None and min(field.size) < target


def test_a_change_of_a_new_layer_and_behind_it_is_made() -> None:
    graph = net("chain")
    small = build("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1})
    wide = build("conv", {"out_channels": 4, "kernel_size": 3, "padding": 2, "dilation": 2})
    changes = [
        Change("conv1", small, None, "new1"),
        Change("new1", wide, small),
        Change("new1", small, None, "new2"),
    ]
    made = apply(graph, changes)
    assert made["new1"].op == wide and made["new2"].inputs == ("new1",) and made["conv2"].inputs == ("new2",)
    lines = yaml_lines(changes, graph)
    assert lines[-1] == "on new1 write dilation: 2, padding: 2" and len(lines) == 3


# -- branches, causality, limits --------------------------------------------------------------------------
def test_what_would_misalign_branches_is_left_out() -> None:
    layers = [dict(layer) for layer in BRANCHES]
    layers[1] = {"conv": {"out_channels": 4, "kernel_size": 2, "padding": [[0, 1], [0, 1]]}, "name": "a"}
    layers[2] = {"conv": {"out_channels": 4, "kernel_size": 2, "padding": [[1, 0], [1, 0]]}, "name": "b"}
    for s in suggest(written([1, 24, 24], layers), 16, top=100).found:
        assert not receptive_field(s.graph).misaligned
        assert {c.layer for c in s.changes} not in ({"a"}, {"b"}) or s.what == "max_pool" or "conv" in s.what


def test_a_causal_net_stays_causal() -> None:
    found = suggest(net("causal"), 20, top=50).found
    assert {s.what for s in found} >= {"dilation", "kernel_size"}
    for s in found:
        assert s.field.start[0] is not None and s.field.start[0] + s.field.size[0] <= 1


def test_a_gated_unit_is_dilated_as_a_whole() -> None:
    answer = suggest(read("wavenet"), 1500)
    assert [c.layer for c in answer.found[0].changes] == ["z1.conv1", "z1.conv2"]
    stage = next(s for s in answer.found if s.what == "stage")
    assert told(stage.changes) == "z1.conv1 … z10.conv2 (20 layers) dilation ×2" and stage.size == (2047,)


def test_layers_that_share_weights_change_together() -> None:
    torch = pytest.importorskip("torch")

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Any) -> Any:
            return self.conv(torch.relu(self.conv(x)))

    graph = read(Twice(), (4, 16, 16))
    for s in suggest(graph, 9).found:
        changed = [c for c in s.changes if c.before is not None]
        assert len(changed) in (0, 2)
        assert len({c.op for c in changed}) <= 1


def test_limits_and_output_are_kept() -> None:
    graph = net("chain")
    free = suggest(graph, 17, top=50)
    assert max(s.macs for s in free.found) > graph.macs
    tight = suggest(graph, 17, max_macs=graph.macs, max_params=graph.params, top=50)
    assert tight.found and all(s.macs <= graph.macs and s.params <= graph.params for s in tight.found)
    assert tight.barred
    changed = suggest(graph, 17, keep_output=False, top=50)
    assert {"max_pool", "stride"} <= {s.what for s in changed.found} and not changed.reshaped
    assert any(s.outputs != (graph.nodes[-1].out,) and s.resized for s in changed.found)
    assert free.reshaped and not any(s.resized for s in free.found)


def test_weights_that_fit_are_told() -> None:
    for s in suggest(net("chain"), 14, top=50, keep_output=False).found:
        if s.what in ("dilation", "stride", "stage", "max_pool"):
            assert not s.retrain
        else:
            (change,) = s.changes
            weighted = change.op.kind == "conv"
            assert s.retrain == (change.name or change.layer,) if weighted else not s.retrain


def test_a_net_that_has_it_already_says_so() -> None:
    answer = suggest(read("code8"), (32, 20))
    assert answer.reached and not answer.found and answer.best is None
    assert notes(answer)[-1] == "nothing to change: 32x32 is at least 32x20"


@pytest.mark.parametrize("target", [60, 101, 10**12])
def test_where_none_reaches_it_the_nearest_is_told(target: int) -> None:
    answer = suggest(net("volume"), target)
    assert not answer.found and answer.best is not None
    assert min(answer.best.size) > min(answer.before.size)
    assert any(line.startswith("nearest: ") for line in notes(answer))


def test_two_changes_where_one_is_not_enough() -> None:
    answer = suggest(net("wide"), (30, 30))
    assert answer.found and all("+" in s.what or s.what == "stage" for s in answer.found)
    assert all(min(s.size) >= 30 for s in answer.found)


def test_another_layer_may_be_asked_for() -> None:
    answer = suggest(read("code8"), 12, layer="conv4")
    assert answer.before.size == (10, 10) and {s.layer for s in answer.found} == {"conv4"}
    behind = {"max_pool1", "conv5", "conv6", "conv7"} - {"max_pool1"}
    assert not {c.layer for s in answer.found for c in s.changes} & behind


def test_depthwise_nets_get_a_depthwise_layer() -> None:
    found = suggest(read("mobilenet_v1"), 330, top=30).found
    new = [c.op for s in found for c in s.changes if s.what == "conv"]
    assert new and all(op.groups == op.out_channels for op in new)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ((1, 2, 3), "the input has 2 spatial axes; give one size, or one for each of them, got 1x2x3"),
        (0, "a receptive field is a whole number of cells from 1, got 0x0"),
        (-3, "a receptive field is a whole number of cells from 1"),
    ],
)
def test_bad_targets(target: Any, message: str) -> None:
    with pytest.raises(ConvvizError, match=message):
        suggest(net("chain"), target)


def test_a_layer_without_a_field() -> None:
    with pytest.raises(ConvvizError, match="no layer 'conv9'"):
        suggest(net("chain"), 9, layer="conv9")
    with pytest.raises(ConvvizError, match="has no receptive field on the input that could grow"):
        suggest(written([4], [{"linear": 3}]), 9)


def test_progress_runs_to_its_end() -> None:
    told_: list[float] = []
    suggest(net("chain"), 20, progress=told_.append)
    assert told_ == sorted(told_) and told_[-1] == 1.0


# -- padding ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "changes", "padding"),
    [
        ({"kernel_size": 3, "padding": 1}, {"dilation": (2, 2)}, ((2, 2), (2, 2))),
        ({"kernel_size": 3}, {"dilation": (2, 3)}, ((1, 1), (2, 2))),
        ({"kernel_size": 2}, {"dilation": (2, 2)}, ((0, 1), (0, 1))),
        ({"kernel_size": 3, "padding": "same"}, {"dilation": (2, 2)}, "same"),
        ({"kernel_size": 3, "padding": [[2, 0], [0, 2]]}, {"dilation": (2, 2)}, ((4, 0), (0, 4))),
        ({"kernel_size": 3, "padding": 1, "stride": 2}, {"kernel_size": (7, 5)}, ((3, 3), (2, 2))),
    ],
)
def test_padding_keeps_the_output(fields: dict[str, Any], changes: dict[str, Any], padding: Any) -> None:
    op = build("conv", {"out_channels": 2, **fields})
    new = widened(op, **changes)
    assert new is not None and new.padding == padding
    for n in (16, 17, 23):
        assert new.shape((2, n, n + 1)) == op.shape((2, n, n + 1))


def test_a_pool_that_cannot_be_padded_is_left() -> None:
    assert widened(build("max_pool", {"kernel_size": 2}), kernel_size=(3, 3)) is None
    assert widened(build("max_pool", {"kernel_size": 2, "stride": 2}), kernel_size=(8, 8)) is not None
    assert widened(build("lp_pool", {"kernel_size": 3, "norm_type": 2}), kernel_size=(5, 5)) is None


# -- reports ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((2, 2), "2"),
        ((5, 2), "[5, 2]"),
        (((1, 1), (1, 1)), "1"),
        (((2, 0),), "[[2, 0]]"),
        (((1, 1), (0, 2)), "[[1, 1], [0, 2]]"),
        (False, "false"),
    ],
)
def test_values_as_written(value: Any, text: str) -> None:
    assert yaml_value(value) == text


@pytest.mark.parametrize("format", ["text", "table", "json", "csv", "md", "latex", "html"])
def test_all_formats(format: str) -> None:
    answer = suggest(read("code8"), 36)
    text = render_suggestions(answer, format)
    assert "conv4" in text and "36" in text
    assert repr(answer) == render_suggestions(answer, "text") and "<table" in answer._repr_html_()


run = Command("suggest")


def test_the_command_answers_in_json() -> None:
    done = run("code8", "--rf", "36x34", "--format", "json", "--top", "3")
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert (
        data["target"] == [36, 34]
        and data["before"]["rf"]["size"] == [32, 32]
        and len(data["suggestions"]) == 3
    )
    first = data["suggestions"][0]
    assert (
        first["changes"][0]["fields"] and first["yaml"] and first["retrain"] == [] and first["more_macs"] == 0
    )
    assert first["rf"]["size"][0] >= 36


def test_the_command_writes_a_table(tmp_path: Path) -> None:
    done = run("code8", "--rf", "36", "-o", str(tmp_path / "a.md"))
    assert done.exit_code == 0 and "conv4 dilation 1→2" in (tmp_path / "a.md").read_text(encoding="utf-8")
    assert "nothing to change" in run("code8", "--rf", "3").output
    assert "left out: more than 1 MACs" in run("code8", "--rf", "36", "--max-macs", "1").output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["code8"], "--rf"),
        (
            ["code8", "--rf", "0"],
            "--rf: must be a number of cells such as 101, or 101x51 for each axis, got '0'",
        ),
        (["code8", "--rf", "-5"], "--rf: must be a number of cells"),
        (["code8", "--rf", "nan"], "--rf: must be a number of cells"),
        (["code8", "--rf", "3x3x3"], "the input has 2 spatial axes"),
        (["code8", "--rf", "36", "--layer", "conv99"], "no layer 'conv99' in code8; did you mean 'conv8'?"),
        (["code8", "--rf", "36", "--top", "0"], "--top: must be at least 1, got 0"),
        (["code8", "--rf", "36", "--max-macs", "lots"], "--max-macs: must be a whole number"),
        (["no_such_net", "--rf", "36"], "no_such_net"),
        (["code8", "--rf", "36", "-o", "no/such/folder.md"], "there is no folder"),
    ],
)
def test_bad_input_is_one_line(words: list[str], message: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert message in (done.output + str(done.exception or ""))
    assert "Traceback" not in done.output


def test_answers_are_data() -> None:
    answer = suggest(net("chain"), 14)
    assert isinstance(answer, Suggestions)
    with pytest.raises(AttributeError):
        answer.found[0].macs = 3  # type: ignore[misc]
