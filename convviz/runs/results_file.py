"""Results of runs as a small JSON file: every setting, and of each seed the last epoch, seconds and a few more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convviz.analysis.statistics.intervals import mean_sd
from convviz.errors import ConvvizError
from convviz.ops.base import shorten
from convviz.runs.epochs import of_numbers
from convviz.runs.recipe import Recipe, recipe_of
from convviz.runs.results import LAST, Results, TrainedArm, TrainedRun, Unfinished

FORMAT = "convviz results"
LARGEST = 50_000_000  # bytes of a file
MOST_IMAGES = 10**7
LONGEST = 1e12  # seconds
COUNTS = ("parameters", "train_images", "test_images")


def results_data(found: Results) -> dict[str, Any]:
    """As plain data: what all arms share, then the arms with their own settings, then their runs.

    Mean, standard deviation, n and the minimum of the last epochs are for readers; :func:`read_runs` does not use them.
    """
    recipes = [_plain(arm.first.recipe) for arm in found.arms]
    common = {name: value for name, value in recipes[0].items() if all(r[name] == value for r in recipes)}
    return {
        "format": FORMAT,
        "experiment": found.name,
        "data_set": found.data_set,
        "accuracy": f"per cent of the test images, after the last epoch; last: of the last {LAST} epochs",
        "epochs": "of each epoch training and test accuracy, training and test loss",
        "settings": common,
        "arms": [_arm_data(arm, recipe, common) for arm, recipe in zip(found.arms, recipes, strict=True)],
        "not_run": list(found.not_run),
        "unfinished": [vars(run) for run in found.unfinished],
    }


def _plain(recipe: Recipe) -> dict[str, Any]:
    out = recipe.plain()
    del out["seed"]
    return out


def _arm_data(arm: TrainedArm, recipe: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    mean, sd = mean_sd([run.test for run in arm.runs])
    out: dict[str, Any] = {"name": arm.name}
    if arm.first.arm != arm.name:
        out["arm"] = arm.first.arm
    out |= {"experiment": arm.first.experiment, "n": len(arm.runs), "mean": mean, "sd": sd}
    out |= {name: getattr(arm.first, name) for name in COUNTS}
    out["settings"] = {name: value for name, value in recipe.items() if name not in common}
    out["runs"] = [_run_data(run) for run in arm.runs]
    return out


def _run_data(run: TrainedRun) -> dict[str, Any]:
    out: dict[str, Any] = {"seed": run.seed, "test": run.test}
    if run.held is not None:
        out["held"] = run.held
    out |= {"last": list(run.last), "min": min(run.last, default=None), "best": run.best, "seconds": run.seconds,
            "cpu_seconds": run.cpu_seconds, "device": run.device, "threads": run.threads}  # fmt: skip
    if run.alike is not None:
        out["alike"] = run.alike
    if run.history:
        out["epochs"] = [epoch.numbers for epoch in run.history]
    if run.wrong is not None:
        out["wrong"] = list(run.wrong)
    return out


def results_text(found: Results) -> str:
    """:func:`results_data` as JSON, a run a line."""
    data = results_data(found)
    runs = [arm["runs"] for arm in data["arms"]]
    for i, arm in enumerate(data["arms"]):
        arm["runs"] = f"\0{i}"
    text = json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False)
    for i, some in enumerate(runs):
        lines = ",\n".join(f"    {json.dumps(run, ensure_ascii=False, allow_nan=False)}" for run in some)
        text = text.replace(json.dumps(f"\0{i}"), f"[\n{lines}\n   ]", 1)
    return text + "\n"


# -- reading --------------------------------------------------------------------------------------------------
def is_results(path: Path) -> bool:
    """Whether a file is meant to be read here; what it holds is checked then."""
    return path.suffix.lower() == ".json"


def read_runs(path: Path) -> tuple[list[TrainedRun], list[Unfinished]]:
    """The runs of a file; raises ConvvizError that names the place for whatever is not as it should be."""
    data = _load(path)
    where = str(path)
    if data.get("format") != FORMAT:
        raise ConvvizError(f"is no file of results: its format must be {FORMAT!r}", where)
    common = _mapping(data.get("settings"), f"{where}: settings")
    found = []
    for i, arm in enumerate(_list(data.get("arms"), f"{where}: arms")):
        place = f"{where}: arms[{i}]"
        arm = _mapping(arm, place)
        own = {**common, **_mapping(arm.get("settings", {}), f"{place}.settings")}
        for k, run in enumerate(_list(arm.get("runs"), f"{place}.runs")):
            there = f"{place}.runs[{k}]"
            found.append(_run(_mapping(run, there), arm, own, _text(data, "data_set", where), there))
    stopped = []
    for i, run in enumerate(_list(data.get("unfinished", []), f"{where}: unfinished")):
        there = f"{where}: unfinished[{i}]"
        run = _mapping(run, there)
        seed, done, epochs = (_needed(run, name, there) for name in ("seed", "done", "epochs"))
        stopped.append(
            Unfinished(_text(run, "experiment", there), _text(run, "arm", there), seed, done, epochs)
        )
    return found, stopped


def _run(
    run: Mapping[str, Any], arm: Mapping[str, Any], settings: Mapping[str, Any], data_set: str, where: str
) -> TrainedRun:
    recipe = recipe_of({**settings, "seed": _needed(run, "seed", where)}, where)
    name = _text(arm, "arm" if "arm" in arm else "name", where)
    test = _number(run, "test", 100, where)
    last = [_number({"last": v}, "last", 100, where) for v in _list(run.get("last", []), f"{where}.last")]
    if test is None or None in last:
        raise ConvvizError("must have test, an accuracy in per cent, and such in last", where)
    counts = {name: _count(arm, name, where) for name in COUNTS}
    return TrainedRun(
        str(arm.get("experiment") or name),
        name,
        recipe,
        data_set,
        test,
        last=tuple(value for value in last if value is not None),
        held=_number(run, "held", 100, where),
        best=_number(run, "best", 100, where),
        seconds=_number(run, "seconds", LONGEST, where),
        cpu_seconds=_number(run, "cpu_seconds", LONGEST, where),
        device=str(run.get("device") or ""),
        threads=_count(run, "threads", where),
        wrong=_wrong(run.get("wrong"), counts["test_images"], f"{where}.wrong"),
        alike=_number(run, "alike", 100, where),
        history=tuple(
            of_numbers(row, f"{where}.epochs[{i}]")
            for i, row in enumerate(_list(run.get("epochs", []), where))
        ),
        **counts,
    )


def _wrong(value: Any, images: int | None, where: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    found = _list(value, where)
    good = (
        images is not None
        and images <= MOST_IMAGES
        and all(type(i) is int and 0 <= i < images for i in found)
    )
    if not good or len(set(found)) < len(found):
        raise ConvvizError("must be the indices of test images, each once", where)
    return tuple(found)


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ConvvizError(
                f"is larger than {LARGEST // 10**6} MB, which no file of results is", str(path)
            )
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", str(path)) from None
    except (ValueError, RecursionError):
        raise ConvvizError("is no JSON", str(path)) from None
    return dict(_mapping(data, str(path)))


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConvvizError(f"must be values by name, got {shorten(value)}", where)
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConvvizError(f"must be a list, got {shorten(value)}", where)
    return value


def _text(data: Mapping[str, Any], name: str, where: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ConvvizError(f"{name} must be text, got {shorten(value)}", where)
    return value


def _number(data: Mapping[str, Any], name: str, most: float, where: str) -> float | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ConvvizError(f"{name} must be a number from 0 to {most:g}, got {shorten(value)}", where)
    return float(value)


def _needed(data: Mapping[str, Any], name: str, where: str) -> int:
    value = _count(data, name, where)
    if value is None:
        raise ConvvizError(f"must have {name}, a whole number", where)
    return value


def _count(data: Mapping[str, Any], name: str, where: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**15:
        raise ConvvizError(f"{name} must be a whole number of 0 or more, got {shorten(value)}", where)
    return value
