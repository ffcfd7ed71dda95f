"""Settings of a run: each is checked, normalised, written down and read back."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from convviz.errors import ConvvizError
from convviz.runs.recipe import ABOUT, FIELDS, Recipe, merged, recipe_of
from convviz.runs.run import CONFIG, read_config, write_config
from tests.sweeps import sweep

HUGE: list[Any] = [
    10**400,
    "1e400",
    float("inf"),
    float("nan"),
    "nan",
    -1,
    "-1",
    "many",
    "",
    None,
    [1],
    {},
    True,
    "²",
]
# A bad value, or several, for every setting.
BAD: dict[str, list[Any]] = {
    "net": ["", " ", 3, None, ["code8"]],
    "dataset": ["minst", "", None, 3, ["mnist"]],
    "epochs": [*HUGE, 0, 1.5, 100_001],
    "batch_size": [*HUGE, 0, "12.5"],
    "seed": [*HUGE, 2**31],
    "optimizer": ["", 3, None, [], {}, {"lr": 0.1, "momentum": 1}, {"name": ""}, {"name": 3}, {"SGD": 3},
                  {"name": "SGD", 3: 4}, {"name": "SGD", "lr": {1, 2}}, {"name": "SGD", "lr": float("nan")},
                  {"SGD": {"lr": float("inf")}}],
    "scheduler": [3, [], {}, {"name": None}, {"StepLR": [3]}],
    "norm": ["batchnorm", "group:", "group:0", "group:-2", "group:x", "batch:2", "ghost:1e9", "group:2:3", 3,
             "without:2", "group:999999999999", "ghost:²"],
    "dropout": ["drop", "dropout:1", "dropout:-0.1", "dropout:", "1.0", -0.5, 1, True, "nan", "dropout:nan",
                "without:0.1", [0.1]],
    "l1": [*HUGE[2:11], 1e7],
    "l2": [*HUGE[2:11], 1e7],
    "penalize": ["weight", "", None, 3],
    "l1_step": ["prox", None],
    "label_smoothing": [1, 1.5, -0.1, "x", None],
    "rotation": [181, -1, "far"],
    "shift": [1.1, -0.1],
    "scale": [1, -0.1],
    "shear": [81, -1],
    "crop": [-1, 1001, 0.5],
    "flip": [2, "maybe", None, 0.5, "2"],
    "erase": [-1, 1001],
    "fill": [101, -101, "white"],
    "augment": ["during", None],
    "normalize": ["standard", None],
    "ema": [1, -0.1, "x"],
    "holdout": [-1, 0.5],
    "train_images": [0, -1, 0.5, "few"],
    "drop_last": ["perhaps", None],
    "precision": ["float16", 32],
}  # fmt: skip


def test_every_setting_has_a_bad_value_here_and_says_what_it_is() -> None:
    assert set(BAD) == set(FIELDS)
    for name, about in ABOUT.items():
        assert about.endswith(".") or about.endswith("all"), name


@sweep("name, value", [(name, value) for name in BAD for value in BAD[name]], lambda case: case[0], ids=repr)
def test_a_bad_value_is_told_in_a_line_that_names_the_setting(name: str, value: Any) -> None:
    with pytest.raises(ConvvizError) as caught:
        Recipe(**{name: value})
    assert caught.value.where.split(".")[0] == name
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "value", "normal"),
    [
        ("epochs", "5", 5),
        ("epochs", 5.0, 5),
        ("epochs", "1e2", 100),
        ("batch_size", " 64 ", 64),
        ("optimizer", "adam", {"name": "adam"}),
        ("optimizer", {"SGD": {"lr": "1e-4"}}, {"name": "SGD", "lr": 1e-4}),
        ("optimizer", {"SGD": None}, {"name": "SGD"}),
        ("optimizer", {"name": "Adam", "betas": (0.9, "0.99")}, {"name": "Adam", "betas": [0.9, 0.99]}),
        ("optimizer", {"name": "SGD", "nesterov": "yes"}, {"name": "SGD", "nesterov": True}),
        ("scheduler", "none", None),
        ("scheduler", {"StepLR": {"step_size": "6"}}, {"name": "StepLR", "step_size": 6}),
        ("norm", "batch", "batch_norm"),
        ("norm", "Group", "group_norm:2"),
        ("norm", "group_norm:4", "group_norm:4"),
        ("norm", "ghost:08", "ghost_batch_norm:8"),
        ("norm", "null", None),
        ("norm", "without", "without"),
        ("dropout", 0.1, "0.1"),
        ("dropout", 0, "0"),
        ("dropout", "0.10", "0.1"),
        ("dropout", "dropout2d", "dropout2d"),
        ("dropout", "Dropout:0.250", "dropout:0.25"),
        ("l1", "1e-4", 1e-4),
        ("flip", "no", False),
        ("flip", "On", True),
        ("train_images", "None", None),
    ],
)
def test_values_are_normalised(name: str, value: Any, normal: Any) -> None:
    found = getattr(Recipe(**{name: value}), name)
    assert found == normal and type(found) is type(normal)


def test_the_key_tells_settings_apart_however_they_are_written() -> None:
    same = [
        Recipe(optimizer={"name": "SGD", "lr": 0.1, "momentum": 0.9}, epochs=3),
        Recipe(optimizer={"SGD": {"momentum": "0.9", "lr": "1e-1"}}, epochs="3"),
    ]
    assert len({recipe.key for recipe in same}) == 1
    changes: list[dict[str, Any]] = [
        {}, {"seed": 1}, {"norm": "batch"}, {"epochs": 21}, {"l1": 1e-5}, {"flip": True}, {"scheduler": "ExponentialLR"}
    ]  # fmt: skip
    assert len({Recipe(**change).key for change in changes}) == len(changes)
    script = "from convviz.runs.recipe import Recipe; print(Recipe().key)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Recipe().key  # in another process, too


def test_the_defaults_are_not_shared() -> None:
    Recipe().optimizer["lr"] = 7
    assert Recipe().optimizer == {"name": "SGD", "lr": 0.01, "momentum": 0.9}


def test_replace_and_differences() -> None:
    one = Recipe(net="s7", epochs=3)
    other = one.replace(seed=4, norm="ghost")
    assert one.differences(other) == {"seed": (0, 4), "norm": (None, "ghost_batch_norm:2")}
    assert one.differences(one.replace()) == {}
    with pytest.raises(ConvvizError, match=r"there is no setting 'epoch'; did you mean 'epochs'\?"):
        one.replace(epoch=4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.epochs = 4  # type: ignore[misc]


def test_short_names_of_the_optimizers_arguments() -> None:
    base = {"optimizer": {"SGD": {"lr": 0.1, "momentum": 0.9}}, "epochs": 3}
    found = merged(base, {"lr": "0.5", "nesterov": True, "epochs": 4})
    assert found == {"optimizer": {"name": "SGD", "lr": 0.5, "momentum": 0.9, "nesterov": True}, "epochs": 4}
    assert base["optimizer"] == {"SGD": {"lr": 0.1, "momentum": 0.9}}  # the given one is left alone
    assert recipe_of({"optimizer": "Adam", "lr": 0.1}).optimizer == {"name": "Adam", "lr": 0.1}
    with pytest.raises(ConvvizError, match=r"^here: there is no setting 'learning_rate'"):
        merged({}, {"learning_rate": 1}, "here")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epoch": 3}, "f.yaml: there is no setting 'epoch'; did you mean 'epochs'?"),
        ({"epochs": 0}, "f.yaml.epochs: must be a whole number from 1 to 100,000, got 0"),
        ({"optimizer": 3}, "f.yaml.optimizer: must be a name, or a name and its arguments"),
        ({3: 4}, "f.yaml: there is no setting 3"),
    ],
    ids=str,
)
def test_a_recipe_from_data_is_placed(given: Any, told: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        recipe_of(given, "f.yaml")
    assert str(caught.value).startswith(told)


RECIPES = [
    Recipe(),
    Recipe(
        net="a/b: c.yaml",
        l1=1e-7,
        scheduler={"MultiStepLR": {"milestones": [1, 2]}},
        norm="ghost:3",
        dropout=0.5,
    ),
    Recipe(
        optimizer={"name": "Adam", "betas": [0.9, 0.999], "eps": 1e-8}, flip=True, train_images=7, fill=-0.42
    ),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.key)
def test_a_recipe_is_written_and_read_back(recipe: Recipe, tmp_path: Path) -> None:
    write_config(tmp_path, recipe, {"arm": "BN: é", "versions": {"torch": "2"}})
    found, about = read_config(tmp_path / CONFIG)
    assert found == recipe and found.key == recipe.key
    assert about == {"arm": "BN: é", "versions": {"torch": "2"}}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.key)
def test_plain_data_gives_the_recipe_back(recipe: Recipe) -> None:
    assert recipe_of(recipe.plain()) == recipe


def test_recipes_are_read_without_torch() -> None:
    script = (
        "import sys, convviz.runs.recipe, convviz.runs.run, convviz.runs.cfg, convviz.runs.variants\n"
        "print([name for name in ('torch', 'matplotlib', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
