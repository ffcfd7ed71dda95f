"""`convviz handin`: one folder from finished runs, whose model takes every arm's weights and answers as they did."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import openpyxl
import pytest
import torch

from convviz.errors import ConvvizError
from convviz.export import export
from convviz.report.handin.analysis import confounded, target_sentence
from convviz.report.handin.parts import HandIn
from convviz.report.handin.readme import readme
from convviz.report.handin.worked import worked_out
from convviz.runs.experiment import experiment
from convviz.runs.recipe import recipe_of
from convviz.runs.run import Run, find_runs, read_run
from convviz.train import handin_place
from convviz.train.handin import Wanted, gather, write
from convviz.train.net import graph_of
from convviz.train.run import train
from tests.command import Command
from tests.runfolders import make_arms, make_run
from tests.tiny import DATA, net

ARMS = {
    "BN+L1": {"norm": "batch", "l1": 1e-3},
    "LN": {"norm": "group:1"},
    "GN": {"norm": "group:2", "weight_decay": 1e-4},
    "GBN": {"norm": "ghost:2"},
    "bare": {"norm": "without"},
}
EXPERIMENT = """
name: quarters
about: five norms on quarters
target: 60 % on four classes
source: a made-up assignment
base: {net: NET, dataset: digits, epochs: 1, batch_size: 8}
arms: ARMS
reported:
  LN: {test: 55.5, epochs: 9, how: "one seed"}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment's file and its five runs, trained in a blink."""
    folder = tmp_path_factory.mktemp("handin")
    text = EXPERIMENT.replace("NET", net(folder)).replace("ARMS", json.dumps(ARMS))
    (folder / "quarters.yaml").write_text(text, encoding="utf-8")
    found = experiment(folder / "quarters.yaml")
    for job in found.jobs:
        train(job.recipe, folder / "runs" / job.folder, DATA, arm=job.arm, experiment=found.name, threads=1)
    return folder


@pytest.fixture(scope="module")
def made(place: Path) -> Path:
    """The folder, and its pictures, once for all who only look at it."""
    found = gather(
        wanted(place), count=3, author="Ada <b>Lovelace</b>", commands=("convviz handin quarters.yaml",)
    )
    write(found, DATA, place / "out", grid=(3, 1))
    return place / "out"


def wanted(place: Path, runs: str = "runs") -> Wanted:
    return Wanted(experiment(place / "quarters.yaml"), (place / runs,), "convviz train quarters.yaml")


run = Command("handin")


@pytest.fixture
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convviz.train.data.load", lambda name, folder=None: DATA)


def classes(file: Path) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "handed_in"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), space)
    return space


# -- the model ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("arm", ARMS)
def test_the_model_answers_as_the_arm_did(place: Path, made: Path, arm: str) -> None:
    told = next(one for one in json.loads((made / "handin.json").read_text())["arms"] if one["name"] == arm)
    module = classes(made / told["model"])["Net"](norm=told["norm"])
    module.load_state_dict(torch.load(made / told["folder"] / "seed-0" / "model.pt", weights_only=True))
    x = (torch.from_numpy(DATA.test_images).float() / 255 - DATA.mean[0]) / DATA.std[0]
    with torch.inference_mode():
        found = module.eval()(x).softmax(1)
    trained = read_run(place / "runs" / arm / "seed-0")
    torch.testing.assert_close(
        found, torch.from_numpy(trained.predictions.probabilities), rtol=1e-4, atol=1e-6
    )
    accuracy = 100 * (found.argmax(1).numpy() == DATA.test_labels).mean()
    assert accuracy == pytest.approx(trained.test_accuracy)


def test_one_model_for_all_arms_and_its_use_in_the_readme(made: Path) -> None:
    assert [path.name for path in made.glob("*.py")] == ["model.py"]
    text = (made / "README.md").read_text(encoding="utf-8")
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippet
    here = os.getcwd()
    os.chdir(made)
    sys.path.insert(0, ".")
    try:
        space: dict[str, Any] = {}
        exec(snippet[1], space)
    finally:
        os.chdir(here)
        sys.path.remove(".")
        sys.modules.pop("model", None)
    assert not space["net"].training
    assert f"(pixel / 255 − {DATA.mean[0]:.4f}) / {DATA.std[0]:.4f}" in text


