"""A course's config.cfg: read as it is, and every mistake in it told by file:section.key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from convviz.errors import ConvvizError
from convviz.runs.cfg import PLOTS, Config, read_cfg, read_config_file
from convviz.runs.recipe import Recipe
from convviz.runs.run import write_config
from convviz.train.optimizers import Scheduler, make_optimizer

COURSE = """\
[model_config]
workers = 1
batch_size = 128
pin_memory = 1
shuffle = 1
epochs = 25
combinations = L1+BN, L2+BN, L1+L2+BN, GBN, L1+L2+GBN
[optimizer]
lr = 0.001
optimizer_type = sgd # either sgd or adam or any other from `torch.optim`
momentum = 0.9
[scheduler]
scheduler_type = steplr # any one of the available from `torch.optim.lr_scheduler`
step = 3
gamma = 0.379
milestones = 5,10,15
[regularization]
l1 = 0.001
l2 = 4e-4
[plots]
to_plot = train_losses, test_losses, train_accuracy, test_accuracy
"""
SGD = {"name": "SGD", "lr": 0.001, "momentum": 0.9}
STEP = {"name": "StepLR", "step_size": 3, "gamma": 0.379}


def written(folder: Path, *changes: tuple[str, str], text: str = COURSE, name: str = "config.cfg") -> Path:
    """The course's file with lines that begin with a key changed; a new line of "" leaves it out."""
    for start, line in changes:
        found = [old for old in text.splitlines() if old.startswith(start)]
        assert len(found) == 1, start
        text = text.replace(found[0] + "\n", line + "\n" if line else "")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, *changes: tuple[str, str]) -> Config:
    return read_cfg(written(folder, *changes))


def test_the_course_s_file_as_it_is(tmp_path: Path) -> None:
    found = read(tmp_path)
    base: dict[str, Any] = {"net": "s7", "epochs": 25, "batch_size": 128, "scheduler": STEP}
    decay = {**SGD, "weight_decay": 4e-4}
    assert found.arms == (
        ("L1+BN", Recipe(**base, norm="batch", l1=1e-3, optimizer=SGD)),
        ("L2+BN", Recipe(**base, norm="batch", optimizer=decay)),
        ("L1+L2+BN", Recipe(**base, norm="batch", l1=1e-3, optimizer=decay)),
        ("GBN", Recipe(**base, norm="ghost:2", optimizer=SGD)),
        ("L1+L2+GBN", Recipe(**base, norm="ghost:2", l1=1e-3, optimizer=decay)),
    )
    assert found.plots == PLOTS
    assert found.warnings == (
        "model_config.workers is not needed: the images are in memory",
        "model_config.pin_memory is not needed: the images are in memory",
    )


def test_torch_takes_what_is_read(tmp_path: Path) -> None:
    import torch

    for line, key in (
        ("scheduler_type = multisteplr", "MultiStepLR"),
        ("scheduler_type = OneCycleLR", "OneCycleLR"),
    ):
        for kind in ("adam", "SGD", "rmsprop", "AdaDelta", "Rprop"):
            found = read(tmp_path, ("scheduler_type", line), ("optimizer_type", f"optimizer_type = {kind}"))
            for _, recipe in found.arms:
                optimizer = make_optimizer(recipe.optimizer, [torch.nn.Parameter(torch.ones(2, 2))])
                assert type(Scheduler(recipe.scheduler, optimizer, 25, 2).inner).__name__ == key


@pytest.mark.parametrize(
    ("line", "scheduler"),
    [
        ("scheduler_type = StepLR", STEP),
        ("scheduler_type = STEPLR ; the course's", STEP),
        ("scheduler_type = multisteplr", {"name": "MultiStepLR", "milestones": [5, 10, 15], "gamma": 0.379}),
        ("scheduler_type = exponentiallr", {"name": "ExponentialLR", "gamma": 0.379}),
        ("scheduler_type = CosineAnnealingLR\nT_max = 7", {"name": "CosineAnnealingLR", "T_max": 7}),
        ("scheduler_type = OneCycleLR\nmax_lr = 1e-1\nthree_phase = true",
         {"name": "OneCycleLR", "max_lr": 0.1, "three_phase": True}),
        ("scheduler_type = none", None),
        ("scheduler_type = minelr", {"name": "minelr", "step_size": 3, "gamma": 0.379, "milestones": [5, 10, 15]}),
    ],
)  # fmt: skip
def test_a_scheduler_gets_what_it_takes(line: str, scheduler: dict[str, Any] | None, tmp_path: Path) -> None:
    found = read(tmp_path, ("scheduler_type", line))
    assert all(recipe.scheduler == scheduler for _, recipe in found.arms)


def test_a_scheduler_needs_only_its_own_keys(tmp_path: Path) -> None:
    found = read(
        tmp_path, ("step =", ""), ("milestones", ""), ("scheduler_type", "scheduler_type = exponentiallr")
    )
    assert found.arms[0][1].scheduler == {"name": "ExponentialLR", "gamma": 0.379}


