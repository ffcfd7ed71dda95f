"""A tiling as a table, as plain data, and in the form that bioimage.io asks for."""

from __future__ import annotations

from math import ceil
from typing import Any

from convviz.analysis.live import Memory
from convviz.analysis.tiles import BOXES, AxisTiling, Tile, Tiling
from convviz.errors import ConvvizError
from convviz.ops.base import show
from convviz.report.data import clean
from convviz.report.model import Cell, Column, Table

LETTERS = {1: "x", 2: "yx", 3: "zyx"}


def tiling_table(found: Tiling) -> Table:
    """One row an axis, and below it what the tile costs, what forbids an exact tiling, and the plan."""
    columns = (
        Column("axis", left=True),
        Column("tile"),
        Column("output"),
        Column("starts at multiples of", short="align"),
        Column("halo before"),
        Column("halo after"),
        Column("overlap"),
        Column("kept of the output", left=True, short="kept"),
        Column("step"),
        *([Column("tiles")] if found.plan else []),
    )
    rows: list[tuple[Cell, ...]] = []
    for i, axis in enumerate(found.axes or ()):
        kept = f"{axis.drop[0]}..{axis.output - axis.drop[1] - 1}" if axis.pitch else "nothing"
        row: tuple[Cell, ...] = (
            axis.name, axis.tile, axis.output, axis.align, *axis.halo, axis.overlap if axis.pitch else None, kept,
            axis.pitch or None,
        )  # fmt: skip
        rows.append((*row, found.plan.axes[i].count) if found.plan else row)
    return Table(headline(found), columns, tuple(rows), tuple(notes(found)))


def headline(found: Tiling) -> str:
    state = "exact" if found.exact else "no exact tiling"
    return f"{found.graph.name}  layer {found.layer}  tiles of {show(found.tile)}: {state}"


def notes(found: Tiling) -> list[str]:
    """All that there is to say besides the numbers of each axis."""
    out = _forbidding(found)
    if found.axes:
        scales = {axis.scale for axis in found.axes}
        if len(scales) == 1 and (scale := scales.pop()) != 1:
            out.append(
                f"{scale} output units for each input cell along an axis"
                if scale > 1
                else f"one output unit for {1 / scale} input cells along an axis"
            )
        for axis in found.axes:
            if not axis.pitch:
                out.append(
                    f"along the {axis.name} such a tile keeps nothing inside an image; use at least {axis.smallest}"
                )
            if axis.pitch and any(d > r for d, r in zip(axis.drop, axis.rf_drop, strict=True)):
                out.append(
                    f"along the {axis.name}, {axis.drop[0]} and {axis.drop[1]} output units are dropped; the receptive "
                    f"field alone asks for {axis.rf_drop[0]} and {axis.rf_drop[1]}, but padding inside reaches further"
                )
            if axis.pitch and not axis.exact:
                out.append(
                    f"the halo along the {axis.name} is safe; at this size its ends alone were followed"
                )
    out.append(memory_text(found.memory))
    if found.plan is not None:
        counts = "x".join(str(axis.count) for axis in found.plan.axes)
        work = found.plan.redundancy
        times = "" if work is None else f"; {float(work):.2f} times the work of the whole image"
        number = found.plan.count
        out.append(
            f"image {show(found.plan.image)}: {counts} = {number:,} tile{'s' * (number != 1)}, "
            f"output {show(found.plan.output)}{times}"
        )
        for along in found.plan.axes:
            if along.count > 1 and along.last.size != along.tiling.tile:
                out.append(
                    f"the last tile along the {along.tiling.name} has {along.last.size} cells, so that it starts at a "
                    f"multiple of {along.tiling.align} and ends with the image"
                )
    return [*out, *found.notes]


