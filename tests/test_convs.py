"""All kinds of convolution: known numbers, torch's modules and counters, formulas that add up, the command line."""

from __future__ import annotations

import csv
import io
import itertools
import json
import random
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from convviz.analysis.kinds import KINDS, Kind, Kinds, break_even, kinds, known_kind
from convviz.errors import ConvvizError, FieldError
from convviz.figures.kinds import description, figure, plot
from convviz.report.kinds import LOSES, kinds_data, macs_formula, params_formula, render_kinds, sentences
from tests.command import Command
from tests.pictures import check_texts
from tests.sweeps import seeds

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from convviz.build import build_module  # noqa: E402

# 64 -> 128, 3x3 on 56x56: weights, with bias, MACs (worked out elsewhere)
KNOWN = {
    "normal": (73728, 73856, 231211008),
    "dilated 2": (73728, 73856, 231211008),
    "pointwise": (8192, 8320, 25690112),
    "grouped 4": (18432, 18560, 57802752),
    "grouped 32": (2304, 2432, 7225344),
    "depthwise": (576, 640, 1806336),
    "depthwise x2": (1152, 1280, 3612672),
    "depthwise separable": (8768, 8960, 27496448),
    "spatially separable, mid 128": (73728, 73984, 231211008),
    "spatially separable, mid 64": (36864, 37056, 115605504),
    "strided 2": (73728, 73856, 57802752),
    "transposed 2": (73728, 73856, 231211008),
    "transposed 2, kernel 4": (131072, 131200, 411041792),
    "resize-conv 2": (73728, 73856, 924844032),
    "conv + pixel shuffle 2": (294912, 295424, 924844032),
}


run = Command("convs")
fails = run.fails


def some(seed: int) -> Kinds:
    """All kinds in a random setting of one to three axes."""
    pick = random.Random(seed)
    rank = pick.randint(1, 3)
    groups = pick.choice([1, 2, 3])

    def axes(high: int) -> list[int]:
        return [pick.randint(1, high) for _ in range(rank)]

    return kinds(
        groups * pick.randint(1, 4),
        groups * pick.randint(1, 4),
        axes(6),
        kernel_size=axes(5),
        stride=axes(3),
        dilation=axes(3),
        scale=pick.randint(1, 3),
        groups=groups,
        multiplier=[1, pick.randint(2, 3)],
        mid_channels=[pick.randint(1, 9)],
    )  # fmt: skip


# -- numbers --------------------------------------------------------------------------------------------
def test_the_known_table() -> None:
    found = kinds(64, 128, (56, 56), groups=[4, 32])
    assert {k.name: (k.params, k.params_with_bias, k.macs) for k in found} == KNOWN
    assert found.break_even == 128


def test_receptive_fields_shapes_and_jumps() -> None:
    found = kinds(64, 128, (56, 56))
    told = {k.name: (k.out, k.rf.min[0], k.rf.size[0], k.rf.jump[0]) for k in found}
    assert told["normal"] == ((128, 56, 56), 3, 3, 1)
    assert told["dilated 2"] == ((128, 56, 56), 5, 5, 1)
    assert told["strided 2"] == ((128, 28, 28), 3, 3, 2)
    assert told["transposed 2"] == ((128, 112, 112), 1, 2, Fraction(1, 2))
    assert told["transposed 2, kernel 4"] == ((128, 112, 112), 2, 2, Fraction(1, 2))
    assert told["resize-conv 2"] == ((128, 112, 112), 2, 2, Fraction(1, 2))
    assert told["conv + pixel shuffle 2"] == ((128, 112, 112), 3, 3, Fraction(1, 2))


def multiplications(kind: Kind) -> int:
    """Counted by torch, without our formulas: half the flops; of a transposed conv the sum of what ones give.

    (For transposed convs torch's counter takes output positions, some times too many.)
    """
    module, names = build_module(kind.graph)
    shape = kind.graph.inputs["input"]
    layer = getattr(module, names.get(kind.graph.nodes[0].name, ""), None)
    if kind.kind == "transposed":
        assert isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
        conv = getattr(nn.functional, f"conv_transpose{len(shape) - 1}d")
        x, ones = (
            torch.ones(1, *shape, dtype=torch.float64),
            torch.ones_like(layer.weight, dtype=torch.float64),
        )
        return int(conv(x, ones, stride=layer.stride, groups=layer.groups).sum())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.ones(1, *shape))
    return counter.get_total_flops() // 2


