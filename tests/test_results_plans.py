"""The plans of the ladder and of the gap, against the committed results, counted a second time; bundled results."""

from __future__ import annotations

import json
from itertools import pairwise
from math import comb, sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

import convviz
from convviz.errors import ConvvizError
from convviz.plan import gap, gap_plan, ladder, ladder_plan
from convviz.read import read
from convviz.runs import bundled
from convviz.runs.collection import collect
from convviz.runs.results_file import results_text
from tests.runfolders import make_run

GALLERY = Path(convviz.__file__).parents[1] / "outputs" / "gallery" / "results"
RAW = {
    name: json.loads((bundled.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    for name in bundled.names()
}


def runs_of(name: str) -> dict[str, list[dict[str, Any]]]:
    return {arm["name"]: arm["runs"] for arm in RAW[name]["arms"]}


# -- bundled results ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", bundled.names())
def test_bundled_results_are_those_of_the_gallery(name: str) -> None:
    kept = (bundled.FOLDER / f"{name}.json").read_bytes()
    assert kept == (GALLERY / f"{name}.json").read_bytes()
    assert results_text(bundled.results(name)).encode() == kept  # nothing is lost in reading


def test_every_bundled_run_has_its_epochs() -> None:
    assert {"ladder", "overfitting"} <= set(bundled.names())
    for name in bundled.names():
        for arm in bundled.results(name).arms:
            for run in arm.runs:
                assert len(run.history) == run.recipe.epochs and run.alike is not None
                assert run.history[-1].test == run.test
                assert tuple(epoch.test for epoch in run.history[-5:]) == run.last


def test_epochs_are_those_of_the_run_directory(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", accuracy=98.5, epochs=4, predictions=False)
    (arm,) = collect(tmp_path).arms
    rows = [
        (row["train_accuracy"], row["test_accuracy"], row["train_loss"], row["test_loss"])
        for row in run.history
    ]
    assert len({tuple(sorted(row)) for row in rows}) == 4
    assert [epoch.numbers for epoch in arm.first.history] == [pytest.approx(row, abs=1e-4) for row in rows]


def test_results_by_name_and_by_place(tmp_path: Path) -> None:
    with pytest.raises(
        ConvvizError, match=r"no results 'laddr'; did you mean 'ladder'.*bundled are .*overfitting"
    ):
        bundled.results("laddr")
    file = tmp_path / "mine.json"
    file.write_bytes((bundled.FOLDER / "ladder.json").read_bytes())
    assert bundled.results(file) == bundled.results("ladder")


@pytest.mark.parametrize(
    "epochs", [[[1, 2, 3]], [[1, 2, 3, 4, 5]], [[101, 2, 3, 4]], [[1, 2, -3, 4]], [["a", 2, 3, 4]], [7], 7]
)
def test_damaged_epochs_are_told(tmp_path: Path, epochs: Any) -> None:
    data = json.loads(json.dumps(RAW["ladder"]))
    data["arms"][0]["runs"][0]["epochs"] = epochs
    file = tmp_path / "bad.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ConvvizError, match=r"bad.json.*arms\[0\].runs\[0\]"):
        collect(file)


# -- the ladder -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def climbed() -> ladder.Ladder:
    return ladder.ladder(bundled.results("ladder"))


def test_rungs_have_the_numbers_of_their_nets(climbed: ladder.Ladder) -> None:
    assert [rung.label for rung in climbed.rungs] == [f"CODE{i}" for i in range(1, 11)]
    for rung in climbed.rungs:
        expect = read(rung.name).meta["expect"]
        assert rung.params == expect["params"]
        assert list(rung.field or ()) == expect["rf"]


def test_rungs_have_the_accuracies_of_their_runs(climbed: ladder.Ladder) -> None:
    raw = runs_of("ladder")
    assert [rung.name for rung in climbed.rungs if rung.accuracy is None] == ["code1"]
    assert (
        climbed.rungs[0].why == "not run" and climbed.rungs[0].step is None and climbed.rungs[1].step is None
    )
    for rung in climbed.run:
        (run,) = raw[rung.name]
        assert rung.accuracy == run["test"] and rung.n == 1 and rung.sd is None and rung.epochs == 7
        p, n, z = run["test"] / 100, 10_000, 1.959963984540054
        middle, half = (
            (p + z * z / 2 / n) / (1 + z * z / n),
            z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / 4 / n / n),
        )
        assert rung.interval is not None
        assert (rung.interval.low, rung.interval.high) == pytest.approx(
            (100 * (middle - half), 100 * (middle + half))
        )


def test_steps_are_detected_as_mcnemar_says(climbed: ladder.Ladder) -> None:
    """The mid-p test on the same images, then Holm, by counting."""
    raw = runs_of("ladder")
    names = list(raw)
    found = {}
    for before, after in pairwise(names):
        a, b = (set(raw[name][0]["wrong"]) for name in (before, after))
        x, y = sorted((len(a - b), len(b - a)))
        n = x + y
        tail = sum(comb(n, i) for i in range(x + 1)) / 2**n
        found[after] = min(1.0, 2 * tail - comb(n, x) / 2**n)
    order = sorted(found, key=lambda name: found[name])
    detected, still = set(), True
    for i, name in enumerate(order):
        still = still and found[name] * (len(order) - i) <= 0.05
        detected |= {name} if still else set()
    steps = {rung.name: rung.step for rung in climbed.rungs if rung.step is not None}
    assert set(steps) == set(found) and {name for name, step in steps.items() if step.detected} == detected
    for (before, first), (after, second) in pairwise(raw.items()):
        assert steps[after].against == before
        assert steps[after].difference == pytest.approx(second[0]["test"] - first[0]["test"])
    assert ladder_plan.plan(climbed).notes[0].startswith(f"{len(detected)} of 8 steps are larger")


def test_what_changed(climbed: ladder.Ladder) -> None:
    rungs = {rung.name: rung for rung in climbed.rungs}
    new = {name: [layer.op for layer in rung.layers if layer.new] for name, rung in rungs.items()}
    assert new["code1"] == [] and set(new["code3"]) == {"conv"} and new["code4"] == ["batch_norm"] * 7
    assert (
        new["code5"] == ["dropout"] * 2
        and new["code6"] == ["avg_pool"]
        and new["code9"] == new["code10"] == []
    )
    assert rungs["code6"].changes == ("−1 conv", "+1 avg pool")
    assert rungs["code9"].changes == ("rotation 7",) and rungs["code10"].changes[0] == "StepLR"
    assert ladder_plan.plan(climbed).steps[3].caption == "CODE4, batch norm: up 0.76 points to 99.19 %."
    assert (
        ladder_plan.plan(climbed).steps[0].caption == "CODE1, the set-up: 6,379,786 parameters, not run here."
    )
    assert all(len(step.caption) <= 110 for step in ladder_plan.plan(climbed).steps)
    assert climbed.runs == "one run each" and "Another seed" in ladder_plan.plan(climbed).notes[1]


def test_some_arms_and_bad_ones() -> None:
    found = ladder.ladder(bundled.only(bundled.results("ladder"), "code8, code4"))
    assert [rung.name for rung in found.rungs] == ["code8", "code4"]
    step = found.rungs[1].step
    assert step is not None and (step.arm, step.against) == ("code4", "code8")
    for arms, words in (
        (["code99"], "no arm 'code99'"),
        (["code4"], "at least two arms"),
        (["code1"], "none of these arms was run"),
    ):
        with pytest.raises(ConvvizError, match=words):
            ladder.ladder(bundled.only(bundled.results("ladder"), arms))


def test_no_step_across_an_arm_that_was_not_run() -> None:
    found = ladder.ladder(bundled.only(bundled.results("ladder"), "code4, code1, code8"))
    assert [rung.why for rung in found.rungs] == ["", "not run", ""]
    assert [rung.step for rung in found.rungs] == [None, None, None] and found.rungs[2].moved == ""


def test_ladders_of_several_seeds() -> None:
    found = ladder.ladder(bundled.results("s7"))
    raw = runs_of("s7")
    for rung in found.rungs:
        values = [run["test"] for run in raw[rung.name]]
        assert (
            rung.accuracy == pytest.approx(mean(values))
            and rung.sd == pytest.approx(stdev(values))
            and rung.n == len(values)
        )
    assert found.runs == "3 runs each" and "chance between seeds" in ladder_plan.plan(found).notes[0]
    assert found.rungs[1].what == "no l1 and weight decay 0.0004"


def test_a_net_that_is_gone_is_told(tmp_path: Path) -> None:
    for arm in ("a", "b"):
        make_run(tmp_path / arm, arm, settings={"net": "gone.yaml"}, experiment="mine", predictions=False)
    with pytest.raises(ConvvizError, match=r"arm 'a'.*cannot be read"):
        ladder.ladder(collect(tmp_path))


# -- the gap --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", bundled.names())
def test_gaps_are_counted_by_run(name: str) -> None:
    found, raw = gap.gaps(bundled.results(name)), runs_of(name)
    for arm in found.arms:
        runs = raw[arm.name]
        assert arm.n == len(runs)
        for figure, values in (
            (arm.test, [run["test"] for run in runs]),
            (arm.alike, [run["alike"] for run in runs]),
            (arm.logged, [run["epochs"][-1][0] for run in runs]),
            (arm.gap, [run["alike"] - run["test"] for run in runs]),
            (arm.logged_gap, [run["epochs"][-1][0] - run["test"] for run in runs]),
        ):
            assert figure.mean == pytest.approx(mean(values), abs=1e-9)
            assert figure.sd == (None if len(values) == 1 else pytest.approx(stdev(values), abs=1e-9))
    table = {row[0]: row for row in gap_plan.plan(found)["gaps"].rows}  # type: ignore[union-attr]
    for arm in found.arms:
        assert table[arm.name][6] == arm.gap.text(True) and table[arm.name][1] == arm.n
    turned = [arm.name for arm in found.arms if (arm.gap.mean > 0) != (arm.logged_gap.mean > 0)]
    assert [arm.name for arm in found.turned] == turned
    assert all(len(step.caption) <= 125 for step in gap_plan.plan(found).steps)


def test_one_run_grows_as_it_was_logged() -> None:
    found = gap.gaps(bundled.results("overfitting"), "none", 0)
    rows = runs_of("overfitting")["none"][0]["epochs"]
    assert [(e.train, e.test, e.train_loss, e.test_loss) for e in found.growth.epochs] == [
        tuple(row) for row in rows
    ]
    for key, which in (("accuracy", 0), ("loss", 2)):
        train, test = gap_plan.plan(found)[key].series  # type: ignore[union-attr]
        assert train.x == tuple(range(1, 25)) and list(train.y) == [row[which] for row in rows]
        assert list(test.y) == [row[which + 1] for row in rows]
    losses = [row[3] for row in rows]
    assert found.growth.best == losses.index(min(losses)) + 1
    known = found.growth.known
    assert known is not None and all(row[0] == 100 for row in rows[known - 1 :]) and rows[known - 2][0] < 100
    assert f"From epoch {known} on every training image is right" in gap_plan.told(found)[1]
    assert "1,000 training images" in gap_plan.told(found)[0] and found.images.startswith(
        "MNIST: 1,000 training"
    )


def test_reasons_come_from_the_nets_and_recipes() -> None:
    arms = {arm.name: arm.reasons for arm in gap.gaps(bundled.results("ladder")).arms}
    assert (
        arms["code2"] == () and arms["code5"] == ("dropout",) and arms["code9"] == ("dropout", "augmentation")
    )
    arms = {arm.name: arm.reasons for arm in gap.gaps(bundled.results("overfitting")).arms}
    assert arms["none"] == () and arms["dropout"] == ("dropout",) and arms["rotation"] == ("augmentation",)


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    found = bundled.results("overfitting")
    with pytest.raises(ConvvizError, match="no arm 'non'; did you mean 'none'"):
        gap.gaps(found, "non")
    with pytest.raises(ConvvizError, match="none has no seed 99"):
        gap.gaps(found, "none", 99)
    data = json.loads(json.dumps(RAW["ladder"]))
    for arm in data["arms"]:
        for run in arm["runs"]:
            del run["epochs"]
    file = tmp_path / "old.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ConvvizError, match="arm 'code2', seed 0: has no epochs; give its run directory"):
        gap.gaps(collect(file))
