"""The bundled experiments: what they train, that their arms differ only in what they ask about, and bad files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import convviz
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.read import bundled, read
from convviz.runs.experiment import Experiment, experiment, iter_bundled, named, names, parse, slug
from convviz.runs.variants import varied

SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32), "digits": (1, 28, 28)}
ALL = {item.name: item for item in iter_bundled()}
# What the arms of an experiment may differ in.
ASKED = {
    "norms": {"norm", "l1", "optimizer"},
    "bn_relu_order": {"net"},
    "pooling_rf": {"net"},
    "dropout_rate": {"dropout"},
    "dilated_then_conv": {"net"},
    "batch_size": {"norm", "batch_size", "optimizer"},
    "rotation": {"rotation", "augment", "fill"},
    "code3_longer": {"epochs"},
    "equal_parameters": {"net"},
    "overfitting": {"norm", "dropout", "rotation", "optimizer"},
    "ladder": {"net", "rotation", "scheduler"},
    "s6": {"norm", "l1", "optimizer"},
    "s7": {"norm", "l1", "optimizer"},
}
SMALL = (
    "bn_relu_order", "pooling_rf", "dropout_rate", "dilated_then_conv", "batch_size", "rotation", "equal_parameters",
)  # fmt: skip
EQUAL = {
    "bn_relu_order": 4370,
    "pooling_rf": 6706,
    "dilated_then_conv": 4370,
    "rotation": 4370,
    "dropout_rate": 4370,
}


def graph_of(item: Experiment, arm: str) -> Any:
    recipe = item.recipe(arm)
    return varied(read(recipe.net), recipe.norm, recipe.dropout)


@pytest.mark.parametrize("name", names())
def test_it_says_what_it_is_and_fits_its_data(name: str) -> None:
    item = ALL[name]
    assert item.name == name and item.about
    for arm in item.arms:
        graph = graph_of(item, arm)
        (shape,) = graph.inputs.values()
        assert tuple(shape) == SHAPES[item.recipe(arm).dataset]
        out = graph.shape(graph.outputs[0])
        assert out[0] == 10 and all(n == 1 for n in out[1:])
    assert item.reported.keys() <= item.arms.keys()


@pytest.mark.parametrize("name", [name for name in ALL if len(ALL[name].arms) > 1])
def test_arms_differ_in_what_is_asked_and_in_nothing_else(name: str) -> None:
    item = ALL[name]
    first, *others = [item.recipe(arm) for arm in item.arms]
    changed = set().union(*(first.differences(other) for other in others))
    assert changed == ASKED[name]
    assert len({item.recipe(arm).key for arm in item.arms}) == len(item.arms)
    if "optimizer" in changed:
        parts = [dict(item.recipe(arm).optimizer) for arm in item.arms]
        assert len({part["name"] for part in parts}) == len({part["momentum"] for part in parts}) == 1


@pytest.mark.parametrize("name", SMALL)
def test_small_experiments_are_small(name: str) -> None:
    item = ALL[name]
    assert item.question.endswith("?") and item.note and len(item.seeds) == 10
    for arm in item.arms:
        recipe = item.recipe(arm)
        images = recipe.epochs * (recipe.train_images or 60_000)
        assert images <= 72_000 and images * graph_of(item, arm).macs < 2 * 10**11


@pytest.mark.parametrize("name, params", EQUAL.items())
def test_equal_parameters_where_nets_are_compared(name: str, params: int) -> None:
    assert {graph_of(ALL[name], arm).params for arm in ALL[name].arms} == {params}


def test_gap_and_a_fully_connected_head_at_equal_parameters() -> None:
    found = {arm: graph_of(ALL["equal_parameters"], arm) for arm in ALL["equal_parameters"].arms}
    assert found["fully connected"].params == found["GAP, same parameters"].params == 14_450
    assert found["GAP, same convs"].params == 4_370
    heads = [node.params for node in found["fully connected"] if node.op.kind == "linear"]
    assert heads == [16 * 8 * 8 * 10 + 10]


@pytest.mark.parametrize("net, field", [("pool_rf5", 5), ("pool_rf7", 7)])
def test_pooling_stands_where_it_says(net: str, field: int) -> None:
    layers = list(convviz.receptive_field(read(f"lessons/{net}")))
    at = next(i for i, layer in enumerate(layers) if layer.node.op.kind == "max_pool")
    assert layers[at - 1].rf.size == (field, field)


@pytest.mark.parametrize("net, dilations", [
    ("dilated_alone", [1, 1, 2, 2]), ("dilated_then_conv", [1, 1, 2, 1]), ("dilated_never", [1, 1, 1, 1]),
])  # fmt: skip
def test_dilations_of_the_nets(net: str, dilations: list[int]) -> None:
    found = [node.op.fields()["dilation"] for node in read(f"lessons/{net}") if node.op.kind == "conv"]
    assert found == [(d, d) for d in dilations]


@pytest.mark.parametrize("net, order", [("bn_relu", "batch_norm relu"), ("relu_bn", "relu batch_norm")])
def test_the_order_of_norm_and_relu(net: str, order: str) -> None:
    kinds = [node.op.kind for node in read(f"lessons/{net}")]
    assert " ".join(kinds).count(f"conv {order}") == 4


def test_dropout_rates() -> None:
    rates = {arm: [n.op.p for n in graph_of(ALL["dropout_rate"], arm) if n.op.kind == "dropout"]
             for arm in ALL["dropout_rate"].arms}  # fmt: skip
    assert rates == {"none": [], "p .1": [0.1] * 4, "p .5": [0.5] * 4, "p .9": [0.9] * 4}


def test_batch_sizes_and_their_rates() -> None:
    item = ALL["batch_size"]
    assert len(item.arms) == 12 and set(item.factors) == {"norm", "batch"}
    for arm in item.arms:
        recipe = item.recipe(arm)
        assert arm.endswith(f"batch {recipe.batch_size}")
        assert recipe.optimizer["lr"] == 0.1 * recipe.batch_size / 128
    assert {item.recipe(arm).norm for arm in item.arms} == {"batch_norm", "group_norm:1", "group_norm:4"}


def test_fills_are_the_same_colours_before_and_after() -> None:
    item = ALL["rotation"]
    for colour in ("black", "mean", "white"):
        before, after = (item.recipe(f"{when}, {colour}") for when in ("before", "after"))
        assert (before.augment, after.augment) == ("before", "after")
        assert after.fill == pytest.approx((before.fill - 0.1307) / 0.3081, abs=1e-4)
    assert item.recipe("no rotation").rotation == 0 and item.recipe("after, mean").rotation == 7


def test_the_ladder_is_the_codes_with_fewer_epochs() -> None:
    item = ALL["ladder"]
    assert list(item.arms) == [f"code{n}" for n in range(1, 11)]
    for arm in item.arms:
        own = ALL[arm]
        assert own.recipe(arm).differences(item.recipe(arm)).keys() <= {"epochs", "precision"}
        assert item.reported[arm] == own.reported[arm] and item.reported[arm]["test"]
    (epochs,) = {item.recipe(arm).epochs for arm in item.arms}
    assert item.note.startswith(f"{epochs} epochs in every arm")
    assert item.recipe("code10").scheduler == {"name": "StepLR", "step_size": 6, "gamma": 0.1}


def test_code3_for_longer_is_code3() -> None:
    for arm in ALL["code3_longer"].arms:
        recipe = ALL["code3_longer"].recipe(arm)
        assert (
            ALL["code3"].recipe("code3").differences(recipe).keys() <= {"epochs"}
            and arm == f"{recipe.epochs} epochs"
        )


def test_nets_of_lessons_are_found_but_not_listed() -> None:
    files = sorted(path.stem for path in (bundled.ZOO / "lessons").glob("*.yaml"))
    used = {recipe.net for item in ALL.values() for arm in item.arms if (recipe := item.recipe(arm))}
    assert {f"lessons/{name}" for name in files} == {net for net in used if net.startswith("lessons/")}
    assert not [name for name in bundled.names() if "/" in name] and not set(files) & set(bundled.names())
    for name in files:
        graph = read(f"lessons/{name}")
        assert graph.name == name and graph.meta["variant"]
    assert bundled.path("lessons/../code8") is None and bundled.path("lessons") is None


def test_they_are_listed() -> None:
    found = CliRunner().invoke(main, ["list", "experiments"])
    assert found.exit_code == 0 and "Batch norm before or after ReLU?" in found.output
    first = [line.split()[0] for line in found.output.splitlines() if line and line.split()[0] in ALL]
    assert sorted(first) == sorted(ALL) and len(ALL[first[0]].arms) > 1
    for format in ("csv", "md", "latex", "html"):
        assert "equal" in CliRunner().invoke(main, ["list", "experiments", "--format", format]).output
    import json

    data = {
        item["name"]: item
        for item in json.loads(CliRunner().invoke(main, ["list", "experiments", "--format", "json"]).output)
    }
    assert data["norms"]["runs"] == 120 and data["code3_longer"]["epochs"] == [5, 10, 20, 40]


# -- the format ---------------------------------------------------------------------------------------------------
def file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_recipe_by_name_below_base_below_arm(tmp_path: Path) -> None:
    text = "base: {epochs: 3, lr: 0.5}\narms: {a: {recipe: code10}, b: {recipe: code9, epochs: 7}, c: {net: tiny}}"
    item = parse(file(tmp_path, text))
    a, b, c = (item.recipe(arm) for arm in "abc")
    assert (a.net, a.epochs, a.rotation, a.optimizer["lr"]) == ("code10", 3, 7.0, 0.5)
    assert (b.net, b.epochs, b.scheduler) == ("code9", 7, None) and (c.net, c.epochs) == ("tiny", 3)
    assert item.reported == {"a": ALL["code10"].reported["code10"], "b": ALL["code9"].reported["code9"]}
    item = parse(file(tmp_path, "base: {recipe: code9}\nfactors: {rotation: [0, 7], batch_size: [32, 64]}"))
    assert item.recipe("rotation 0, batch_size 64").net == "code9" and len(item.arms) == 4


@pytest.mark.parametrize("text, message", [
    ("", "x.yaml: must be an experiment: arms or factors"),
    ("[1, 2]", "x.yaml: must be an experiment"),
    ("base: {epochs: 3", "x.yaml"),
    (b"\x00\x01", "x.yaml: not a text file"),
    ("bases: {}", "x.yaml: there is no key 'bases'; did you mean 'base'?"),
    ("base: {epoch: 3}", "x.yaml: base: there is no setting 'epoch'; did you mean 'epochs'?"),
    ("base: 3", "x.yaml: base: must be settings by name, got 3"),
    ("base: []", "x.yaml: base: must be settings by name, got []"),
    ("base: {epochs: many}", "x.yaml: base.epochs: must be a whole number from 1 to 100,000, got 'many'"),
    ("base: {epochs: 0}", "x.yaml: base.epochs: must be a whole number"),
    ("base: {epochs: 1.0e+400}", "x.yaml: base.epochs: must be a whole number"),
    ("base: {l1: .nan}", "x.yaml: base.l1: must be a number from 0"),
    ("base: {net: 3}", "x.yaml: base.net: must be text, got 3"),
    ("base: {recipe: code99}", "x.yaml: base.recipe: there is no recipe 'code99'"),
    ("base: {recipe: norms}", "x.yaml: base.recipe: norms is an experiment of several arms; name a recipe"),
    ("arms: {a: {recipe: [1]}}", "x.yaml: arms.a.recipe: there is no recipe [1]"),
    ("arms: {a: {}, b: {}}", "x.yaml: arms 'a' and 'b' have the same settings"),
    ("arms: {}", "x.yaml: arms: must be settings by arm, at least one"),
    ("arms: [a, b]", "x.yaml: arms: must be settings by arm"),
    ("arms: {a: 3}", "x.yaml: arms.a: must be settings by name, got 3"),
    ("arms: {a: {lrr: 3}}", "x.yaml: arms.a: there is no setting 'lrr'; did you mean 'lr'?"),
    ("arms: {a: {}, b: {batch_size: -1}}", "x.yaml: b.batch_size: must be a whole number from 1"),
    ("arms: {a b: {}, a-b: {l1: 1}}", "x.yaml: arms 'a b' and 'a-b' would share a folder"),
    ("arms: {a: {}}\nfactors: {l1: [0, 1]}", "x.yaml: has arms and factors; an experiment has one of them"),
    ("factors: {}", "x.yaml: factors: must be values by factor, at least one"),
    ("factors: {l1: []}", "x.yaml: factors.l1: must be a list of values, or settings by label, got []"),
    ("factors: {l1: [0, 0]}", "x.yaml: factors.l1: has a value twice"),
    ("factors: {l3: [0, 1]}", "x.yaml: factors.l3: there is no setting 'l3'"),
    ("factors: {f: {a: {l1: 0}, b: {l9: 1}}}", "x.yaml: factors.f.b: there is no setting 'l9'"),
    ("factors: {l1: [0, x]}", "must be a number from 0"),
    ("base: {}\nseeds: 0", "x.yaml: seeds: must be how many, or a list of them, got 0"),
    ("base: {}\nseeds: [1, 1]", "x.yaml: seeds: has a seed twice"),
    ("base: {}\nseeds: [a]", "x.yaml: seeds: must be how many"),
    ("base: {}\nseeds: true", "x.yaml: seeds: must be how many"),
    ("base: {}\nseeds: 1000000000000", "x.yaml: seeds: must be how many"),
    ("base: {}\nbaseline: b", "x.yaml: baseline: no arm 'b'"),
    ("base: {}\nname: 3", "x.yaml: name: must be text, got 3"),
    ("base: {}\nquestion: [a]", "x.yaml: question: must be text, got ['a']"),
    ("base: {}\nreported: 3", "x.yaml: reported: must be figures by arm"),
    ("arms: {plain: {}}\nreported: {plane: {test: 1}}", "x.yaml: reported: no arm 'plane'; did you mean 'plain'?"),
])  # fmt: skip
def test_a_bad_file_is_told_in_one_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConvvizError) as err:
        parse(file(tmp_path, text), "x.yaml")
    assert message in str(err.value) and "\n" not in str(err.value) and "x.yaml" in str(err.value)


def test_huge_factorials_are_refused_at_once(tmp_path: Path) -> None:
    values = list(range(1, 101))
    text = f"factors: {{epochs: {values}, batch_size: {values}, holdout: {values}, crop: {values}, erase: {values}}}"
    with pytest.raises(ConvvizError, match=r"x.yaml: asks for 10,000,000,000 runs; at most 10,000"):
        parse(file(tmp_path, text), "x.yaml")
    with pytest.raises(ConvvizError, match=r"asks for 10,100 runs"):
        parse(file(tmp_path, f"factors: {{epochs: {values}}}\nseeds: 101"))


def test_what_a_sweep_is_asked_for(tmp_path: Path) -> None:
    path = file(tmp_path, "arms: {a: {}, b: {l1: 1}}")
    assert list(named(str(path)).arms) == ["a", "b"]
    net = tmp_path / "net.yaml"
    net.write_text((bundled.ZOO / "tiny.yaml").read_text())
    assert named(str(net)).recipe("net").net == str(net)
    assert named("lenet5").recipe("lenet5").net == "lenet5" and named("lessons/flat").arms
    assert named("ladder") == experiment("ladder")
    path.write_text("arm: {a: {}}")
    with pytest.raises(ConvvizError, match="there is no key 'arm'; did you mean 'arms'"):
        named(str(path))
    for unknown in ("laddr", "", "no such thing"):
        with pytest.raises(ConvvizError, match="there is no experiment, recipe or net"):
            named(unknown)


@pytest.mark.parametrize("texts, arms", [
    (["BN, L1"], ["BN, L1"]),
    (["BN,L1,GN,none"], ["BN, L1", "GN, none"]),
    (["BN, L1", "LN, L2"], ["BN, L1", "LN, L2"]),
    (["L1"], ["BN, L1", "LN, L1", "GN, L1"]),
    (["BN, none, L2"], ["BN, none", "BN, L2", "LN, L2", "GN, L2"]),
])  # fmt: skip
def test_arms_by_name_or_by_a_factors_value(texts: list[str], arms: list[str]) -> None:
    assert ALL["norms"].arms_like(texts) == tuple(arms)


def test_arms_without_factors_are_whole_names() -> None:
    assert ALL["rotation"].arms_like(["before, black, no rotation"]) == ("before, black", "no rotation")
    with pytest.raises(ConvvizError, match="rotation has no arm 'black'"):
        ALL["rotation"].arms_like(["black"])


def test_folders_of_arms_are_apart() -> None:
    for item in ALL.values():
        assert len({slug(arm).lower() for arm in item.arms}) == len(item.arms)
        assert len({job.folder for job in item.jobs}) == len(item.jobs)
