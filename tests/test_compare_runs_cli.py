"""`convviz compare RUNS`: run directories made up with and without effects, collected, compared, kept, read again."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from convviz.analysis.statistics import compare_runs, sign_flip, wilson
from convviz.analysis.statistics.factorial import joint_sign_flip, main_effect
from convviz.cli import main
from convviz.errors import ConvvizError
from convviz.figures import canvas
from convviz.figures.training.results import arms_figure, arms_scale, effect_figure
from convviz.report.training_results import (
    SHOWN,
    arms_table,
    compared,
    grid_table,
    interaction_told,
    render,
    reported_table,
    tables,
)
from convviz.runs.collection import collect
from convviz.runs.experiment import experiment, slug
from convviz.runs.factors import effect_of, factors_of
from convviz.runs.results import flat, worded
from convviz.runs.results_file import results_data, results_text
from tests.command import loaded
from tests.pictures import check_texts
from tests.runfolders import make_arms, make_run

NOISE = (0.03, -0.02, 0.05, -0.04, 0.01, 0.02, -0.06, 0.0)
OTHER = (-0.01, 0.04, -0.03, 0.02, 0.05, -0.05, 0.01, -0.02)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def fails(*arguments: object) -> str:
    """The one line of an error."""
    done = run(*arguments)
    assert done.exit_code == 2 and done.stdout == "", (done.exit_code, done.stdout)
    assert done.stderr.startswith("convviz: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def seeds(centre: float, noise: tuple[float, ...] = NOISE) -> dict[int, float]:
    return {seed: round(centre + off, 2) for seed, off in enumerate(noise)}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms that are alike, and one that is higher by .2 points."""
    arms = {"a": seeds(99.2), "b": seeds(99.2, OTHER), "c": seeds(99.4, OTHER)}
    return make_arms(tmp_path_factory.mktemp("runs") / "made_up", arms, predictions=False, held=98.7)