def _forbidding(found: Tiling) -> list[str]:
    if not found.blockers:
        return []
    out = []
    held = "held from the whole image" if found.frozen and found.axes else "forbids an exact tiling"
    for blocker in found.blockers[:5]:
        out.append(f"{blocker.layer} ({blocker.op}) {blocker.reason}: {held}")
    if len(found.blockers) > 5:
        out.append(f"so it is with {len(found.blockers) - 5} layers more")
    if not found.axes:
        hard = [b.layer for b in found.blockers if not b.freezable]
        if hard:
            out.append(
                f"holding statistics would not help: {hard[0]} depends on the size or the whole of its input"
            )
    elif found.frozen:
        out.append(
            "two passes: first for these values over the whole image (they are sums, so that pass may go by tiles too, "
            "layer after layer); then tile by tile with the values held, which is exact"
        )
    else:
        out.append(
            "in tiles each of them would see its tile only. With their values computed over the whole image first and "
            "then held (--freeze), the halo above is exact"
        )
    return out


def size_text(count: int) -> str:
    """
    >>> size_text(1536), size_text(900), size_text(3 << 30)
    ('1.5 KiB', '900 B', '3.0 GiB')
    """
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def memory_text(memory: Memory) -> str:
    parts = f"activations {size_text(memory.activations)} at {memory.at}, weights {size_text(memory.weights)}"
    return (
        f"about {size_text(memory.total)} for one tile: {parts} "
        f"(an estimate: float32, one tile at a time, nothing in place, no workspace)"
    )


def boxes_table(found: Tiling) -> Table:
    """One row a tile: the input box to run, the output box that it fills, and where that lies in the tile's output."""
    if found.plan is None:
        raise ConvvizError("a list of tiles needs the size of the image: --size 2048x3000", "--boxes")
    names = [axis.tiling.name for axis in found.plan.axes]
    columns = [Column("tile")]
    for what in ("input", "output", "from"):
        columns += [Column(f"{what} {name}", left=True) for name in names]
    rows: list[tuple[Cell, ...]] = []
    for i, tiles in enumerate(found.plan.tiles()):
        cells = [f"{t.start}:{t.stop}" for t in tiles]
        cells += [f"{t.out_start}:{t.out_stop}" for t in tiles]
        cells += [f"{t.skip}:{t.skip + t.kept}" for t in tiles]
        rows.append((i, *cells))
    note = "input: cells start:stop of the image to run; output: units that it fills; from: these in the tile's output"
    return Table(headline(found), tuple(columns), tuple(rows), (note,))


# -- data ------------------------------------------------------------------------------------------------------
def tiling_data(found: Tiling) -> dict[str, Any]:
    """Everything as plain data; ``tiles`` where an image was given and they are not too many."""
    out: dict[str, Any] = {
        "name": found.graph.name,
        "layer": found.layer,
        "tile": list(found.tile),
        "exact": found.exact,
        "frozen": found.frozen,
        "blockers": [
            {"layer": b.layer, "op": b.op, "axes": list(b.axes), "reason": b.reason, "freezable": b.freezable}
            for b in found.blockers
        ],
        "axes": None if found.axes is None else [axis_data(axis) for axis in found.axes],
        "memory": {
            "bytes": found.memory.total,
            "activations": found.memory.activations,
            "weights": found.memory.weights,
            "at": found.memory.at,
        },
        "bioimageio": bioimage(found) if found.axes and all(a.pitch for a in found.axes) else None,
        "notes": notes(found),
    }
    if found.plan is not None:
        plan = found.plan
        out["plan"] = {
            "image": list(plan.image),
            "output": list(plan.output),
            "count": plan.count,
            "counts": [axis.count for axis in plan.axes],
            "redundancy": None if plan.redundancy is None else float(plan.redundancy),
            "tiles": None if plan.count > BOXES else [tile_data(tiles) for tiles in plan.tiles()],
        }
    return out


def axis_data(axis: AxisTiling) -> dict[str, Any]:
    return {
        "axis": axis.axis,
        "name": axis.name,
        "tile": axis.tile,
        "align": axis.align,
        "jump": str(axis.jump),
        "output": axis.output,
        "drop": list(axis.drop),
        "rf_drop": list(axis.rf_drop),
        "halo": list(axis.halo),
        "overlap": axis.overlap if axis.pitch else None,
        "step": axis.pitch or None,
        "smallest": axis.smallest,
        "tight": axis.exact,
    }


