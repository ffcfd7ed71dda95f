"""Legal input sizes: against trying every size, on bundled nets, random nets and torch modules."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from convviz.analysis.resized import Resizer
from convviz.analysis.size_formula import OutputSize, formula
from convviz.analysis.sizes import Sizes, sizes
from convviz.errors import ConvvizError
from convviz.graph import Graph
from convviz.read import read
from convviz.report.sizes import answer, like_text, sizes_table
from tests.command import Command


def net(folder: Path, text: str, name: str = "net.yaml") -> Graph:
    (folder / name).write_text(text, encoding="utf-8")
    return read(folder / name)


run = Command()


def agrees(found: Sizes, upto: int) -> None:
    """Every size up to ``upto``, along each axis, against building the net at that size."""
    resizer = Resizer(found.graph)
    for axis in found.axes:
        for n in range(1, upto + 1):
            space = [n if i == axis.axis else a.given for i, a in enumerate(found.axes)]
            try:
                out = resizer.at(tuple(space)).shape(found.layer)
            except ConvvizError:
                assert not axis.legal(n), (axis.name, n)
                continue
            assert axis.legal(n), (axis.name, n)
            if axis.output is not None:
                assert axis.output(n) == out[axis.axis + 1], (axis.name, n, str(axis.output))


UNET = """
input: [1, 64, 64]
layers:
  - conv: {out_channels: 2, kernel_size: 3, padding: 1}
    name: a
  - max_pool: {kernel_size: 2}
  - conv: {out_channels: 2, kernel_size: 3, padding: 1}
    name: b
  - max_pool: {kernel_size: 2}
  - conv: {out_channels: 2, kernel_size: 3, padding: 1}
  - upsample: {scale_factor: 2}
    name: c
  - concat:
    from: [b, c]
  - upsample: {scale_factor: 2}
    name: d
  - concat:
    from: [a, d]
