"""Exercise sheets: every answer against torch, from nothing but what stands on the sheet."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from convviz.errors import ConvvizError
from convviz.exercise import LEVELS, TOPICS, Sheet, exercises
from convviz.exercise.batch import pleasant
from convviz.exercise.make import MOST, find
from convviz.exercise.model import Blank, Box, Mistake, Question, near

torch = pytest.importorskip("torch")
nn = torch.nn

EVERY = [(topic, level) for topic in TOPICS for level in LEVELS]
SEEDS = range(2)


@cache
def sheets(topic: str, level: str, seeds: Any = SEEDS, variants: int = 3) -> list[Sheet]:
    return [sheet for seed in seeds for sheet in exercises(topic, variants, seed, level)]


def numbers(box: Box) -> np.ndarray:
    return np.array([[float(str(cell).replace("−", "-")) for cell in row] for row in box.rows])


def boxes(sheet: Sheet, start: str) -> list[np.ndarray]:
    """The given boxes of a sheet whose title begins so."""
    return [numbers(b) for p in sheet.parts for b in p.boxes if b.title.startswith(start) and not blank(b)]


def blank(box: Box) -> bool:
    return any(isinstance(cell, Blank) for row in box.rows for cell in row)


def number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found, (text, pattern)
    return float(found.group(1).replace("−", "-"))


def module(text: str) -> tuple[Any, tuple[int, ...]]:
    """``nn.Conv2d(3, 8, 5) on 3x32x32`` as a module and a shape."""
    code, _, rest = text.partition(" on ")
    shape = tuple(int(n) for n in re.match(r"[\dx]+", rest).group().split("x"))  # type: ignore[union-attr]
    return eval(code, {"nn": nn}), shape


def run(made: Any, *shape: int) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(made(torch.zeros(1, *shape)).shape[1:])


# -- all topics -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_variants_differ_and_repeat(topic: str, level: str) -> None:
    many = 120 if level == "normal" else 10
    made = exercises(topic, many, 7, level)
    assert len({str((sheet.text, sheet.parts)) for sheet in made}) == many
    again = exercises(topic, 3, 7, level)
    assert again.sheets == made.sheets[:3] and find(made[2].code) == made[2]
    assert exercises(topic, 1, 8, level)[0].parts != made[0].parts
    assert len({len(sheet.questions) for sheet in made}) <= 3  # as long for every student


@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_questions_hang_together(topic: str, level: str) -> None:
    for sheet in sheets(topic, level):
        assert len(sheet.by_id) == len(sheet.questions) and sheet.points == sum(
            q.points for q in sheet.questions
        )
        seen: set[str] = set()
        in_boxes = {
            c.question
            for p in sheet.parts
            for b in p.boxes
            for r in b.rows
            for c in r
            if isinstance(c, Blank)
        }
        for question in sheet.questions:
            assert question.prompt or question.id in in_boxes, question.id
            assert set(question.needs) <= seen and (
                question.follow or not question.needs or question.id == "real"
            )
            if question.follow:
                assert near(question.follow(sheet.key), question.answer, 1e-6), (sheet.code, question.id)
            assert not any(question.accepts(m.value) for m in question.mistakes)
            assert question.explanation and question.step and question.tolerance < 0.01
            seen.add(question.id)


@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_worked_text_ends_in_the_answer(topic: str, level: str) -> None:
    """The last number of a worked sum is the answer, to the digits that are printed."""
    for sheet in sheets(topic, level):
        for question in sheet.questions:
            if isinstance(question.answer, tuple) or question.id == "real":
                continue
            said = question.explanation.split(" = ")[-1].replace("−", "-").replace(",", "").strip("() ")
            found = re.match(r"-?\d+(\.\d+)?$", said) or re.search(r"-?\d+$", said)
            assert found and near(float(found.group()), question.answer, 6e-5), (
                question.id,
                question.explanation,
            )


# -- norm -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("level", LEVELS)
def test_norm_against_torch(level: str) -> None:
    for sheet in sheets("norm", level):
        n, c, h, w = (int(i) for i in re.search(r"N×C×H×W = ([\d×]+)", sheet.text).group(1).split("×"))  # type: ignore[union-attr]
        x = torch.tensor(np.array(boxes(sheet, "image"))).reshape(n, c, h, w)
        i, row, column = (int(number(sheet.text, rf"{what} (\d+)")) for what in ("image", "row", "column"))
        j = int(number(sheet.text, r"channel (\d+)")) if c > 1 else 0
        at, eps = (i, j, row, column), number(sheet.text, r"eps = ([\d.]*\d)")
        assert number(sheet.text, r"its value is (\d+)") == x[at]
        key, ask = sheet.key, {q.id: q.prompt for q in sheet.questions}
        gamma, beta = number(ask["output"], r"weight (−?\d+)"), number(ask["output"], r"bias (−?\d+)")
        momentum = number(ask["running_mean"], r"momentum ([\d.]+\d)")
        norm = nn.BatchNorm2d(c, eps=eps, momentum=momentum, dtype=torch.float64)
        assert near(key["normalized"], norm(x)[at].item(), 1e-9)
        assert near(key["running_mean"], norm.running_mean[j].item(), 1e-9)
        assert near(key["running_var"], norm.running_var[j].item(), 1e-9)
        nn.init.constant_(norm.weight, gamma)
        nn.init.constant_(norm.bias, beta)
        assert near(key["output"], norm(x)[at].item(), 1e-9)
        own = x[:, j]
        assert key["sum"] == own.sum() and key["mean"] == own.mean()
        assert near(key["squares"], ((own - own.mean()) ** 2).sum().item(), 1e-9)
        assert near(key["variance"], own.var(correction=0).item(), 1e-9)
        assert near(key["root"], (own.var(correction=0) + eps).sqrt().item(), 1e-9)
        groups = (
            number(" ".join(p.text for p in sheet.parts), r"with (\d) groups of") if level == "hard" else 1
        )
        others = {
            "layer": (nn.LayerNorm([c, h, w], eps=eps, dtype=torch.float64), x[i]),
            "instance": (nn.InstanceNorm2d(c, eps=eps, dtype=torch.float64), x[i, j]),
            "group": (nn.GroupNorm(int(groups), c, eps=eps, dtype=torch.float64),
                      x[i].chunk(int(groups))[j // (c // int(groups))]),
        }  # fmt: skip
        for name, (made, cells) in others.items():
            if f"mean_{name}" in key:
                assert near(key[f"normalized_{name}"], made(x)[at].item(), 1e-9)
                assert near(key[f"mean_{name}"], cells.mean().item(), 1e-9)
                assert near(key[f"variance_{name}"], cells.var(correction=0).item(), 1e-9)


@pytest.mark.parametrize("level", LEVELS)
def test_who_shares(level: str) -> None:
    for sheet in sheets("norm", level):
        n, c, h, w = (int(i) for i in re.search(r"= ([\d×]+)", sheet.parts[0].text).group(1).split("×"))  # type: ignore[union-attr]
        key = sheet.key
        assert (
            key["cells_batch"] == n * h * w
            and key["cells_layer"] == c * h * w
            and key["cells_instance"] == h * w
        )
        if "cells_group" in key:
            groups = int(number(sheet["cells_group"].prompt, r"\((\d) groups"))
            assert key["cells_group"] == c // groups * h * w
        for name, made in (("batch", nn.BatchNorm2d(c)), ("layer", nn.LayerNorm([c, h, w]))):
            assert key[f"params_{name}"] == sum(p.numel() for p in made.parameters())


@pytest.mark.parametrize("level", LEVELS)
def test_batches_are_pleasant(level: str) -> None:
    """Means are whole, nearly all roots, and no two norms of a sheet agree."""
    whole = total = 0
    for sheet in sheets("norm", level, range(3)):
        means = [q.answer for q in sheet.questions if q.id.startswith("mean")]
        assert all(isinstance(m, int) for m in means) and len(set(means)) == len(means)
        roots = [sheet.key["root"]]
        whole += sum(near(r, round(r), 1e-5) for r in roots)  # type: ignore[arg-type]
        total += len(roots)
    assert whole == total


def test_pleasant_is_digits() -> None:
    x = pleasant(np.random.default_rng(0), (2, 4, 2, 2), 1, 2, 2, 1)
    assert x.shape == (2, 4, 2, 2) and x.min() >= 0 and x.max() <= 9 and x[:, 2].mean() == int(x[:, 2].mean())


# -- receptive field ------------------------------------------------------------------------------------
def rows(sheet: Sheet) -> list[tuple[str, int, int, int, int]]:
    (table,) = (box for box in sheet.parts[0].boxes if box.head)
    return [(str(r[0]), *(int(str(c)) for c in r[1:5])) for r in table.rows[2:]]  # type: ignore[misc]


@pytest.mark.parametrize("level", LEVELS)
def test_rf_against_the_formula_and_torch(level: str) -> None:
    for sheet in sheets("rf", level):
        (table,) = (box for box in sheet.parts[0].boxes if box.head)
        n, r, j, start = int(str(table.rows[1][5])), 1, 1, 0
        x = torch.zeros(1, 1, n, dtype=torch.float64, requires_grad=True)
        y = x
        for name, k, s, p, d in rows(sheet):
            pad = torch.nn.functional.pad(y, (p, p))
            y = nn.functional.conv1d(pad, torch.ones(1, 1, k, dtype=torch.float64), stride=s, dilation=d)
            r, start, j = r + d * (k - 1) * j, start - p * j, j * s
            assert [sheet.key[f"{name}.{what}"] for what in ("n", "r", "j", "start")] == [
                y.shape[-1],
                r,
                j,
                start,
            ]
        if "real" in sheet.key:
            (grad,) = torch.autograd.grad(y[0, 0, 0], x)
            read = grad[0, 0].nonzero().flatten()
            assert sheet.key["real"] == read[-1] - read[0] + 1
        at = int(number(sheet["first"].prompt, r"Unit (\d+)"))
        assert sheet.key["first"] == start + at * j and sheet.key["last"] == start + at * j + r - 1


# -- shapes, parameters ---------------------------------------------------------------------------------
@pytest.mark.parametrize("level", LEVELS)
def test_shapes_against_torch(level: str) -> None:
    for sheet in sheets("shape", level):
        before: tuple[int, ...] = ()
        for question in sheet.questions:
            if question.id.startswith("single"):
                made, shape = module(question.prompt)
                assert question.answer == run(made, *shape)
                last = made, shape
            if question.id.startswith("dropped"):
                made, shape = last
                (k, s, p, d), out = (
                    (v[0] for v in (made.kernel_size, made.stride, made.padding, made.dilation)),
                    run(made, *shape),
                )
                assert question.answer == shape[1] + 2 * p - ((out[1] - 1) * s + d * (k - 1) + 1)
            elif question.id.startswith("chain"):
                if question.id == "chain1":
                    text = next(p.text for p in sheet.parts if question in p.questions)
                    before = tuple(int(n) for n in re.search(r"input is ([\dx]+)", text).group(1).split("x"))  # type: ignore[union-attr]
                made = eval(question.prompt.partition("after ")[2].rstrip(":"), {"nn": nn})
                before = run(made, *before)
                assert question.answer == before
            if question.id == "same":
                code = question.prompt.partition(" is to")[0]
                n = int(number(question.prompt, r"keep the (\d+)"))
                assert run(eval(code, {"nn": nn, "p": question.answer}), 3, n, n) == (8, n, n)


@pytest.mark.parametrize("level", LEVELS)
def test_parameters_and_macs_against_torch(level: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    for sheet in sheets("params", level):
        for i, part in enumerate((p for p in sheet.parts if p.text.startswith("nn.")), 1):
            made, shape = module(part.text)
            assert sheet.key[f"params{i}"] == sum(p.numel() for p in made.parameters())
            if f"size{i}" in sheet.key:
                assert sheet.key[f"size{i}"] == run(made, *shape)[1:]
            with FlopCounterMode(display=False) as flops, torch.no_grad():
                made(torch.zeros(1, *shape))
            assert sheet.key[f"macs{i}"] == flops.get_total_flops() // 2
        if "sep_both" in sheet.key:
            c, o = (int(v) for v in re.search(r"from (\d+) to (\d+)", sheet.parts[-1].text).groups())  # type: ignore[union-attr]
            both = nn.Sequential(nn.Conv2d(c, c, 3, groups=c, bias=False), nn.Conv2d(c, o, 1, bias=False))
            assert sheet.key["sep_both"] == sum(p.numel() for p in both.parameters())
            assert near(sheet.key["sep_share"], sheet.key["sep_both"] / sheet.key["sep_normal"], 1e-12)  # type: ignore[operator]


# -- convolution, transposed, pooling -------------------------------------------------------------------
def layer_of(sheet: Sheet) -> tuple[Any, Any, tuple[int, ...]]:
    """The sheet's layer with its weights, and its input, from boxes and text."""
    part = sheet.parts[0]
    made, shape = module(part.text)
    x = torch.tensor(np.array(boxes(sheet, "input"))).reshape(1, *shape)
    with torch.no_grad():
        made = made.double()
        made.weight.copy_(torch.tensor(np.array(boxes(sheet, "kernel"))).reshape(made.weight.shape))
        if made.bias is not None:
            said = re.search(r"bias(?:es are| is) ([^.]+)\.", part.text).group(1)  # type: ignore[union-attr]
            made.bias.copy_(torch.tensor([float(v.replace("−", "-")) for v in said.split(" and ")]))
    return made, x, shape


