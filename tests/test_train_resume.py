"""A run that is stopped, killed, or whose disk is full goes on to the same final weights, bit for bit."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from convviz.errors import ConvvizError
from convviz.runs import files as atomic
from convviz.runs.recipe import Recipe
from convviz.runs.run import CHECKPOINT, METRICS, MODEL, SUMMARY, Run, read_run
from convviz.train import checkpoint
from convviz.train.loop import Diverged, Interrupted
from convviz.train.run import train
from tests import tiny

ROOT = Path(__file__).parent.parent
# Everything that has a state: momentum, a rate that changes by step, an average, draws of three kinds.
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "optimizer": {"name": "SGD", "lr": 0.05, "momentum": 0.9, "nesterov": True},
    "scheduler": "OneCycleLR",
    "ema": 0.9,
    "l1": 1e-3,
    "label_smoothing": 0.1,
    "rotation": 15,
    "shift": 0.1,
    "crop": 1,
    "flip": True,
    "erase": 2,
    "holdout": 8,
    "seed": 5,
}
STEPS = 5  # in an epoch: 36 images in batches of 8


def recipe_in(folder: Path, **settings: Any) -> Recipe:
    return tiny.recipe(tiny.net(folder), **{**SETTINGS, **settings})


def run(recipe: Recipe, folder: Path, **options: Any) -> Run:
    return train(recipe, folder, tiny.DATA, device="cpu", threads=1, **options)


def model(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = torch.load(folder / MODEL, weights_only=True)
    return found


def told(run: Run) -> list[dict[str, Any]]:
    """The history without the times, which differ."""
    times = ("seconds", "images_per_second")
    return [{name: value for name, value in row.items() if name not in times} for row in run.history]


def countdown(steps: int) -> Callable[[], bool]:
    left = iter(range(steps - 1))
    return lambda: next(left, None) is None


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    return run(recipe_in(folder), folder / "run")


def check_same(found: Run, whole: Run) -> None:
    assert found.finished
    assert tiny.same(model(found.folder), model(whole.folder))
    assert told(found) == told(whole)
    assert (found.predictions.probabilities == whole.predictions.probabilities).all()
    assert not (found.folder / CHECKPOINT).exists() and not hidden(found.folder)


def test_the_run_learns_and_is_told_line_by_line(whole: Run) -> None:
    assert [row["epoch"] for row in whole.history] == [1, 2, 3]
    assert whole.history[-1]["train_loss"] < whole.history[0]["train_loss"]
    assert whole.summary["test_accuracy"] == whole.history[-1]["test_accuracy"]
    assert whole.summary["held_accuracy"] == whole.history[-1]["held_accuracy"]
    right = whole.predictions.probabilities.argmax(1) == whole.predictions.labels
    assert 100 * right.mean() == pytest.approx(whole.summary["test_accuracy"])


def test_a_finished_run_is_read_not_trained(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convviz.train.run.Trainer", None)
    again = train(whole.recipe, whole.folder, tiny.DATA)
    assert again.history == whole.history


@pytest.mark.parametrize("stop", range(1, 3 * STEPS + 1))
def test_stopped_after_any_step(stop: int, whole: Run, tmp_path: Path) -> None:
    recipe = recipe_in(whole.folder.parent)
    with pytest.raises(Interrupted):
        run(recipe, tmp_path, stop=countdown(stop))
    half = read_run(tmp_path)
    assert not half.finished and len(half.history) == (stop - 1) // STEPS
    check_same(run(recipe, tmp_path), whole)


def test_stopped_at_every_step(whole: Run, tmp_path: Path) -> None:
    recipe = recipe_in(whole.folder.parent)
    for _ in range(3 * STEPS):
        with pytest.raises(Interrupted):
            run(recipe, tmp_path, stop=lambda: True)
    check_same(run(recipe, tmp_path), whole)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": {"name": "Adam", "lr": 0.01}, "scheduler": {"name": "StepLR", "step_size": 1, "gamma": 0.5}},
        {"norm": "ghost:3", "dropout": "dropout2d:0.3"},
        {"l1_step": "proximal", "scheduler": None, "ema": 0},
        {"precision": "bfloat16", "train_images": 20, "drop_last": True},
    ],
    ids=["adam", "ghost", "proximal", "bfloat16"],
)  # fmt: skip
def test_stopped_with_other_settings(settings: dict[str, Any], tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, **settings)
    straight = run(recipe, tmp_path / "whole")
    for stop in (3, 2):
        with pytest.raises(Interrupted):
            run(recipe, tmp_path / "run", stop=countdown(stop))
    check_same(run(recipe, tmp_path / "run"), straight)


# -- killed -------------------------------------------------------------------------------------------------
# One process loads torch, once; its children train, and are killed.
KILLS = """
import json, os, random, signal, sys, time
from convviz.runs.recipe import Recipe
from convviz.train.run import train
from tests import tiny