def tile_data(tiles: tuple[Tile, ...]) -> dict[str, Any]:
    return {
        "input": [[t.start, t.stop] for t in tiles],
        "output": [[t.out_start, t.out_stop] for t in tiles],
        "from": [[t.skip, t.skip + t.kept] for t in tiles],
    }


def check_data(check: Any) -> dict[str, Any]:
    """What :class:`convviz.probe.tiles.TileCheck` found."""
    return {
        "passed": check.passed,
        "image": list(check.image),
        "tile": list(check.tile),
        "tiles": check.tiles,
        "difference": check.difference,
        "tolerance": check.tolerance,
        "dtype": check.dtype,
        "frozen": list(check.frozen),
        "controls": [{"axis": c.axis, "before": c.before, "after": c.after} for c in check.controls],
    }


# -- bioimage.io -------------------------------------------------------------------------------------------------
def bioimage(found: Tiling) -> dict[str, Any]:
    """The axes of input and output as a model description of bioimage.io (format 0.5) has them.

    Input sizes are ``min + n*step``; the output's size is ``input / scale + offset``; ``halo`` output units are to be
    cut off at both ends. As one number stands for both sides, it is the larger, rounded up to the alignment.
    Raises ConvvizError where there is no tiling. Source: bioimageio.spec, model description 0.5.
    """
    if found.axes is None:
        first = found.blockers[0]
        raise ConvvizError(f"no tiling to describe: {first.layer} {first.reason}", "--format yaml")
    shape = next(iter(found.graph.inputs.values()))
    inputs: list[dict[str, Any]] = [{"type": "batch"}, _channels(shape[0])]
    outputs: list[dict[str, Any]] = [{"type": "batch"}, _channels(found.graph.shape(found.layer)[0])]
    for axis, letter in zip(found.axes, LETTERS.get(len(found.axes), "abcdefg"), strict=False):
        halo, least = _symmetric(axis)
        inputs.append(
            {"type": "space", "id": letter, "size": {"min": least, "step": axis.align}, "scale": 1.0}
        )
        offset = int(axis.shift) if axis.shift.denominator == 1 else ceil(axis.shift)
        out: dict[str, Any] = {
            "type": "space",
            "id": letter,
            "size": {"tensor_id": "input", "axis_id": letter, "offset": offset},
            "scale": float(axis.jump),
        }
        if halo:
            out["halo"] = halo
        outputs.append(out)
    return {
        "inputs": [{"id": "input", "axes": inputs}],
        "outputs": [{"id": "output", "axes": outputs}],
    }


def _channels(count: int) -> dict[str, Any]:
    return {"type": "channel", "channel_names": [f"channel{i}" for i in range(count)]}


def _symmetric(axis: AxisTiling) -> tuple[int, int]:
    """The halo in output units for both sides, and the smallest tile that keeps something with it."""
    unit = max(int(axis.align / axis.jump), 1)
    halo = ceil(max(axis.drop) / unit) * unit
    needed = ceil(axis.jump * (2 * halo + unit - axis.shift))
    least = axis.tile - (axis.tile - needed) // axis.align * axis.align
    return halo, least if least > 0 else least % axis.align or axis.align


def bioimage_yaml(found: Tiling) -> str:
    """:func:`bioimage` as YAML, one line an axis."""
    data, held = bioimage(found), [b.layer for b in found.blockers]
    lines = [
        f"# {found.graph.name}, layer {found.layer}: axes for a bioimage.io model description (format_version 0.5)"
    ]
    if held:
        lines.append(f"# exact only with what these take from the whole image held: {', '.join(held)}")
    for part in ("inputs", "outputs"):
        lines.append(f"{part}:")
        for tensor in data[part]:
            lines += [f"- id: {tensor['id']}", "  axes:"]
            lines += [f"  - {_flow(axis)}" for axis in tensor["axes"]]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(clean(value))
