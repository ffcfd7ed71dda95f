"""A course's ``config.cfg``: an INI file whose ``combinations`` are arms, each a recipe for the net s7."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convviz.errors import ConvvizError, nearest
from convviz.ops.base import shorten
from convviz.runs import settings as s
from convviz.runs.recipe import Recipe
from convviz.runs.run import read_config
from convviz.runs.torch_names import OPTIMIZERS, SCHEDULERS, known

NET = "s7"
NORMS = {"BN": "batch", "GBN": "ghost:2", "LN": "layer", "GN": "group:2", "IN": "instance"}
PENALTIES = ("L1", "L2")
SECTIONS: dict[str, tuple[str, ...]] = {
    "model_config": ("workers", "batch_size", "pin_memory", "shuffle", "epochs", "combinations"),
    "optimizer": ("lr", "optimizer_type", "momentum"),
    "scheduler": ("scheduler_type", "step", "gamma", "milestones"),
    "regularization": ("l1", "l2"),
    "plots": ("to_plot",),
}
# What a file may leave out: workers and the like are not needed here, the others depend on the kinds chosen.
OPTIONAL = {"workers", "pin_memory", "shuffle", "momentum", "step", "gamma", "milestones", "to_plot"}
PLOTS = ("train_losses", "test_losses", "train_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Config:
    """What a file says: its arms by name, what it wants plotted, and what was left out of it, a sentence each."""

    arms: tuple[tuple[str, Recipe], ...]
    plots: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_config_file(path: str | Path) -> Config:
    """The arms of a ``config.cfg``, or the one recipe of a run's ``config.yaml``; raises ConvvizError."""
    path = Path(path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        return read_cfg(path)
    recipe, about = read_config(path)
    return Config(((str(about.get("arm") or recipe.net), recipe),))


def read_cfg(path: str | Path) -> Config:
    """The arms of an INI file with the sections model_config, optimizer, scheduler, regularization and plots.

    ``combinations = L1+BN, GBN`` are arms on the net s7: L1 is the recipe's ``l1``, L2 the optimizer's
    ``weight_decay``, a norm (BN, GBN in two splits, LN, GN in two groups, IN) takes the place of the net's.
    0 is false, anything else true; ``#`` begins a comment. Raises ConvvizError that names file:section.key.
    """
    return _Reader(Path(path)).config()


class _Reader:
    """One file on its way to a Config."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.values = self._sections()

    def error(self, place: str, message: str) -> ConvvizError:
        return ConvvizError(message, f"{self.path}:{place}" if place else str(self.path))

    # -- the file -----------------------------------------------------------------------------------------
    def _sections(self) -> dict[str, dict[str, str]]:
        parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
        parser.optionxform = str  # type: ignore[assignment, method-assign]  # T_max is not t_max
        try:
            content = self.path.read_text(encoding="utf-8-sig")
            parser.read_string(content)
        except OSError as err:
            raise self.error("", f"cannot be read: {err.strerror or err}") from None
        except UnicodeDecodeError:
            raise self.error("", "is no text") from None
        except configparser.DuplicateSectionError as err:
            raise self.error(err.section, "is there twice") from None
        except configparser.DuplicateOptionError as err:
            raise self.error(f"{err.section}.{err.option}", "is there twice") from None
        except configparser.MissingSectionHeaderError as err:
            raise self.error(str(err.lineno), "must begin with a section such as [model_config]") from None
        except configparser.ParsingError as err:
            line = err.errors[0][0]
            told = shorten(content.splitlines()[line - 1].strip())
            raise self.error(str(line), f"must be `key = value`, got {told}") from None
        if parser.defaults():
            raise self.error("DEFAULT", f"there is no such section ({', '.join(SECTIONS)})")
        for name in parser.sections():
            if name not in SECTIONS:
                raise self.error(
                    name, f"there is no such section{nearest(name, SECTIONS)} ({', '.join(SECTIONS)})"
                )
        for name in SECTIONS:
            if name not in parser and name != "plots":
                raise self.error(name, f"the section is missing; it has {', '.join(SECTIONS[name])}")
        return {name: dict(parser[name]) if name in parser else {} for name in SECTIONS}

    def text(self, section: str, key: str) -> str | None:
        """A value as written, None where it may be left out; raises where it may not."""
        value = self.values[section].get(key)
        if value is None and key not in OPTIONAL:
            hint = nearest(key, self.values[section]).replace("did you mean", "is it")
            raise self.error(f"{section}.{key}", f"is missing{hint}")
        if value is not None and not value.strip():
            raise self.error(f"{section}.{key}", "has no value")
        return value

    def value(self, section: str, key: str, check: Callable[[str, Any], Any]) -> Any:
        text = self.text(section, key)
        if text is None:
            return None
        try:
            return check(key, text)
        except ConvvizError as err:
            raise self.error(f"{section}.{key}", err.message) from None

    def check_keys(self, section: str, more: tuple[str, ...] = ()) -> None:
        allowed = (*SECTIONS[section], *more)
        for key in self.values[section]:
            if key not in allowed:
                raise self.error(
                    f"{section}.{key}",
                    f"there is no such key{nearest(key.lower(), allowed)} ({', '.join(allowed)})",
                )

    # -- what it says -------------------------------------------------------------------------------------
    def config(self) -> Config:
        for section in ("model_config", "regularization", "plots"):
            self.check_keys(section)
        self._unneeded()
        base: dict[str, Any] = {
            "net": NET,
            "epochs": self.value("model_config", "epochs", s.whole(1, 100_000)),
            "batch_size": self.value("model_config", "batch_size", s.whole(1, 1_000_000)),
        }
        optimizer, scheduler = self._optimizer(), self._scheduler()
        l1 = self.value("regularization", "l1", s.real(0, 1e6))
        l2 = self.value("regularization", "l2", s.real(0, 1e6))
        arms = []
        for name, parts in self._combinations().items():
            given: dict[str, Any] = {**base, "optimizer": dict(optimizer), "scheduler": scheduler}
            given["norm"] = next((NORMS[part] for part in parts if part in NORMS), None)
            if "L1" in parts:
                given["l1"] = l1
            if "L2" in parts:
                given |= self._l2(given["optimizer"], l2)
            try:
                arms.append((name, Recipe(**given)))
            except ConvvizError as err:
                raise self.error("model_config.combinations", f"{name}: {err}") from None
        return Config(tuple(arms), self._plots(), tuple(dict.fromkeys(self.warnings)))

    def _combinations(self) -> dict[str, tuple[str, ...]]:
        """The arms: each name as written, and its parts."""
        place = "model_config.combinations"
        found: dict[str, tuple[str, ...]] = {}
        for name in self._words("model_config", "combinations"):
            parts = tuple(part.strip().upper() for part in name.split("+"))
            for part in parts:
                known_parts = (*PENALTIES, *NORMS)
                if part not in known_parts:
                    told = f"{name!r} has {part!r}, which is none of {', '.join(known_parts)}"
                    raise self.error(place, told + nearest(part, known_parts))
            if len(set(parts)) < len(parts) or sum(part in NORMS for part in parts) > 1:
                raise self.error(place, f"{name!r} must name each part once, and one norm at most")
            if any(set(parts) == set(others) for others in found.values()):
                raise self.error(place, f"{name!r} is there twice")
            found[name.replace(" ", "")] = parts
        return found

    def _words(self, section: str, key: str) -> list[str]:
        words = [word.strip() for word in (self.text(section, key) or "").split(",")]
        if "" in words[:-1] or not words[0]:
            raise self.error(f"{section}.{key}", "has nothing between two commas")
        return [word for word in words if word]

    def _optimizer(self) -> dict[str, Any]:
        written = self.text("optimizer", "optimizer_type") or ""
        kind = known(written, OPTIMIZERS)
        takes = OPTIMIZERS.get(kind, ())
        self.check_keys("optimizer", takes)
        found = {"name": kind, "lr": self.value("optimizer", "lr", s.real(0, 1e6))}
        momentum = self.value("optimizer", "momentum", s.real(0, 1))
        if momentum is not None and kind in OPTIMIZERS and "momentum" not in takes:
            self.warnings.append(f"optimizer.momentum is left out: {kind} takes none")
        elif momentum is not None:
            found["momentum"] = momentum
        return found | self._others("optimizer")

    def _l2(self, optimizer: Mapping[str, Any], l2: float) -> dict[str, Any]:
        kind = str(optimizer["name"])
        if kind in OPTIMIZERS and "weight_decay" not in OPTIMIZERS[kind]:
            self.warnings.append(f"regularization.l2 is added to the loss: {kind} takes no weight_decay")
            return {"l2": l2, "penalize": "all"}
        return {"optimizer": {**optimizer, "weight_decay": l2}}

    def _scheduler(self) -> dict[str, Any] | None:
        written = self.text("scheduler", "scheduler_type") or ""
        kind = known(written, SCHEDULERS)
        if kind.lower() == "none":
            self.check_keys("scheduler")
            return None
        takes = SCHEDULERS.get(kind, ())
        self.check_keys("scheduler", takes)
        given = {
            "step_size": self.value("scheduler", "step", s.whole(1, 100_000)),
            "gamma": self.value("scheduler", "gamma", s.real(0, 1e6)),
            "milestones": self._milestones(),
        }
        wanted = {name: value for name, value in given.items() if kind not in SCHEDULERS or name in takes}
        for name, value in wanted.items():
            if value is None and kind in ("StepLR", "MultiStepLR") and name != "gamma":
                key = {"step_size": "step"}.get(name, name)
                raise self.error(f"scheduler.{key}", f"is missing, and {kind} needs it")
        return {"name": kind, **{k: v for k, v in wanted.items() if v is not None}} | self._others(
            "scheduler"
        )

    def _milestones(self) -> list[int] | None:
        if self.text("scheduler", "milestones") is None:
            return None
        try:
            found = [
                s.whole(1, 100_000)("milestones", word) for word in self._words("scheduler", "milestones")
            ]
        except ConvvizError as err:
            if err.where.startswith(str(self.path)):
                raise
            raise self.error("scheduler.milestones", err.message) from None
        if found != sorted(set(found)):
            raise self.error("scheduler.milestones", f"must rise, got {found}")
        return list(found)

    def _others(self, section: str) -> dict[str, Any]:
        """Further arguments that torch has for the kind chosen, such as T_max, nesterov or betas = 0.9, 0.99."""
        found: dict[str, Any] = {"name": section}
        for key in self.values[section]:
            if key not in SECTIONS[section]:
                text = self.text(section, key) or ""
                found[key] = self._words(section, key) if "," in text else text
        found = s.named_arguments(section, found)
        return {key: value for key, value in found.items() if key != "name"}

    def _unneeded(self) -> None:
        self.value("model_config", "workers", s.whole(0))
        self.value("model_config", "pin_memory", _true_unless_0)
        if self.value("model_config", "shuffle", _true_unless_0) is False:
            raise self.error(
                "model_config.shuffle",
                "must be 1: images are always shuffled, by the seed, in every arm alike",
            )
        for key in ("workers", "pin_memory"):
            if key in self.values["model_config"]:
                self.warnings.append(f"model_config.{key} is not needed: the images are in memory")

    def _plots(self) -> tuple[str, ...]:
        if self.text("plots", "to_plot") is None:
            return ()
        words = self._words("plots", "to_plot")
        for word in words:
            if word not in PLOTS:
                raise self.error(
                    "plots.to_plot", f"there is no {word!r}{nearest(word, PLOTS)} ({', '.join(PLOTS)})"
                )
        return tuple(words)


def _true_unless_0(name: str, value: str) -> bool:
    """As the course's own reader takes it: ``bool(int(value))``, and words are true."""
    try:
        return float(value) != 0
    except ValueError:
        return True