@pytest.mark.parametrize("topic", ["conv", "transposed"])
@pytest.mark.parametrize("level", LEVELS)
def test_convolutions_against_torch(topic: str, level: str) -> None:
    for sheet in sheets(topic, level):
        made, x, shape = layer_of(sheet)
        with torch.no_grad():
            y = made(x)[0]
        cells = [q for q in sheet.questions if q.id.startswith("out.")]
        assert len(cells) == y.numel()
        for question in cells:
            assert near(question.answer, y[tuple(int(i) for i in question.id.split(".")[1:])].item())
        (outputs,) = ([b for p in sheet.parts for b in p.boxes if blank(b)],)
        assert [len(b.rows) * len(b.rows[0]) for b in outputs] == [y[0].numel()] * len(outputs)
        big = tuple(int(n) for n in re.search(r"on ([\dx]+)", sheet["size"].prompt).group(1).split("x"))  # type: ignore[union-attr]
        size = run(made.float(), *big)[1:]
        assert sheet.key["size"] == (size if len(size) > 1 else size[0])
        for a, axis in ((1, 0), (2, 1)):
            if f"overlap{a}" in sheet.key:
                k, s, p, e = (
                    v[axis] for v in (made.kernel_size, made.stride, made.padding, made.output_padding)
                )
                ones = nn.functional.conv_transpose1d(
                    torch.ones(1, 1, shape[a]), torch.ones(1, 1, k), stride=s, padding=p, output_padding=e
                )
                assert sheet.key[f"overlap{a}"] == tuple(int(v) for v in ones[0, 0])


