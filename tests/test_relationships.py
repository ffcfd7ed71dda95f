"""The 15 relationships of convolution arithmetic: formulas against torch, conditions, names and plans."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from convviz.errors import ConvvizError
from convviz.ops import build
from convviz.plan import relationship, relationships
from convviz.plan.model import Grid
from convviz.plan.relationships import ANIMATIONS, LAWS, of_op, smaller

# What conv_arithmetic states for each animation: input, output, padding, kernel, stride of the convolution, and
# whether the animation shows its transpose.
STATED = {
    "no_padding_no_strides": (4, 2, 0, 3, 1, False),
    "no_padding_no_strides_transposed": (4, 2, 0, 3, 1, True),
    "arbitrary_padding_no_strides": (5, 6, 2, 4, 1, False),
    "arbitrary_padding_no_strides_transposed": (5, 6, 2, 4, 1, True),
    "same_padding_no_strides": (5, 5, 1, 3, 1, False),
    "same_padding_no_strides_transposed": (5, 5, 1, 3, 1, True),
    "full_padding_no_strides": (5, 7, 2, 3, 1, False),
    "full_padding_no_strides_transposed": (5, 7, 2, 3, 1, True),
    "no_padding_strides": (5, 2, 0, 3, 2, False),
    "no_padding_strides_transposed": (5, 2, 0, 3, 2, True),
    "padding_strides": (5, 3, 1, 3, 2, False),
    "padding_strides_transposed": (5, 3, 1, 3, 2, True),
    "padding_strides_odd": (6, 3, 1, 3, 2, False),
    "padding_strides_odd_transposed": (6, 3, 1, 3, 2, True),
    "numerical_no_padding_no_strides": (5, 3, 0, 3, 1, False),
    "numerical_padding_strides": (5, 3, 1, 3, 2, False),
    "numerical_average_pooling": (5, 3, 0, 3, 1, False),
    "numerical_max_pooling": (5, 3, 0, 3, 1, False),
}


def size_in_torch(kind: str, i: int, k: int, s: int, p: int, d: int, a: int) -> int | None:
    """The output size that torch has; None where it refuses."""
    x, w = torch.zeros(1, 1, i), torch.zeros(1, 1, k)
    try:
        if kind == "conv":
            return F.conv1d(x, w, None, s, p, d).shape[2]
        if kind == "conv_transpose":
            return F.conv_transpose1d(x, w, None, s, p, a, 1, d).shape[2]
        return F.max_pool1d(x, k, s, p, d).shape[2]
    except RuntimeError:
        return None


@pytest.mark.parametrize("law", LAWS, ids=lambda law: str(law.number))
def test_formulas_against_torch(law: Any) -> None:
    checked = 0
    sizes = product((1, 2, 5, 8, 11), (1, 2, 3, 4, 5), (1, 2, 3), (0, 1, 2, 4), (1, 2, 3), (0, 1, 2))
    for i, k, s, p, d, a in sizes:
        if (d > 1 and law.number != 15) or (a and law.number != 14):
            continue
        size = size_in_torch(law.kind, i, k, s, p, d, a)
        try:
            found = relationship(law.number, i=i, k=k, s=s, p=p, d=d, a=a, rank=1)
            out = found.op.shape(found.input)
        except ConvvizError as err:
            assert "\n" not in str(err)
            continue
        assert int(found.formula.result) == size == out[1], (i, k, s, p, d, a)
        numbers = (
            found.formula.numbers.replace("×", "*").replace("−", "-").replace("⌊", "((").replace("⌋", ")//1)")
        )
        assert int(eval(numbers)) == size, found.formula.numbers
        checked += 1
    assert checked >= 10


@pytest.mark.parametrize("name", STATED)
def test_animations_have_their_sizes(name: str) -> None:
    i, o, p, k, s, transposed = STATED[name]
    found = relationship(name)
    z = found.sizes
    assert (z.k, z.s, z.p, z.d) == (k, s, p, 1)
    assert (z.i, int(found.formula.result)) == ((o, i) if transposed else (i, o))
    assert ("transposed" in found.title) == transposed


def test_numbers_and_names() -> None:
    assert [law.number for law in LAWS] == list(range(1, 16))
    assert {number for number, _, _ in ANIMATIONS.values()} == set(range(1, 16))
    assert set(STATED) | {"dilation"} == set(ANIMATIONS)
    assert [r.number for r in relationships()] == sorted(number for number, _, _ in ANIMATIONS.values())
    assert relationship(12).name == "no_padding_strides_transposed"
    assert relationship(15).formula.numbers == "⌊(7 + 2×0 − 3 − (3 − 1)×(2 − 1))/1⌋ + 1"


@pytest.mark.parametrize("name", ANIMATIONS)
def test_plans(name: str) -> None:
    found = relationship(name)
    done = found.plan()
    out = done["output"]
    assert isinstance(out, Grid)
    assert done.name == name and done.formulas[0] == found.formula
    assert out.shape == (1, *[int(found.formula.result)] * 2)
    assert len(done.shown("output")) == int(found.formula.result) ** 2
    assert done.title.startswith(
        f"Relationship {found.number}: {found.title.lower()} (i = {found.sizes.i}, k = "
    )
    assert found.conditions in found.formula.note
    if found.kind == "conv_transpose":
        stuffed, z = done["stuffed"], found.sizes
        assert isinstance(stuffed, Grid)
        assert stuffed.shape[1] == z.s * (z.i - 1) + 1  # the guide's stretched input
        before, after = (stuffed.pads or ((0, 0),) * 2)[0]
        assert (before, after) == (
            z.k - z.p - 1,
            z.k - z.p - 1 + z.a,
        )  # its p' = k − p − 1, and a more at the far end


def test_transposed_relationships_give_back_the_input_of_the_convolution() -> None:
    for i, k, s, p in product(range(1, 9), range(1, 5), (1, 2, 3), (0, 1, 2)):
        if p > k - 1 or i + 2 * p < k:
            continue
        down = relationship(6, i=i, k=k, s=s, p=p)
        a = (i + 2 * p - k) % s
        up = relationship(14, i=int(down.formula.result), k=k, s=s, p=p, a=a)
        assert int(up.formula.result) == i
        if a == 0:
            up = relationship(13, i=int(down.formula.result), k=k, s=s, p=p)
            assert int(up.formula.result) == i


def test_the_floor_is_told() -> None:
    odd, even = relationship("padding_strides_odd"), relationship("padding_strides")
    assert "row 6 and column 6 are never read" in odd.formula.note
    assert "never read" not in even.formula.note


@pytest.mark.parametrize("rank", [1, 3])
def test_other_ranks(rank: int) -> None:
    found = relationship(13, rank=rank)
    assert found.op.shape(found.input) == (1, *[5] * rank)
    assert found.plan().steps


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: relationship(16), "there are relationships 1 to 15, got 16"),
        (lambda: relationship(0), "there are relationships 1 to 15, got 0"),
        (lambda: relationship(True), "there are relationships 1 to 15, got True"),
        (lambda: relationship("no_padding_stride"), "did you mean 'no_padding_strides'?"),
        (
            lambda: relationship(3, k=4),
            "relationship 3 (half (same) padding) needs an odd kernel and padding ⌊k/2⌋",
        ),
        (lambda: relationship(1, s=2), "needs stride 1, got i = 4, k = 3, s = 2"),
        (lambda: relationship(14, a=2), "needs a from 0 to s − 1"),
        (lambda: relationship(1, k=0), "k: must be a whole number >= 1, got 0"),
        (lambda: relationship(1, i="x"), "i: must be a whole number >= 1, got 'x'"),  # type: ignore[arg-type]
        (lambda: relationship(1, i=10**12).plan(), "steps"),
        (lambda: relationship(1, k=10**12).plan(), "larger than the padded input"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ConvvizError) as caught:
        call()
    assert message in str(caught.value) and "\n" not in str(caught.value)


# -- the relationship of a layer -------------------------------------------------------------------------
def test_every_relationship_is_found_again_by_its_op() -> None:
    for r in relationships():
        found = of_op(r.op, r.sizes.i)
        assert (found.number, found.sizes, found.formula.numbers) == (r.number, r.sizes, r.formula.numbers), (
            r.name
        )
        assert found.kind == r.op.kind


def test_the_relationship_of_an_op_gives_torchs_size() -> None:
    seen = set()
    for n, k, s, p, d in product((7, 12), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
        for kind in ("conv", "conv_transpose", "max_pool"):
            if kind == "max_pool" and (d > 1 or p):
                continue
            fields = {"kernel_size": k, "stride": s, "padding": p}
            fields |= {} if kind == "max_pool" else {"out_channels": 1, "dilation": d}
            op = build(kind, fields, 1)
            try:
                (size,) = op.shape((1, n))[1:]
            except ConvvizError:
                continue
            try:
                found = of_op(op, n)
            except ConvvizError:
                assert kind == "conv_transpose" and (d > 1 or p > k - 1)
                continue
            assert int(found.formula.result) == size
            few = smaller(found)
            assert few.sizes.i <= n and few.number == found.number
            if kind != "conv_transpose" and size > 3:
                assert few.op.shape((1, few.sizes.i)) == (1, 3) or few.sizes.i <= s
                assert (n - few.sizes.i) % s == 0  # as many cells are dropped
            seen.add(found.number)
    assert seen == {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15}


@pytest.mark.parametrize(
    "kind, fields, message",
    [
        ("max_pool", {"kernel_size": 2, "ceil_mode": True}, "the fifteen relationships round down, this one rounds up"),
        ("conv", {"out_channels": 1, "kernel_size": 2, "padding": [[0, 1]]}, "pad both ends alike, got 0 and 1"),
        ("max_pool", {"kernel_size": 3, "padding": 1}, "none of the fifteen relationships has i = 9, k = 3"),
        ("relu", {}, "relu: the fifteen relationships are of conv, pooling and conv_transpose"),
    ],
)  # fmt: skip
def test_ops_that_follow_none(kind: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConvvizError, match=re.escape(message)):
        of_op(build(kind, fields, 1), 9)


def test_the_transposes_of_the_scene_give_back_what_their_convolutions_took() -> None:
    """The scene's captions say which relationship each of 8 to 14 transposes, at the sizes that it shows."""
    pytest.importorskip("manim")
    from convviz.scenes.relationships import EXAMPLES

    shown = {n: relationship(n, **EXAMPLES.get(n, {})) for n in range(1, 16)}
    for n, transposed in {1: 8, 2: 9, 3: 10, 4: 11, 5: 12, 6: 14}.items():
        there, back = shown[n], shown[transposed]
        assert int(there.formula.result) == back.sizes.i
        assert int(back.formula.result) == there.sizes.i
        assert (there.sizes.k, there.sizes.s, there.sizes.p) == (back.sizes.k, back.sizes.s, back.sizes.p)
    assert shown[13].sizes.i == int(shown[6].formula.result)  # the other input size that gives as many
    assert int(shown[13].formula.result) == shown[6].sizes.i - 1
