"""Results as text: every format parses back, and says what the result says."""

from __future__ import annotations

import csv
import io
import json
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from unicodedata import east_asian_width

import pytest

from convviz.analysis import receptive_field, unit
from convviz.analysis.channels import channels
from convviz.analysis.padding import padding_reach
from convviz.analysis.results import ReceptiveField
from convviz.analysis.stages import stages
from convviz.errors import ConvvizError
from convviz.graph import GraphBuilder
from convviz.ops import build
from convviz.read import bundled, read
from convviz.report import documents, terminal, views
from convviz.report.data import clean, dumps, rf_data
from convviz.report.formats import render
from convviz.report.model import Column, Pair, Table, plain, rounded, shorten
from convviz.report.tables import human_bytes, render_rf, rf_notes, rf_table


def result(source: str, **options: bool) -> ReceptiveField:
    return receptive_field(read(source), **options)  # type: ignore[arg-type]


def small(folder: Path, layers: str, shape: str = "[1, 16, 16]") -> ReceptiveField:
    file = folder / "net.yaml"
    file.write_text(f"input: {shape}\nlayers:\n{layers}", encoding="utf-8")
    return receptive_field(read(file))


NASTY = Table(
    "a_b & <i> | 100 %  $x$ \\ {y}",
    (Column("layer", left=True), Column("n_in"), Column("MACs", count=True), Column("ch")),
    (("x|y<b>&_%$#{}~^\\", (3, 1), 1234567, Pair(1, 16)), ("*`[z]", (28, 28), None, Pair(4, 4))),
    ("note with <tags> & 5 % of a_b",),
)