@seeds(12)
def test_parameters_macs_and_shapes_are_torch_s(seed: int) -> None:
    for kind in some(seed):
        for graph, params in ((kind.graph, kind.params), (kind.biased, kind.params_with_bias)):
            module, _ = build_module(graph)
            assert sum(p.numel() for p in module.parameters()) == params, kind.name
            assert tuple(module(torch.zeros(1, *graph.inputs["input"])).shape[1:]) == kind.out
        assert multiplications(kind) == kind.macs, kind.name


@seeds(12)
def test_formulas_add_up(seed: int) -> None:
    for kind in some(seed):
        for text, value in (
            (params_formula(kind), kind.params),
            (params_formula(kind, bias=True), kind.params_with_bias),
            (macs_formula(kind), kind.macs),
        ):
            left, _, right = text.partition(" = ")
            terms = left.replace(",", "").replace("·", "*").replace("/", "//")
            assert eval(terms) == int(right.replace(",", "")) == value, text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("normal", "3·3·64·128 = 73,728"),
        ("grouped", "3·3·(64/4)·128 = 18,432"),
        ("separable", "3·3·(64/64)·64 + 1·1·64·128 = 8,768"),
        ("transposed", "3·3·64·128 = 73,728"),
    ],
)
def test_formulas_have_the_numbers_put_in(kind: str, text: str) -> None:
    assert params_formula(kinds(64, 128, (56, 56))[kind]) == text


def test_macs_of_a_transposed_conv_run_over_its_input() -> None:
    found = kinds(64, 128, (56, 48), kernel_size=5)
    assert macs_formula(found["transposed"]) == "204,800·56·48 = 550,502,400"