folder, settings = sys.argv[1], json.loads(sys.argv[2])
tiny.trainer(Recipe(**settings))  # what is imported late is imported
rng = random.Random(0)
for _ in range(4):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        def slowly():
            os.write(write, b".")
            time.sleep(0.005)
            return False
        train(Recipe(**settings), folder, tiny.DATA, device="cpu", threads=1, save_every=0, stop=slowly)
        os._exit(0)
    os.close(write)
    os.read(read, 1)
    for _ in range(rng.randint(0, 2)):
        os.read(read, 1)
    time.sleep(rng.random() * 0.02)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status))
"""


def test_killed_again_and_again(whole: Run, tmp_path: Path) -> None:
    """SIGKILL at random moments, with a checkpoint after every step: in the middle of writing one, too."""
    settings = json.dumps(recipe_in(whole.folder.parent).plain())
    command = [sys.executable, "-c", KILLS, str(tmp_path), settings]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split() == [str(int(signal.SIGKILL))] * 4
    assert not read_run(tmp_path).finished  # and no file of it is damaged
    state = checkpoint.load(tmp_path / CHECKPOINT)
    assert 3 < state["epoch"] * STEPS + state["step"] <= 3 * STEPS
    (tmp_path / ".part-left-checkpoint.pt").write_bytes(
        b"half"
    )  # as a kill in the middle of writing leaves one
    check_same(run(recipe_in(whole.folder.parent), tmp_path), whole)


@pytest.mark.parametrize("lost", [SUMMARY, MODEL, METRICS], ids=str)
def test_killed_while_finishing(
    lost: str, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends between any two of its last files."""
    recipe = recipe_in(whole.folder.parent)
    real = atomic.write_atomic

    def dies(path: Path, write: Callable[[Path], Any]) -> None:
        # At the end of the last epoch, whose checkpoint is there.
        if path.name == lost and (lost != METRICS or checkpoint.load(tmp_path / CHECKPOINT)["epoch"] == 3):
            raise KeyboardInterrupt
        real(path, write)

    for module in ("convviz.train.checkpoint", "convviz.runs.files", "convviz.train.directory"):
        monkeypatch.setattr(f"{module}.write_atomic", dies)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path)
    monkeypatch.undo()
    assert not read_run(tmp_path).finished
    check_same(run(recipe, tmp_path), whole)


# -- what a checkpoint is -------------------------------------------------------------------------------------
def stopped(whole: Run, folder: Path, steps: int = 7) -> Recipe:
    recipe = recipe_in(whole.folder.parent)
    with pytest.raises(Interrupted):
        run(recipe, folder, stop=countdown(steps))
    return recipe