@pytest.fixture(scope="module")
def norms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled factorial, 6 seeds, as a file of results: batch norm .1 higher everywhere."""
    place, known, rng = (
        tmp_path_factory.mktemp("runs") / "norms",
        experiment("norms"),
        np.random.default_rng(4),
    )
    for arm, seed in product(known.arms, range(6)):
        settings = known.recipe(arm, seed).plain()
        epochs = settings.pop("epochs")
        accuracy = 99.1 + 0.1 * arm.startswith("BN") + rng.normal(0, 0.03)
        make_run(place / slug(arm) / f"seed-{seed}", arm, seed, accuracy, experiment="norms", settings=settings,
                 epochs=epochs, predictions=False, parameters=4700)  # fmt: skip
    kept = place / "norms.json"
    kept.write_text(results_text(collect(place)), encoding="utf-8")
    return kept


# -- effects --------------------------------------------------------------------------------------------------
def test_a_planted_effect_is_found_and_none_is_not(planted: Path) -> None:
    data = json.loads(run(planted, "--format", "json").stdout)
    found = {(pair["arm"], pair["against"]): pair for pair in data["pairs"]}
    assert found["b", "c"]["verdict"].startswith("c is higher by 0.20 points")
    assert found["a", "c"]["detected"] and not found["a", "b"]["detected"]
    assert found["a", "b"]["verdict"] == "no difference detected" and found["a", "b"]["seeds_missing"] > 0
    assert data["detected"] == 2 and data["epoch"] == "last" and data["data_set"] == "MNIST"
    two = run(planted / "a", planted / "b")
    assert (
        two.exit_code == 0 and "made_up on MNIST: 2 arms, 8 seeds each: no difference detected" in two.stdout
    )


def test_the_table_has_what_each_arm_took(planted: Path) -> None:
    (row, *_), columns = (
        arms_table(compared(collect(planted))).rows,
        arms_table(compared(collect(planted))).columns,
    )
    told = dict(zip([column.key for column in columns], row, strict=True))
    assert told["arm"] == "a" and told["n"] == 8 and told["mean %"] == "99.20" and told["sd"] == "0.04"
    assert told["min of last 5"] == "97.14"  # the first of five epochs of the worst seed
    assert told["epochs"] == 5 and told["parameters"] == 13_808 and told["seconds"] == "60"
    text = run(planted).stdout
    assert "accuracy on the 10,000 test images of MNIST after the last epoch; no epoch was picked." in text
    assert "1 CPU thread" in text and "Holm: p corrected for 3 comparisons" in text


def test_a_baseline_and_other_limits(planted: Path) -> None:
    data = json.loads(
        run(planted, "--baseline", "c", "--alpha", "0.01", "--worth", "0.05", "--format", "json").stdout
    )
    assert [(pair["arm"], pair["against"]) for pair in data["pairs"]] == [("a", "c"), ("b", "c")]
    assert data["alpha"] == 0.01 and data["worth"] == 0.05
    assert "no arm 'd'" in fails(planted, "--baseline", "d")
    assert "alpha" in fails(planted, "--alpha", "2") and "worth" in fails(planted, "--worth", "nan")


def test_held_out_images(planted: Path, norms: Path) -> None:
    data = json.loads(run(planted, "--metric", "held", "--format", "json").stdout)
    assert data["metric"] == "held" and data["arms"][0]["mean"] == 98.7
    assert "training images held out of MNIST" in run(planted, "--metric", "held").stdout
    assert "has no held-out images" in fails(norms, "--metric", "held")


# -- keeping --------------------------------------------------------------------------------------------------
def test_results_are_kept_and_read_again(planted: Path, tmp_path: Path) -> None:
    kept = tmp_path / "results.json"
    told = run(planted, "--save", kept, "--format", "json")
    assert told.exit_code == 0 and run(kept, "--format", "json").stdout == told.stdout
    found = collect(planted)
    assert collect(kept) == found and repr(collect(kept).compare()) == repr(found.compare())
    data = json.loads(kept.read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(results_data(found)))
    assert data["settings"]["epochs"] == 5 and data["arms"][0]["n"] == 8
    first = data["arms"][0]["runs"][0]
    assert first["seed"] == 0 and first["test"] == 99.23 and len(first["last"]) == 5
    assert first["min"] == min(first["last"]) and first["seconds"] == 60 and first["cpu_seconds"] == 54
    assert str(planted.parent) not in kept.read_text(encoding="utf-8")
    assert kept.read_text(encoding="utf-8").count('{"seed"') == 24  # a run a line
    again = tmp_path / "again.json"
    run(kept, "--save", again)
    assert again.read_text(encoding="utf-8") == kept.read_text(encoding="utf-8")


def test_folders_and_files_together(planted: Path, tmp_path: Path) -> None:
    kept = tmp_path / "ab.json"
    run(planted / "a", planted / "b", "--save", kept)
    assert collect(kept, planted / "c").arms == collect(planted).arms
    both = collect(kept, planted / "a")  # a twice: counted once, and told
    assert [len(arm.runs) for arm in both.arms] == [8, 8] and "counted once: a seed 0" in both.cautions[-1]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d.update(format="x"), "is no file of results"),
        (lambda d: d.update(settings=3), "settings: must be values by name, got 3"),
        (lambda d: d.update(arms={}), "arms: must be a list"),
        (lambda d: d.update(arms=[]), "no run is finished"),
        (lambda d: d["settings"].update(epochs=-1), "arms[0].runs[0].epochs: must be a whole number"),
        (lambda d: d["settings"].update(epoch=1), "there is no setting 'epoch'; did you mean 'epochs'?"),
        (lambda d: d["arms"][1]["runs"][2].update(test=101), "arms[1].runs[2]: test must be a number from 0 to 100"),
        (lambda d: d["arms"][0]["runs"][0].update(test=None), "must have test"),
        (lambda d: d["arms"][0]["runs"][0].update(test="99"), "test must be a number"),
        (lambda d: d["arms"][0]["runs"][0].update(last=[None]), "such in last"),
        (lambda d: d["arms"][0]["runs"][0].update(seed=1.5), "seed must be a whole number"),
        (lambda d: d["arms"][0]["runs"][0].pop("seed"), "must have seed"),
        (lambda d: d["arms"][0]["runs"][0].update(wrong=[5, 5]), "indices of test images"),
        (lambda d: d["arms"][0]["runs"][0].update(seconds=-1), "seconds must be a number"),
        (lambda d: d["arms"][0].pop("name"), "name must be text"),
        (lambda d: d.update(data_set=None), "data_set must be text"),
        (lambda d: d.update(unfinished=[{"arm": "a", "experiment": "e", "seed": 0}]), "must have done"),
    ],
)  # fmt: skip
def test_a_damaged_file_of_results(planted: Path, tmp_path: Path, change: Any, told: str) -> None:
    data = results_data(collect(planted / "a", planted / "b"))
    data = json.loads(json.dumps(data))
    change(data)
    (tmp_path / "bad.json").write_text(json.dumps(data), encoding="utf-8")
    assert told in fails(tmp_path / "bad.json")


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[1]", b"[" * 100_000, b'{"format": 1e400}'])
def test_a_file_that_is_no_json(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(text)
    fails(tmp_path / "bad.json")


# -- single runs ----------------------------------------------------------------------------------------------
def test_one_run_has_wilson(tmp_path: Path) -> None:
    make_run(tmp_path / "one", accuracy=99.41)
    data = json.loads(run(tmp_path, "--format", "json").stdout)
    expected = wilson(99.41, 10_000)
    assert data["arms"][0]["interval"] == {
        "low": expected.low,
        "high": expected.high,
        "level": 0.95,
        "method": "Wilson",
    }
    assert data["pairs"] == [] and "99.41 %, a single run" in run(tmp_path).stdout


def test_two_single_runs_have_mcnemar(tmp_path: Path) -> None:
    stats = pytest.importorskip("scipy.stats")
    make_run(tmp_path / "x", "a", wrong=tuple(range(60)))
    make_run(tmp_path / "y", "b", wrong=tuple(range(50, 90)), settings={"epochs": 5, "lr": 0.1})
    kept = tmp_path / "kept.json"
    data = json.loads(run(tmp_path / "x", tmp_path / "y", "--save", kept, "--format", "json").stdout)
    (pair,) = data["pairs"]
    assert (pair["test"], pair["only_arm"], pair["only_against"]) == ("McNemar", 30, 50)
    assert pair["p"] == pytest.approx(stats.binomtest(30, 80, 0.5).pvalue)
    assert "McNemar's exact test" in run(kept).stdout  # the mistaken images are kept, too
    assert json.loads(run(kept, "--format", "json").stdout) == data


def test_without_predictions_intervals_are_all_there_is(tmp_path: Path) -> None:
    make_run(tmp_path / "x", "a", accuracy=99.4, predictions=False)
    make_run(tmp_path / "y", "b", accuracy=99.3, predictions=False)
    text = run(tmp_path).stdout
    assert "one run of each, and their Wilson intervals overlap" in text and "McNemar" not in text


def test_predictions_that_do_not_belong(tmp_path: Path) -> None:
    make_run(tmp_path / "x", "a", accuracy=99.4)
    make_run(tmp_path / "y", "b", accuracy=99.0)
    shutil.copy(tmp_path / "x" / "predictions.npz", tmp_path / "y" / "predictions.npz")
    assert "99.40 % of its predictions right, but says 99.00 %" in fails(tmp_path)
    (tmp_path / "y" / "predictions.npz").write_bytes(b"damaged")
    assert "predictions.npz: cannot be read" in fails(tmp_path)


# -- what is left out, refused, named -------------------------------------------------------------------------
def test_unfinished_runs_are_named_and_left_out(planted: Path, tmp_path: Path) -> None:
    root = tmp_path / "made_up"
    make_run(root / "c" / "seed-9", "c", 9, experiment="made_up", finished=3)
    found = collect(planted, root)
    assert [len(arm.runs) for arm in found.arms] == [8, 8, 8]
    assert found.cautions == ("not finished and left out: c seed 9 (3 of 5 epochs)",)
    assert "warning: not finished and left out: c seed 9" in run(planted, root).stdout
    kept = tmp_path / "kept.json"
    run(planted, root, "--save", kept)
    assert collect(kept).unfinished == found.unfinished
    assert "no run is finished" in fails(root)
    make_run(root / "c" / "seed-9", "c", 9, experiment="made_up", predictions=False)
    assert collect(kept, root).unfinished == ()  # finished since


def test_different_data_sets_are_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "x", "a", predictions=False)
    make_run(tmp_path / "y", "b", predictions=False, data_set="scikit-learn's digits")
    line = fails(tmp_path)
    assert "runs on different data sets cannot be compared: MNIST (a) and scikit-learn's digits (b)" in line
    copy = make_run(
        tmp_path / "z", "c", predictions=False, data_set="CIFAR-10 (JPEG copy)", settings={"net": "tiny"}
    )
    assert "CIFAR-10 (JPEG copy)" in run(copy.folder).stdout


def test_what_makes_arms_unlike_is_told(tmp_path: Path) -> None:
    for seed in range(6):
        make_run(tmp_path / "a" / str(seed), "a", seed, predictions=False)
        make_run(tmp_path / "b" / str(seed + 1), "b", seed + 1, predictions=False, epochs=7, threads=2,
                 train_images=55_000)  # fmt: skip
    warnings = "\n".join(collect(tmp_path).compare().warnings)
    assert "different numbers of training images (55,000 and 60,000)" in warnings
    assert "different numbers of threads (1 and 2)" in warnings and "unequal epochs (a 5 and b 7)" in warnings
    assert "different seeds: of a and b only those that both have are paired" in warnings
    make_run(tmp_path / "a" / "9", "a", 9, predictions=False, device="cuda:0")
    assert "different devices (cpu and cuda:0)" in "\n".join(collect(tmp_path).cautions)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("config.yaml", b"\x00\xff", "config.yaml"),
        ("config.yaml", b"epochs: [", "is not YAML"),
        ("config.yaml", b"epochs: ten", "epochs: must be a whole number"),
        ("metrics.jsonl", b"{}\n", "metrics.jsonl:1: must have epoch"),
        ("summary.json", b"{", "summary.json: is no JSON"),
        ("summary.json", b'{"test_accuracy": 101}', "test_accuracy must be a number from 0 to 100, got 101"),
        ("summary.json", b'{"test_accuracy": NaN}', "test_accuracy, a number"),
        ("summary.json", b'{"test_accuracy": 1e400}', "test_accuracy, a number"),
        ("summary.json", b'{"test_accuracy": 99, "seconds": "long"}', "seconds must be a number"),
        ("summary.json", b'{"test_accuracy": 99, "parameters": -5}', "parameters must be a number"),
    ],
)
def test_damaged_run_directories(tmp_path: Path, file: str, text: bytes, told: str) -> None:
    make_run(tmp_path / "x", "a", predictions=False)
    (tmp_path / "x" / file).write_bytes(text)
    assert told in fails(tmp_path)


def test_runs_of_one_arm_with_other_settings_are_another_arm(tmp_path: Path) -> None:
    for rate in (0.01, 0.1):
        make_run(tmp_path / f"{rate}", "code8", settings={"lr": rate}, predictions=False)
    found = collect(tmp_path)
    assert [arm.name for arm in found.arms] == ["code8, lr 0.01", "code8, lr 0.1"]
    assert found.differing == ("lr",) and "lr" not in found.common and found.common["epochs"] == 5
    assert collect(tmp_path).folders[1].arm == "code8, lr 0.1"  # so curves name them apart, too
    for name in ("p", "q"):
        make_run(tmp_path / name, "a", experiment=name, predictions=False)
    assert [arm.name for arm in collect(tmp_path / "p", tmp_path / "q").arms] == ["p: a", "q: a"]


def test_one_seed_twice(tmp_path: Path) -> None:
    make_run(tmp_path / "x", "a", accuracy=99.4, predictions=False)
    make_run(tmp_path / "y", "a", accuracy=99.3, predictions=False)
    assert "two runs with the same settings and seed 0, 99.40 and 99.30 %; give one of them" in fails(
        tmp_path
    )


def test_nets_are_told_without_their_folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_run(
            tmp_path / name, name, settings={"net": f"/home/somebody/{name}/net.yaml"}, predictions=False
        )
    text = results_text(collect(tmp_path))
    assert '"one/net.yaml"' in text and "somebody" not in text
    assert '"net.yaml"' in results_text(collect(tmp_path / "one"))


def test_arms_come_in_the_order_given_and_seeds_as_people_count(tmp_path: Path) -> None:
    for size in (2, 16, 128):
        make_run(tmp_path / f"b{size}", f"b{size}", settings={"batch_size": size}, predictions=False)
    assert [arm.name for arm in collect(tmp_path).arms] == ["b2", "b16", "b128"]
    assert [arm.name for arm in collect(tmp_path / "b128", tmp_path / "b2").arms] == ["b128", "b2"]


# -- factorials -----------------------------------------------------------------------------------------------
def test_main_effects_against_a_computation_by_hand(norms: Path) -> None:
    found = collect(norms)
    assert factors_of(found) == ("norm", "penalty")
    exact = {
        (arm.name.split(", ")[0], arm.name.split(", ")[1], run.seed): Fraction(str(run.test))
        for arm in found.arms
        for run in arm.runs
    }
    penalties = ("none", "L1", "L2", "L1+L2")
    effect = effect_of(found, "norm")
    assert effect.levels == ("BN", "LN", "GN") and effect.rests == penalties and effect.over == "penalty"
    for level, summary in zip(effect.levels, effect.comparison.arms, strict=True):
        for seed in range(6):
            by_hand = sum(exact[level, rest, seed] for rest in penalties) / 4
            assert summary.arm.accuracies[seed] == pytest.approx(float(by_hand), abs=1e-9)
    pair = effect.comparison["BN", "LN"]
    assert pair.p == sign_flip(pair.differences) and pair.detected is False  # 6 seeds, 3 comparisons: too few
    assert any("6 common seeds" in word for word in effect.comparison.warnings)
    across = effect_of(found, "penalty")
    assert across.levels == penalties and across.interaction.p == pytest.approx(effect.interaction.p)


def test_the_factorial_is_told_with_the_five_groups_beside_it(norms: Path) -> None:
    text = run(norms).stdout
    assert "What norm does (4 settings of penalty, averaged within each seed)" in text
    assert "What penalty does (3 settings of norm" in text
    assert text.count("interaction detected") == 1  # it is one and the same for both
    assert "One experiment, five groups, three conclusions" in text and "99.46 (99.30 to 99.59)" in text
    assert "Differences, pair by pair" not in text and "the 66 pairs of single arms are in the data" in text
    assert "Differences, pair by pair" in run(norms, "--baseline", "BN, none").stdout
    one = json.loads(run(norms, "--factor", "norm", "--format", "json").stdout)
    assert [effect["factor"] for effect in one["effects"]] == ["norm"] and len(one["pairs"]) == 66
    # A setting is a factor, too: L1 or not, averaged over norms and weight decay.
    by_setting = effect_of(collect(norms), "l1")
    assert by_setting.levels == ("l1 0", "l1 0.0001") and len(by_setting.rests) == 6
    assert "no factor 'nrom'; did you mean 'norm'?" in fails(norms, "--factor", "nrom")


def test_means_of_the_grid_are_those_of_the_arms(norms: Path) -> None:
    found = compared(collect(norms))
    means = {row[0]: row[2] for row in arms_table(found).rows}
    for row in grid_table(found.effects[0]).rows[:-1]:
        for rest, cell in zip(found.effects[0].rests, row[1:], strict=False):
            assert means[f"{row[0]}, {rest}"] == cell


def test_a_mixed_up_design_is_refused(tmp_path: Path) -> None:
    known = experiment("s6")
    for arm in known.arms:
        settings = {
            name: value for name, value in known.recipe(arm).plain().items() if name not in ("epochs", "seed")
        }
        make_run(tmp_path / slug(arm), arm, experiment="s6", settings=settings, predictions=False)
    assert "norm: is mixed up with what else differs" in fails(tmp_path, "--factor", "norm")
    text = run(tmp_path).stdout
    assert "arms differ in weight_decay, norm and l1" in text and "five groups" in text


def test_factors_missing_cells_and_seeds() -> None:
    cells = {(a, b): {s: 99 + s / 100 for s in range(6)} for a in "xy" for b in "uv"}
    with pytest.raises(ConvvizError, match="y was not run with v; a main effect needs every combination"):
        main_effect("f", {cell: found for cell, found in cells.items() if cell != ("y", "v")})
    with pytest.raises(ConvvizError, match="one level only"):
        main_effect("f", {cell: found for cell, found in cells.items() if cell[0] == "x"})
    with pytest.raises(ConvvizError, match="no seed was run in every combination"):
        main_effect("f", cells | {("y", "v"): {9: 99.0}})
    some = main_effect("f", cells | {("y", "v"): dict.fromkeys((0, 1, 7), 99.0)})
    assert some.interaction.seeds == 2 and some.missing == (2, 3, 4, 5, 7)
    single = main_effect("f", {cell: {0: 99.0} for cell in cells})
    assert "with one seed it cannot be tested" in interaction_told(single)


def test_an_interaction_is_found_where_it_is(norms: Path) -> None:
    rng = np.random.default_rng(0)

    def cells(bump: float) -> dict[tuple[str, str], dict[int, float]]:
        return {
            (a, b): {s: 99.0 + bump * (a == b == "1") + rng.normal(0, 0.05) for s in range(8)}
            for a, b in product("012", "012")
        }

    found = main_effect("f", cells(0.4))
    assert found.interaction.detected and found.interaction.largest[0] == ("1", "1")
    assert "interaction detected" in interaction_told(
        found
    ) and "most for 1 with 1 (+0.2" in interaction_told(found)
    none = [main_effect("f", cells(0.0)).interaction.detected for _ in range(60)]
    assert sum(none) <= 8  # 3 are expected at .05


@pytest.mark.parametrize("n", [2, 5, 9])
def test_joint_sign_flips_against_all_choices(n: int) -> None:
    rows = np.random.default_rng(n).normal(0.3, 1, (n, 4))
    target = np.linalg.norm(rows.sum(0))
    brute = [np.linalg.norm(np.array(signs) @ rows) >= target - 1e-9 for signs in product((1, -1), repeat=n)]
    assert joint_sign_flip(rows) == pytest.approx(np.mean(brute))
    assert joint_sign_flip(rows[:, :1]) == pytest.approx(sign_flip(rows[:, 0]))


def test_joint_sign_flips_that_are_drawn_and_none() -> None:
    rows = np.random.default_rng(0).normal(0.0, 1, (20, 3))
    assert abs(joint_sign_flip(rows[:14]) - joint_sign_flip(np.vstack([rows[:14], np.zeros((1, 3))]))) < 0.02
    assert joint_sign_flip(np.zeros((5, 3))) == 1.0
    assert joint_sign_flip(np.ones((20, 2))) < 0.001


# -- reported -------------------------------------------------------------------------------------------------
def test_reported_figures_stand_beside_the_measured_ones(tmp_path: Path) -> None:
    known = experiment("s7")
    for arm in ("GBN", "L1+BN"):
        for seed in range(3):
            accuracy = 99.3 + seed / 100
            make_run(tmp_path / arm / str(seed), arm, seed, accuracy, experiment="s7", predictions=False,
                     history=(98.0, 99.0, 99.2, 99.6, accuracy), settings={"net": arm})  # fmt: skip
    make_run(tmp_path / "stopped", "L2+BN", experiment="s7", finished=1)
    table = reported_table(compared(collect(tmp_path)))
    rows = {row[0]: row for row in table.rows}
    assert list(rows) == list(known.arms)
    assert rows["GBN"][1:8] == (3, "99.31", "0.01", 5, "99.60", "99.49", 25)
    assert rows["L1+L2+BN"][1:8] == (0, "not run", None, None, None, "99.44", 25)
    assert rows["L2+BN"][2] == "not finished"
    assert "reported: one seed, best epoch, L1 without gradient; one seed, best epoch." in table.notes
    data = json.loads(run(tmp_path, "--format", "json").stdout)
    assert data["not_run"] == ["L2+BN", "L1+L2+BN", "L1+L2+GBN"] and data["reported"]["GBN"]["test"] == 99.49
    with canvas.style():
        made = arms_figure(compared(collect(tmp_path)))
    words = [text.get_text() for ax in made.axes for text in ax.texts]
    assert words.count("not run") == 2 and words.count("not finished") == 1 and "99.49" in words
    check_texts(made)


def test_every_step_of_the_ladder_has_a_row(tmp_path: Path) -> None:
    known = experiment("ladder")
    arm = list(known.arms)[7]
    settings = {
        name: value for name, value in known.recipe(arm).plain().items() if name not in ("epochs", "seed")
    }
    make_run(tmp_path, arm, experiment="ladder", settings=settings, predictions=False)
    rows = reported_table(compared(collect(tmp_path))).rows
    assert [row[0] for row in rows] == list(known.arms) and len(rows) >= 10
    assert [row[2] for row in rows].count("not run") == len(rows) - 1
    assert all(row[6] is not None for row in rows[:10])  # the course's figures


def test_an_unknown_experiment_is_no_trouble(planted: Path) -> None:
    found = collect(planted)
    assert found.reported == {} and found.not_run == () and found.factors == {} and factors_of(found) == ()
    assert [table.title[:11] for table in tables(compared(found))] == ["made_up on ", "Differences"]


# -- the command ----------------------------------------------------------------------------------------------
def test_nets_are_compared_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "code8", "mine", predictions=False)
    monkeypatch.chdir(tmp_path)
    assert "code7 → code8" in run("code7", "code8").stdout  # a bundled net's name wins
    assert "mine" in run("./code8").stdout
    assert "'code8' is a net and './code8' holds runs" in fails("code8", "./code8")
    assert "; ./code8 is the folder" in fails("code8", "./code8")
    assert "got 1 net (code8)" in fails("code8") and "got 3 nets" in fails("code7", "code8", "code9")
    assert "nothing.yaml" in fails("nothing.yaml", "code8")
    assert "--factor: is for runs" in fails("code7", "code8", "--factor", "norm")
    assert "--alpha: is for runs" in fails("code7", "code8", "--alpha", "0")
    assert "--input: is for nets" in fails("./code8", "--input", "1x28x28")
    (tmp_path / "empty").mkdir()
    assert "holds no run directory" in fails("empty")
    assert run().exit_code == 2


@pytest.mark.parametrize("format", ["md", "html", "latex", "table"])
def test_formats(norms: Path, planted: Path, format: str, tmp_path: Path) -> None:
    for sources in ((norms,), (planted / "a", planted / "b")):
        done = run(*sources, "--format", format)
        assert done.exit_code == 0 and "no difference detected" in done.stdout
    out = tmp_path / "x.html"
    run(planted / "a", "-o", out)
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_csv_has_parts(planted: Path) -> None:
    arms = run(planted, "--format", "csv").stdout.splitlines()
    assert arms[0].startswith("arm,n,mean,sd") and len(arms) == 4 and "MNIST" in arms[1]
    runs = run(planted, "--format", "csv", "--part", "runs").stdout.splitlines()
    assert len(runs) == 25 and runs[1].startswith("a,0,99.23,98.7,")
    pairs = run(planted, "--format", "csv", "--part", "pairs").stdout.splitlines()
    assert len(pairs) == 4 and "c is higher" in pairs[2]
    assert "--part: chooses what a CSV holds" in fails(planted, "--part", "runs")


def test_many_pairs_are_cut_to_those_with_the_smallest_p(tmp_path: Path) -> None:
    arms = {f"arm {i}": seeds(99.0 + 0.3 * (i == 6), NOISE[i:] + NOISE[:i]) for i in range(7)}
    found = compared(collect(make_arms(tmp_path, arms, predictions=False)))
    table = tables(found)[-1]
    assert all(row[0].endswith("− arm 6") for row in table.rows[:6])
    assert (
        len(table.rows) == SHOWN
        and table.notes[0] == "the 12 pairs with the smallest p of 21; the data have all."
    )


def test_pictures_and_files(planted: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("plot.svg", "curves.svg", "kept.json")]
    done = run(planted, "--plot", files[0], "--curves", files[1], "--save", files[2], "--theme", "dark")
    assert done.exit_code == 0 and all(file.stat().st_size > 1000 for file in files)
    assert "kept.txt: must be a .json file" in fails(planted, "--save", tmp_path / "kept.txt")
    assert "there is no folder" in fails(planted, "--save", tmp_path / "none" / "kept.json")
    assert "plot.xyz" in fails(planted, "--plot", tmp_path / "plot.xyz")
    assert "a file of results has none" in fails(files[2], "--curves", files[1])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_a_factorial(norms: Path, theme: str) -> None:
    found = compared(collect(norms))
    with canvas.style():
        made = arms_figure(found, theme=theme)
        one = effect_figure(compared(collect(norms), factors=["norm"]), found.effects[0], theme=theme)
    check_texts(made)
    words = [text.get_text() for text in made.texts]
    assert words[0].startswith("norms on MNIST: norm, ")
    dots = [line for line in made.axes[1].lines if line.get_marker() == "o"]
    assert sum(len(line.get_xdata()) for line in dots) == 72
    assert one.texts[1].get_text().startswith("A dot is a seed, averaged over none, L1, L2 and L1+L2;")
    check_texts(one)


def test_an_arm_far_away_does_not_squeeze_the_others(tmp_path: Path) -> None:
    arms = {"a": seeds(99.2), "b": seeds(99.3, OTHER), "c": seeds(11.3), "d": seeds(99.25, OTHER)}
    found = compared(collect(make_arms(tmp_path, arms, predictions=False)))
    scale = arms_scale(found)
    assert 99.0 < scale.low < scale.high < 99.6
    with canvas.style():
        made = arms_figure(found)
    check_texts(made)


def test_results_print_themselves(planted: Path) -> None:
    found = collect(planted)
    assert repr(found).splitlines()[:2] == ["made_up: 3 arms on MNIST (last epoch)", "a: n 8, mean 99.20 %"]
    assert repr(compared(found)) == render(compared(found)) and "<table>" in compared(found)._repr_html_()
    assert repr(found.compare()) == repr(compare_runs(found.records()))
    with pytest.raises(ConvvizError, match="must be test or held"):
        found.records("best")
    with pytest.raises(ConvvizError, match="no part 'x'"):
        render(compared(found), "csv", part="x")


def test_settings_in_words() -> None:
    assert worded("norm", None) == "the net's own norm" and worded("batch_size", 64) == "batch size 64"
    recipe = experiment("code10").recipe("code10")
    assert flat(recipe)["scheduler"] == "StepLR" and "seed" not in flat(recipe)


def test_comparing_runs_loads_no_torch(planted: Path) -> None:
    line = ["compare", str(planted / "a")]
    assert loaded([line], ["torch", "matplotlib", "scipy", "rich", "xlsxwriter"]) == {" ".join(line): []}


def test_what_others_reported_stands_beside_the_same_data_set_only(tmp_path: Path) -> None:
    for name, data_set in (("a", "MNIST"), ("b", "digits")):
        make_run(tmp_path / name, "code8", 0, 98.0, experiment="code8", data_set=data_set, test_images=500)
    assert "reported" in run(tmp_path / "a").stdout
    assert "reported" not in run(tmp_path / "b").stdout