# -- the folder ---------------------------------------------------------------------------------------------
def test_the_folder_is_whole(made: Path) -> None:
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert files == {
        "README.md", "model.py", "curves.png", "misclassified.png", "handin.json",
        "normalization/batch.md", "normalization/layer.md", "normalization/group-2.md", "normalization/ghost-2.md",
        "normalization/normalization.xlsx",
        *(f"arms/{arm}/seed-0/{name}" for arm in ARMS for name in ("config.yaml", "metrics.jsonl", "model.pt")),
    }  # fmt: skip
    book = openpyxl.load_workbook(made / "normalization/normalization.xlsx")
    assert len(book.sheetnames) >= 5
    for name in ("curves.png", "misclassified.png"):
        assert min(matplotlib.image.imread(made / name).shape[:2]) > 300


def test_every_link_of_the_readme_leads_somewhere(made: Path) -> None:
    text = (made / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"(?<!\\)\]\(([^)]+)\)", text)
    assert {"curves.png", "misclassified.png", "model.py"} <= set(links)
    assert [link for link in links if not (made / link).is_file()] == []
    for config in re.findall(r"--config (\S+)", text):
        assert (made / config).is_file()


def test_what_the_readme_tells(place: Path, made: Path) -> None:
    text = (made / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# quarters: five norms on quarters\n\nAda \\<b\\>Lovelace\\</b\\>\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "Target", "Result", "Comparison", "Analysis", "Curves", "Misclassified images", "The net", "Recipes",
        "Normalization, worked out", "Model", "How to repeat it",
    ]  # fmt: skip
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == list(ARMS)
    assert "60 % on four classes (a made-up assignment)." in text
    for trained in find_runs(place / "runs"):
        assert (
            f"Result: {trained.test_accuracy:.2f} % of the test images after the last epoch (95 % interval"
            in text
        )
    assert "Reported by others: 55.50 % (9 epochs, one seed)" in text
    assert "Each arm has one run" in text
    assert "LN: GroupNorm(1) normalizes by the statistics of layer norm" in text
    assert (
        "GN: from group_norm1 on, every unit also depends on the whole image through group_norm statistics"
        in text
    )
    assert "convviz train quarters.yaml\nconvviz handin quarters.yaml\n" in text
    assert str(place) not in text.replace(net(place), "")  # no path but that of the net that was named