@pytest.mark.parametrize("level", LEVELS)
def test_pooling_against_torch(level: str) -> None:
    for sheet in sheets("pooling", level):
        (values,) = boxes(sheet, "input")
        x = torch.tensor(values)[None, None]
        found: dict[str, Any] = {}
        for part in sheet.parts:
            code = re.match(r"nn\.\w+\([^)]*\)", part.text)
            if code:
                key = part.questions[0].id.split(".")[0]
                found[key] = eval(code.group(), {"nn": nn})
                if key == "include":
                    found["exclude"] = eval(code.group()[:-1] + ", count_include_pad=False)", {"nn": nn})
        for question in sheet.questions:
            key, *at = question.id.split(".")
            if key in found and at and at[0].isdigit():
                assert near(question.answer, found[key](x)[0, 0][tuple(map(int, at))].item(), 1e-9)
            if key in found and at == ["size"]:
                hit = re.search(r"on ([\dx]+)", question.prompt)
                shape = tuple(int(n) for n in hit.group(1).split("x")) if hit else x.shape[1:]
                assert question.answer == run(found[key], *shape)[1:]
        assert near(sheet.key["gap"], x.mean().item(), 1e-9) and sheet.key["gap.params"] == 0
        big = tuple(int(n) for n in re.search(r"of ([\dx]+)", sheet["gap.shape"].prompt).group(1).split("x"))  # type: ignore[union-attr]
        assert sheet.key["gap.shape"] == run(nn.AdaptiveAvgPool2d(1), *big)
        less = nn.Linear(int(np.prod(big)), 10), nn.Linear(big[0], 10)
        each = [sum(p.numel() for p in layer.parameters()) for layer in less]
        assert sheet.key["gap.saved"] == each[0] - each[1]


