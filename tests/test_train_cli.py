"""`convviz train` as people call it: settings, places, what is printed, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

from convviz.cli.recipes import chosen, grid_of, pairs, seeds_of
from convviz.errors import ConvvizError
from convviz.runs.experiment import Experiment
from convviz.runs.places import places
from convviz.runs.recipe import DEFAULTS, FIELDS, merged, recipe_of
from convviz.runs.run import read_run, write_config
from tests.command import Command

NET = """
name: small
input: [1, 28, 28]
layers:
  - conv: {out_channels: 6, kernel_size: 5, stride: 4, bias: false}
  - batch_norm
  - relu
  - dropout: 0.1
  - flatten
  - linear: 10
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(NET, encoding="utf-8")
    return "small.yaml"


run = Command()


def train(*arguments: str) -> Result:
    return run("train", *arguments, "--data", "digits", "--threads", "1", "--no-pictures")


def summary(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_summary_has_what_was_promised(net: str) -> None:
    found = summary(train(net, "--epochs", "2", "--format", "json"))
    keys = ["net", "dataset", "parameters", "epochs", "seed", "test_accuracy", "seconds", "device", "output"]
    assert list(found)[: len(keys)] == keys
    assert (found["net"], found["epochs"], found["seed"], found["device"]) == (net, 2, 0, "cpu")
    assert "digits" in found["dataset"]
    folder = Path(found["output"])
    assert folder == Path("outputs", "runs", "small", "seed-0")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[-1]["test_accuracy"] == found["test_accuracy"]
    assert {"train_loss", "train_accuracy", "test_loss", "seconds", "images_per_second"} <= rows[0].keys()
    assert not (folder / "checkpoint.pt").exists()
    assert (folder / "model.pt").exists()


def test_it_learns(net: str) -> None:
    assert summary(train(net, "--epochs", "8", "--lr", "0.1", "--format", "json"))["test_accuracy"] > 80


def test_every_setting_reaches_the_recipe(net: str) -> None:
    given = {
        "epochs": 1, "batch_size": 64, "norm": "group:3", "dropout": "dropout2d:0.2", "l1": 1e-4, "l2": 1e-3,
        "penalize": "conv", "l1_step": "proximal", "label_smoothing": 0.1, "rotation": 5, "shift": 0.1, "scale": 0.1,
        "shear": 3, "crop": 2, "erase": 4, "fill": 0.5, "augment": "after", "normalize": "unit", "ema": 0.9,
        "holdout": 100, "train_images": 300, "precision": "bfloat16",
    }  # fmt: skip
    assert (
        given.keys() | {"net", "dataset", "seed", "optimizer", "scheduler", "flip", "drop_last"}
        == FIELDS.keys()
    )
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    found = summary(
        train(net, *options, "--flip", "--drop-last", "--optimizer", "adamw", "--lr", "1e-3", "--optimizer-set",
              "eps=1e-6", "--scheduler", "steplr", "--scheduler-set", "step_size=1", "--seed", "3", "--format", "json")
    )  # fmt: skip
    recipe = read_run(found["output"]).recipe
    expected = recipe_of({**given, "net": net, "dataset": "digits", "flip": True, "drop_last": True, "seed": 3,
                          "optimizer": {"name": "adamw", "lr": 1e-3, "eps": 1e-6},
                          "scheduler": {"name": "steplr", "step_size": 1}})  # fmt: skip
    assert recipe == expected
    assert recipe.norm == "group_norm:3"


def test_the_same_command_reads_what_is_finished(net: str) -> None:
    first = summary(train(net, "--epochs", "1", "--format", "json"))
    again = summary(train(net, "--epochs", "1", "--format", "json"))
    assert again == first  # the seconds, too: nothing was trained
    fresh = summary(train(net, "--epochs", "1", "--fresh", "--format", "json"))
    assert fresh["test_loss"] == first["test_loss"]
    assert fresh["seconds"] != first["seconds"]


def test_other_settings_get_a_folder_of_their_own(net: str) -> None:
    train(net, "--epochs", "1")
    other = summary(train(net, "--epochs", "1", "--lr", "0.2", "--format", "json"))
    assert Path(other["output"]) == Path("outputs", "runs", "small-2", "seed-0")
    refused = train(net, "--epochs", "1", "--lr", "0.3", "--output", "outputs/runs/small/seed-0")
    assert refused.exit_code == 2
    assert "lr=0.01, momentum=0.9) there, SGD(lr=0.3" in refused.stderr
    assert read_run("outputs/runs/small/seed-0").recipe.optimizer["lr"] == 0.01


def test_a_run_directory_is_a_net_to_go_on_with(net: str) -> None:
    first = summary(train(net, "--epochs", "1", "--output", "here", "--format", "json"))
    again = summary(run("train", "here", "--resume", "--no-pictures", "--format", "json"))
    assert again == first


def test_several_seeds_and_arms(net: str) -> None:
    (Path("two.yaml")).write_text(
        f"base: {{net: {net}, epochs: 1, dataset: digits}}\narms: {{slow: {{lr: 0.01}}, quick: {{lr: 0.1}}}}\n",
        encoding="utf-8",
    )
    found = summary(train("two.yaml", "--seeds", "2", "--format", "json"))
    assert [(row["arm"], row["seed"]) for row in found] == [
        ("slow", 0),
        ("quick", 0),
        ("slow", 1),
        ("quick", 1),
    ]
    assert Path(found[3]["output"]) == Path("outputs", "runs", "two", "quick", "seed-1")
    one = summary(train("two.yaml", "--arm", "quick", "--format", "json"))
    assert one["output"] == found[1]["output"]
    table = train("two.yaml", "--seeds", "2")
    assert "convviz compare" in table.stdout
    assert "last epoch" in table.stdout


def test_one_run_is_called_one_run(net: str) -> None:
    assert "A single run" in train(net, "--epochs", "1").stdout


def test_a_run_that_diverges_does_not_stop_the_others(net: str) -> None:
    Path("two.yaml").write_text(
        f"base: {{net: {net}, epochs: 1, dataset: digits}}\narms: {{wild: {{lr: 1.0e+12}}, tame: {{lr: 0.1}}}}\n",
        encoding="utf-8",
    )
    done = train("two.yaml", "--format", "json")
    assert done.exit_code == 2
    assert "a smaller learning rate" in done.stderr
    assert json.loads(done.stdout)["arm"] == "tame"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nosuch"], "neither a file nor a bundled net"),
        ([], "name a NET"),
        (["unet"], "takes 1x572x572, but the images of scikit-learn digits"),
        (["lenet5"], "takes 1x32x32"),
        (["small.yaml", "--optimizer", "SGDD"], "no 'SGDD'; did you mean 'SGD'?"),
        (["small.yaml", "--optimizer", "LBFGS"], "wants a closure"),
        (["small.yaml", "--optimizer-set", "momentun=1"], "did you mean 'momentum'?"),
        (["small.yaml", "--optimizer-set", "x"], "must be KEY=VALUE"),
        (["small.yaml", "--scheduler", "StepL"], "did you mean 'StepLR'?"),
        (["small.yaml", "--scheduler", "StepLR"], "refused by torch"),
        (["small.yaml", "--scheduler-set", "gamma=1"], "needs --scheduler NAME"),
        (["small.yaml", "--lr", "x"], "refused by torch"),
        (["small.yaml", "--lr", "-1"], "refused by torch"),
        (["small.yaml", "--epochs", "0"], "epochs: must be a whole number from 1"),
        (["small.yaml", "--batch-size", "2000"], "must be at most the 1,297 training images"),
        (["small.yaml", "--holdout", "1297"], "must leave some of the 1,297"),
        (["small.yaml", "--train-images", "1298"], "must be at most 1,297"),
        (["small.yaml", "--norm", "bach"], "did you mean 'batch'?"),
        (["small.yaml", "--norm", "group:5"], "must divide the 6 channels, got 5"),
        (["small.yaml", "--dropout", "1.5"], "no dropout '1.5'"),
        (["small.yaml", "--set", "epoch=3"], "no setting 'epoch'; did you mean 'epochs'?"),
        (["small.yaml", "--seed", "1", "--seeds", "2"], "not both"),
        (["small.yaml", "--seeds", "1,1"], "must be different seeds"),
        (["small.yaml", "--grid", "5"], "must be columns x rows"),
        (["small.yaml", "--count", "0"], "--count: must be a whole number from 1"),
        (["small.yaml", "--device", "gpu"], "no device 'gpu' here"),
        (["small.yaml", "--threads", "0"], "--threads: must be a whole number from 1"),
        (["s6", "--arm", "BN"], "no arm 'BN'"),
        (["small.yaml", "--output", "small.yaml"], "is a file; a run needs a folder"),
        (["--config", "nosuch.cfg"], "nosuch.cfg"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(net: str, arguments: list[str], told: str) -> None:
    before = sorted(Path.cwd().rglob("*"))
    done = run(
        "train", *arguments, *(["--data", "digits"] if "--config" not in arguments else []), "--no-pictures"
    )
    assert done.exit_code == 2, done.output
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert told in lines[0]
    assert "mistake in convviz" not in lines[0]
    assert sorted(Path.cwd().rglob("*")) == before


def test_options_become_settings() -> None:
    none = dict.fromkeys((*FIELDS, "lr", "momentum", "weight_decay", "nesterov"))
    sgd = {"name": "SGD", "lr": 0.01, "momentum": 0.9}
    assert chosen(none, sgd, None) == {}
    assert merged(DEFAULTS, chosen({**none, "lr": "0.1"}, sgd, None))["optimizer"]["lr"] == 0.1
    other = chosen({**none, "optimizer": "Adam"}, sgd, None)
    assert other["optimizer"] == {"name": "Adam", "lr": 0.01}  # a momentum is SGD's
    assert chosen({**none, "scheduler": "none"}, sgd, {"name": "StepLR", "step_size": 3}) == {
        "scheduler": None
    }
    kept = chosen({**none, "scheduler_set": ("gamma=0.5",)}, sgd, {"name": "StepLR", "step_size": 3})
    assert kept["scheduler"] == {"name": "StepLR", "step_size": 3, "gamma": 0.5}
    assert pairs(["a-b=1e-3", "c=[1, 2]"], "--set") == {"a_b": "1e-3", "c": [1, 2]}


def test_seeds_and_grids() -> None:
    assert seeds_of(None, None) == ()
    assert seeds_of("7", None) == (7,)
    assert seeds_of(None, "3") == (0, 1, 2)
    assert seeds_of(None, "5,1") == (5, 1)
    assert grid_of("5x2") == grid_of("5×2") == (5, 2)
    with pytest.raises(ConvvizError):
        grid_of("0x2")


def test_places_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = Experiment("code8", {"code8": {"net": "code8", "epochs": 3}}, (0, 1))
    first = places(found)
    assert [str(place.folder) for place in first] == [
        "outputs/runs/code8/seed-0",
        "outputs/runs/code8/seed-1",
    ]
    write_config(first[1].folder, first[1].job.recipe, {})
    assert places(found) == first
    changed = found.changed(epochs=4)
    assert places(changed)[0].folder == Path("outputs/runs/code8-2/seed-0")
    assert places(changed, fresh=True)[0].folder == first[0].folder
    with pytest.raises(ConvvizError, match="epochs 3 there, 4 now"):
        places(changed, "outputs/runs/code8")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_ctrl_c_keeps_the_checkpoint(net: str) -> None:
    command = [sys.executable, "-c", "from convviz.cli import main; main()", "train", net, "--data", "digits",
               "--epochs", "4000", "--threads", "1", "--output", "here", "--no-pictures"]  # fmt: skip
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    first = running.stderr.readline()  # an epoch is over
    assert "epoch" in first
    running.send_signal(signal.SIGINT)
    rest = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert rest.splitlines()[-1] == "convviz: interrupted; the same command goes on from here"
    kept = read_run("here")
    assert kept.history and not kept.finished
    assert (kept.folder / "checkpoint.pt").exists()
    config = yaml.safe_load((kept.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["epochs"] == 4000
