"""An experiment: arms that differ in something, each trained with the same seeds. A recipe is one with a seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from convviz.analysis.statistics.compare import BEFORE
from convviz.errors import ConvvizError, nearest
from convviz.ops.base import shorten
from convviz.read import bundled
from convviz.read.document import load, read_text
from convviz.runs.recipe import DEFAULTS, Recipe, check_names, merged, recipe_of

BUNDLED = Path(__file__).parent / "experiments"
MOST_RUNS = 10_000
KEYS = ("name", "about", "question", "source", "target", "note", "base", "factors", "arms", "seeds", "baseline",
        "reported")  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A run that an experiment wants: ``recipe`` has the seed."""

    experiment: str
    arm: str
    recipe: Recipe

    def __hash__(self) -> int:
        return hash((self.experiment, self.arm, self.recipe.seed))

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
        return replace(self, arms=kept, baseline=self.baseline if self.baseline in (*kept, BEFORE) else None)

    def arms_like(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Arms by name or, of a factorial, by a factor's value; several with commas between them.

        >>> experiment("norms").arms_like(["BN, L1, GN, L2"])
        ('BN, L1', 'GN, L2')
        >>> len(experiment("norms").arms_like(["BN"]))
        4
        """
        known = {tuple(part.strip() for part in arm.split(",")): arm for arm in self.arms}
        found: dict[str, None] = {}
        for text in texts:
            parts = tuple(part.strip() for part in text.split(",") if part.strip())
            while parts:
                # The longest name first: the names of a factorial's arms have commas, too.
                size = next((n for n in range(len(parts), 0, -1) if parts[:n] in known), 0)
                some = (
                    [known[parts[:size]]]
                    if size
                    else [arm for arm, n in zip(self.arms, known) if parts[0] in n]
                )
                if not some or (not size and not self.factors):
                    raise ConvvizError(
                        f"{self.name} has no arm {parts[0]!r}{nearest(parts[0], self.arms)}", "arm"
                    )
                found |= dict.fromkeys(some)
                parts = parts[max(size, 1) :]
        return tuple(found)

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
    """Bundled experiments and recipes, ``code2`` before ``code10``."""
    return sorted((path.stem for path in BUNDLED.glob("*.yaml")), key=bundled.natural)


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


def named(source: str) -> Experiment:
    """:func:`experiment`, where a file must be one and a name must be known: for work that starts many processes."""
    path = Path(source)
    if source in names():
        return experiment(source)
    if path.suffix.lower() in (".yaml", ".yml") and bundled.path(source) is None:
        data = load(read_text(path), source)
        if not (isinstance(data, Mapping) and {"layers", "blocks"} & data.keys()):
            return parse(path)
    elif bundled.path(source) is None and ":" not in source:
        raise ConvvizError(f"there is no experiment, recipe or net {source!r}{nearest(source, names())}")
    return experiment(source)


def _short(net: str) -> str:
    """What a net is called: its name, or its file's."""
    return Path(net).stem if net.lower().endswith((".yaml", ".yml")) else net


def _is_experiment(path: Path) -> bool:
    data = load(read_text(path), str(path))
    return (
        isinstance(data, Mapping) and bool({"arms", "factors", "base"} & data.keys()) and "layers" not in data
    )


def parse(path: Path, shown: str = "") -> Experiment:
    """An experiment's file; raises ConvvizError."""
    shown = shown or str(path)
    data = load(read_text(path), shown)
    if not isinstance(data, Mapping):
        raise ConvvizError("must be an experiment: arms or factors, and their settings", shown)
    for key in data:
        if key not in KEYS:
            raise ConvvizError(f"there is no key {key!r}{nearest(str(key), KEYS)} ({', '.join(KEYS)})", shown)
    seeds = _seeds(data.get("seeds", 1), f"{shown}: seeds")
    own = {} if data.get("base") is None else data["base"]
    reported: dict[str, dict[str, Any]] = {}
    base, figures = _based(own, {}, f"{shown}: base")
    if "arms" in data and "factors" in data:
        raise ConvvizError("has arms and factors; an experiment has one of them", shown)
    factors: dict[str, dict[str, dict[str, Any]]] = {}
    if "factors" in data:
        factors = _factors(data["factors"], f"{shown}: factors")
        _few_enough(prod(map(len, factors.values())), len(seeds), shown)  # before they are written out
        arms = {
            ", ".join(labels): _together(base, [factors[f][label] for f, label in zip(factors, labels)])
            for labels in product(*factors.values())
        }
    elif "arms" in data:
        arms, reported = _arms(data["arms"], own, f"{shown}: arms")
    else:
        arms = {_text(data, "name", shown) or path.stem: base}
        reported = {arm: figures for arm in arms if figures}
    for arm, settings in arms.items():
        arms[arm] = _nets_beside(settings, path)
    _few_enough(len(arms), len(seeds), shown)
    slugs: dict[str, str] = {}
    for arm in arms:
        if slugs.setdefault(slug(arm).lower(), arm) != arm:
            raise ConvvizError(f"arms {slugs[slug(arm).lower()]!r} and {arm!r} would share a folder", shown)
    baseline = data.get("baseline")
    if baseline is not None and baseline != BEFORE and baseline not in arms:
        raise ConvvizError(f"no arm {baseline!r}{nearest(str(baseline), arms)}", f"{shown}: baseline")
    found = Experiment(
        _text(data, "name", shown) or path.stem,
        arms,
        seeds,
        {name: tuple(values) for name, values in factors.items()},
        baseline,
        **{key: _text(data, key, shown) for key in ("about", "question", "source", "target", "note")},
        reported={**reported, **_reported(data.get("reported"), arms, f"{shown}: reported")},
    )
    check_arms(found, shown)
    return found


def check_arms(found: Experiment, shown: str) -> None:
    """Raises ConvvizError for a setting that is wrong in any arm, and where two arms have the same settings."""
    same: dict[str, str] = {}
    for arm, settings in found.arms.items():
        recipe = recipe_of(
            {**settings, "seed": found.seeds[0]}, f"{shown}: {arm if len(found.arms) > 1 else 'base'}"
        )
        other = same.setdefault(recipe.key, arm)
        if other != arm:
            raise ConvvizError(f"arms {other!r} and {arm!r} have the same settings", shown)


def _few_enough(arms: int, seeds: int, shown: str) -> None:
    if arms * seeds > MOST_RUNS:
        raise ConvvizError(f"asks for {arms * seeds:,} runs; at most {MOST_RUNS:,}", shown)


def _text(data: Mapping[str, Any], key: str, shown: str) -> str:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise ConvvizError(f"must be text, got {shorten(value)}", f"{shown}: {key}")
    return value or ""


def _reported(value: Any, arms: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    value = {} if value is None else value
    if not isinstance(value, Mapping) or not all(isinstance(figures, Mapping) for figures in value.values()):
        raise ConvvizError("must be figures by arm", where)
    for arm in value:
        if str(arm) not in arms:
            raise ConvvizError(f"no arm {arm!r}{nearest(str(arm), arms)}", where)
    return {str(arm): dict(figures) for arm, figures in value.items()}


def _based(given: Any, base: Mapping[str, Any], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings over those of ``base``, over those of the bundled recipe that either names; and what is reported of it.

    ``recipe: code8`` stands for everything that code8.yaml says.
    """
    out: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for settings, place in ((base, where), (given, where)):
        if not isinstance(settings, Mapping):
            raise ConvvizError(f"must be settings by name, got {shorten(settings)}", place)
    name = given.get("recipe", base.get("recipe"))
    if name is not None:
        out, figures = _bundled_recipe(name, f"{where}.recipe")
    for settings in (base, given):
        out = merged(out, {key: value for key, value in settings.items() if key != "recipe"}, where)
    return out, figures


def _bundled_recipe(name: Any, where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of a bundled recipe, which has one arm, and the figures reported of it."""
    if not isinstance(name, str) or name not in names():
        raise ConvvizError(f"there is no recipe {name!r}{nearest(str(name), names())}", where)
    data = load(read_text(BUNDLED / f"{name}.yaml"), f"{name}.yaml")
    if {"arms", "factors"} & data.keys() or "recipe" in data["base"]:
        raise ConvvizError(f"{name} is an experiment of several arms; name a recipe", where)
    return merged({}, data["base"]), dict((data.get("reported") or {}).get(name, {}))


def _together(base: Mapping[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
    out = dict(base)
    for part in parts:
        out = merged(out, part)
    return out


def _arms(value: Any, base: Any, where: str) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The settings of each arm, and what is reported of the recipes that arms name."""
    if not isinstance(value, Mapping) or not value:
        raise ConvvizError("must be settings by arm, at least one", where)
    out, reported = {}, {}
    for arm, settings in value.items():
        out[str(arm)], figures = _based({} if settings is None else settings, base, f"{where}.{arm}")
        if figures:
            reported[str(arm)] = figures
    return out, reported


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
