"""An experiment: arms that differ in something, each trained with the same seeds. A recipe is one with a seed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import shorten
from convviz.read import bundled
from convviz.read.document import load, read_text
from convviz.runs.recipe import DEFAULTS, Recipe, check_names, merged, recipe_of

BUNDLED = Path(__file__).parent / "experiments"
MOST_RUNS = 100_000
KEYS = ("name", "about", "question", "source", "target", "note", "base", "factors", "arms", "seeds", "baseline",
        "reported")  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A run that an experiment wants: ``recipe`` has the seed."""

    experiment: str
    arm: str
    recipe: Recipe

    @property
    def folder(self) -> Path:
        """Where it lies within the experiment's folder; the only arm of a recipe needs no folder of its own."""
        own = f"seed-{self.recipe.seed}"
        return Path(own) if self.arm == self.experiment else Path(slug(self.arm), own)


@dataclass(frozen=True)
class Experiment:
    """arms: settings by name. factors: the values of each factor, where the arms are all their combinations.

    reported: what others measured, by arm, as the file has it. baseline: the arm that others are compared with.
    """

    name: str
    arms: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...] = (0,)
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    baseline: str | None = None
    about: str = ""
    question: str = ""
    source: str = ""
    target: str = ""
    note: str = ""
    reported: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def changed(self, **settings: Any) -> Experiment:
        """Every arm with other settings; raises ConvvizError for those that no recipe has."""
        check_names(settings, self.name)
        return replace(self, arms={arm: merged(given, settings) for arm, given in self.arms.items()})

    def only(self, *arms: str) -> Experiment:
        """Some of the arms; raises ConvvizError for an unknown one."""
        for arm in arms:
            if arm not in self.arms:
                raise ConvvizError(f"{self.name} has no arm {arm!r}{nearest(arm, self.arms)}", "arm")
        kept = {arm: self.arms[arm] for arm in self.arms if arm in arms}
        return replace(self, arms=kept, baseline=self.baseline if self.baseline in kept else None)

    def with_seeds(self, *seeds: int) -> Experiment:
        return replace(self, seeds=tuple(seeds))

    def recipe(self, arm: str, seed: int | None = None) -> Recipe:
        """The recipe of an arm; its seed is the first unless told."""
        if arm not in self.arms:
            raise ConvvizError(f"{self.name} has no arm {arm!r}{nearest(arm, self.arms)}", "arm")
        settings = {**self.arms[arm], "seed": self.seeds[0] if seed is None else seed}
        return recipe_of(settings, f"{self.name}: {arm}" if len(self.arms) > 1 else "")

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """All runs, seed by seed, so that an experiment that is stopped has whole rounds of all arms."""
        return tuple(Job(self.name, arm, self.recipe(arm, seed)) for seed in self.seeds for arm in self.arms)


def slug(name: str) -> str:
    """A folder's name.

    >>> slug("BN, L1+L2"), slug("../x")
    ('BN-L1+L2', 'x')
    """
    return re.sub(r"[^\w.+=-]+", "-", name).strip("-.") or "arm"


def names() -> list[str]:
    """Bundled experiments and recipes."""
    return sorted(path.stem for path in BUNDLED.glob("*.yaml"))


def experiment(source: str | Path) -> Experiment:
    """A bundled experiment or recipe by name, a file of one, or any net: then one arm with the default settings.

    Raises ConvvizError, which names file and key.

    >>> experiment("s6").arms.keys()
    dict_keys(['BN+L1+L2', 'LN+L2', 'GN+L1'])
    """
    text = str(source)
    if text in names():
        return parse(BUNDLED / f"{text}.yaml", f"{text}.yaml")
    path = Path(source)
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file() and _is_experiment(path):
        return parse(path)
    return Experiment(_short(text), {_short(text): {**DEFAULTS, "net": text}})


def _short(net: str) -> str:
    """What a net is called: its name, or its file's."""
    return Path(net).stem if net.lower().endswith((".yaml", ".yml")) else net


def _is_experiment(path: Path) -> bool:
    data = load(read_text(path), str(path))
    return isinstance(data, Mapping) and bool({"arms", "factors", "base"} & data.keys()) and "layers" not in data