def test_earlier_hand_ins_are_replaced_and_nothing_else(place: Path, made: Path, tmp_path: Path) -> None:
    found = gather(wanted(place), count=1)
    out = tmp_path / "out"
    shutil.copytree(made, out)
    (out / "arms" / "BN+L1" / "seed-0" / "config.yaml").unlink()  # of an arm that is gone, say
    write(found, DATA, out)
    assert (out / "arms" / "BN+L1" / "seed-0" / "config.yaml").exists()
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "README.md").write_text("my own words", encoding="utf-8")
    with pytest.raises(ConvvizError, match=r"changed or added by hand \(README.md and notes.txt\)"):
        write(found, DATA, out)
    assert (out / "README.md").read_text(encoding="utf-8") == "my own words"
    write(found, DATA, out, force=True)
    assert not (out / "notes.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]  # nothing beside it


def test_a_folder_with_other_things_is_refused(place: Path, tmp_path: Path, monkeypatch: Any) -> None:
    found = gather(wanted(place), count=1)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "handin.json").write_text('{"made_by": "someone"}', encoding="utf-8")
    (tmp_path / "file").write_text("", encoding="utf-8")
    for name, text in (("thesis", "is not empty and no earlier hand-in"), ("file", "is a file; name a folder"),
                       ("file/out", "is a file, not a folder")):  # fmt: skip
        with pytest.raises(ConvvizError, match=re.escape(text)):
            write(found, DATA, tmp_path / name, force=True)
    monkeypatch.chdir(tmp_path / "thesis")
    for name in (".", "..", "/"):
        with pytest.raises(ConvvizError, match="is the folder that you are in, or one above it"):
            write(found, DATA, name, force=True)
    (tmp_path / "empty").mkdir()
    write(found, DATA, tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").exists()


@pytest.mark.parametrize("old", [False, True])
def test_nothing_half_written(place: Path, made: Path, tmp_path: Path, monkeypatch: Any, old: bool) -> None:
    if old:
        shutil.copytree(made, tmp_path / "out")
    before = handin_place.sums(tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convviz.figures.training.misclassified.plot_of_arms", full)
    with pytest.raises(ConvvizError, match="cannot be written: No space left on device"):
        write(gather(wanted(place), count=1), DATA, tmp_path / "out")
    assert handin_place.sums(tmp_path) == before


def test_the_old_folder_comes_back_where_the_new_one_cannot_be_put(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old", encoding="utf-8")
    move = os.replace

    def refuse(source: Any, target: Any) -> None:
        if (Path(source) / "new").exists():
            raise OSError(13, "Permission denied")
        move(source, target)

    monkeypatch.setattr(handin_place.os, "replace", refuse)
    with pytest.raises(ConvvizError, match="Permission denied"):
        handin_place.put(tmp_path / "out", lambda folder: (folder / "new").write_text("new") and None)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/old"]


# -- what is missing ----------------------------------------------------------------------------------------
def copied(place: Path, folder: Path) -> Path:
    shutil.copytree(place / "runs", folder / "runs")
    shutil.copy(place / "quarters.yaml", folder)
    return folder


def test_missing_and_unfinished_arms(place: Path, tmp_path: Path, no_download: None) -> None:
    folder = copied(place, tmp_path)
    shutil.rmtree(folder / "runs" / "GN")
    (folder / "runs" / "LN" / "seed-0" / "summary.json").unlink()
    options = [folder / "quarters.yaml", "--runs", folder / "runs", "-o", folder / "out", "--count", 1]
    done = run(*options)
    assert done.exit_code == 2
    assert re.fullmatch(
        r"convviz: \S+/runs: GN is missing and LN seed 0 is not finished \(1 of 1 epochs\); train: convviz train "
        r"\S+quarters.yaml --output \S+/runs \(or --partial for what is there\)\n",
        done.output,
    )
    assert not (folder / "out").exists()
    done = run(*options, "--partial")
    assert done.exit_code == 0, done.output
    assert "not complete: GN is missing\n" in done.output
    text = (folder / "out" / "README.md").read_text(encoding="utf-8")
    assert "**Not complete:** GN is missing and LN seed 0 is not finished (1 of 1 epochs)." in text
    data = json.loads((folder / "out" / "handin.json").read_text())
    assert not data["complete"] and [arm["name"] for arm in data["arms"]] == ["BN+L1", "GBN", "bare"]


def test_missing_seeds(place: Path, tmp_path: Path) -> None:
    three = replace(wanted(place).experiment, seeds=(0, 1, 2))
    with pytest.raises(ConvvizError, match="every arm has 1 of 3 seeds"):
        gather(Wanted(three, (place / "runs",)))


def test_nothing_finished_and_other_experiments(tmp_path: Path) -> None:
    make_run(tmp_path / "a" / "seed-0", "BN+L1+L2", experiment="s6", finished=2)
    with pytest.raises(ConvvizError, match="no run is finished: LN"):
        gather(Wanted(experiment("s6"), (tmp_path,)))
    with pytest.raises(ConvvizError, match="holds no run of s7, but of s6"):
        gather(Wanted(experiment("s7"), (tmp_path,)))


# -- other shapes of it -------------------------------------------------------------------------------------
def test_run_folders_without_an_experiment(place: Path, tmp_path: Path, no_download: None) -> None:
    done = run(
        place / "runs" / "GN", place / "runs" / "GBN", "-o", tmp_path / "out", "--count", 2, "--theme", "dark"
    )
    assert done.exit_code == 0, done.output
    assert (
        done.output
        == f"{tmp_path / 'out'}: quarters on quarters: 2 arms, 1 run each: no difference detected\n"
    )
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "## Target\n\nNo target was set.\n" in text
    assert "convviz train --config arms/GN/seed-0/config.yaml\n" in text


def test_several_seeds(place: Path, tmp_path: Path) -> None:
    folder = copied(place, tmp_path)
    for arm in ("GN", "GBN"):
        first = read_run(folder / "runs" / arm / "seed-0")
        for seed in (1, 2):
            train(first.recipe.replace(seed=seed), folder / "runs" / arm / f"seed-{seed}", DATA, arm=arm,
                  experiment="quarters", threads=1)  # fmt: skip
    for arm in ("BN+L1", "LN", "bare"):
        shutil.rmtree(folder / "runs" / arm)
    found = gather(wanted(folder), seed=2, count=2, partial=True)
    assert [part.run.seed for part in found.parts] == [2, 2] and len(found.runs) == 6
    text = readme(found)
    assert "on average after the last epoch" in text and "3 runs from" in text
    assert "The run with seed 2, which is shown:\n\n- Gap:" in text and "Each arm has one run" not in text
    assert "convviz train quarters.yaml --seeds 3" in text
    with pytest.raises(ConvvizError, match="GN has no finished run with seed 7, but 0, 1 and 2"):
        gather(wanted(folder), seed=7, partial=True)


def trained(folder: Path, text: str, name: str, **settings: Any) -> Run:
    recipe = recipe_of(
        {
            "net": net(folder, text, f"{name}.yaml"),
            "dataset": "digits",
            "epochs": 1,
            "batch_size": 8,
            **settings,
        }
    )
    return train(recipe, folder / "runs" / name, DATA, arm=name, threads=1)


BARE = """
name: bare
input: [1, 8, 8]
layers:
  - conv: {out_channels: 4, kernel_size: 3}
  - global_avg_pool
  - flatten
"""


def test_nets_without_norms_and_different_nets(tmp_path: Path) -> None:
    one = trained(tmp_path, BARE, "one")
    found = gather(Wanted(None, (tmp_path / "runs",)))
    graph = replace(graph_of(one.recipe), name=found.name)
    assert found.models == {"model.py": export(graph, "Net")}
    assert "## Normalization" not in readme(found) and "There is one arm" not in readme(found)
    trained(
        tmp_path, BARE.replace("global_avg_pool", "batch_norm\n  - layer_norm\n  - global_avg_pool"), "t w.o"
    )
    found = gather(Wanted(None, (tmp_path / "runs",)))
    assert list(found.models) == ["model_one.py", "model_t_w_o.py"]
    assert [part.norm for part in found.parts] == [None, None]
    for file, source in found.models.items():
        ast.parse(source, file)
    assert list(found.worked[0].files) == ["batch", "layer"]  # of the second, which has both


@pytest.mark.parametrize(
    "words, sizes, files",
    [
        (["batch", "group:1", "group:2"], (4, 4, 2, 2), [["batch", "layer", "group-2"]]),
        (["batch"], (4, 4, 2, 2), [["batch"]]),
        (["group:3"], (4, 6, 2, 2), [["group-3"]]),
        (["group:2", "group:5"], (4, 10, 2, 2), [["group-2"], ["group-5"]]),
        (["ghost:4"], (8, 4, 2, 2), [["ghost-4"]]),
        (
            ["group:8", "ghost:2", "rms", "instance"],
            (4, 16, 2, 2),
            [["group-8", "ghost-2", "rms", "instance"]],
        ),
        (["group:32", "layer", "without"], (4, 4, 2, 2), [["layer"]]),
        (["group:7", "group:5"], (4, 14, 2, 2), [["group-7"]]),
    ],
)
def test_norms_worked_out(words: list[str], sizes: tuple[int, ...], files: list[list[str]]) -> None:
    books, left_out = worked_out(words)
    assert [[Path(file).stem for file in book.files.values()] for book in books] == files
    assert {result.shape for book in books for result in book.norms} == {sizes}
    assert len({book.book for book in books}) == len(books)
    assert bool(left_out) == any(word in ("group:32", "group:5") and len(files) == 1 for word in words)


def test_only_norms_that_are_too_large() -> None:
    assert worked_out(["group:64"]) == (
        (), ("64 groups are too many to be followed by hand; `convviz norm` takes them",))  # fmt: skip


# -- words --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "seeds, target, text",
    [
        ({"a": 99.9, "b": 99.41, "c": 98.0}, "99.4 % and more",
         "a (99.90 %): the whole interval lies above 99.4 %; b (99.41 %): the interval holds 99.4 %, which leaves "
         "it open; c (98.00 %): the whole interval lies below 99.4 %."),
        ({"a": 99.9}, "as good as it gets", ""),
        ({"a": 99.9}, "", ""),
    ],
)  # fmt: skip
def test_target(tmp_path: Path, seeds: dict[str, float], target: str, text: str) -> None:
    found = synthetic(tmp_path, {arm: {0: value} for arm, value in seeds.items()})
    assert target_sentence(replace(found, target=target)) == text


def synthetic(folder: Path, arms: dict[str, dict[int, float]], **options: Any) -> HandIn:
    make_arms(folder, arms, **{"settings": {"net": "s6_bn"}, "test_images": 10_000, **options})
    return gather(Wanted(None, (folder,)))


def test_a_single_cause_or_none(tmp_path: Path) -> None:
    for arm, settings in (
        ("a", {"norm": "batch", "l1": 1e-4}),
        ("b", {"norm": "group:2"}),
        ("c", {"norm": "layer"}),
    ):
        make_run(tmp_path / arm, arm, settings={"net": "s6_bn", **settings})
    found = gather(Wanted(None, (tmp_path,)))
    assert confounded(found) == ""  # b and c differ in the norm alone
    shutil.rmtree(tmp_path / "c")
    told = "No two arms differ in one setting alone (norm and l1 change together), so a difference has no single cause."
    assert confounded(gather(Wanted(None, (tmp_path,)))) == told
    assert told in readme(gather(Wanted(None, (tmp_path,))))


def test_a_recipe_that_was_changed(tmp_path: Path) -> None:
    found = experiment("s6")
    for arm in found.arms:
        settings = {**found.recipe(arm).plain(), "train_images": 6000}
        make_run(tmp_path / arm, arm, experiment="s6", epochs=7, settings=settings)
    told = readme(gather(Wanted(found, (tmp_path,), "convviz train s6")))
    assert readme(gather(Wanted(None, (tmp_path,)))) == told  # a folder of runs of a bundled experiment
    assert (
        "Not trained as the recipe says: epochs 7 instead of 25 and train images 6,000 instead of all."
        in told
    )
    assert "a difference cannot be ascribed to either; `convviz sweep norms` takes them apart." in told
    assert "One experiment, five groups, three conclusions" in told
    assert "99.21" in told and "--config arms/LN+L2/seed-0/config.yaml" in told


def test_a_planted_difference_is_told(tmp_path: Path) -> None:
    arms = {"a": {s: 99.0 + s / 100 for s in range(8)}, "b": {s: 98.5 + s / 90 for s in range(8)}}
    found = synthetic(tmp_path, arms, test_images=2000)
    assert "a is higher" in readme(found) and "no difference detected" not in readme(found)


# -- bad input ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments, text",
    [
        (["s66"], "is no experiment, net or folder of runs; did you mean 's6'?"),
        (["s6", "--runs", "nowhere"], "nowhere: there is no such folder; train first: convviz train s6"),
        (["/dev/null"], "is no experiment, net or folder of runs"),
        (["s6", "s7"], "s6 s7: give one experiment, or folders of runs"),
        (["s6", "--count", "0"], "--count"),
        (["s6", "--count", "1e9"], "--count"),
        (["s6", "--grid", "5"], "--grid: must be columns x rows"),
        (["s6", "--grid", "0x2"], "--grid"),
        (["s6", "--seed", "-1"], "--seed"),
        (["s6", "--seed", "nan"], "--seed"),
        (["s6", "--author", "x" * 500], "--author: must be a line of at most 200 letters"),
        (["s6", "--author", "a\x00b"], "--author"),
        ([], "missing argument"),
        (["s6", "--theme", "pink"], "--theme"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments: list[str], text: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2 and text in done.output, done.output
    assert not list(tmp_path.iterdir())


def test_folders_of_something_else(place: Path, tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.exit_code == 2 and "holds no run directory" in done.output
    done = run(place / "runs", "--runs", tmp_path)
    assert done.exit_code == 2 and "--runs: goes with the name of an experiment" in done.output
    done = run(place / "runs", "-o", tmp_path / "out", "--count", 9, "--grid", "2x2")
    assert done.exit_code == 2 and "--grid: has room for 4, but the count is 9" in done.output


def test_other_test_images_are_refused(place: Path, tmp_path: Path) -> None:
    other = replace(DATA, name="other quarters", test_labels=(DATA.test_labels + 1) % 4)
    with pytest.raises(
        ConvvizError, match="was not tested on the test images of other quarters that are here"
    ):
        write(gather(wanted(place)), other, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_damaged_files(place: Path, tmp_path: Path) -> None:
    folder = copied(place, tmp_path)
    (folder / "runs" / "LN" / "seed-0" / "predictions.npz").write_bytes(b"no zip")
    with pytest.raises(ConvvizError, match=r"predictions.npz: cannot be read"):
        readme(gather(wanted(folder)))