def test_a_checkpoint_holds_tensors_and_plain_values_only(whole: Run, tmp_path: Path) -> None:
    stopped(whole, tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert (state["epoch"], state["step"], state["version"]) == (1, 2, checkpoint.VERSION)


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_told(share: float, whole: Run, tmp_path: Path) -> None:
    recipe = stopped(whole, tmp_path)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(
        ConvvizError, match="is damaged or no checkpoint; remove it to start this run again"
    ) as caught:
        run(recipe, tmp_path)
    assert caught.value.where == str(path)
    path.unlink()
    check_same(run(recipe, tmp_path), whole)


def kept(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged or no checkpoint"),
        (b"\x80\x04garbage" * 50, "is damaged or no checkpoint"),
        (b"PK\x03\x04" + b"\0" * 100, "is damaged or no checkpoint"),
        (kept(Evil()), "is damaged or no checkpoint"),
        (kept([1, 2]), r"is no checkpoint of this version \(1\)"),
        (kept({"version": 0}), r"is no checkpoint of this version \(1\)"),
        (kept({"version": 1, "recipe": "other"}), "is the state of a run with other settings"),
    ],
    ids=["empty", "garbage", "zip", "code", "list", "old", "other"],
)
def test_a_file_that_is_no_checkpoint(
    content: bytes, message: str, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = stopped(whole, tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConvvizError, match=message) as caught:
        run(recipe, tmp_path)
    assert "\n" not in str(caught.value) and CHECKPOINT in caught.value.where
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("change", ["shape", "missing", "history"])
def test_a_checkpoint_whose_parts_do_not_fit(change: str, whole: Run, tmp_path: Path) -> None:
    recipe = stopped(whole, tmp_path)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    name = next(iter(state["module"]))
    if change == "shape":
        state["module"][name] = torch.zeros(1)
    elif change == "missing":
        del state["module"][name]
    else:
        del state["history"]
    (tmp_path / CHECKPOINT).write_bytes(kept(state))
    with pytest.raises(ConvvizError, match="is damaged or no checkpoint") as caught:
        run(recipe, tmp_path)
    assert "\n" not in str(caught.value)


# -- no finite loss -------------------------------------------------------------------------------------------
def test_a_loss_that_is_not_finite_stops_at_its_step(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, optimizer={"name": "SGD", "lr": 1e38}, scheduler=None, ema=0)
    with pytest.raises(Diverged) as caught:
        run(recipe, tmp_path / "run", save_every=0)
    message = str(caught.value)
    assert (
        "the loss is nan at step 2 of 5 in epoch 1; a smaller learning rate than 1e+38 may be right"
        in message
    )
    assert "the last good checkpoint is kept" in message and "\n" not in message
    folder = tmp_path / "run"
    assert not read_run(folder).finished
    state = checkpoint.load(folder / CHECKPOINT)  # what was kept is finite, and its next step is the one told
    assert all(torch.isfinite(v).all() for v in state["module"].values()) and state["step"] == 1
    with pytest.raises(Diverged, match="the loss is nan at step 2 of 5 in epoch 1"):
        run(recipe, folder, save_every=0)


def test_the_last_good_checkpoint_stays(tmp_path: Path, whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that breaks in the middle of the second epoch, once: the run goes on where it was good."""
    recipe = recipe_in(whole.folder.parent)
    from convviz.train import loop

    calls = iter(range(100))
    real = loop.F.cross_entropy

    def broken(*args: Any, **kwargs: Any) -> torch.Tensor:
        found: torch.Tensor = real(*args, **kwargs)
        if found.requires_grad and next(calls) == STEPS + 2:  # in training
            return found * torch.nan
        return found

    monkeypatch.setattr(loop.F, "cross_entropy", broken)
    with pytest.raises(Diverged, match="the loss is nan at step 3 of 5 in epoch 2"):
        run(recipe, tmp_path)
    monkeypatch.undo()
    state = checkpoint.load(tmp_path / CHECKPOINT)
    assert (state["epoch"], state["step"]) == (1, 0)
    assert len(read_run(tmp_path).history) == 1
    check_same(run(recipe, tmp_path), whole)


def test_weights_that_are_not_finite_are_not_kept(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, epochs=1, batch_size=36, optimizer={"name": "SGD", "lr": 3e38}, l1=100, ema=0,
                       scheduler=None)  # fmt: skip
    with pytest.raises(Diverged, match="a weight is not finite after epoch 1"):
        run(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / CHECKPOINT).exists()


# -- a full disk ----------------------------------------------------------------------------------------------
def full(*args: Any, **kwargs: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["fsync", "write", "replace"])
def test_a_full_disk_leaves_what_was_kept(
    place: str, whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = stopped(whole, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half(path: Path, content: Any) -> int:
        with path.open("wb") as file:
            file.write(content[: len(content) // 2])
        return full()  # type: ignore[no-any-return]

    if place == "write":
        monkeypatch.setattr(Path, "write_bytes", half)
    else:
        monkeypatch.setattr(os, place, full)
    with pytest.raises(ConvvizError, match="cannot be written: No space left on device") as caught:
        run(recipe, tmp_path)
    monkeypatch.undo()
    assert caught.value.where == str(tmp_path / CHECKPOINT)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    check_same(run(recipe, tmp_path), whole)


def test_metrics_are_never_half_a_line(whole: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = stopped(whole, tmp_path)

    def half(path: Path, text: str, **options: Any) -> int:
        with path.open("w", encoding="utf-8") as file:
            file.write(text[: len(text) - 20])
        return full()  # type: ignore[no-any-return]

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(ConvvizError, match="No space left on device") as caught:
        run(recipe, tmp_path)
    monkeypatch.undo()
    assert caught.value.where == str(tmp_path / METRICS)
    assert len(read_run(tmp_path).history) == 1 and (tmp_path / METRICS).read_text().endswith("}\n")
    check_same(run(recipe, tmp_path), whole)


# -- the folder -------------------------------------------------------------------------------------------------
def test_other_settings_need_another_folder(whole: Run, tmp_path: Path) -> None:
    with pytest.raises(
        ConvvizError, match=r"other settings \(epochs 3 there, 4 now, seed 5 there, 6 now\); name"
    ):
        run(whole.recipe.replace(epochs=4, seed=6), whole.folder)


def test_a_fresh_run_starts_again(whole: Run, tmp_path: Path) -> None:
    stopped(whole, tmp_path)
    changed = whole.recipe.replace(epochs=1)
    found = run(changed, tmp_path, fresh=True)
    assert len(found.history) == 1 and found.recipe == changed


def test_a_fresh_run_that_stops_has_nothing_of_the_old_one(whole: Run, tmp_path: Path) -> None:
    recipe = stopped(whole, tmp_path)
    run(recipe, tmp_path)
    with pytest.raises(Interrupted):
        run(recipe, tmp_path, fresh=True, stop=countdown(2))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.yaml", "checkpoint.pt", "metrics.jsonl", "net.yaml"}


def test_a_file_is_no_folder(whole: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConvvizError, match="is a file; a run needs a folder"):
        run(whole.recipe, tmp_path / "file")
    with pytest.raises(ConvvizError, match="file"):
        run(whole.recipe, tmp_path / "file" / "below")


def test_the_net_is_kept_as_it_was(tmp_path: Path) -> None:
    """The model.yaml changes while the run is stopped: it goes on with the net that it began with."""
    recipe = recipe_in(tmp_path)
    straight = run(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(recipe, tmp_path / "run", stop=countdown(4))
    Path(recipe.net).write_text("name: other\ninput: [1, 8, 8]\nlayers:\n  - flatten\n  - linear: 4\n")
    check_same(run(recipe, tmp_path / "run"), straight)
    Path(recipe.net).unlink()
    assert read_run(tmp_path / "run").net_source == str(tmp_path / "run" / "net.yaml")
