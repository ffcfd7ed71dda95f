"""Path counts and effective receptive fields as tables and plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import floor, log10, prod
from typing import Any

from convviz.analysis.influence import EffectiveField, Extent, Mass, Probe
from convviz.analysis.paths import PathCounts
from convviz.ops.base import show
from convviz.report.data import clean, dumps, input_data
from convviz.report.formats import render
from convviz.report.model import Cell, Column, Table, plain

Result = PathCounts | EffectiveField
CELLS = 1 << 16  # counts that are written out in JSON
DIGITS = 13_000  # bits of an integer that Python still writes in digits
LONG = 60  # characters of a fraction that is worth reading

INITS = {
    "default": "as their layers draw them by default",
    "he": "He's normal distribution",
    "ones": "all 1, biases 0",
}


def paths_of(result: Result) -> PathCounts:
    return result.paths if isinstance(result, EffectiveField) else result


def render_erf(results: Sequence[Result], format: str, *, standalone: bool = False) -> str:
    """The results in a format by name (text, json, csv, md, latex, html)."""
    if format == "json":
        return dumps(erf_data(results))
    return render(erf_table(results), format, standalone=standalone)


# -- the table ------------------------------------------------------------------------------------------
def erf_table(results: Sequence[Result]) -> Table:
    """For each net a row for the closed form, the counts, the gradients and the theoretical box."""
    several = len(results) > 1
    seeds = any(isinstance(r, EffectiveField) and r.sd_over_seeds for r in results)
    columns = [
        Column("of", left=True),
        Column("sd"),
        Column("width 95 %", short="width"),
        Column("box 95 %", short="box"),
        Column("radius 95 %", short="radius"),
        Column("box / theory", short="/theory"),
    ]
    if seeds:
        columns.insert(2, Column("± seeds", drop=1))
    if several:
        columns.insert(0, Column("net", left=True, shrink="middle"))
    rows: list[tuple[Cell, ...]] = []
    for i, result in enumerate(results):
        for name, sd, spread, extent in _lines(result):
            size = paths_of(result).size
            cells: list[Cell] = [name, _numbers(sd)]
            if seeds:
                cells.append(_numbers(spread))
            if extent is None:
                cells += [None] * 4
            else:
                ratio = [b / n for b, n in zip(extent.box, size, strict=True)]
                cells += [plain(extent.width), plain(extent.box), _radius(extent), _percent(ratio)]
            rows.append((told(result, i, results), *cells) if several else tuple(cells))
        size = paths_of(result).size
        theory: list[Cell] = ["theoretical", "", plain(size), plain(size), "", "100 %"]
        if seeds:
            theory.insert(2, "")
        rows.append((told(result, i, results), *theory) if several else tuple(theory))
    each = [_notes(result) for result in results]
    shared = [note for note in each[0] if several and all(note in notes for notes in each)]
    notes = []
    for i, (result, mine) in enumerate(zip(results, each, strict=True)):
        before = f"{told(result, i, results)}: " if several else ""
        notes += [before + note for note in mine if note not in shared]
    notes += shared
    notes.append(
        "box: the smallest square around the middle of the theoretical field with 95 % of the mass; "
        "width: the same along one axis alone; radius: of a circle; in input cells"
        if any(len(paths_of(r).size) > 1 for r in results)
        else "width, box: the smallest interval around the middle of the theoretical field with 95 % of the mass"
    )
    title = "influence of the input" if several else headline(results[0])
    return Table(title, tuple(columns), tuple(rows), tuple(notes))


def headline(result: Result) -> str:
    """``code8, conv4, unit 10,10: receptive field 10x10``"""
    paths = paths_of(result)
    return f"{paths.graph.name}, {place(paths)}: receptive field {show(paths.size)}"


def place(paths: PathCounts) -> str:
    return f"{paths.layer}, unit {','.join(map(str, paths.unit))}"


def told(result: Result, index: int, results: Sequence[Result]) -> str:
    """The net's name; with the weights, the layer or a number where others have the same one."""
    name = paths_of(result).graph.name
    same = [r for r in results if paths_of(r).graph.name == name]
    if len(same) == 1:
        return name
    for words in (_weights, lambda r: paths_of(r).layer, lambda r: place(paths_of(r))):
        if len({words(r) for r in same}) == len(same):
            return f"{name} ({words(result)})"
    return f"{name} ({index + 1})"