@pytest.mark.parametrize(
    ("kind", "optimizer", "warning"),
    [
        ("adam", {"name": "Adam", "lr": 0.001}, "optimizer.momentum is left out: Adam takes none"),
        ("ADAMW", {"name": "AdamW", "lr": 0.001}, "optimizer.momentum is left out: AdamW takes none"),
        ("rmsprop", {"name": "RMSprop", "lr": 0.001, "momentum": 0.9}, None),
        ("sgd\nnesterov = 1", {**SGD, "nesterov": 1}, None),
        (
            "adam\nbetas = 0.8, 0.99",
            {"name": "Adam", "lr": 0.001, "betas": [0.8, 0.99]},
            "optimizer.momentum is left",
        ),
        ("mine", {"name": "mine", "lr": 0.001, "momentum": 0.9}, None),
    ],
)
def test_an_optimizer_gets_what_it_takes(
    kind: str, optimizer: dict[str, Any], warning: str | None, tmp_path: Path
) -> None:
    found = read(tmp_path, ("optimizer_type", f"optimizer_type = {kind}"))
    assert found.arms[3][1].optimizer == optimizer
    told = [line for line in found.warnings if "not needed" not in line]
    assert (len(told), warning is None or told[0].startswith(warning)) == (warning is not None, True)


def test_an_optimizer_without_weight_decay_gets_l2_in_the_loss(tmp_path: Path) -> None:
    found = read(tmp_path, ("optimizer_type", "optimizer_type = rprop"))
    recipe = dict(found.arms)["L2+BN"]
    assert (recipe.l2, recipe.penalize, recipe.optimizer) == (4e-4, "all", {"name": "Rprop", "lr": 0.001})
    assert "regularization.l2 is added to the loss: Rprop takes no weight_decay" in found.warnings
    assert dict(found.arms)["GBN"].l2 == 0


@pytest.mark.parametrize(
    ("line", "arms"),
    [
        ("GBN", [("GBN", "ghost_batch_norm:2")]),
        ("l1 + bn , gbn", [("l1+bn", "batch_norm"), ("gbn", "ghost_batch_norm:2")]),
        (
            "LN, GN, IN, L2",
            [("LN", "layer_norm"), ("GN", "group_norm:2"), ("IN", "instance_norm"), ("L2", None)],
        ),
        ("BN, ", [("BN", "batch_norm")]),
        ("BN+L1", [("BN+L1", "batch_norm")]),
    ],
)
def test_combinations(line: str, arms: list[tuple[str, str | None]], tmp_path: Path) -> None:
    found = read(tmp_path, ("combinations", f"combinations = {line}"))
    assert [(name, recipe.norm) for name, recipe in found.arms] == arms


@pytest.mark.parametrize("value", ["2", "yes", "true", "-1", "False", "0.5"])
def test_all_but_0_is_true(value: str, tmp_path: Path) -> None:
    found = read(tmp_path, ("shuffle", f"shuffle = {value}"), ("pin_memory", f"pin_memory = {value}"))
    assert len(found.arms) == 5


def test_what_is_not_needed_may_be_missing(tmp_path: Path) -> None:
    found = read(
        tmp_path, *((key, "") for key in ("workers", "pin_memory", "shuffle", "momentum", "to_plot"))
    )
    assert (
        found.warnings == ()
        and found.plots == ()
        and found.arms[3][1].optimizer == {"name": "SGD", "lr": 0.001}
    )
    text = COURSE[: COURSE.index("[plots]")]
    assert read_cfg(written(tmp_path, text=text)).plots == ()