# -- every net, every width ------------------------------------------------------------------------------
@pytest.mark.parametrize("source", bundled.names())
@pytest.mark.parametrize("width", [80, 100])
def test_tables_fit(source: str, width: int) -> None:
    lines = terminal.text(rf_table(result(source)), width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any(east_asian_width(char) == "W" for line in lines for char in line)


@pytest.mark.parametrize("source", ["code8", "resnet50", "densenet121", "unet"])
def test_the_table_has_the_columns_that_courses_write(source: str) -> None:
    head = terminal.text(rf_table(result(source)), 100).splitlines()[2].split()
    assert head[:6] == ["layer", "op", "k", "s", "p", "d"]
    assert [word for word in ("n_in", "n_out", "j_in", "j_out", "r_in", "r_out") if word not in head] == []
    assert {"ch", "params", "MACs"} <= set(head)


def test_a_row_reads_as_in_a_course() -> None:
    text = render_rf(result("code8"))
    row = next(line for line in text.splitlines() if line.startswith("max_pool1")).split()
    assert row == [
        "max_pool1",
        "max_pool",
        "2",
        "2",
        "0",
        "1",
        "24",
        "12",
        "1",
        "2",
        "5",
        "6",
        "10",
        "0",
        "0",
    ]
    assert "total: 13,808 parameters, 3,393,376 MACs, 544.3 KiB of activations (139,342 float32)" in text


def test_long_names_are_grouped_under_what_they_share() -> None:
    text = render_rf(result("resnet50"))
    assert "\nlayer4_2.branch1\n  conv1 " in text
    assert "…" not in text.split("\n\n")[1]


def test_numbers_too_long_for_a_line_are_rounded(tmp_path: Path) -> None:
    huge = 10**12
    made = small(
        tmp_path, f"  - max_pool: {{kernel_size: {huge}, stride: 7}}\n", f"[1, {3 * huge}, {3 * huge}]"
    )
    lines = terminal.text(rf_table(made), 100).splitlines()
    assert max(map(len, lines)) <= 100
    assert json.loads(render_rf(made, "json"))["layers"][0]["rf"]["size"] == [huge, huge]


def test_quiet_rows_and_colour_only_where_they_belong() -> None:
    table = rf_table(result("code8"))
    assert "\x1b[" in terminal.colour(table, 100)
    assert "\x1b[" not in terminal.text(table, 100)
    plain_lines = [line.rstrip() for line in terminal.text(table, 100).splitlines()]
    from rich.text import Text

    coloured = Text.from_ansi(terminal.colour(table, 100)).plain
    assert [line.rstrip() for line in coloured.splitlines()] == plain_lines


# -- formats parse back ----------------------------------------------------------------------------------
class Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.open: list[str] = []
        self.closed = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "!doctype"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.closed &= self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_html_parses_back_and_is_escaped() -> None:
    for text in (documents.html(NASTY), documents.page(NASTY.title, documents.html(NASTY))):
        cells = Cells()
        cells.feed(text)
        assert cells.closed and not cells.open
        assert cells.rows[1] == ["x|y<b>&_%$#{}~^\\", "3x1", "1,234,567", "1→16"]
        assert "<b>" not in text and "<i>" not in text


def test_markdown_lines_up_and_keeps_its_columns() -> None:
    lines = [line for line in documents.markdown(NASTY).splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1
    assert all(line.replace("\\|", "").count("|") == 5 for line in lines)
    real = [line for line in render_rf(result("code8"), "md").splitlines() if line.startswith("|")]
    assert len({len(line) for line in real}) == 1 and len(real) == 2 + 30


def test_csv_has_numbers_that_a_spreadsheet_takes() -> None:
    rows = list(csv.DictReader(io.StringIO(render_rf(result("code8"), "csv"))))
    assert len(rows) == 30
    first = rows[0]
    assert (first["kernel"], first["r_out"], first["MACs"]) == ("3", "3", "97344")
    assert (first["channels_in"], first["channels_out"]) == ("1", "16")
    assert sum(int(row["params"]) for row in rows) == 13808


def test_latex_is_escaped_and_balanced() -> None:
    text = documents.latex(NASTY)
    body = text.split("\n", 1)[1]
    assert re.findall(r"(?<!\\)[%#_^~<>]", body) == []
    assert re.findall(r"(?<!\\)[&$]", body.replace(" & ", "").replace(r"$\to$", "")) == []
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 1
    assert r"\textbackslash{}" in text and "→" not in text
    depth = 0
    for i, char in enumerate(text):
        if char in "{}" and text[i - 1] != "\\":
            depth += 1 if char == "{" else -1
            assert depth >= 0
    assert depth == 0


@pytest.mark.parametrize("format", ["text", "md", "latex", "html", "csv", "json"])
@pytest.mark.parametrize("source", ["code8", "unet", "s6_ln", "wavenet"])
def test_every_format_writes_every_net(source: str, format: str) -> None:
    made = result(source)
    text = render_rf(made, format)
    assert text.endswith("\n")
    bare = text.replace("\\", "")  # without LaTeX's and Markdown's escapes
    assert [x.node.name for x in made if x.node.name.rpartition(".")[2] not in bare] == []


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(ConvvizError, match="no format 'docx'"):
        render_rf(result("code8"), "docx")


# -- JSON ------------------------------------------------------------------------------------------------
def test_json_is_as_the_design_fixes_it() -> None:
    data = json.loads(render_rf(result("code8"), "json"))
    assert list(data) == ["name", "input", "layers", "totals"]
    assert data["input"] == [1, 28, 28]
    assert data["totals"] == {"params": 13808, "macs": 3393376}
    first = data["layers"][0]
    assert list(first) == ["name", "op", "fields", "inputs", "in", "out", "params", "macs", "rf"]
    assert first["fields"]["kernel_size"] == [3, 3] and first["fields"]["padding"] == [0, 0]
    assert (first["inputs"], first["in"], first["out"]) == (["input"], [[1, 28, 28]], [16, 26, 26])
    assert first["rf"] == {
        "size": [3, 3],
        "min": [3, 3],
        "jump": ["1", "1"],
        "start": ["0", "0"],
        "period": [1, 1],
        "pixels": 9,
        "global": False,
        "also_global": None,
    }


@pytest.mark.parametrize("source", bundled.names())
def test_json_of_every_net_is_strict(source: str) -> None:
    text = render_rf(result(source), "json")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_fractions_and_what_json_cannot_say_become_text() -> None:
    assert clean({"a": (Fraction(1, 2), float("inf")), 1: range(2)}) == {"a": ["1/2", "inf"], "1": [0, 1]}
    with pytest.raises(ValueError):
        dumps(float("nan"))


def test_several_inputs_are_named(tmp_path: Path) -> None:
    made = small(
        tmp_path,
        "  - conv: {out_channels: 2, kernel_size: 3, padding: 1}\n    from: b\n    name: only_b\n"
        "  - add:\n    from: [only_b, a]\n",
        "{a: [2, 8, 8], b: [1, 8, 8]}",
    )
    data = rf_data(made)
    assert data["input"] == {"a": [2, 8, 8], "b": [1, 8, 8]} and data["wrt"] == "a"
    assert data["layers"][0]["rf"] is None
    text = render_rf(made)
    assert "receptive fields on input 'a'; 1 layer (–) does not depend on it" in text


# -- notes -----------------------------------------------------------------------------------------------
def test_what_reads_the_whole_image_besides_is_said_once() -> None:
    notes = rf_notes(result("s6_ln"))
    told = [note for note in notes if "whole image" in note]
    assert told == [
        "from unit1.group_norm1 on, every unit also depends on the whole image through group_norm "
        "statistics; the numbers follow windowed paths (--with-global follows all)"
    ]
    assert not any("whole image" in note for note in rf_notes(result("s6_bn")))


def test_a_vector_has_no_cells_to_count(tmp_path: Path) -> None:
    assert "global: from linear1 on, a unit reads all that comes before it" in rf_notes(
        small(tmp_path, "  - linear: 3\n", "[7]")
    )


def test_all_tables_call_an_op_the_same(tmp_path: Path) -> None:
    made = small(tmp_path, "  - depthwise_conv: {kernel_size: 3}\n", "[2, 8, 8]")
    views_of_it = rf_table(made), views.channels_table(made.graph, channels(made.graph))
    assert [table.rows[0][1] for table in views_of_it] == ["depthwise_conv", "depthwise_conv"]


def test_global_layers_are_called_so() -> None:
    text = render_rf(result("resnet18"))
    assert (
        "global: from global_avg_pool1 on, a unit reads all that comes before it, 224x224 input cells" in text
    )
    row = next(line for line in text.splitlines() if line.startswith("fc ")).split()
    assert "global" in row


def test_phases_and_holes_are_explained(tmp_path: Path) -> None:
    text = render_rf(
        small(
            tmp_path,
            "  - conv: {out_channels: 1, kernel_size: 3, dilation: 2}\n"
            "  - conv_transpose: {out_channels: 1, kernel_size: 3, stride: 2}\n",
        )
    )
    assert "pixels: input cells really read" in text
    assert "1/2" in text


def test_misaligned_paths_are_explained(tmp_path: Path) -> None:
    made = small(
        tmp_path,
        "  - conv: {out_channels: 1, kernel_size: 3, padding: [[0, 2], [1, 1]]}\n    name: shifted\n"
        "  - add:\n    from: [shifted, input]\n",
    )
    assert "misaligned: " in render_rf(made) and "meet in add1" in render_rf(made)


def test_what_is_true_of_both_axes_is_said_once(tmp_path: Path) -> None:
    joins = "".join(
        f"  - {{conv: {{out_channels: 1, kernel_size: 3, stride: 2, padding: 1}}, name: half{i}, from: input}}\n"
        f"  - {{upsample: {{size: 16, mode: bilinear}}, name: up{i}}}\n  - {{add: , from: [up{i}, input]}}\n"
        for i in range(4)
    )
    told = [note for note in rf_notes(small(tmp_path, joins, "[1, 16, 16]")) if note.startswith("misaligned")]
    assert [note.split(" meet")[0] for note in told[:-1]] == [
        "misaligned: up0 and input",
        "misaligned: up1 and input",
    ]
    assert all(" along H and W" in note for note in told[:-1])
    assert told[-1] == "misaligned: 2 more joins"


@pytest.mark.parametrize("format", ["text", "table", "md", "latex", "html"])
def test_a_table_without_rows_is_its_title_and_notes(format: str) -> None:
    empty = Table("a & b", (Column("layer"), Column("what")), (), ("no difference",))
    text = render(empty, format)
    assert "no difference" in text and "what" not in text and "a " in text
    assert "longtable}{" not in text and "<table" not in text and "---" not in text


@pytest.mark.parametrize("format", ["text", "md", "latex", "html"])
def test_a_table_without_a_title_has_no_empty_one(format: str) -> None:
    text = render(Table("", (Column("net"),), (("code8",),)), format, standalone=True)
    assert "code8" in text
    assert not any(empty in text for empty in ("****", "<caption>", "<title></title>", "multicolumn"))


def test_pairs_in_csv_are_named_for_what_they_are() -> None:
    table = Table("", (Column("n"), Column("r", ends=("before", "after"))), ((Pair(1, 2), Pair(3, 4)),))
    assert render(table, "csv") == "n_in,n_out,r_before,r_after\n1,2,3,4\n"


# -- context, and the other views ------------------------------------------------------------------------
def test_past_and_future_of_a_causal_net() -> None:
    data = rf_data(result("wavenet"), rate=16000)
    assert data["layers"][-1]["context"] == {"past": 1023, "past_ms": 63.938, "future": 0, "future_ms": 0.0}
    with pytest.raises(ConvvizError, match="--rate: only for 1-D inputs"):
        rf_table(result("code8"), rate=16000)
    with pytest.raises(ConvvizError, match="above 0"):
        rf_table(result("wavenet"), rate=-1)


def test_stages_channels_and_padding_have_tables() -> None:
    made = result("resnet18")
    text = terminal.text(views.stages_table(made.graph, stages(made)))
    assert "blocks: 2 + 2 + 2 + 2" in text and "56x56" in text
    wide = result("cifar_s7_wide")
    text = terminal.text(views.channels_table(wide.graph, channels(wide.graph)))
    assert max(map(len, text.splitlines())) <= 100 and "0..2" in text
    text = terminal.text(views.padding_table(made.graph, padding_reach(made, "layer1_0.relu1")))
    assert "read no padding" in text


def test_one_unit_in_words() -> None:
    made = result("code8")
    text = views.unit_text(unit(made, (0, 0), "conv7"))
    assert text.startswith("unit 0,0 of conv7 reads input 0..19, 0..19\n") and "clipped yes" in text


# -- small things ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (13808, "13.8 k"), (231211008, "231 M"), (10**400, "1e+400")],
)
def test_rounded(value: int, text: str) -> None:
    assert rounded(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"), (1 << 50, "1,024 TiB")]
)
def test_human_bytes(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize("width", range(0, 12))
def test_shorten_never_exceeds_its_width(width: int) -> None:
    assert len(shorten("layer4_2.conv", width)) <= max(width, 0)
    assert len(shorten("layer4_2.conv", width, "end")) <= max(width, 0)


def test_axes_that_agree_are_written_once() -> None:
    assert [plain((3, 3)), plain((3, 1)), plain((Fraction(1, 2),)), plain(()), plain(None)] == [
        "3",
        "3x1",
        "1/2",
        "",
        "",
    ]


def test_a_result_shows_itself() -> None:
    made = result("code8")
    assert str(made).startswith("code8  input 1x28x28\n")
    assert made._repr_html_().startswith('<div class="convviz">')


def test_global_layers_of_a_side_path_are_not_told_as_all_that_follow() -> None:
    builder = GraphBuilder("gate", {"input": (4, 8, 8)})
    builder.add("conv", build("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1}), ["input"])
    builder.add("pool", build("global_avg_pool"), ["conv"])
    builder.add("sigmoid", build("sigmoid"), ["pool"])
    builder.add("mul", build("mul"), ["conv", "sigmoid"])
    aside = receptive_field(builder.build())
    assert "global: a unit of pool and 1 layer more reads all" in " ".join(render_rf(aside, "table").split())
    straight = GraphBuilder("straight", {"input": (4, 8, 8)})
    straight.add("pool", build("global_avg_pool"), ["input"])
    straight.add("relu", build("relu"), ["pool"])
    assert "global: from pool on, a unit reads" in " ".join(
        render_rf(receptive_field(straight.build()), "table").split()
    )


def test_padding_in_json_is_written_as_in_model_yaml() -> None:
    builder = GraphBuilder("pads", {"input": (1, 8, 8)})
    for i, padding in enumerate((1, [1, 2], [[1, 2], [0, 0]], "same")):
        builder.add(
            f"c{i}", build("conv", {"out_channels": 1, "kernel_size": 3, "padding": padding}), ["input"]
        )
    layers = rf_data(receptive_field(builder.build()))["layers"]
    assert [layer["fields"]["padding"] for layer in layers] == [[1, 1], [1, 2], [[1, 2], [0, 0]], "same"]