def parse(path: Path, shown: str = "") -> Experiment:
    """An experiment's file; raises ConvvizError."""
    shown = shown or str(path)
    data = load(read_text(path), shown)
    if not isinstance(data, Mapping):
        raise ConvvizError("must be an experiment: arms or factors, and their settings", shown)
    for key in data:
        if key not in KEYS:
            raise ConvvizError(f"there is no key {key!r}{nearest(str(key), KEYS)} ({', '.join(KEYS)})", shown)
    base = _settings(data.get("base") or {}, f"{shown}: base")
    if "arms" in data and "factors" in data:
        raise ConvvizError("has arms and factors; an experiment has one of them", shown)
    factors: dict[str, dict[str, dict[str, Any]]] = {}
    if "factors" in data:
        factors = _factors(data["factors"], f"{shown}: factors")
        arms = {
            ", ".join(labels): _together(base, [factors[f][label] for f, label in zip(factors, labels)])
            for labels in product(*factors.values())
        }
    elif "arms" in data:
        arms = _arms(data["arms"], base, f"{shown}: arms")
    else:
        arms = {str(data.get("name") or path.stem): base}
    for arm, settings in arms.items():
        arms[arm] = _nets_beside(settings, path)
    seeds = _seeds(data.get("seeds", 1), f"{shown}: seeds")
    if len(arms) * len(seeds) > MOST_RUNS:
        raise ConvvizError(f"asks for {len(arms) * len(seeds):,} runs; at most {MOST_RUNS:,}", shown)
    slugs: dict[str, str] = {}
    for arm in arms:
        if slugs.setdefault(slug(arm).lower(), arm) != arm:
            raise ConvvizError(f"arms {slugs[slug(arm).lower()]!r} and {arm!r} would share a folder", shown)
    texts = {key: str(data.get(key) or "") for key in ("about", "question", "source", "target", "note")}
    reported = data.get("reported") or {}
    baseline = data.get("baseline")
    if not isinstance(reported, Mapping) or not all(isinstance(v, Mapping) for v in reported.values()):
        raise ConvvizError("must be figures by arm", f"{shown}: reported")
    if baseline is not None and baseline not in arms:
        raise ConvvizError(f"no arm {baseline!r}{nearest(str(baseline), arms)}", f"{shown}: baseline")
    found = Experiment(
        str(data.get("name") or path.stem),
        arms,
        seeds,
        {name: tuple(values) for name, values in factors.items()},
        baseline,
        **texts,
        reported={str(arm): dict(figures) for arm, figures in reported.items()},
    )
    for arm in arms:  # every setting is checked before the first run
        try:
            found.recipe(arm)
        except ConvvizError as err:
            raise err.at(shown) from None
    return found


def _settings(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConvvizError(f"must be settings by name, got {shorten(value)}", where)
    check_names(value, where)
    return merged({}, value, where)


def _together(base: Mapping[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    out = dict(base)
    for part in parts:
        out = merged(out, part)
    return out


def _arms(value: Any, base: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping) or not value:
        raise ConvvizError("must be settings by arm, at least one", where)
    out = {}
    for arm, settings in value.items():
        place = f"{where}.{arm}"
        if settings is not None and not isinstance(settings, Mapping):
            raise ConvvizError(f"must be settings by name, got {shorten(settings)}", place)
        out[str(arm)] = merged(base, settings or {}, place)
    return out


def _factors(value: Any, where: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Each factor's values by label: of a setting (a list), or bundles of settings (by name)."""
    if not isinstance(value, Mapping) or not value:
        raise ConvvizError("must be values by factor, at least one", where)
    out: dict[str, dict[str, dict[str, Any]]] = {}
    for factor, values in value.items():
        place = f"{where}.{factor}"
        if isinstance(values, Mapping) and values:
            for label, settings in values.items():
                if not isinstance(settings, Mapping):
                    values = {**values, label: {factor: settings}}
                check_names(values[label], f"{place}.{label}")
            out[str(factor)] = {str(label): dict(settings) for label, settings in values.items()}
        elif isinstance(values, list) and values:
            check_names({str(factor): None}, place)
            labels = [f"{factor} {v}" if not isinstance(v, str) else v for v in values]
            if len(set(labels)) < len(labels):
                raise ConvvizError("has a value twice", place)
            out[str(factor)] = {label: {str(factor): v} for label, v in zip(labels, values)}
        else:
            raise ConvvizError(
                f"must be a list of values, or settings by label, got {shorten(values)}", place
            )
    return out


def _seeds(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_RUNS:
        return tuple(range(value))
    if isinstance(value, list) and value and all(type(v) is int and v >= 0 for v in value):
        if len(set(value)) == len(value):
            return tuple(value)
        raise ConvvizError("has a seed twice", where)
    raise ConvvizError(f"must be how many, or a list of them, got {shorten(value)}", where)


def _nets_beside(settings: dict[str, Any], path: Path) -> dict[str, Any]:
    """A net's file is looked for beside the experiment's, too."""
    net = settings.get("net")
    if isinstance(net, str) and net.endswith((".yaml", ".yml")) and not Path(net).exists():
        beside = path.parent / net
        if beside.exists() and bundled.path(net) is None:
            return {**settings, "net": str(beside)}
    return settings


def iter_bundled() -> Iterator[Experiment]:
    """Every bundled experiment, for lists and tests."""
    return (experiment(name) for name in names())