# -- mistakes -------------------------------------------------------------------------------------------
def named(question: Question, words: str) -> list[Any]:
    """The values of the mistakes that are worded so."""
    return [mistake.value for mistake in question.mistakes if words in mistake.text]


def agrees(question: Question, words: str, value: float) -> bool:
    """The mistake has this value, unless it leads to the right answer or to another mistake's value."""
    found = named(question, words)
    if not found:
        return question.accepts(value) or any(near(m.value, value, 0.006) for m in question.mistakes)
    return any(near(v, value, 1e-9) for v in found)


@pytest.mark.parametrize("level", ["normal", "hard"])
def test_mistakes_of_convolutions_are_what_they_say(level: str) -> None:
    for topic in ("conv", "transposed"):
        for sheet in sheets(topic, level):
            made, x, _ = layer_of(sheet)
            with torch.no_grad():
                y = made(x)[0]
                bias = made.bias.clone()
                made.weight.copy_(made.weight.flip(-1, -2))
                turned = made(x)[0]
            for question in sheet.questions:
                if question.id.startswith("out."):
                    at = tuple(int(i) for i in question.id.split(".")[1:])
                    assert agrees(question, "bias was left out", y[at].item() - bias[at[0]].item())
                    assert agrees(question, "turned round", turned[at].item())