@pytest.mark.parametrize(
    ("ins", "outs", "kernel"),
    list(itertools.product([1, 3, 64], [1, 10, 64], [(3, 3), (2, 5), (7, 3), (3, 2, 5)])),
)
def test_break_even_is_where_separation_stops_saving(ins: int, outs: int, kernel: tuple[int, ...]) -> None:
    limit = break_even(ins, outs, kernel)
    assert limit is not None
    first = -(-Fraction(limit).numerator // Fraction(limit).denominator)
    for mid in {max(1, first - 1), first, first + 1}:
        found = kinds(ins, outs, (9,) * len(kernel), kernel_size=list(kernel), mid_channels=mid)
        saves = found["spatially_separable"].params < found["normal"].params
        assert saves == (mid < limit), (mid, limit)


@pytest.mark.parametrize("seed", range(8))
def test_separable_is_the_sum_of_two_parts(seed: int) -> None:
    found = some(seed)
    volume = found["normal"].params // found.setting.in_channels // found.setting.out_channels
    for kind, m in zip(
        [k for k in found if k.kind == "separable"], found.setting.multipliers or (), strict=True
    ):
        assert (
            kind.params_ratio
            == kind.macs_ratio
            == Fraction(m, found.setting.out_channels) + Fraction(m, volume)
        )


def test_upsampling_kinds_give_a_multiple_of_the_size() -> None:
    for k, s in itertools.product(range(1, 8), range(2, 5)):
        for kind in kinds(
            2, 4, (5,), kernel_size=k, stride=s, only=["transposed", "resize_conv", "pixel_shuffle"]
        ):
            assert kind.out == (4, 5 * s), (k, s, kind.name)


def test_what_does_not_exist_is_left_out_and_told() -> None:
    found = kinds(3, 64, (100,))
    assert set(found.left_out) == {"grouped", "spatially_separable"} and found.break_even is None
    assert "have no common divisor from 2 to 4" in "\n".join(sentences(found))
    assert "pixel_shuffle" in kinds(4, 4, (5, 5), stride=[2, 1]).left_out


def test_order_names_and_losses() -> None:
    found = kinds(8, 16, (9, 9))
    order = [k.kind for k in found]
    assert sorted(set(order), key=order.index) == list(KINDS) == list(LOSES)
    assert found["depthwise x2"].name == "depthwise x2"
    with pytest.raises(ConvvizError, match="did you mean 'grouped'"):
        found["groupd"]
    assert [known_kind(n) for n in ("Spatially separable", "resize", "pixel-shuffle")] == [
        "spatially_separable", "resize_conv", "pixel_shuffle",
    ]  # fmt: skip


def test_huge_numbers_are_answered_at_once() -> None:
    found = kinds(10**12, 10**12, (10**12, 10**12), kernel_size=10**6, stride=10**9, dilation=10**5)
    assert found["normal"].macs == 10**60 and found["dilated"].rf.size[0] == 10**5 * (10**6 - 1) + 1
    assert found["pixel_shuffle"].params == 10**54
    assert "e+" in render_kinds(found)


@pytest.mark.parametrize(
    ("options", "where", "message"),
    [
        (
            {"groups": 5},
            "groups",
            "must divide both 64 input and 128 output channels, got 5; nearest that do: 4 and 8",
        ),
        ({"groups": 1000}, "groups", "got 1000; nearest that do: 64"),
        ({"groups": []}, "groups", "must be at least one"),
        ({"stride": 0}, "stride", "must be a whole number >= 1, got 0"),
        ({"kernel_size": [3, 3, 3]}, "kernel_size", "a list of 2"),
        ({"scale": 1.5}, "scale", "must be a whole number"),
        ({"multiplier": True}, "multiplier", "must be a whole number"),
    ],
)
def test_bad_fields_are_named(options: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(FieldError, match=re.escape(message)) as err:
        kinds(64, 128, (56, 56), **options)
    assert err.value.where == where


# -- the command line -----------------------------------------------------------------------------------
def test_the_table_has_all_numbers_in_full() -> None:
    done = run("64", "128", "--size", "56", "--groups", "4,32")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    for name, numbers in KNOWN.items():
        line = next(line for line in lines if line.startswith(f"{name}  ") or line.startswith(f"{name} 128x"))
        assert all(f"{n:,}" in line for n in numbers), line
    assert max(map(len, lines)) <= 100
    assert "3·3·64·128 = 73,728" in done.stdout and "73,728·56·56 = 231,211,008" in done.stdout
    assert "1/128 + 1/9 = 0.119" in done.stdout and "3·64·128/(64 + 128) = 128" in " ".join(
        done.stdout.split()
    )


def test_json_is_complete() -> None:
    data = json.loads(run("64", "128", "--format", "json", "--bias").stdout)
    assert data["break_even"] == "128" and data["bias"] is True and data["size"] == [56, 56]
    normal, *_ = data["kinds"]
    assert normal["params"] == 73728 and normal["params_bias"] == 73856 and normal["params_ratio"] == 1
    assert normal["params_formula"] == "3·3·64·128 + 128 = 73,856" and normal["rf"]["size"] == [3, 3]
    strided = next(k for k in data["kinds"] if k["kind"] == "strided")
    assert strided["macs_ratio"] == 0.25 and strided["nodes"][0]["fields"]["stride"] == [2, 2]
    assert data == kinds_data(kinds(64, 128, (56, 56)), bias=True)


@pytest.mark.parametrize("form", ["md", "latex", "html", "csv"])
def test_every_format_has_numbers_and_formulas(form: str) -> None:
    text = run("64", "128", "--format", form).stdout
    number = "73728" if form == "csv" else "73,728"
    assert number in text and "128x28x28" in text
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [r["kind"] for r in rows] == [k.name for k in kinds(64, 128, (56, 56))]
        assert rows[0]["params_formula"] == "3·3·64·128 = 73,728" and rows[0]["MACs"] == "231211008"


def test_some_kinds_and_one_axis() -> None:
    data = json.loads(run("4", "8", "--size", "100", "--rank", "1", "--only", "normal,depthwise-separable",
                          "--kernel-size", "9", "--format", "json").stdout)  # fmt: skip
    assert [k["kind"] for k in data["kinds"]] == ["normal", "separable"]
    assert data["kinds"][0]["out"] == [8, 100] and data["kinds"][0]["params"] == 9 * 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("0 128", "in_channels: must be a whole number >= 1, got 0"),
        ("64 x", "out_channels: must be a whole number such as 20000 or 20k, got 'x'"),
        ("64 128 --size 0", "--size: must be a size such as 56 or 56x48, each at least 1, got '0'"),
        ("64 128 --size 5x5 --rank 1", "--size: names 2 axes, and --rank 1"),
        ("64 128 --size 1x2x3x4", "--size: must have one, two or three axes, got 4"),
        (
            "64 128 --groups 48",
            "--groups: must divide both 64 input and 128 output channels, got 48; nearest that do: 32 and 64",
        ),
        ("64 128 --stride 0", "--stride: must be a whole number >= 1, got 0"),
        ("64 128 --set padding=1", "--padding: convs has no field 'padding' (fields: kernel_size, stride, dilation, "
         "groups, multiplier, mid_channels, scale)"),
        ("64 128 --rank 1 --only spatial",
         "spatially_separable: one spatial axis cannot be separated; it needs two or three"),
        ("64 128 --plot a.gif", "a.gif: a picture is written as .png, .svg or .pdf; got '.gif'"),
        ("64", "missing argument 'OUT' (see convviz convs -h)"),
    ],
)  # fmt: skip
def test_bad_input_gives_one_line(arguments: str, message: str) -> None:
    assert fails(*arguments.split()) == message


