"""The numbers of the answers, against torch, scikit-learn, closed forms and known facts."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from convviz.questions import question
from convviz.questions.comparing import REPORTED, seeds_for, wilson
from convviz.questions.dropout import spread
from convviz.questions.fit import fitted, ridge, samples
from convviz.questions.glyphs import digits, image, rotated
from convviz.questions.training import step_lr


def rows(key: str, table: str | None = None) -> tuple[tuple[Any, ...], ...]:
    """The rows of a table of a question (default: its first)."""
    found = {piece.table.key: piece.table.rows for piece in question(key).evidence}
    return found[table] if table else next(iter(found.values()))


def test_layouts_against_torch() -> None:
    x = torch.zeros(2, 3, 3, dtype=torch.uint8)
    found = rows("channels-first", "layouts")
    views = (x, x.permute(2, 0, 1), x.permute(2, 0, 1).contiguous())
    for row, view in zip(found, views, strict=False):
        assert row[2:4] == ("x".join(map(str, view.shape)), ", ".join(map(str, view.stride())))
    assert [row[4] for row in found] == [15, 15, 5, 5]
    assert found[3][5] == pytest.approx(12 / 255)


def test_six_turned_is_nine() -> None:
    glyphs = digits()
    assert glyphs.shape == (10, 7, 5)
    assert (glyphs[6][::-1, ::-1] == glyphs[9]).all()
    assert rows("look-at-data", "labels")[0][1] == "6 to 9 and 9 to 6"


@pytest.mark.parametrize("degrees", [0, 7, 15, 45, 90, 180])
def test_rotation(degrees: float) -> None:
    picture = np.arange(28.0 * 28).reshape(28, 28)
    turned, filled = rotated(picture, degrees, -1.0)
    if degrees % 90 == 0:
        assert not filled.any()
        assert (turned == np.rot90(picture, -degrees // 90)).all() or (
            turned == np.rot90(picture, degrees // 90)
        ).all()
    middle = 13.5
    for y, x in ((0, 0), (0, 13), (5, 20), (27, 3)):
        a = math.radians(degrees)
        dy, dx = y - middle, x - middle
        from_y = round(dy * math.cos(a) - dx * math.sin(a) + middle)
        from_x = round(dy * math.sin(a) + dx * math.cos(a) + middle)
        inside = 0 <= from_y < 28 and 0 <= from_x < 28
        assert turned[y, x] == (picture[from_y, from_x] if inside else -1)


def test_fill() -> None:
    first, grey, right = rows("rotation-fill", "fill")
    assert grey[2] == 0 and grey[3] == pytest.approx(0.1307)
    assert right[6] == 0 and first[2] == pytest.approx(-0.1307 / 0.3081)
    assert image().shape == (28, 28) and set(np.unique(image())) == {0, 1}


def test_condition_of_pixels() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal(200_000)
    z = (z - z.mean()) / z.std()
    for row in rows("without-normalize"):
        x = np.stack([row[1] + row[2] * z, np.ones_like(z)], 1)
        values = np.linalg.eigvalsh(x.T @ x / len(z))
        assert row[3] == pytest.approx(values[1] / values[0], rel=1e-6)
        assert row[4] == pytest.approx(2 / values[1], rel=1e-6)


def test_pixel_scalings() -> None:
    x = np.array([30.0, 90, 110, 170])
    by_name = {row[0]: row[3] for row in rows("pixel-normalizations")}
    assert by_name["standardize"] == "−1.4, −0.2, 0.2, 1.4"
    assert by_name["centre"] == "−70, −10, 10, 70"
    assert [float(v) for v in by_name["pixel (ToTensor)"].split(", ")] == pytest.approx(x / 255, abs=1e-4)


def test_heads_against_torch() -> None:
    flat, pooled = (nn.Linear(n, 10) for n in (64 * 49, 64))
    counts = [sum(p.numel() for p in module.parameters()) for module in (flat, pooled)]
    assert [row[3] for row in rows("gap-parameters", "heads")] == counts == [31_370, 650]
    assert [row[2] for row in rows("gap-parameters", "ladder")] == [10_970, 6_070]


def test_gap_leaves_one_cell_of_any_size() -> None:
    for row in rows("gap-halves-image"):
        n = int(row[0].split("x")[0])
        x = torch.zeros(1, 64, n, n)
        assert row[1] == "x".join(map(str, functional.max_pool2d(x, 2).shape[2:]))
        assert row[2] == "x".join(map(str, functional.adaptive_avg_pool2d(x, 1).shape[2:])) == "1x1"


def test_pooling_doubles_the_jump() -> None:
    size = jump = 1
    for row, (kernel, stride) in zip(
        rows("pooling-rf"), [(3, 1), (3, 1), (2, 2), (3, 1), (3, 1), (2, 2), (3, 1)], strict=True
    ):
        assert row[1] == size and row[4] == jump
        size, jump = size + (kernel - 1) * jump, jump * stride
        assert row[2] == size and row[5] == jump


def test_two_pools_are_one_pool_of_four() -> None:
    x = torch.randn(2, 3, 16, 16)
    twice = functional.max_pool2d(functional.max_pool2d(x, 2), 2)
    assert torch.equal(twice, functional.max_pool2d(x, 4))
    apart, together, four = rows("poolings-together")
    assert (apart[1], together[1], four[1]) == (10, 8, 8) and apart[5] < together[5] == four[5]


def test_who_the_last_pool_listens_to() -> None:
    x = torch.rand(1, 1, 6, 6, requires_grad=True)
    for pool, row in zip(
        (functional.adaptive_max_pool2d, functional.adaptive_avg_pool2d),
        rows("pooling-distance", "last"),
        strict=True,
    ):
        (gradient,) = torch.autograd.grad(pool(x, 1).sum(), x)
        assert int((gradient != 0).sum()) == row[1]


def test_costs_against_known_numbers() -> None:
    by_name = {row[0]: row for row in rows("kinds-of-convolution")}
    assert by_name["normal"][1:3] == (73_728, 231_211_008)
    assert by_name["depthwise separable"][1:3] == (8_768, 27_496_448)
    assert [row[4] for row in rows("grouped-and-inception")][:3] == [73_728, 18_432, 2_304]
    shares = rows("vgg-linear")
    assert sum(row[1] for row in shares) == 138_357_544
    assert sum(row[1] for row in shares[1:]) == 123_642_856
    assert [row[2] for row in rows("edges-to-objects", "fields")] == [6, 16, 44, 100, 212]
    stages = rows("blocks-64-512")
    widths = ((64, 64), (64, 128), (128, 256), (256, 512))
    assert stages[4][2] == sum(9 * b * c + 9 * c * c for b, c in widths)
    assert stages[9][2] == 8 * 9 * 512**2


@pytest.mark.parametrize(("mid", "saves"), [(271, True), (272, False)])
def test_how_wide_a_bottleneck_may_be(mid: int, saves: bool) -> None:
    assert (512 * mid + 9 * mid * 64 < 9 * 512 * 64) is saves
    by_name = {row[0]: row[1] for row in rows("transition-512-32")}
    assert by_name[f"1x1 to {mid}, then 3x3"] == 512 * mid + 9 * mid * 64


def test_transitions_of_densenet() -> None:
    found = [row[2:] for row in rows("transition-layer") if row[0] == "densenet121"]
    assert found == [
        ("256x56x56", "128x28x28", 256 * 128),
        ("512x28x28", "256x14x14", 512 * 256),
        ("1024x14x14", "512x7x7", 1024 * 512),
    ]


def test_order_of_transition() -> None:
    x, w = torch.randn(1, 32, 24, 24, dtype=torch.float64), torch.randn(10, 32, 1, 1, dtype=torch.float64)
    by_max, by_mean = rows("transition-place")
    assert by_max[2] == 4 * by_max[3] == 32 * 10 * 24 * 24
    assert by_max[4] > 0 == by_mean[4]
    a = functional.avg_pool2d(functional.conv2d(x, w), 2)
    torch.testing.assert_close(a, functional.conv2d(functional.avg_pool2d(x, 2), w))


def test_bottleneck_counts() -> None:
    two, narrow, wide, reverse = (row[2] for row in rows("bottlenecks"))
    assert two == 2 * 9 * 256**2 and narrow == 256 * 64 * 2 + 9 * 64**2
    assert wide == 24 * 144 * 2 + 9 * 144**2 and reverse == 24 * 144 * 2 + 9 * 144


def test_translation_against_torch() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular", bias=False)
    x = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(conv(x.roll(1, -1)), conv(x).roll(1, -1))
    assert not torch.allclose(conv(torch.rot90(x, 1, (2, 3))), torch.rot90(conv(x), 1, (2, 3)))
    found = [row[3] for row in rows("translation")]
    assert found[0] == found[2] == found[4] == 0 and found[1] > 0 and found[3] > 0
    moves = {row[0]: row[1] for row in rows("rotation-skew")}
    same = {"shift by 1", "quarter turn, kernel turned along", "quarter turn, symmetric kernel"}
    assert {name for name, differs in moves.items() if differs == 0} == same


def test_time() -> None:
    assert [row[4] for row in rows("spatial-temporal")] == ["yes", "no", "no", "no"]
    assert [row[1] for row in rows("spatial-temporal")] == ["1x3x3", "3x1x1", "3x3x3", "3x3x3"]
    assert [row[2] for row in rows("spatial-temporal")] == [16 * 27, 16 * 9, 16 * 27 + 16 * 16 * 3, 16 * 81]


def test_connections() -> None:
    full, conv, grouped, depthwise = rows("dense-sparse")
    assert full[1:3] == (256 * 144, 256 * 144) and conv[1:3] == (144 * 36, 144)
    assert grouped[1] == conv[1] // 2 and depthwise[1] == conv[1] // 4


@pytest.mark.parametrize("index", range(7))
def test_gaps_of_dilation_by_brute_force(index: int) -> None:
    rates, span, hits, gaps, _ = rows("dilated-then-normal")[index]
    cells = {0}
    for rate in map(int, rates.split(", ")):
        cells = {cell + t * rate for cell in cells for t in range(3)}
    assert (span, hits, gaps) == (max(cells) + 1, len(cells), "no" if len(cells) == max(cells) + 1 else "yes")


def test_there_and_back_against_torch() -> None:
    found = rows("deconvolution")
    x = torch.tensor([[float(v) for v in row[1].replace("−", "-").split()] for row in found])
    back = np.array([[float(v) for v in row[2].replace("−", "-").split()] for row in found])
    w = torch.tensor(np.random.default_rng(14).integers(-1, 3, (1, 1, 3, 3)), dtype=torch.float32)
    y = functional.conv_transpose2d(functional.conv2d(x[None, None], w), w)[0, 0]
    assert (y.numpy() == back).all() and (back != x.numpy()).any()


def test_overlap_of_a_coarse_disc() -> None:
    shares = [row[2] for row in rows("dense-prediction", "coarse")]
    assert shares[0] == 100 and shares == sorted(shares, reverse=True) and shares[-1] < 80


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_noise_of_dropout(p: float) -> None:
    mean, sd, none = spread(p, 9)
    assert mean == pytest.approx(9) and none == pytest.approx(p**9)
    assert sd == pytest.approx(math.sqrt(9 * p / (1 - p)))
    torch.manual_seed(0)
    drawn = functional.dropout(torch.ones(40_000, 9), p).sum(1)
    assert drawn.mean().item() == pytest.approx(9, abs=0.2) and drawn.std().item() == pytest.approx(
        sd, rel=0.05
    )


def test_variance_shift_by_quadrature() -> None:
    z = np.linspace(-10, 10, 200_001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    relu = np.maximum(z, 0)
    mean, square = (relu * density).sum(), (relu**2 * density).sum()
    for p, training, evaluation, _ in rows("dropout-when"):
        assert evaluation == pytest.approx(square - mean**2, abs=1e-6)
        assert training == pytest.approx(square / (1 - p) - mean**2, abs=1e-6)


def test_zeros_against_torch() -> None:
    w = nn.Parameter(torch.tensor([0.48, -0.23, 0.06, 1.5], dtype=torch.float64))
    optimizer = torch.optim.SGD([w], lr=0.1, weight_decay=0.5)
    for _ in range(20):
        w.grad = torch.zeros_like(w)
        optimizer.step()
    by_name = {row[0]: row for row in rows("l1-l2-zeros")}
    shrunk = [float(v.replace("−", "-")) for v in by_name["L2, half its square"][1].split(", ")]
    assert shrunk == pytest.approx(w.tolist(), abs=1e-4)
    assert [by_name[name][2] for name in ("L2, half its square", "L1, subgradient", "L1, proximal")] == [
        0,
        0,
        3,
    ]


def test_ridge_divides_and_lasso_takes_away() -> None:
    full = np.array(
        [4, -2, 0.5]
    )  # what least squares gives; with orthonormal columns both have a closed form
    for strength, by_ridge, by_lasso, zeros in rows("ridge-lasso"):
        told = [[float(v.replace("−", "-")) for v in cell.split(", ")] for cell in (by_ridge, by_lasso)]
        soft = np.sign(full) * np.maximum(np.abs(full) - strength, 0)
        assert told[0] == pytest.approx(full / (1 + strength), abs=1e-4)
        assert told[1] == pytest.approx(soft) and zeros == (soft == 0).sum()


def test_only_the_loss_is_robust() -> None:
    follows = {(row[0], row[1]): row[5] for row in rows("penalty-or-loss")}
    assert follows["absolute", "none"] == follows["Huber", "none"] == 0
    assert follows["squared", "L1"] == follows["squared", "none"] > 0


def test_the_sum_is_no_measure() -> None:
    for _, on_train, on_test, value, verdict, gap in rows("over-and-underfitting", "formula"):
        assert value == pytest.approx(100 + gap) and gap == pytest.approx(on_train - on_test)
        assert (verdict == "overfits") is (gap > -0.6)


def test_fits() -> None:
    train, _ = samples()
    features = np.polynomial.legendre.legvander(train.x, 12)
    inverse = np.linalg.pinv(features)
    assert fitted(train, 12) == pytest.approx(inverse @ train.y, abs=1e-8)
    assert ridge(train, 12, 1e-12) == pytest.approx(inverse @ train.y, abs=1e-3)
    errors = [row[2] for row in rows("over-and-underfitting", "capacity")]
    assert errors == sorted(errors, reverse=True)


def test_gradient_descent_in_closed_form() -> None:
    train, _ = samples()
    features = np.polynomial.legendre.legvander(train.x, 12)
    w, rate = np.zeros(13), 1 / np.linalg.eigvalsh(features.T @ features / 15)[-1]
    for _ in range(100):
        w = w - rate * features.T @ (features @ w - train.y) / 15
    by_steps = {row[0]: row[1] for row in rows("converged")}
    assert by_steps[100] == pytest.approx(((features @ w - train.y) ** 2).mean(), rel=1e-9)


def test_norms_against_torch() -> None:
    from convviz.analysis.norms.batches import preset

    x = torch.tensor(preset("B"))
    torch_says = {
        "batch norm": functional.batch_norm(x, None, None, training=True),
        "layer norm": functional.layer_norm(x, x.shape[1:]),
        "group norm, 2 groups": functional.group_norm(x, 2),
        "instance norm": functional.instance_norm(x),
    }
    for name, first, last in rows("norm-axes", "values"):
        for cell, at in ((first, (0, 0)), (last, (3, 3))):
            told = [float(v.replace("−", "-")) for v in cell.split(", ")]
            assert told == pytest.approx(torch_says[name][at].ravel().tolist(), abs=1e-4)
    assert {row[0]: row[2:] for row in rows("norm-axes", "sets")} == {
        "batch norm": (6, 200),
        "layer norm": (8, 150),
        "group norm, 2 groups": (16, 75),
        "instance norm": (48, 25),
    }


@pytest.mark.parametrize("m", [2, 4, 10, 11])
def test_nothing_exceeds_the_bound(m: int) -> None:
    rng = np.random.default_rng(m)
    for x in (
        rng.standard_normal((500, m)),
        rng.standard_cauchy((500, m)),
        rng.exponential(size=(500, m)) ** 5,
    ):
        y = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        assert np.abs(y).max() <= math.sqrt(m - 1) * (1 + 1e-9)
    by_m = {row[0]: row for row in rows("norm-bound")}
    assert by_m[m][1] == pytest.approx(math.sqrt(m - 1))


def test_batch_norm_folds() -> None:
    assert [row[1] for row in rows("norm-capacity", "folded")][:2] == [0, 0]
    counts = [row[1] for row in rows("norm-capacity", "parameters")]
    assert counts[1] - counts[0] == 180


def test_colour() -> None:
    for row in rows("norm-colour"):
        assert row[5] == row[6] == 0
    red = rows("norm-colour")[0]
    assert red[3] == -red[4] > 0.5


def test_suppression_keeps_ratios() -> None:
    found = np.array([row[2:] for row in rows("norm-suppression")])
    assert found[:, 1] / found[0, 1] == pytest.approx(found[:, 0] / found[0, 0])
    assert found[:2, 2] / found[0, 2] == pytest.approx(found[:2, 0] / found[0, 0])


def test_devices_against_torch() -> None:
    from convviz.analysis.norms.batches import preset

    x = torch.tensor(preset("A"))
    found = {row[0]: row[1:3] for row in rows("norm-several-devices")}
    assert found["one device, all 4 images"] == found["synchronized"] == (4, 9)
    for name, part in (("device 0, images 0 and 1", x[:2]), ("device 1, images 2 and 3", x[2:])):
        assert found[name] == (part.mean().item(), part.var(unbiased=False).item())


def test_estimates_of_small_batches() -> None:
    for m, *pairs in rows("small-batches"):
        for theory, drawn in zip(pairs[::2], pairs[1::2], strict=True):
            assert drawn == pytest.approx(theory, rel=0.1), m
    assert {row[1] for row in rows("small-batches", "two")} == {"−1, 1"}


def test_norm_and_relu() -> None:
    found = rows("norm-and-relu")
    assert len({row[4] for row in found[::2]}) == 1
    assert found[1][4] > 95 and found[5][4] < 5
    for offset, row in zip((-2, 2), (found[1], found[5]), strict=True):  # the share below 0 of a normal value
        assert row[4] == pytest.approx(50 * math.erfc(offset / math.sqrt(2)), abs=1)


def test_norm_on_the_logits() -> None:
    on, one, _ = rows("norm-distance")
    assert on[1:3] == ("0, 0, 0", "1, 1, 1") and one[1] != "0, 0, 0"
    logits = 10 * torch.eye(3, dtype=torch.float64)[[0, 0, 0]]
    p = functional.softmax(functional.batch_norm(logits, None, None, training=True), 1)[:, 0].mean().item()
    assert rows("norm-before-output")[1][2] == pytest.approx(p) and p == pytest.approx(1 / 3)
    y = functional.batch_norm(torch.eye(10, dtype=torch.float64), None, None, training=True, eps=1e-14)
    loss = functional.cross_entropy(y, torch.arange(10)).item()
    assert rows("norm-before-output", "floor")[2][5] == pytest.approx(loss)


def test_log_softmax_against_torch() -> None:
    x = torch.tensor([1.0, 2, 3], dtype=torch.float64)
    logs = functional.log_softmax(x, 0)
    for c, row in enumerate(rows("log-softmax")):
        loss = functional.nll_loss(logs[None], torch.tensor([c])).item()
        assert row[2:] == pytest.approx((logs[c].exp().item(), logs[c].item(), loss))


@pytest.mark.parametrize(
    ("lr", "step", "gamma", "epochs"), [(0.001, 3, 0.379, 25), (0.01, 6, 0.1, 20), (1.0, 1, 0.5, 7)]
)
def test_step_lr_against_torch(lr: float, step: int, gamma: float, epochs: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step, gamma)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert step_lr(lr, step, gamma, epochs) == pytest.approx(rates)


def test_the_configuration_of_the_notes() -> None:
    first = rows("step-lr", "schedules")[0]
    assert first[1] == 25 and first[2] == pytest.approx(0.001 * 0.379**8)
    assert first[3] == pytest.approx(0.001 * (3 * (1 - 0.379**8) / (1 - 0.379) + 0.379**8))


def test_steps_of_gradient_descent() -> None:
    by_name = {row[0]: row for row in rows("feature-scales")}
    assert by_name["sd 1 and 10"][2:4] == (100, 10)
    assert by_name["standardized, correlation .9"][2] == pytest.approx(19)
    w, h = np.array([3.0, 1.0]), np.diag([1.0, 100.0])
    start, steps = np.linalg.norm(w), 0
    while np.linalg.norm(w) > 1e-3 * start:
        w, steps = w - 2 / 101 * h @ w, steps + 1
    assert by_name["sd 1 and 10"][5] == steps


def test_rates_that_grow() -> None:
    assert [row[5] for row in rows("learning-rate")] == ["falls"] * 4 + ["stays", "grows"]


def test_a_small_batch_is_unbiased() -> None:
    for size, _, mean, off, sd in rows("batch-below-classes"):
        assert mean == 2 and off == 0
        population = 19  # variance of the ten gradients
        assert sd == pytest.approx(math.sqrt(Fraction(population, size) * Fraction(10 - size, 9)))


@pytest.mark.parametrize(("hits", "n"), [(9_940, 10_000), (3, 4), (0, 5), (7, 7), (60, 97)])
def test_ends_of_wilson_are_as_far_off_as_their_own_error(hits: int, n: int) -> None:
    for end in wilson(hits / n, n):
        assert abs(hits / n - end) == pytest.approx(
            1.959963985 * math.sqrt(max(end * (1 - end), 0) / n), abs=1e-9
        )


def test_intervals() -> None:
    low, high = wilson(0.994, 10_000)
    assert (round(100 * low, 2), round(100 * high, 2)) == (99.23, 99.53)
    assert (seeds_for(0.1, 0.07), seeds_for(0.05, 0.07)) == (8, 31)
    assert next(row[0] for row in rows("how-many-seeds") if row[3] == "yes") == 6
    assert [row[4] for row in rows("which-norm")] == [
        "LN", "BN", "BN", "GN", "GN, the only one told", "BN",
    ]  # fmt: skip
    assert len(REPORTED) == 6


def test_compute_at_equal_price() -> None:
    for _, _, macs, epochs in rows("lighter-for-longer"):
        assert epochs * macs == pytest.approx(20 * rows("lighter-for-longer")[0][2])
