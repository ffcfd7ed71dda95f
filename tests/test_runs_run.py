"""Reading run directories: what a run left, and one line for every damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.errors import ConvvizError
from convviz.runs.files import remove_parts, write_atomic, write_json, write_lines, write_text
from convviz.runs.recipe import Recipe
from convviz.runs.run import (
    CONFIG,
    METRICS,
    NET,
    PREDICTIONS,
    SUMMARY,
    find_runs,
    is_run,
    read_predictions,
    read_run,
    write_config,
    write_metrics,
    write_summary,
)

ROW = {"epoch": 1, "train_loss": 0.5, "train_accuracy": 90.0, "test_loss": 0.4, "test_accuracy": 91.0,
       "seconds": 1.5, "images_per_second": 1000.0}  # fmt: skip


def run_in(folder: Path, seed: int = 0, epochs: int = 2, finished: bool = True, **about: Any) -> Path:
    recipe = Recipe(net="s7", epochs=epochs, seed=seed)
    write_config(folder, recipe, about)
    write_metrics(folder, [{**ROW, "epoch": i + 1, "test_accuracy": 90.0 + i} for i in range(epochs)])
    if finished:
        write_summary(folder, {"test_accuracy": 91.0, "dataset": "MNIST", "test_images": 10_000})
    return folder


def test_a_run_is_read_back(tmp_path: Path) -> None:
    found = read_run(run_in(tmp_path / "run", seed=3, arm="GBN", experiment="norms"))
    assert found.finished and (found.arm, found.experiment, found.seed) == ("GBN", "norms", 3)
    assert (found.data_set, found.test_accuracy) == ("MNIST", 91.0)
    assert found.column("test_accuracy") == (90.0, 91.0) and found.column("held_accuracy") == ()
    assert found.net_source == "s7"
    (tmp_path / "run" / NET).write_text("name: kept\n")
    assert found.net_source == str(tmp_path / "run" / NET)


def test_a_run_that_is_not_finished(tmp_path: Path) -> None:
    found = read_run(run_in(tmp_path, finished=False))
    assert not found.finished and found.test_accuracy is None and found.data_set == "mnist"
    assert (found.arm, found.experiment) == ("s7", "s7")
    (tmp_path / METRICS).unlink()
    assert read_run(tmp_path).history == ()
    with pytest.raises(ConvvizError, match="there are no predictions; train the run to its end"):
        _ = found.predictions


def test_all_runs_below_folders(tmp_path: Path) -> None:
    for name in ("b/seed1", "b/seed0", "a"):
        run_in(tmp_path / name)
    (tmp_path / "b" / "notes").mkdir()
    names = [str(run.folder.relative_to(tmp_path)) for run in find_runs(tmp_path)]
    assert names == ["a", "b/seed0", "b/seed1"]
    assert [run.folder.name for run in find_runs(tmp_path / "b" / "seed1", tmp_path / "b", str(tmp_path / "a"))] == [
        "seed1", "seed0", "a"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "none", "none: there is no such folder"),
        (lambda folder: folder, "holds no run directory (a folder with config.yaml and metrics.jsonl)"),
        (
            lambda folder: Path(write_text(folder / "file", "") or folder / "file"),
            "file: there is no such folder",
        ),
    ],
    ids=["missing", "empty", "file"],
)
def test_folders_without_runs(make: Callable[[Path], Path], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConvvizError) as caught:
        find_runs(make(tmp_path))
    assert told in str(caught.value)
    with pytest.raises(ConvvizError):
        read_run(make(tmp_path))


def test_no_run_directory(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match=r"is no run directory: it has no config\.yaml"):
        read_run(tmp_path)
    assert not is_run(tmp_path)


LINE = json.dumps(ROW)
DAMAGES: list[tuple[str, str | bytes, str]] = [
    (CONFIG, "", "config.yaml: must hold settings by name, got None"),
    (CONFIG, "- 1\n- 2\n", "config.yaml: must hold settings by name, got [1, 2]"),
    (CONFIG, "net: [", "config.yaml: is not YAML: "),
    (CONFIG, b"\xff\xfe\x00net", "config.yaml: is not YAML: "),
    (CONFIG, "net: s7\nepoch: 3\n", "config.yaml: there is no setting 'epoch'; did you mean 'epochs'?"),
    (CONFIG, "net: s7\nepochs: -3\n", "config.yaml.epochs: must be a whole number from 1"),
    (CONFIG, "net: s7\nepochs: 2001-99-99\n", "config.yaml: is not YAML: "),
    (CONFIG, "[" * 2_000, "config.yaml: is not YAML: "),
    (CONFIG, "net: s7\nrun: 3\n", "config.yaml: run: must be values by name, got 3"),
    (CONFIG, "net: s7\n? [1, 2]\n: 3\n", "config.yaml"),
    (CONFIG, "net: s7\nnet: !!python/object/apply:os.getcwd []\n", "config.yaml: is not YAML: "),
    (METRICS, LINE[:-20], "metrics.jsonl:1: is no JSON"),
    (METRICS, f"{LINE}\n{LINE[:40]}", "metrics.jsonl:2: is no JSON"),
    (METRICS, f"{LINE}\n\n", "metrics.jsonl:2: is no JSON"),
    (METRICS, "[1, 2]\n", "metrics.jsonl:1: must be an object, got [1, 2]"),
    (METRICS, LINE.replace("91.0", '"91"'), "metrics.jsonl:1: must have test_accuracy, a number, got '91'"),
    (METRICS, LINE.replace("91.0", "true"), "metrics.jsonl:1: must have test_accuracy, a number, got True"),
    (METRICS, LINE.replace("91.0", "NaN"), "metrics.jsonl:1: must have test_accuracy, a number, got nan"),
    (METRICS, LINE.replace("91.0", "1e999"), "metrics.jsonl:1: must have test_accuracy, a number, got inf"),
    (
        METRICS,
        LINE.replace('"seconds"', '"minutes"'),
        "metrics.jsonl:1: must have seconds, a number, got None",
    ),
    (METRICS, b"\x80\x81", "metrics.jsonl: cannot be read: "),
    (METRICS, "[" * 100_000, "metrics.jsonl:1: is no JSON"),
    (SUMMARY, "", "summary.json: is no JSON"),
    (SUMMARY, "{", "summary.json: is no JSON"),
    (SUMMARY, "{}", "summary.json: must be an object with test_accuracy, a number"),
    (SUMMARY, "[]", "summary.json: must be an object with test_accuracy, a number"),
    (SUMMARY, '{"test_accuracy": "99"}', "summary.json: must be an object with test_accuracy, a number"),
    (SUMMARY, '{"test_accuracy": NaN}', "summary.json: must be an object with test_accuracy, a number"),
    (SUMMARY, '{"test_accuracy": true}', "summary.json: must be an object with test_accuracy, a number"),
    (SUMMARY, b"\xff", "summary.json: cannot be read: "),
    (SUMMARY, "[" * 100_000, "summary.json: is no JSON"),
]


@pytest.mark.parametrize(
    ("name", "content", "told"), DAMAGES, ids=[f"{n} {str(c)[:24]}" for n, c, _ in DAMAGES]
)
def test_damage_is_told_in_a_line(name: str, content: str | bytes, told: str, tmp_path: Path) -> None:
    folder = run_in(tmp_path)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConvvizError) as caught:
        read_run(folder)
    assert told in str(caught.value) and str(folder) in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400 + len(str(folder))


@pytest.mark.parametrize("name", [CONFIG, METRICS, SUMMARY])
def test_a_folder_in_the_place_of_a_file(name: str, tmp_path: Path) -> None:
    folder = run_in(tmp_path)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(ConvvizError) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


# -- predictions --------------------------------------------------------------------------------------------
def predictions(folder: Path, **changes: Any) -> Path:
    kept: dict[str, Any] = {
        "labels": np.array([0, 1, 1], np.int16),
        "probabilities": np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], np.float32),
        "classes": np.array(["no", "yes"]),
    }
    kept = {name: value for name, value in {**kept, **changes}.items() if value is not None}
    np.savez_compressed(folder / PREDICTIONS, **kept)
    return folder / PREDICTIONS


def test_predictions_are_read_back(tmp_path: Path) -> None:
    found = read_predictions(predictions(tmp_path))
    assert found.classes == ("no", "yes") and found.labels.tolist() == [0, 1, 1]
    assert found.probabilities[2].tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 50),
        lambda path: path.write_bytes(path.read_bytes()[:-30]),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(
            bytes(b ^ 255 if i % 50 == 45 else b for i, b in enumerate(path.read_bytes()))
        ),
        lambda path: predictions(path.parent, labels=None),
        lambda path: predictions(path.parent, labels=np.array([{}], object)),
        lambda path: np.save(path.open("wb"), np.zeros(3)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["empty", "zip", "cut", "short", "bits", "lacking", "objects", "npy", "folder"],
)
def test_damaged_predictions_are_told_in_a_line(damage: Callable[[Path], Any], tmp_path: Path) -> None:
    path = predictions(tmp_path)
    damage(path)
    with pytest.raises(ConvvizError, match=r"predictions\.npz: cannot be read: ") as caught:
        read_predictions(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": np.array([0, 1, 2])}, "labels must be 0 to 1"),
        ({"labels": np.array([0, 1])}, "must be probabilities (N, classes)"),
        ({"probabilities": np.ones((3, 2))}, "must be probabilities that sum to 1"),
        ({"probabilities": np.full((3, 2), np.nan)}, "must be probabilities that sum to 1"),
        ({"classes": np.array(["one"])}, "must be probabilities (N, classes)"),
    ],
    ids=str,
)
def test_predictions_that_are_none(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = predictions(tmp_path, **change)
    with pytest.raises(ConvvizError) as caught:
        read_predictions(path)
    assert str(caught.value).startswith(f"{path}.predictions: {told}") and "\n" not in str(caught.value)


# -- writing ------------------------------------------------------------------------------------------------
def test_files_are_whole_or_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": [1, "é"]})
    assert (
        json.loads(path.read_text(encoding="utf-8")) == {"a": [1, "é"]}
        and path.stat().st_mode & 0o777 == 0o644
    )

    def breaks(place: Path) -> None:
        place.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_atomic(path, breaks)
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, "é"]}
    assert [entry.name for entry in path.parent.iterdir()] == ["file.json"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "below.json", tmp_path / ("x" * 300)):
        with pytest.raises(ConvvizError, match="cannot be written: ") as caught:
            write_text(path, "")
        assert caught.value.where == str(path)


def test_lines_are_json_each(tmp_path: Path) -> None:
    write_lines(tmp_path / METRICS, [{"a": 1}, {"b": "\n"}])
    assert [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()] == [
        {"a": 1},
        {"b": "\n"},
    ]


def test_parts_that_were_left_are_removed(tmp_path: Path) -> None:
    for name in (".part-x1-model.pt", ".part-y-checkpoint.pt", ".hidden", "model.pt"):
        (tmp_path / name).write_text("")
    remove_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "model.pt"]