def _weights(result: Result) -> str:
    if not isinstance(result, EffectiveField):
        return "paths"
    return {"random": "random weights", "file": "your weights", "own": "its own weights"}[
        result.probe.weights
    ]


def _lines(
    result: Result,
) -> list[tuple[str, Sequence[float] | None, Sequence[float] | None, Extent | None]]:
    """Name, sd, its deviation over seeds, and extent, of each row."""
    paths = paths_of(result)
    lines: list[tuple[str, Sequence[float] | None, Sequence[float] | None, Extent | None]] = []
    if paths.closed_form is not None:
        lines.append(("closed form", [float(v) ** 0.5 for v in paths.closed_form], None, None))
    lines.append(("paths, no borders", paths.sd, None, paths.free_extent))
    if paths.real is not None and paths.lost != 0:
        lines.append(("paths, real unit", paths.real.sd, None, paths.real_extent))
    if isinstance(result, EffectiveField):
        spread = result.sd_over_seeds
        sd = None if spread is None else spread["sd"]
        lines.append(("|gradient|", result.extent.sd, sd, result.extent))
        lines.append(("gradient²", result.energy_extent.sd, None, result.energy_extent))
    return lines


def _numbers(values: Sequence[float] | None) -> str:
    """One number where the axes agree in what is shown."""
    if values is None:
        return ""
    texts = [f"{v:.2f}" if v < 1e6 else f"{v:.3g}" for v in values]
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)


def _radius(extent: Extent) -> str:
    return "" if extent.radius is None else f"{extent.radius:.1f}"


def _percent(ratios: Sequence[float]) -> str:
    texts = [f"{100 * r:.0f}" for r in ratios]
    return (texts[0] if len(set(texts)) == 1 else " x ".join(texts)) + " %"


# -- sentences ------------------------------------------------------------------------------------------
def _notes(result: Result) -> list[str]:
    paths = paths_of(result)
    notes = [f"{place(paths)}: {count_words(paths)}"]
    formula = formula_words(paths)
    if formula:
        notes.append(formula)
    if paths.also:
        what = "gradients go through it, path counts do not"
        notes.append(f"through {paths.also} the unit depends on the whole input besides; {what}")
    if isinstance(result, EffectiveField):
        notes += probe_words(result.probe)
    return notes


def count_words(paths: PathCounts) -> str:
    """``43,046,721 paths, 12.3 % of which meet padding``"""
    if paths.log2_total is None:
        return "the paths are too many to be counted cell by cell"
    text = f"{quantity(paths)} path{'s' * (paths.total != 1)}"
    if paths.lost is None:
        return text + ", too many cells to count those that meet padding"
    if paths.lost == 0:
        return text + (", none of which meets padding" if paths.total != 1 else ", which meets no padding")
    if paths.real is None:
        return text + ", all of which meet padding: without it the unit reads nothing"
    return f"{text}, {share(paths.lost)} of which meet{'s' * (paths.total == 1)} padding"


def share(part: float) -> str:
    """``12.3 %``; what is nearly nothing or nearly all is not rounded to it."""
    if part > 0.9999:
        return "nearly all"
    return f"{100 * part:.1f} %" if part >= 0.0005 else "less than 0.1 %"


def quantity(paths: PathCounts) -> str:
    """The number of paths, in digits up to 10^24."""
    if paths.total is not None and paths.total < 10**24:
        return f"{paths.total:,}"
    assert paths.log2_total is not None
    power = paths.log2_total * log10(2)
    return f"{10 ** (power - floor(power)):.1f}·10^{floor(power):,}"


def formula_words(paths: PathCounts) -> str:
    """The closed form with the numbers put in, equal terms together."""
    if paths.terms is None or paths.closed_form is None:
        return ""
    lines = []
    alike = len({tuple(t.value for t in line) for line in paths.terms}) == 1
    for a, (line, value) in enumerate(zip(paths.terms, paths.closed_form, strict=True)):
        counted = Counter(term.value for term in line)
        parts = [f"{n}·{v}" if n > 1 else str(v) for v, n in counted.items()]
        if len(parts) > 8:
            parts = [*parts[:3], "…", *parts[-2:]]
        axis = "" if alike else f" on axis {a + 1}"
        lines.append(f"variance{axis} Σ d²(k²−1)/12·S² = {' + '.join(parts) or '0'} = {value}")
        if alike:
            break
    return "; ".join(lines) + " (Luo et al. 2016)"