@pytest.mark.parametrize("level", LEVELS)
def test_mistakes_of_norms_are_what_they_say(level: str) -> None:
    for sheet in sheets("norm", level):
        n, c, h, w = (int(i) for i in re.search(r"N×C×H×W = ([\d×]+)", sheet.text).group(1).split("×"))  # type: ignore[union-attr]
        x = torch.tensor(np.array(boxes(sheet, "image"))).reshape(n, c, h, w)
        i, j = (
            int(number(sheet.text, r"image (\d+)")),
            int(number(sheet.text, r"channel (\d+)")) if c > 1 else 0,
        )
        own, image = x[:, j], x[i]
        eps, momentum = (
            number(sheet.text, r"eps = ([\d.]*\d)"),
            number(sheet["running_mean"].prompt, r"momentum ([\d.]+\d)"),
        )
        var, mean = own.var(correction=0).item(), own.mean().item()
        assert agrees(sheet["variance"], "unbiased", own.var().item())
        assert agrees(sheet["variance"], "variance of layer norm", image.var(correction=0).item())
        assert agrees(sheet["variance_layer"], "unbiased", image.var().item())
        assert agrees(sheet["root"], "unbiased", (own.var() + eps).sqrt().item())
        assert agrees(sheet["root"], "eps was left out", var**0.5)
        assert agrees(sheet["mean"], "mean of layer norm", image.mean().item())
        assert agrees(sheet["squares"], "take the mean away", (own**2).sum().item())
        assert agrees(sheet["running_var"], "takes the unbiased", 1 - momentum + momentum * var)
        assert agrees(sheet["running_mean"], "share of what is new", (1 - momentum) * mean)


@pytest.mark.parametrize("level", ["normal", "hard"])
def test_mistakes_of_sizes_are_what_they_say(level: str) -> None:
    from copy import deepcopy

    for sheet in sheets("shape", level):
        for question in (q for q in sheet.questions if q.id.startswith("single")):
            made, shape = module(question.prompt)
            for field, words in (("padding", "padding was left out"), ("dilation", "dilation was left out"),
                                 ("stride", "stride was left out")):  # fmt: skip
                for value in named(question, f"the {words}"):
                    other = deepcopy(made)
                    setattr(other, field, type(getattr(made, field))((0 if field == "padding" else 1,) * 2)
                            if isinstance(getattr(made, field), tuple) else 0 if field == "padding" else 1)  # fmt: skip
                    assert value == run(other, *shape), (question.prompt, words)