def test_unknown_kinds_name_the_nearest() -> None:
    assert fails("8", "8", "--only", "dilatd").startswith(
        "no kind 'dilatd'; did you mean 'dilated'? (kinds: normal,"
    )


# -- the picture ----------------------------------------------------------------------------------------
def texts(made: Any) -> list[Any]:
    found = [*made.texts, *(text for ax in made.axes for text in (*ax.texts, ax.title, ax._left_title))]
    return [text for text in found if text.get_text()]


def test_bars_are_the_numbers_in_the_table_s_order() -> None:
    found = kinds(64, 128, (56, 56), only=["normal", "grouped", "strided"])
    made = figure(found)
    for ax, values in zip(made.axes, ([k.params for k in found], [k.macs for k in found]), strict=True):
        assert [round(bar.get_x() + bar.get_width()) for bar in ax.patches] == values
        notes = [text.get_text() for text in ax.texts if "×" in text.get_text()]
        assert [n.split()[0] for n in notes] == [f"{v:,}" for v in values]
    assert made.axes[1].texts[0].get_text().endswith("×1") and made.axes[1].texts[1].get_text().endswith(
        "×0.25"
    )


def test_wide_spreads_are_logarithmic_and_said_to_be() -> None:
    made = figure(kinds(64, 128, (56, 56)))
    assert [ax.get_xscale() for ax in made.axes] == ["log", "log"]
    assert any("Logarithmic scale: parameters and MACs." in text.get_text() for text in made.texts)
    assert figure(kinds(64, 128, (56, 56), only=["normal", "grouped"])).axes[0].get_xscale() == "linear"


@pytest.mark.parametrize(
    ("ins", "outs", "size", "options"),
    [
        (64, 128, (56, 56), {}),
        (3, 8, (5, 10, 7), {}),
        (16, 32, (1000,), {"kernel_size": 9}),
        (10**9, 10**12, (10**6, 5), {"kernel_size": [3, 7], "stride": [10, 3]}),
        (64, 64, (8, 8), {"only": ["normal"]}),
    ],
)
@pytest.mark.parametrize("bias", [False, True])
def test_no_two_texts_touch_and_none_leaves_the_page(
    ins: int, outs: int, size: tuple[int, ...], options: dict[str, Any], bias: bool
) -> None:
    made = figure(kinds(ins, outs, size, **options), bias=bias, theme="dark")
    check_texts(made, texts(made))


def test_a_picture_says_in_words_what_it_shows(tmp_path: Path) -> None:
    found = kinds(8, 16, (9, 9))
    plot(found, tmp_path / "a.svg")
    assert "depthwise separable" in description(found)
    assert "1/2" not in description(found) and "receptive field 1–2" in description(found)
    assert run("8", "16", "--size", "9", "--plot", str(tmp_path / "b.svg")).exit_code == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_results_show_themselves() -> None:
    found = kinds(8, 16, (9, 9))
    assert repr(found).startswith("8 → 16 channels  kernel 3x3 on 9x9") and "<table>" in found._repr_html_()
