"""How a run is named, in its report and in its pictures."""

from __future__ import annotations

from pathlib import Path

from convviz.runs.run import Run


def arm_of(run: Run) -> str:
    """``code8``; of a net that came from a file or a module its bare name."""
    name = run.arm
    if name != run.recipe.net and not name.endswith((".yaml", ".yml")):
        return name  # a person has named it, perhaps with a slash
    return Path(name.replace("\\", "/")).name.removesuffix(".yaml").removesuffix(".yml") or name


def named(run: Run) -> str:
    """``code8 on MNIST``"""
    return f"{arm_of(run)} on {run.data_set}"


def images(count: int, kind: str = "test") -> str:
    """``1 test image``, ``10,000 test images``"""
    return f"{count:,} {kind} image{'s' * (count != 1)}"


def epochs(count: int) -> str:
    """``1 epoch``, ``20 epochs``"""
    return f"{count:,} epoch{'s' * (count != 1)}"


def percent(value: float, places: int = 2) -> str:
    """``98.61 %``"""
    return f"{value:.{places}f} %"


def share(value: float) -> str:
    """A probability in per cent, which never says 100 or 0 of what is less or more.

    >>> share(0.873), share(0.99996), share(1.0), share(0.0003), share(0.0)
    ('87.3 %', '>99.9 %', '100 %', '<0.1 %', '0 %')
    """
    if value in (0, 1):
        return f"{100 * value:.0f} %"
    if value > 0.9995:
        return ">99.9 %"
    return "<0.1 %" if value < 0.0005 else f"{100 * value:.1f} %"


def answered(run: Run) -> str:
    """``Seed 0, after 20 epochs: 9,861 of 10,000 test images correct (98.61 %)``"""
    found = run.predictions
    return (
        f"Seed {run.seed}, after {epochs(len(run.history) or run.recipe.epochs)}: {int(found.right.sum()):,} of "
        f"{images(len(found))} correct ({percent(found.accuracy)})."
    )