@pytest.mark.parametrize("level", LEVELS)
def test_mistakes_of_poolings_and_parameters_are_what_they_say(level: str) -> None:
    for sheet in sheets("pooling", level):
        if level != "easy":
            include, exclude = (
                next(q for q in sheet.questions if q.id.startswith(k)) for k in ("include", "exclude")
            )
            assert agrees(include, "is counted as 0 here", float(exclude.answer))  # type: ignore[arg-type]
            assert agrees(exclude, "does not count here", float(include.answer))  # type: ignore[arg-type]
    for sheet in sheets("params", level):
        for i, part in enumerate((p for p in sheet.parts if p.text.startswith("nn.")), 1):
            made, _ = module(part.text)
            if made.bias is not None:
                assert agrees(sheet[f"params{i}"], "biases were left out", made.weight.numel())
            else:
                assert agrees(
                    sheet[f"params{i}"],
                    "there is no bias",
                    made.weight.numel() + made.weight.shape[made.__class__.__name__.startswith("ConvT")],
                )


@pytest.mark.parametrize("level", LEVELS)
def test_mistakes_of_receptive_fields_are_what_they_say(level: str) -> None:
    for sheet in sheets("rf", level):
        r, j = 1, 1
        for name, k, s, _, d in rows(sheet):
            question = sheet[f"{name}.r"]
            assert agrees(question, "not by k·j", r + k * j) and agrees(
                question, "dilation was left out", r + (k - 1) * j
            )
            assert agrees(question, "times the jump", r + d * (k - 1))
            assert agrees(sheet[f"{name}.j"], "multiplied, not added", j + s)
            r, j = r + d * (k - 1) * j, j * s


# -- bad input ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nrom",), "no topic 'nrom'; did you mean 'norm'? (topics: norm, rf, shape, params, conv,"),
        (("norm", 0), "variants: must be a whole number from 1 to 1,000, got 0"),
        (("norm", 10**12), "variants: must be a whole number from 1 to 1,000, got 1000000000000"),
        (("norm", 2.5), "variants: must be a whole number from 1 to 1,000, got 2.5"),
        (("norm", True), "variants: must be a whole number from 1 to 1,000, got True"),
        (("norm", 1, -1), "seed: must be a whole number from 0, of at most 100 digits, got -1"),
        (("norm", 1, 10**400), "seed: must be a whole number from 0, of at most 100 digits, got 1000"),
        (("norm", 1, 0, "hrad"), "level: must be easy, normal or hard, got 'hrad'; did you mean 'hard'?"),
    ],
)  # fmt: skip
def test_bad_arguments(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        exercises(*arguments)
    assert str(err.value).startswith(message)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "norm",
        "norm-normal-7",
        "norm-normal-7-0",
        "nrom-normal-7-1",
        "norm-mild-7-1",
        f"rf-easy-1-{MOST + 1}",
        "norm-normal-7-99999999999999999999",
    ],
)
def test_bad_codes(code: str) -> None:
    with pytest.raises(ConvvizError, match="somewhere: no sheet"):
        find(code, "somewhere")


def test_a_mistake_that_is_right_is_none() -> None:
    made = Question(
        "a",
        "a",
        "a:",
        4,
        "2 + 2 = 4",
        mistakes=(Mistake(4.0, "no"), Mistake(5, "yes"), Mistake(5.0, "again")),
    )
    assert [m.text for m in made.mistakes] == ["yes"]
    with pytest.raises(
        ConvvizError, match="no question 'varianec' on sheet norm-normal-0-1; did you mean 'variance'"
    ):
        exercises("norm")[0]["varianec"]


def test_they_print() -> None:
    made = exercises("rf", 3, 2)
    assert "… and 2 more variants, up to rf-normal-2-3" in repr(made) and made[0].code in repr(made[0])
    assert "<table>" in made._repr_html_() and made._repr_html_() == made[0]._repr_html_()
    assert len(made) == 3 and [sheet.variant for sheet in made] == [1, 2, 3]