BAD: list[tuple[str, str, str]] = [
    ("batch_size", "", "model_config.batch_size: is missing"),
    ("batch_size", "batchsize = 3", "model_config.batchsize: there is no such key; did you mean 'batch_size'?"),
    ("batch_size", "batch_size = 0", "model_config.batch_size: must be a whole number from 1 to 1,000,000, got '0'"),
    ("batch_size", "batch_size = 1e400", "model_config.batch_size: must be a whole number"),
    ("batch_size", "batch_size =", "model_config.batch_size: has no value"),
    ("batch_size", "batch_size = # 128", "model_config.batch_size: has no value"),
    ("epochs", "epochs = many", "model_config.epochs: must be a whole number from 1 to 100,000, got 'many'"),
    ("epochs", "epochs = nan", "model_config.epochs: must be a whole number"),
    ("epochs", "epochs 25", "6: must be `key = value`, got 'epochs 25"),
    ("epochs", "epochs = 25\nepochs = 26", "model_config.epochs: is there twice"),
    ("workers", "workers = -1", "model_config.workers: must be a whole number"),
    ("shuffle", "shuffle = 0", "model_config.shuffle: must be 1: images are always shuffled"),
    ("combinations", "", "model_config.combinations: is missing"),
    ("combinations", "combinations = L3+BN", "model_config.combinations: 'L3+BN' has 'L3', which is none of L1, L2"),
    ("combinations", "combinations = BN+GBN", "'BN+GBN' must name each part once, and one norm at most"),
    ("combinations", "combinations = L1+L1", "'L1+L1' must name each part once"),
    ("combinations", "combinations = L1+, BN", "has '', which is none of"),
    ("combinations", "combinations = BN, L1+BN, BN", "'BN' is there twice"),
    ("combinations", "combinations = BN+L1, L1+BN", "'L1+BN' is there twice"),
    ("combinations", "combinations = BN,,GBN", "model_config.combinations: has nothing between two commas"),
    ("combinations", "combinations = ,", "model_config.combinations: has nothing between two commas"),
    ("lr", "", "optimizer.lr: is missing"),
    ("lr", "lr = -1", "optimizer.lr: must be a number from 0 to 1e+06, got '-1'"),
    ("lr", "lr = inf", "optimizer.lr: must be a number"),
    ("lr", "learning_rate = 1", "optimizer.learning_rate: there is no such key"),
    ("momentum", "momentum = 1.5", "optimizer.momentum: must be a number from 0 to 1, got '1.5'"),
    ("optimizer_type", "", "optimizer.optimizer_type: is missing"),
    ("optimizer_type", "optimizer_type = sgd\nbetas = 1,2", "optimizer.betas: there is no such key"),
    ("scheduler_type", "", "scheduler.scheduler_type: is missing"),
    ("scheduler_type", "scheduler_type = steplr\nT_max = 3", "scheduler.T_max: there is no such key"),
    ("step", "step = 0", "scheduler.step: must be a whole number from 1"),
    ("step", "", "scheduler.step: is missing, and StepLR needs it"),
    ("gamma", "gamma = x", "scheduler.gamma: must be a number from 0 to 1e+06, got 'x'"),
    ("milestones", "milestones = 5,x", "scheduler.milestones: must be a whole number from 1 to 100,000, got 'x'"),
    ("milestones", "milestones = 5,,6", "scheduler.milestones: has nothing between two commas"),
    ("milestones", "milestones = 5,4", "scheduler.milestones: must rise, got [5, 4]"),
    ("l1", "l1 = a lot", "regularization.l1: must be a number from 0 to 1e+06, got 'a lot'"),
    ("l1", "l_1 = 1", "regularization.l_1: there is no such key; did you mean 'l1'?"),
    ("l2", "", "regularization.l2: is missing"),
    ("l2", "L2 = 3", "regularization.L2: there is no such key; did you mean 'l2'?"),
    ("to_plot", "to_plot = losses", "plots.to_plot: there is no 'losses'; did you mean"),
    ("[plots]", "[plot]", "plot: there is no such section; did you mean 'plots'?"),
    ("[model_config]", "", "1: must begin with a section such as [model_config]"),
    ("[optimizer]", "[optimizer]\n[optimizer]", "optimizer: is there twice"),
    ("[plots]", "[DEFAULT]\nx = 1\n[plots]", "DEFAULT: there is no such section"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("start", "line", "told"), BAD, ids=[line or f"no {start}" for start, line, _ in BAD]
)
def test_a_mistake_is_told_in_a_line(start: str, line: str, told: str, tmp_path: Path) -> None:
    path = written(tmp_path, (start, line))
    with pytest.raises(ConvvizError) as caught:
        read_cfg(path)
    assert str(caught.value).startswith(f"{path}:") and told in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400 + len(str(path))


@pytest.mark.parametrize("section", ["model_config", "optimizer", "scheduler", "regularization"])
def test_a_missing_section_is_told(section: str, tmp_path: Path) -> None:
    text = re.sub(rf"\[{section}\]\n(?:[^\[].*\n)*", "", COURSE)
    path = written(tmp_path, text=text)
    with pytest.raises(ConvvizError) as caught:
        read_cfg(path)
    assert str(caught.value).startswith(f"{path}:{section}: the section is missing; it has ")


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    binary, empty = tmp_path / "binary.cfg", tmp_path / "empty.cfg"
    binary.write_bytes(bytes(range(256)))
    empty.write_text("")
    for path, told in (
        (tmp_path / "none.cfg", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, "is no text"),
        (empty, "model_config: the section is missing"),
    ):
        with pytest.raises(ConvvizError) as caught:
            read_config_file(path)
        assert told in str(caught.value) and str(path) in str(caught.value)


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "config.cfg"
    path.write_bytes(b"\xef\xbb\xbf" + COURSE.replace("\n", "\r\n").encode())
    assert len(read_cfg(path).arms) == 5


def test_a_run_s_config_goes_through_the_same_door(tmp_path: Path) -> None:
    recipe = Recipe(net="s7", epochs=3, norm="ghost")
    write_config(tmp_path, recipe, {"arm": "GBN"})
    assert read_config_file(tmp_path / "config.yaml") == Config((("GBN", recipe),))
    plain = tmp_path / "plain.yml"
    plain.write_text("net: code8\nlr: 0.1\n")
    assert read_config_file(plain).arms == (("code8", Recipe(net="code8", optimizer={**SGD, "lr": 0.1})),)
    plain.write_text("net: code8\nepoch: 3\n")
    with pytest.raises(
        ConvvizError, match=r"plain.yml: there is no setting 'epoch'; did you mean 'epochs'\?"
    ):
        read_config_file(plain)
    assert read_config_file(written(tmp_path, name="mine.ini")).arms == read(tmp_path).arms