def probe_words(probe: Probe) -> list[str]:
    """How gradients were taken: whose weights, which inputs, which mode."""
    notes = [f"{source_words(probe)}; {_choice(probe)}"]
    if probe.weights == "random":
        notes.append("trained weights can rank nets in the opposite order: give them with --weights")
    if probe.dead:
        notes.append(f"{probe.dead} of {probe.seeds} seeds gave no gradient and are left out")
    if probe.preparation:
        notes.append(f"images: {probe.preparation}")
    if probe.batch_norm:
        if probe.mode == "train":
            notes.append(
                "batch norm normalises by the statistics of the batch, through which gradients flow too"
            )
        elif probe.weights == "random":
            notes.append(
                "eval mode: batch norm has seen no data yet and changes nothing (--mode train normalises)"
            )
        else:
            notes.append("eval mode: batch norm uses its running statistics")
    return notes


def source_words(probe: Probe) -> str:
    """``random weights, 5 seeds x 8 random inputs, mean`` or ``your weights on 20 images, mean``"""
    inputs = f"{probe.samples} {'image' if probe.inputs == 'images' else 'random input'}{'s' * (probe.samples > 1)}"
    if probe.weights == "random":
        init = "" if probe.init == "default" else f" ({INITS[probe.init]})"
        return f"random weights{init}, {probe.seeds} seed{'s' * (probe.seeds > 1)} x {inputs}, mean"
    return f"{'your' if probe.weights == 'file' else 'its own'} weights on {inputs}, mean"


def _choice(probe: Probe) -> str:
    what = "a random combination" if probe.combine == "random" else "the sum"
    linear = ", activations left out" if probe.activation == "linear" else ""
    return f"|gradient| of {what} of the unit's channels{linear}"


# -- plain data -----------------------------------------------------------------------------------------
def erf_data(results: Sequence[Result]) -> Any:
    """One object, or a list of them for several nets; floats are not rounded."""
    found = [_data(result) for result in results]
    return found[0] if len(found) == 1 else found


def _data(result: Result) -> dict[str, Any]:
    paths = paths_of(result)
    power = None if paths.log2_total is None else paths.log2_total * log10(2)
    out: dict[str, Any] = {
        "name": paths.graph.name,
        "input": input_data(paths.graph),
        "layer": paths.layer,
        "unit": list(paths.unit),
        "theoretical": {"lo": list(paths.lo), "size": list(paths.size)},
        "also_global": paths.also,
        "paths": {
            "total": paths.total if paths.total is not None and paths.total.bit_length() < DIGITS else None,
            "log10_total": power,
            "lost": paths.lost,
            "closed_form": clean(paths.closed_form),
            "variance": None if paths.variance is None else [_fraction(v) for v in paths.variance],
            "sd": clean(paths.sd),
            "free": None if paths.free is None else _mass_data(paths.free, paths.free_extent, paths),
            "real": None if paths.real is None else _mass_data(paths.real, paths.real_extent, paths),
        },
    }
    if isinstance(result, EffectiveField):
        probe = result.probe
        out["gradient"] = {
            **{name: getattr(probe, name) for name in probe.__dataclass_fields__},
            "mean": _mass_data(result.gradient, result.extent, paths),
            "energy": _mass_data(result.energy, result.energy_extent, paths),
            "sd_over_seeds": clean(result.sd_over_seeds),
        }
    return out


def _fraction(value: Fraction | float) -> str | float:
    text = str(value) if isinstance(value, Fraction) and value.denominator.bit_length() < 4 * LONG else ""
    return text if text and len(text) <= LONG else float(value)


def _mass_data(mass: Mass, extent: Extent | None, paths: PathCounts) -> dict[str, Any]:
    assert extent is not None
    out: dict[str, Any] = {
        "lo": list(mass.origin),
        "shape": list(mass.shape),
        "sd": list(extent.sd),
        "width": list(extent.width),
        "box": list(extent.box),
        "radius": extent.radius,
        "ratio": [b / n for b, n in zip(extent.box, paths.size, strict=True)],
        "area_ratio": extent.area(paths.size),
    }
    few = prod(mass.shape) <= CELLS
    if mass.total is not None:
        out["counts"] = mass.cells().tolist() if few and mass.total.bit_length() < DIGITS else None
    elif not mass.exponent and mass.factors[0].dtype == float and few:
        out["shares"] = mass.cells(normalise=True).tolist()
    return out
