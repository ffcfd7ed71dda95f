"""Options for every setting of a recipe, made from the recipe's own fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from convviz.errors import ConvvizError
from convviz.runs.recipe import ABOUT, FIELDS, SHORT

# Set by options of their own.
APART = {"net", "seed", "optimizer", "scheduler", "dataset", "flip", "drop_last"}
FLAGS = ("flip", "drop_last")
SHORT_HELP = {
    "lr": "Learning rate, of the optimizer.",
    "momentum": "Of the optimizer.",
    "weight_decay": "Of the optimizer: its L2, which AdamW applies apart from the gradient.",
}


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--epochs``, ``--lr``, ``--norm`` ... and ``--set key=value``; :func:`chosen` reads them."""
    options = [
        click.option(
            "--data", "dataset", metavar="NAME", help="mnist, cifar10 or digits (needs no download)."
        ),
        click.option("--optimizer", metavar="NAME", help="Any of torch.optim, as SGD or AdamW."),
        click.option(
            "--optimizer-set", multiple=True, metavar="KEY=VALUE", help="An argument of the optimizer."
        ),
        *(click.option(_flag(name), metavar="X", help=SHORT_HELP[name]) for name in SHORT_HELP),
        click.option("--nesterov/--no-nesterov", default=None, help="Of SGD's momentum."),
        click.option("--scheduler", metavar="NAME", help="Any of torch.optim.lr_scheduler, or none."),
        click.option(
            "--scheduler-set", multiple=True, metavar="KEY=VALUE", help="An argument of the scheduler."
        ),
        *(click.option(_flag(name), metavar="X", help=ABOUT[name]) for name in FIELDS if name not in APART),
        *(
            click.option(f"{_flag(name)}/--no-{_flag(name)[2:]}", default=None, help=ABOUT[name])
            for name in FLAGS
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any setting by its name."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def chosen(given: Mapping[str, Any], optimizer_now: Mapping[str, Any], scheduler_now: Any) -> dict[str, Any]:
    """The settings that options changed; raises ConvvizError. The rest of optimizer and scheduler stays."""
    from convviz.runs.recipe import merged
    from convviz.runs.settings import named_arguments

    out: dict[str, Any] = {}
    for name in (*FIELDS, *SHORT):
        if (
            name in given
            and given[name] is not None
            and name not in ("optimizer", "scheduler", "seed", "net")
        ):
            out[name] = given[name]
    for key, value in pairs(given.get("settings", ()), "--set").items():
        out = merged(out, {key: value}) if key in SHORT and "optimizer" in out else {**out, key: value}
    changed = pairs(given.get("optimizer_set", ()), "--optimizer-set")
    if given.get("optimizer") or changed:
        name = given.get("optimizer") or optimizer_now["name"]
        same = str(name).lower() == str(optimizer_now["name"]).lower()
        # Another optimizer starts from its own defaults, but the rate stays what it was.
        base = dict(optimizer_now) if same else {k: v for k, v in optimizer_now.items() if k == "lr"}
        out["optimizer"] = named_arguments("--optimizer", {**base, "name": name, **changed})
    changed = pairs(given.get("scheduler_set", ()), "--scheduler-set")
    if given.get("scheduler") or changed:
        named = given.get("scheduler") or (scheduler_now or {}).get("name")
        if named is None:
            raise ConvvizError("needs --scheduler NAME", "--scheduler-set")
        if str(named).lower() == "none":
            out["scheduler"] = None
        else:
            same = scheduler_now is not None and str(named).lower() == str(scheduler_now["name"]).lower()
            base = dict(scheduler_now) if same else {}
            out["scheduler"] = named_arguments("--scheduler", {**base, "name": named, **changed})
    return out


def pairs(values: Sequence[str], option: str) -> dict[str, Any]:
    """``KEY=VALUE`` as YAML reads the value; ``a=b`` twice takes the last."""
    import yaml

    out = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not key.strip() or not equals:
            raise ConvvizError(f"must be KEY=VALUE, got {value!r}", option)
        try:
            out[key.strip().replace("-", "_")] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConvvizError(f"{text!r} is no value that YAML reads", f"{option} {key}") from None
    return out


def whole_number(text: Any, option: str, low: int, high: int, default: int | None) -> int | None:
    """A whole number from an option's text; raises ConvvizError."""
    from convviz.runs.settings import whole

    return default if text is None else int(whole(low, high)(option, text))


def seeds_of(seed: str | None, seeds: str | None) -> tuple[int, ...]:
    """``--seed 3`` or ``--seeds 10`` (0 to 9) or ``--seeds 0,4,7``; empty where neither is given."""
    if seed is not None and seeds is not None:
        raise ConvvizError("give --seed for one run or --seeds for several, not both", "--seeds")
    if seed is not None:
        return (whole_number(seed, "--seed", 0, 2**31 - 1, 0) or 0,)
    if seeds is None:
        return ()
    if "," not in seeds:
        return tuple(range(whole_number(seeds, "--seeds", 1, 10_000, 1) or 1))
    found = tuple(
        whole_number(part, "--seeds", 0, 2**31 - 1, 0) or 0 for part in seeds.split(",") if part.strip()
    )
    if len(set(found)) < len(found) or not found:
        raise ConvvizError(f"must be different seeds, got {seeds!r}", "--seeds")
    return found


def grid_of(text: str | None) -> tuple[int, int] | None:
    """``5x2`` as columns and rows."""
    if text is None:
        return None
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 2 or not all(
        p.strip().isascii() and p.strip().isdigit() and 0 < int(p[:6]) <= 50 for p in parts
    ):
        raise ConvvizError(f"must be columns x rows, each 1 to 50, as 5x2, got {text!r}", "--grid")
    return int(parts[0]), int(parts[1])