"""


@pytest.mark.parametrize(
    ("name", "said", "output"),
    [
        ("unet", "min 188, then every 16", "n - 184"),
        ("patchgan", "any size from 24", "floor(n/8) - 2"),
        ("lenet5", "only 32 to 35", None),
        ("espcn", "any size from 1", "3*n"),
        ("dcgan", "any size from 1", "16*n + 48"),
        ("vgg16", "any size from 32", None),
        ("wavenet", "any size from 1", "n"),
    ],
)
def test_bundled_nets(name: str, said: str, output: str | None) -> None:
    found = sizes(read(name))
    for axis in found.axes:
        assert answer(axis) == said
        assert (None if axis.output is None else str(axis.output)) == output


@pytest.mark.parametrize(
    "name", ["unet", "lenet5", "code8", "patchgan", "s6_bn", "tiny", "mobilenet_v1", "s7"]
)
def test_bundled_nets_against_every_size(name: str) -> None:
    agrees(sizes(read(name)), 300 if name == "unet" else 100)


def test_a_u_net_needs_multiples(tmp_path: Path) -> None:
    found = sizes(net(tmp_path, UNET))
    assert [answer(a) for a in found.axes] == ["min 4, then every 4"] * 2
    assert found.axes[0].first(3) == [4, 8, 12] and str(found.axes[0].output) == "n"
    assert found.together is None
    assert found.axes[0].below(63) == 60 and found.axes[0].above(61) == 64
    agrees(found, 200)
    assert like_text(found, (63, 64)).splitlines() == [
        "63x64 is not legal: concat1: concat along axis 1 needs shapes that agree in all other axes, "
        "got 2x31x32 and 2x30x32",
        "  height: the nearest are 64 (pad by 1: 0 before, 1 after) and 60 (crop 3)",
    ]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("  - flatten\n  - linear: 10\n", "only 8"),
        ("  - max_pool: {kernel_size: 2, ceil_mode: true}\n", "any size from 1"),
        ("  - pixel_unshuffle: 3\n", "min 3, then every 3"),
        ("  - conv: {out_channels: 1, kernel_size: 3, stride: 2}\n  - flatten\n  - linear: 4\n", "only 7, 8"),
        ("  - pad: {padding: 3, mode: reflect}\n", "any size from 4"),
        ("  - upsample: {scale_factor: 0.3}\n", "any size from 4"),
        ("  - layer_norm\n", "only 8"),
        ("  - adaptive_avg_pool: 3\n", "any size from 1"),
    ],
)
@pytest.mark.parametrize("rank", [1, 3])
def test_rules_of_single_ops(tmp_path: Path, layers: str, said: str, rank: int) -> None:
    size = 9 if "unshuffle" in layers else 8
    found = sizes(
        net(
            tmp_path,
            f"input: [1{', ' + str(size) if rank else ''}{f', {size}' * (rank - 1)}]\nlayers:\n{layers}",
        )
    )
    assert [answer(axis) for axis in found.axes] == [said] * rank
    agrees(found, 40)


def test_axes_that_depend_on_each_other_are_named(tmp_path: Path) -> None:
    both = "input: [1, 8, 12]\nlayers:\n  - reshape: [4, -1, 3]\n  - reshape: [1, 8, 12]\n"
    found = sizes(net(tmp_path, both))
    assert answer(found.axes[0]) == "only 8" and found.axes[0].blocker is not None
    assert found.axes[0].blocker.layer == "reshape1" or found.axes[0].blocker.layer == "reshape2"
    joint = "input: [1, 8, 8]\nlayers:\n  - reshape: [4, -1]\n"
    found = sizes(net(tmp_path, joint))
    assert answer(found.axes[0]) == "any size from 1" and found.together is not None
    assert found.together.layer == "reshape1" and any(
        "depend on each other" in n for n in sizes_table(found).notes
    )


def test_random_nets_against_every_size() -> None:
    pytest.importorskip("torch")
    from tests.test_random_nets import random_net

    for seed in range(25):
        graph = random_net(Random(f"sizes {seed}"))
        agrees(sizes(graph), 40)


@pytest.mark.parametrize("n", [10**9, 10**12, 10**15])
def test_huge_sizes_are_answered(n: int) -> None:
    axis = sizes(read("unet")).axes[0]
    below = axis.below(n)
    assert below is not None and n - 16 < below <= n and (below - 188) % 16 == 0


def test_long_periods(tmp_path: Path) -> None:
    text = "input: [1, 100000000]\nlayers:\n  - conv: {out_channels: 1, kernel_size: 3, stride: 1000003}\n"
    assert answer(sizes(net(tmp_path, text)).axes[0]) == "any size from 3"
    text = text.replace("100000000]", "1000003]").replace("kernel_size: 3", "kernel_size: 1000003")
    text += "  - conv_transpose: {out_channels: 1, kernel_size: 1000003, stride: 1000003}\n    name: up\n"
    text += "  - add:\n    from: [input, up]\n"
    with pytest.raises(ConvvizError, match="repeat only after 1,000,003, too many to go through"):
        sizes(net(tmp_path, text))


def test_a_vector_has_no_size(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="the input of net is a vector: it has no size to change"):
        sizes(net(tmp_path, "input: [8]\nlayers:\n  - linear: 2\n"))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (lambda n: n // 32, "floor(n/32)"),
        (lambda n: (n + 1) // 2, "floor((n + 1)/2)"),
        (lambda n: 2 * (n // 2), "2*floor(n/2)"),
        (lambda n: 3 * n - 4, "3*n - 4"),
        (lambda n: 7, "7"),
        (lambda n: n * 3 // 2, "floor(3*n/2)"),
    ],
)
def test_formulas(rule, text: str) -> None:  # type: ignore[no-untyped-def]
    found = formula([(n, rule(n)) for n in range(5, 140)])
    assert found is not None and all(found(n) == rule(n) for n in range(5, 400))
    assert str(found) == text


def test_a_formula_without_floor_where_sizes_divide() -> None:
    assert str(formula([(n, n // 32 - 2) for n in range(96, 2000, 32)])) == "n/32 - 2"
    assert str(OutputSize(2, 0, 4, -3)) == "2*floor(n/4) - 3"


# -- torch ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "shape", "axis", "said"),
    [
        ("vit_small_test", (3, 32, 32), 0, "only 32 to 39"),
        ("tcn", (2, 64), 0, "any size from 1"),
    ],
)
def test_torch_nets_are_read_again(name: str, shape: tuple[int, ...], axis: int, said: str) -> None:
    pytest.importorskip("torch")
    from tests.nets import NETS

    module = NETS[name][0]()
    found = sizes(read(module, shape), reread=lambda shapes: read(module, next(iter(shapes.values()))))
    assert answer(found.axes[axis]) == said
    assert any("read" in note for note in found.notes)


@pytest.mark.parametrize(("valid", "said"), [(True, "min 44, then every 4"), (False, "any size from 4")])
def test_a_torch_u_net_against_its_own_forward(valid: bool, said: str) -> None:
    torch = pytest.importorskip("torch")
    from tests.nets.segment import UNet

    module = UNet(2, 2, valid=valid).eval()
    found = sizes(read(module, (1, 48, 44)), reread=lambda shapes: read(module, next(iter(shapes.values()))))
    assert "read anew at every size tried" in found.notes[0]
    axis = found.axes[0]
    for n in range(1, 64):
        try:
            with torch.no_grad():
                out = module(torch.zeros(1, 1, n, 44)).shape[2] or None
        except RuntimeError:
            out = None
        assert axis.legal(n) == (out is not None), n
        if out is not None:
            assert axis.output is not None and axis.output(n) == out


# -- the command line ---------------------------------------------------------------------------------------------
def test_command(tmp_path: Path) -> None:
    done = run("sizes", "unet")
    assert done.exit_code == 0 and "each axis: min 188, then every 16" in done.stdout
    data = json.loads(run("sizes", "unet", "--format", "json", "--like", "500", "--max", "220").stdout)
    first = data["axes"][0]
    assert (first["min"], first["step"], first["output"]) == (188, 16, "n - 184")
    assert first["sizes"] == [[188, 4], [204, 20], [220, 36]]
    assert data["like"]["legal"] is False and data["like"]["above"] == [508, 508]
    assert data["like"]["layer"] == "concat1"
    listed = run("sizes", "espcn", "--max", "3", "--format", "csv").stdout.splitlines()
    assert listed[1:4] == ["height,1,3", "height,2,6", "height,3,9"]
    for form in ("md", "latex", "html"):
        assert "188" in run("sizes", "unet", "--format", form).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("unet --like 0", "--like: must be sizes of at least 1 such as 512 or 480x640, got '0'"),
        ("unet --like big", "--like: must be sizes of at least 1 such as 512 or 480x640, got 'big'"),
        (
            "unet --like 3x4x5",
            "--like: the net's input has 2 spatial axes, got 3 sizes (channels are not written)",
        ),
        ("unet --layer conv9", "no layer 'conv9' in unet"),
        ("nothing.yaml", "'nothing.yaml': no such file"),
    ],
)
def test_bad_input(arguments: str, message: str) -> None:
    done = run("sizes", *arguments.split())
    assert done.exit_code == 2 and done.stdout == "" and done.stderr.startswith(f"convviz: {message}")


def test_results_print() -> None:
    found = sizes(read("unet"))
    assert "then every" in repr(found) and "<table" in found._repr_html_()
    assert sizes_table(found).columns[0].key == "axis"
