"""The spreadsheet of a normalized batch: written values, formulas recalculated against torch, layout, limits."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convviz.analysis.norms.batches import preset, random_batch
from convviz.analysis.norms.normalize import METHODS, Normalized, normalize, normalize_all
from convviz.analysis.norms.set_names import names_of
from convviz.errors import ConvvizError
from convviz.plan.words import decimals
from convviz.report.spreadsheet.book import ROWS
from convviz.report.spreadsheet.method import SHEETS
from convviz.report.spreadsheet.workbook import write

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("xlsxwriter")

A, B = preset("A"), preset("B")
SCALINGS = ("pixel", "center", "standardize", "minmax")
REFERENCE = re.compile(r"(?:(\w+)!)?\$?([A-Z]{1,3})\$?(\d+)(?::\$?([A-Z]{1,3})\$?(\d+))?(?![\w(])")
Sheets = dict[str, dict[str, Any]]


@lru_cache(maxsize=80)
def _read(path: Path, written: int, values: bool) -> Any:
    return openpyxl.load_workbook(path, data_only=values)


def book_of(path: Path, values: bool = False) -> Any:
    """A workbook to look at, read once."""
    return _read(path, path.stat().st_mtime_ns, values)


def cells(path: Path, cached: bool = True) -> Sheets:
    """What stands in the cells of each sheet: values, or formulas."""
    book = book_of(path, cached)
    return {
        sheet.title: {c.coordinate: c.value for row in sheet.iter_rows() for c in row if c.value is not None}
        for sheet in book
    }


def formula_cells(path: Path) -> dict[tuple[str, str], str]:
    return {
        (sheet, at): value
        for sheet, found in cells(path, cached=False).items()
        for at, value in found.items()
        if isinstance(value, str) and value.startswith("=")
    }


def recalculated(path: Path, changes: dict[tuple[str, str], float] | None = None) -> Sheets:
    """The workbook with some cells changed, every formula worked out anew by another program."""
    import formulas

    book = openpyxl.load_workbook(path)
    for (sheet, at), value in (changes or {}).items():
        assert isinstance(book[sheet][at].value, int | float), (sheet, at)
        book[sheet][at].value = value
    changed = path.with_name(f"changed_{path.name}")
    book.save(changed)
    solution = formulas.ExcelModel().loads(str(changed)).finish().calculate()
    names = {sheet.upper(): sheet for sheet in book.sheetnames}
    found: Sheets = {sheet: {} for sheet in book.sheetnames}
    for key, value in solution.items():
        match = re.fullmatch(r"'\[.*\](\w+)'!([A-Z]+\d+)", str(key))
        if match:
            found[names[match[1]]][match[2]] = value.value[0, 0]
    return found


def grid(sheet: dict[str, Any], title: str, shape: tuple[int, ...]) -> np.ndarray:
    """The values of the grid under a title, as a batch."""
    at = next(at for at, value in sheet.items() if value == title and not at.startswith(("A", "B")))
    column, row = openpyxl.utils.cell.coordinate_from_string(at)
    left = openpyxl.utils.column_index_from_string(column)
    wide = shape[-1] if len(shape) > 2 else 1
    top = row + (3 if wide > 1 else 2)
    high = int(np.prod(shape[2:-1]))
    found = np.zeros(shape)
    for cell in np.ndindex(shape):
        n, c, *space = cell
        inside = int(np.ravel_multi_index(space[:-1], shape[2:-1])) if len(space) > 1 else 0
        letter = openpyxl.utils.get_column_letter(left + c * wide + (space[-1] if space else 0))
        found[cell] = sheet[f"{letter}{top + n * high + inside}"]
    return found


def spot(path: Path, text: str, sheet: str = "Input", right: int = 1, below: int = 0) -> tuple[str, str]:
    """The cell beside a label."""
    for row in book_of(path)[sheet].iter_rows():
        for cell in row:
            if cell.value == text:
                return sheet, cell.offset(below, right).coordinate
    raise AssertionError(text)


def written(result: Any, path: Path) -> Path:
    write(result, path)
    return path


def same(ours: Sheets, theirs: Sheets, which: dict[tuple[str, str], str]) -> None:
    """Every formula cell has the same number in both."""
    for sheet, at in which:
        a, b = ours[sheet][at], theirs[sheet][at]
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9), (sheet, at, which[sheet, at])


Case = tuple[str, tuple[int, ...], dict[str, Any]]


def named(cases: list[Case]) -> list[str]:
    """Names of tests: the method, the shape and which settings are given."""
    return [f"{method}-{'x'.join(map(str, shape))}-{'-'.join(settings)}" for method, shape, settings in cases]


CASES: list[Case] = [
    *((method, (4, 4, 2, 2), {}) for method in METHODS),
    ("batch", (3, 2, 2, 3), {"steps": 3, "gamma": [2, 3], "beta": [0.5, -1]}),
    ("batch", (4, 3), {"mode": "eval", "steps": 2, "momentum": None}),
    ("batch", (2, 2, 4), {"before": [random_batch((3, 2, 4), 9)], "steps": 2, "mode": "eval"}),
    ("ghost", (4, 2, 1, 2), {"splits": 2, "steps": 2, "mode": "eval", "momentum": 0.25}),
    ("ghost", (5, 2, 3), {"splits": 1, "steps": 0}),
    ("layer", (2, 3, 2, 2), {"gamma": list(range(12)), "beta": 1.5}),
    ("layer", (3, 4), {"gamma": 2.0}),
    ("rms", (2, 2, 2, 2, 2), {"gamma": 3.0, "eps": 0.5}),
    ("instance", (2, 2, 2, 2, 3), {"gamma": [1, 2]}),
    ("group", (2, 6, 5), {"groups": 3, "eps": 0}),
    *((method, (3, 2, 2, 2), {"over": over}) for method in SCALINGS for over in ("image", "channel", "dataset")),
    ("minmax", (1, 1, 1, 7), {"eps": 0.5}),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


def case(
    method: str, shape: tuple[int, ...], settings: dict[str, Any], folder: Path
) -> tuple[Normalized, Path]:
    """A result and its workbook, written once."""
    result = normalize(random_batch(shape, 2), method, **settings)
    path = folder / (re.sub(r"\W+", "_", f"{method} {shape} {settings}")[:120] + ".xlsx")
    return result, path if path.exists() else written(result, path)


@pytest.mark.parametrize(("method", "shape", "settings"), CASES, ids=named(CASES))
def test_written_values_and_formulas(
    method: str, shape: tuple[int, ...], settings: dict[str, Any], folder: Path
) -> None:
    result, path = case(method, shape, settings, folder)
    found, which = cells(path), formula_cells(path)
    assert which
    sheet = found[SHEETS[method]]
    np.testing.assert_allclose(grid(sheet, "y", shape), result.output, rtol=1e-14)
    np.testing.assert_array_equal(grid(sheet, "set", shape), result.labels)
    np.testing.assert_array_equal(grid(found["Input"], "x", shape), result.x)
    names = names_of(result)
    for k, name in enumerate(names):
        row = next(at for at, value in sheet.items() if value == name and at.startswith("A"))[1:]
        numbers = [sheet.get(f"{letter}{row}") for letter in "CDEFGHIJ"]
        assert sheet[f"B{row}"] == k
        wanted = [result.scale[k]] if method not in ("pixel", "center") else []
        wanted += [result.mean[k]] if result.mean is not None else []
        wanted += [result.var[k]] if result.var is not None and method != "center" else []
        for value in wanted:
            assert any(n == pytest.approx(value, rel=1e-14) for n in numbers if n is not None), (
                name,
                value,
                numbers,
            )
    for (name, at), formula in which.items():
        value = found[name].get(at)
        assert isinstance(value, int | float) and np.isfinite(value), (name, at, formula)


@pytest.mark.parametrize(("method", "shape", "settings"), CASES, ids=named(CASES))
def test_formulas_refer_to_filled_cells(
    method: str, shape: tuple[int, ...], settings: dict[str, Any], folder: Path
) -> None:
    _, path = case(method, shape, settings, folder)
    found = cells(path)
    names = book_of(path).defined_names
    for (sheet, at), formula in formula_cells(path).items():
        assert not re.search(r"(?<!_xlfn\.)VAR\.[PS]\(", formula), formula
        bare = formula.replace("_xlfn.VAR.P", "").replace("_xlfn.VAR.S", "")
        for other, left, top, right, bottom in REFERENCE.findall(bare):
            own = found[other or sheet]
            columns = [openpyxl.utils.column_index_from_string(c) for c in (left, right or left)]
            for row in range(int(top), int(bottom or top) + 1):
                for column in range(columns[0], columns[1] + 1):
                    cell = f"{openpyxl.utils.get_column_letter(column)}{row}"
                    assert isinstance(own.get(cell), int | float), (sheet, at, formula, cell)
        for word in re.findall(r"\b(?:eps|momentum|gamma|beta|white)\w*", bare):
            assert word in names, formula


def test_every_set_is_one_rectangle_that_can_be_read(tmp_path: Path) -> None:
    path = written(normalize_all(B), tmp_path / "a.xlsx")
    which = formula_cells(path)
    for sheet, count, first in (
        ("BatchNorm", 4, "C17:D24"), ("LayerNorm", 4, "C17:J18"), ("GroupNorm", 8, "C17:F18"),
        ("InstanceNorm", 16, "C17:D18"), ("GhostBatchNorm", 8, "C17:D20"),
    ):  # fmt: skip
        means = [f for (own, _), f in which.items() if own == sheet and f.startswith("=AVERAGE(")]
        assert len(means) == count and f"=AVERAGE(Input!{first})" in means, (sheet, means)
    variances = [f for (own, _), f in which.items() if own == "BatchNorm" and "VAR" in f]
    assert "=_xlfn.VAR.P(Input!C17:D24)" in variances and "=_xlfn.VAR.S(Input!C17:D24)" in variances


# -- recalculated ------------------------------------------------------------------------------------------
def changed_all(path: Path, x: np.ndarray) -> tuple[dict[tuple[str, str], float], np.ndarray]:
    """A pixel, eps, momentum and gamma of channel 0 changed; the changed batch."""
    new = x.copy()
    new[0, 0, 0, 0] += 4.5
    changes = {
        spot(path, "x", right=0, below=3): new[0, 0, 0, 0],
        spot(path, "eps"): 0.25,
        spot(path, "momentum"): 0.3,
        spot(path, "gamma, of each channel", right=2): 2.5,
        spot(path, "beta, of each channel", right=2): -1.0,
    }
    return changes, new


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, Sheets]:
    """All norms of one batch, with inputs changed and recalculated."""
    x = random_batch((4, 2, 1, 2), 5)
    path = tmp_path_factory.mktemp("sheets") / "all.xlsx"
    write(normalize_all(x, steps=2, gamma=[1.0, 3.0], beta=[0.0, 0.5]), path)
    changes, new = changed_all(path, x)
    return path, new, recalculated(path, changes)


def test_changed_workbook_equals_one_written_for_the_change(everything: Any, tmp_path: Path) -> None:
    path, new, sheets = everything
    settings = {"steps": 2, "gamma": [2.5, 3.0], "beta": [-1.0, 0.5], "momentum": 0.3}
    results = normalize_all(new, METHODS, eps=0.25, **settings)
    rms = normalize(new, "rms", gamma=[2.5, 3.0])  # its eps is a cell of its own
    other = written(
        type(results)(tuple(rms if r.method == "rms" else r for r in results)), tmp_path / "b.xlsx"
    )
    which = formula_cells(path)
    own = {(sheet, at): f for (sheet, at), f in which.items() if sheet != "Summary"}
    assert len(own) > 300 and own.keys() == {k for k in formula_cells(other) if k[0] != "Summary"}
    same(sheets, cells(other), own)
    before = cells(path)
    moved = [k for k in own if abs(sheets[k[0]][k[1]] - before[k[0]][k[1]]) > 1e-6]
    assert len(moved) > len(own) / 3


@pytest.mark.parametrize("method", METHODS)
def test_changed_workbook_equals_torch(method: str, everything: Any) -> None:
    torch = pytest.importorskip("torch")
    from torch import nn

    _, new, sheets = everything
    x, shape = torch.tensor(new), new.shape
    gamma, beta = torch.tensor([2.5, 3.0]).double(), torch.tensor([-1.0, 0.5]).double()
    c, size = shape[1], list(shape[1:])
    modules = {
        "batch": nn.BatchNorm2d(c, eps=0.25, momentum=0.3),
        "ghost": nn.BatchNorm2d(c, eps=0.25, momentum=0.3),
        "layer": nn.LayerNorm(size, eps=0.25),
        "group": nn.GroupNorm(2, c, eps=0.25),
        "instance": nn.InstanceNorm2d(c, eps=0.25, affine=True),
        "rms": nn.RMSNorm(size),
    }
    module = modules[method].double()
    for name, values in (("weight", gamma), ("bias", beta)):
        if getattr(module, name, None) is not None:
            own = getattr(module, name)
            own.data = values.view(-1, 1, 1).expand(own.shape).clone() if own.ndim > 1 else values.clone()
    parts = x.chunk(2) if method == "ghost" else (x,)
    for _ in range(2):
        y = torch.cat([module(part) for part in parts])
    np.testing.assert_allclose(
        grid(sheets[SHEETS[method]], "y", shape), y.detach().numpy(), rtol=1e-9, atol=1e-12
    )
    if method in ("batch", "ghost"):
        running = sheets[f"{SHEETS[method]}_running"]
        evaluated = module.eval()(x).detach().numpy()
        np.testing.assert_allclose(grid(running, "y in evaluation", shape), evaluated, rtol=1e-9, atol=1e-12)
        kept = [value for value in running.values() if isinstance(value, float)]
        for value in (*module.running_mean.tolist(), *module.running_var.tolist()):
            assert any(value == pytest.approx(k, rel=1e-9) for k in kept)


def test_summary_follows_the_place(everything: Any) -> None:
    path, new, _ = everything
    at = (3, 1, 0, 1)
    changes = {
        spot(path, name, "Summary"): i
        for name, i in zip(("sample", "channel", "row", "column"), at, strict=True)
    }
    sheets = recalculated(path, changes)
    original = cells(path)
    for method in METHODS:
        row = next(a for a, value in sheets["Summary"].items() if value == SHEETS[method])[1:]
        whole = original[SHEETS[method]]
        assert sheets["Summary"][f"I{row}"] == pytest.approx(grid(whole, "y", new.shape)[at])
        assert sheets["Summary"][f"C{row}"] == grid(whole, "set", new.shape)[at]
    assert sheets["Summary"][spot(path, "x", "Summary")[1]] == grid(original["Input"], "x", new.shape)[at]


FEW: list[Case] = [
    ("batch", (3, 2), {"mode": "eval", "steps": 2, "momentum": None, "before": [random_batch((4, 2), 8)]}),
    ("layer", (2, 2, 2), {"gamma": [1, 2, 3, 4], "beta": 0.5}),
    ("minmax", (2, 1, 3), {"over": "channel"}),
]  # fmt: skip
MORE: list[Case] = [
    ("ghost", (4, 2, 1, 2), {"splits": 2, "steps": 2, "mode": "eval", "momentum": 0.25}),
    ("rms", (2, 2, 2, 1, 2), {"gamma": 3.0, "eps": 0.5}),
    ("instance", (2, 2, 3), {}),
    ("pixel", (2, 1, 2), {}),
    ("center", (2, 2, 2), {"over": "dataset"}),
    ("standardize", (2, 2, 2), {"over": "image", "eps": 0.1}),
    ("group", (1, 4, 2), {"groups": 2}),
]


def check_change(method: str, shape: tuple[int, ...], settings: dict[str, Any], folder: Path) -> None:
    """A changed pixel, recalculated, is the workbook of the changed batch."""
    x = random_batch(shape, 4)
    path = written(normalize(x, method, **settings), folder / "a.xlsx")
    new = x.copy()
    new[(0,) * x.ndim] += 2.75
    below = 3 if len(shape) > 2 and shape[-1] > 1 else 2
    sheets = recalculated(path, {spot(path, "x", right=0, below=below): new[(0,) * x.ndim]})
    same(sheets, cells(written(normalize(new, method, **settings), folder / "b.xlsx")), formula_cells(path))


@pytest.mark.parametrize(("method", "shape", "settings"), FEW, ids=named(FEW))
def test_a_changed_pixel(
    method: str, shape: tuple[int, ...], settings: dict[str, Any], tmp_path: Path
) -> None:
    check_change(method, shape, settings, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "shape", "settings"), [*MORE, *CASES], ids=named([*MORE, *CASES]))
def test_a_changed_pixel_everywhere(
    method: str, shape: tuple[int, ...], settings: dict[str, Any], tmp_path: Path
) -> None:
    check_change(method, shape, settings, tmp_path)


# -- layout ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "shape", [(4, 1, 2, 2), (4, 4, 2, 2), (2, 3), (2, 2, 5), (2, 2, 2, 2, 3), (1, 1, 1, 1)], ids=str
)
def test_layout(shape: tuple[int, ...], tmp_path: Path) -> None:
    path = written(normalize_all(random_batch(shape, 1) * 1000.5), tmp_path / "a.xlsx")
    book = openpyxl.load_workbook(path, data_only=True)
    for sheet in book:
        assert sheet.freeze_panes == "C2" and sheet.print_title_rows == "$1:$1"
        pages = sheet.page_setup.fitToHeight  # none is written for one page
        assert sheet.sheet_properties.pageSetUpPr.fitToPage and pages == (
            None if sheet.max_row <= ROWS else 0
        )
        widths = {}
        for dimension in sheet.column_dimensions.values():
            widths |= dict.fromkeys(range(dimension.min, dimension.max + 1), dimension.width)
        inside = [str(merged) for merged in sheet.merged_cells.ranges]
        assert len(inside) == len(set(inside))
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, int | float):
                    form = cell.number_format
                    text = f"{cell.value:{'.4f' if form == '0.0000' else '.2E' if 'E' in form else 'g'}}"
                    if abs(cell.value) < 1e5:  # larger ones are shown as 1.2E+05 by the conditional format
                        assert len(text) <= widths[cell.column], (sheet.title, cell.coordinate, text)
                elif isinstance(cell.value, str):
                    assert not cell.value.startswith(("=", "+", "-", "@")) and "#" not in cell.value, (
                        cell.value
                    )


def test_inputs_are_marked(tmp_path: Path) -> None:
    path = written(normalize(A, "batch", steps=1), tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(path)["Input"]
    yellow = [c.coordinate for row in sheet.iter_rows() for c in row if c.fill.fgColor.rgb == "FFFBE8C3"]
    assert len(yellow) == 16 + 2 + 2  # values, eps and momentum, gamma and beta
    assert all(isinstance(sheet[at].value, int | float) for at in yellow)


def test_sets_below_and_beside_each_other_differ_in_tint(tmp_path: Path) -> None:
    path = written(normalize(B, "instance"), tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(path)["InstanceNorm"]
    start = next(c for row in sheet.iter_rows(min_col=3) for c in row if c.value == "x").offset(3, 0)
    tint = [[start.offset(2 * n, 2 * c).fill.fgColor.rgb for c in range(4)] for n in range(4)]
    for n, c in np.ndindex(3, 3):
        assert len({tint[n][c], tint[n + 1][c], tint[n][c + 1]}) == 3


def test_decimals_and_one_channel_names(tmp_path: Path) -> None:
    with decimals(2):
        path = written(normalize(A, "batch"), tmp_path / "a.xlsx")
    sheet = openpyxl.load_workbook(path)["BatchNorm"]
    forms = {
        c.number_format
        for row in sheet.iter_rows()
        for c in row
        if isinstance(c.value, str) and "=" in c.value[:1]
    }
    assert forms == {"0.00", "0", "General"}


def test_names_of_inputs(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(written(normalize_all(B, steps=1), tmp_path / "a.xlsx"))
    assert {"eps", "eps_rms", "momentum", "gamma_0", "beta_3"} <= set(book.defined_names)
    assert book.sheetnames == [
        "Input", "BatchNorm", "BatchNorm_running", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm",
        "GhostBatchNorm", "GhostBatchNorm_running", "Summary",
    ]  # fmt: skip


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    results = normalize_all(random_batch((3, 4), 1))
    assert results.left_out
    summary = cells(written(results, tmp_path / "a.xlsx"))["Summary"]
    assert any("InstanceNorm is left out" in str(value) for value in summary.values())


def test_parameter_counts(tmp_path: Path) -> None:
    found = cells(written(normalize_all(B), tmp_path / "a.xlsx"))
    for method, trained in (("batch", 8), ("group", 8), ("layer", 32), ("rms", 16), ("instance", 0)):
        sheet = found[SHEETS[method]]
        row = next(at for at, value in sheet.items() if str(value).startswith("trained"))[1:]
        assert sheet[f"C{row}"] == trained


def test_an_earlier_batch_is_a_number_of_its_own(tmp_path: Path) -> None:
    earlier = random_batch((5, 1, 2, 2), 3)
    path = written(normalize(A, "batch", before=[earlier], steps=1), tmp_path / "a.xlsx")
    running = cells(path, cached=False)["BatchNorm_running"]
    averages = [value for value in running.values() if str(value).startswith("=AVERAGE")]
    assert len(averages) == 1 and earlier.mean() in running.values()


def test_the_same_batch_gives_the_same_file(tmp_path: Path) -> None:
    first = written(normalize(A, "batch"), tmp_path / "a.xlsx").read_bytes()
    time.sleep(1.1)
    assert written(normalize(A, "batch"), tmp_path / "b.xlsx").read_bytes() == first


# -- limits ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shape", "settings", "told"),
    [
        ((21, 1, 1000), {}, "a spreadsheet takes at most 20,000 values, and 21x1x1000 has 21,000"),
        ((2, 1, 5000), {}, "at most 4,000 columns of values, and 2x1x5000 has 5,000"),
        (
            (2, 100, 2),
            {"steps": 300},
            "at most 20,000 rows of running statistics, and these steps have 30,000",
        ),
    ],
)
def test_what_is_too_large(
    shape: tuple[int, ...], settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConvvizError, match=re.escape(told)):
        write(normalize(random_batch(shape), "batch", **settings), tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())


def test_all_methods_together_have_a_limit(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="4x10x10x10 under 6 methods has 24,000"):
        write(normalize_all(random_batch((4, 10, 10, 10))), tmp_path / "a.xlsx")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="cannot be written") as caught:
        write(normalize(A, "batch"), tmp_path / "nowhere" / "a.xlsx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("x", "settings", "told"),
    [(A * 1e152, {}, "values up to 1e+150"), (A, {"gamma": 1e308, "momentum": 0.001}, "smaller gamma")],
)
def test_numbers_that_no_cell_can_hold(
    x: np.ndarray, settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConvvizError, match=re.escape(told)):
        write(normalize(x / 4, "batch", **settings), tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scale", [1e-9, 1e12, 1e148])
def test_small_and_huge_numbers(scale: float, tmp_path: Path) -> None:
    result = normalize(A * scale, "layer")
    assert isinstance(result, Normalized)
    found = cells(written(result, tmp_path / "a.xlsx"))
    np.testing.assert_allclose(grid(found["LayerNorm"], "y", A.shape), result.output)
