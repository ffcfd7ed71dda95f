"""Normalization: known values to every digit, random norms and settings against torch, bad input, nice batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from convviz.analysis.norms.batches import MOST_NICE, nice_batch, preset, random_batch
from convviz.analysis.norms.labels import labels_of
from convviz.analysis.norms.normalize import METHODS, Normalized, method_of, normalize, normalize_all
from convviz.errors import ConvvizError
from tests.sweeps import seeds

A, B = preset("A"), preset("B")
SCALINGS = ("pixel", "center", "standardize", "minmax")


def moments(result: Normalized) -> list[tuple[float, float]]:
    assert result.mean is not None and result.var is not None
    return [(m, v) for m, v in zip(result.mean, result.var, strict=True)]


# -- values worked out elsewhere --------------------------------------------------------------------------
def test_batch_a() -> None:
    done = normalize(A)
    assert A.shape == (4, 1, 2, 2) and A[3].tolist() == [[[5, 7], [7, 9]]]
    assert moments(done) == [(4, 9)] and done.unbiased(0) == 9.6
    assert done.output[0].ravel() == pytest.approx([-1.3333, -0.6667, -0.6667, -1.3333], abs=5e-5)
    assert done.output[3].ravel() == pytest.approx([0.3333, 1, 1, 1.6667], abs=5e-5)
    assert done.running_mean == pytest.approx([0.4]) and done.running_var == pytest.approx([1.86])


@pytest.mark.parametrize("method", ["layer", "instance", "group"])
def test_batch_a_has_one_channel_so_three_norms_agree(method: str) -> None:
    assert moments(normalize(A, method)) == [(1, 1), (5, 9), (3, 4), (7, 2)]


def test_batch_a_in_ghost_batches_and_mean_squares() -> None:
    assert moments(normalize(A, "ghost", splits=2)) == [(3, 9), (5, 7)]
    done = normalize(A, "rms")
    assert done.mean is None and done.var == (2, 34, 13, 51)


def test_batch_a_in_evaluation() -> None:
    done = normalize(A, mode="eval")
    assert not done.live and moments(done) == [(pytest.approx(0.4), pytest.approx(1.86))]
    assert done.output[0].ravel() == pytest.approx([-0.2933, 1.1732, 1.1732, -0.2933], abs=5e-5)


TABLE: dict[str, tuple[list[tuple[float, float]], list[float]]] = {
    "batch": ([(5, 9), (5, 4), (4, 4), (4, 9)], [0, 1.3333, 0, 0]),
    "layer": ([(5, 9), (5, 4), (4, 9), (4, 4)], [0, 2, 0, 0]),
    "group": ([(4, 9), (6, 7), (6, 2), (4, 4), (6, 6), (2, 4), (4, 5), (4, 3)], [0, 2.3094, 0, 0]),
    "ghost": (
        [(4, 7), (6, 4), (5, 4), (5, 9), (6, 9), (4, 2), (3, 2), (3, 7)],
        [0.3780, 1.8898, 0.3780, 0.3780],
    ),
}


@pytest.mark.parametrize("method", TABLE)
def test_batch_b(method: str) -> None:
    statistics, image = TABLE[method]
    done = normalize(B, method)  # of group norm 2 groups, of ghost batch norm 2 splits
    assert moments(done) == statistics
    assert done.output[3, 3].ravel() == pytest.approx(image, abs=5e-5)


def test_batch_b_instance_and_rms() -> None:
    done = normalize(B, "instance")
    assert moments(done)[15] == (5, 3) and len(moments(done)) == 16
    # The text rounds towards what eps leaves: -.5773 and 1.7320, not the -.5774 and 1.7321 of eps = 0.
    shown = [float(f"{v:.4f}") for v in done.output[3, 3].ravel()]
    assert shown == [-0.5773, 1.7320, -0.5773, -0.5773]
    rms = normalize(B, "rms")
    assert rms.var == (34, 29, 25, 20)
    assert rms.output[3, 3].ravel() == pytest.approx([0.8944, 1.7889, 0.8944, 0.8944], abs=5e-5)


def test_parameters_of_batch_b() -> None:
    done = normalize_all(B)
    assert {r.method: r.params for r in done} == {
        "batch": 8, "group": 8, "layer": 32, "rms": 16, "instance": 0, "ghost": 8,
    }  # fmt: skip
    assert {r.method: r.buffers for r in done if r.buffers} == {"batch": 8, "ghost": 8}


def test_the_telling_image_is_not_the_first() -> None:
    assert normalize_all(B).telling != (0, 0)


# -- labels -----------------------------------------------------------------------------------------------
BRUTE: dict[str, Callable[..., Any]] = {
    "batch": lambda n, c, N, C, groups, splits: c,
    "layer": lambda n, c, N, C, groups, splits: n,
    "rms": lambda n, c, N, C, groups, splits: n,
    "group": lambda n, c, N, C, groups, splits: (n, c // (C // groups)),
    "instance": lambda n, c, N, C, groups, splits: (n, c),
    "ghost": lambda n, c, N, C, groups, splits: (n // (N // splits), c),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(4, 6, 2), (6, 4, 3, 2), (2, 2, 2, 1, 2), (4, 4, 2, 2)])
def test_labels_are_numbered_by_first_appearance(method: str, shape: tuple[int, ...]) -> None:
    done = normalize(random_batch(shape, 3), method, groups=2 if method == "group" else None)
    known: dict[Any, int] = {}
    for cell in np.ndindex(shape):
        key = BRUTE[method](*cell[:2], *shape[:2], 2, 2)
        assert done.labels[cell] == known.setdefault(key, len(known)), cell
    assert len(done.shift) == len(known) and done.cells == tuple(len(own) for own in done.sets)
    assert done.sums == pytest.approx([sum(done.x[cell] for cell in own) for own in done.sets])


def test_labels_of_splits_that_do_not_divide() -> None:
    from convviz.ops import build

    op = build("ghost_batch_norm", {"num_splits": 3})
    labels = labels_of(op.shares((1, 1), mode="train", batch=7), (7, 1, 1))  # type: ignore[attr-defined]
    assert labels.ravel().tolist() == [0, 0, 1, 1, 2, 2, 2]


def test_in_evaluation_a_label_is_a_channel() -> None:
    for method in ("batch", "ghost"):
        done = normalize(B, method, mode="eval", steps=2)
        assert (done.labels == np.arange(4).reshape(1, 4, 1, 1)).all() and len(done.var or ()) == 4


# -- random sweeps against torch --------------------------------------------------------------------------
def module_of(method: str, x: np.ndarray, how: dict[str, Any], gamma: Any, beta: Any) -> Any:
    """torch's module, written down apart from convviz."""
    from torch import nn

    n, c, rank = x.shape[0], x.shape[1], max(1, x.ndim - 2)
    eps = {} if how.get("eps") is None else {"eps": how["eps"]}
    if method in ("batch", "ghost"):
        kind = [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d][rank - 1]
        module: Any = kind(c, momentum=how.get("momentum", 0.1), **eps)
    elif method == "instance":
        kinds = [nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d]
        module = kinds[rank - 1](c, affine=gamma is not None, **eps)
    elif method == "group":
        module = nn.GroupNorm(how["groups"], c, **eps)
    else:
        module = (nn.LayerNorm if method == "layer" else nn.RMSNorm)(x.shape[1:], **eps)
    return loaded(module.double(), gamma, beta, n)


def loaded(module: Any, gamma: Any, beta: Any, n: int) -> Any:
    import torch

    with torch.no_grad():
        for name, values in (("weight", gamma), ("bias", beta)):
            own = getattr(module, name, None)
            if own is not None and values is not None:
                given = torch.tensor(np.asarray(values, dtype=float))
                along = (-1, *(1,) * (own.ndim - 1))
                own.copy_(
                    given.reshape(own.shape)
                    if given.numel() == own.numel()
                    else given.reshape(along).expand_as(own)
                )
    return module


def run(module: Any, method: str, x: np.ndarray, splits: int) -> np.ndarray:
    import torch

    parts = np.split(x, splits) if method == "ghost" else [x]
    out: np.ndarray = torch.cat([module(torch.tensor(part)) for part in parts]).detach().numpy()
    return out


def case(seed: int) -> tuple[str, np.ndarray, dict[str, Any], list[np.ndarray]]:
    """A method, a batch, settings and earlier batches."""
    random = Random(seed)
    method = random.choice(list(METHODS))
    rank = random.randint(1 if method == "instance" else 0, 3)
    n, c = random.choice([1, 2, 3, 4, 6]), random.choice([1, 2, 3, 4, 6])
    shape = (n, c, *(random.randint(1, 4) for _ in range(rank)))
    scale, offset = random.choice([(1, 0), (1e-3, 0), (1e3, 5e3), (1, -40)])
    x = np.random.default_rng(seed).normal(size=shape) * scale + offset
    how: dict[str, Any] = {"eps": random.choice([None, 1e-3, 0.5, 1e-12])}
    if method == "group":
        how["groups"] = random.choice([g for g in range(1, c + 1) if c % g == 0])
    if method == "ghost":
        how["splits"] = random.choice([s for s in range(1, n + 1) if n % s == 0])
    before = []
    if method in ("batch", "ghost"):
        how |= {"momentum": random.choice([None, 0.1, 0.5, 0.0, 1.0]), "steps": random.randint(0, 3)}
        how["mode"] = random.choice(["train", "eval"])
        before = [np.random.default_rng(seed + 1 + i).normal(size=shape) for i in range(random.randint(0, 2))]
    values = np.random.default_rng(seed + 9)
    if random.random() < 0.6:
        own = (1, c, x[0].size) if method in ("layer", "rms") else (1, c)
        how["gamma"] = values.normal(size=random.choice(own)).tolist()
        how["beta"] = None if method == "rms" else values.normal(size=random.choice(own)).tolist()
    return method, x, how, before


@seeds(160)
def test_random_norms_against_torch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    method, x, how, before = case(seed)
    gamma, beta, splits, steps = how.get("gamma"), how.get("beta"), how.get("splits", 1), how.get("steps", 1)
    module = module_of(method, x, how, gamma, beta)
    try:
        for batch in before:
            run(module, method, batch, splits)
        trained = [run(module, method, x, splits) for _ in range(steps)]
        kept = {name: value.clone().numpy() for name, value in module.named_buffers()}
        if how.get("mode") == "eval":
            expected = module.eval()(torch.tensor(x)).detach().numpy()
        else:
            expected = trained[0] if trained else run(module, method, x, splits)
    except ValueError as refused:  # one value for each channel
        assert "more than 1" in str(refused)
        with pytest.raises(ConvvizError, match="more than one value"):
            normalize(x, method, before=before, **how)
        return
    done = normalize(x, method, before=before, **how)
    size = np.abs(x).max() / min(done.scale)
    assert np.allclose(done.output, expected, rtol=1e-9, atol=1e-11 * (1 + size))
    for name in ("running_mean", "running_var"):
        mine = getattr(done, name)
        assert (mine is None) == (name not in kept)
        if mine is not None:
            assert np.allclose(mine, kept[name], rtol=1e-9, atol=1e-11)
    assert done.params == sum(p.numel() for p in module.parameters())
    for label, own in enumerate(done.sets):
        values = torch.tensor([x[cell] for cell in own])
        if done.live and method != "rms":
            assert moments(done)[label] == pytest.approx(
                (float(values.mean()), float(values.var(correction=0)))
            )
            if len(own) > 1:
                assert done.unbiased(label) == pytest.approx(float(values.var()))
        elif method == "rms":
            assert done.var is not None and done.var[label] == pytest.approx(float((values**2).mean()))


@seeds(24)
def test_the_probe_agrees_and_would_notice(seed: int) -> None:
    pytest.importorskip("torch")
    from dataclasses import replace

    from convviz.probe.normalize import verify

    method, x, how, before = case(seed)
    try:
        done = normalize(x, method, before=before, **how)
    except ConvvizError:
        return
    steps = how.get("steps", 1)
    report = verify(done, before, steps)
    assert report.agrees, report.told
    assert "torch agrees on" in report.told and report.numbers > 2 * x.size
    wrong = done.output.copy()
    wrong.ravel()[-1] += 0.01
    assert not verify(replace(done, output=wrong), before, steps).agrees
    if done.live and len(done.shift) > 1:
        assert not verify(replace(done, labels=done.labels[::-1, ::-1].copy()), before, steps).agrees
        flat = done.labels.copy()
        flat.ravel()[-1] = 0  # one cell in a set that is not its own
        assert not verify(replace(done, labels=flat), before, steps).agrees
    if done.updates:
        assert not verify(replace(done, updates=done.updates[:-1]), before, steps).agrees
        assert not verify(replace(done, updates=(*done.updates, done.updates[-1])), before, steps).agrees


@pytest.mark.parametrize("method", SCALINGS)
@pytest.mark.parametrize("over", ["image", "channel", "dataset"])
@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 4), (2, 3, 4, 5), (2, 2, 2, 3, 2)])
def test_scalings_against_numpy(method: str, over: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(0, 255, shape)
    alone = {"image": 0, "channel": 1, "dataset": None}[over]
    axes = tuple(axis for axis in range(x.ndim) if axis != alone)
    mean, std = x.mean(axes, keepdims=True), x.std(axes, keepdims=True)
    low, high = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
    expected = {
        "pixel": x / 255, "center": x - mean, "standardize": (x - mean) / std, "minmax": (x - low) / (high - low)
    }  # fmt: skip
    done = normalize(x, method, over=over)
    assert np.allclose(done.output, expected[method], rtol=1e-12, atol=1e-12)
    if method in ("center", "standardize"):
        assert done.mean == pytest.approx(mean.ravel()) and done.var == pytest.approx(std.ravel() ** 2)
    if method == "minmax":
        assert done.low == pytest.approx(low.ravel()) and done.high == pytest.approx(high.ravel())
        assert done.output.min() == 0 and done.output.max() == 1


def test_bytes_outside_their_range_are_told() -> None:
    assert normalize(A, "pixel").notes == ()
    assert "outside 0 to 255" in normalize(A - 1, "pixel").notes[0]


# -- several batches --------------------------------------------------------------------------------------
def test_momentum_none_is_the_average_of_all_steps() -> None:
    batches = [random_batch((4, 2, 3), seed) for seed in range(4)]
    done = normalize(batches[-1], momentum=None, before=batches[:-1])
    assert done.running_mean == pytest.approx(np.mean([b.mean((0, 2)) for b in batches], 0))
    assert done.running_var == pytest.approx(np.mean([b.var((0, 2), ddof=1) for b in batches], 0))
    assert [u.momentum for u in done.updates] == [1, 1 / 2, 1 / 3, 1 / 4]


def test_batches_of_other_sizes_may_come_before() -> None:
    done = normalize(A, before=[A[:2]])
    assert [u.cells for u in done.updates] == [8, 16]
    with pytest.raises(ConvvizError, match="must divide the 3 samples"):
        normalize(A, "ghost", before=[A[:3]])
    with pytest.raises(ConvvizError, match="batches of one shape"):
        normalize(A, before=[B])


# -- bad input --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("x", "how", "told"),
    [
        ([1, 2], {}, "must be a batch"),
        (3.0, {}, "must be a batch"),
        (np.zeros((1,) * 6), {}, "up to three spatial axes"),
        (np.zeros((0, 2, 2)), {}, "no empty one"),
        ([[1, 2], [3]], {}, "lists of equal lengths"),
        ([["1", "2"], ["3", "4"]], {}, "must be real numbers"),
        ([[1j, 2], [3, 4]], {}, "must be real numbers"),
        ([[None, 2], [3, 4]], {}, "finite numbers, got nan at [0, 0]"),
        ([[10**400, 2], [3, 4]], {}, "must be real numbers"),
        ([[1, float("nan")], [3, 4]], {}, "values: must be finite numbers, got nan at [0, 1]"),
        ([[1, float("inf")], [3, 4]], {}, "got inf"),
        (A * 1e200, {}, "too large to be squared"),
        (A, {"method": "spectral"}, "no method 'spectral'"),
        (A, {"method": "bacth"}, "did you mean 'batch'"),
        (A, {"mode": "test"}, "mode: must be train or eval"),
        (A, {"eps": -1}, "eps: must be a number >= 0, got -1"),
        (A, {"eps": float("nan")}, "eps: must be a number >= 0"),
        (A, {"eps": 10**400}, "eps: must be a number from 0"),
        (A, {"eps": "small"}, "eps: must be a number"),
        (A, {"method": "standardize", "eps": -1}, "eps: must be a number"),
        (A, {"method": "minmax", "eps": 10**400}, "eps: must be a number"),
        (A, {"momentum": 1.5}, "momentum: must be a number >= 0 and <= 1"),
        (A, {"steps": -1}, "steps: must be a whole number"),
        (A, {"steps": 10**12}, "steps: must be a whole number"),
        (A, {"steps": 1.5}, "steps: must be a whole number"),
        (A, {"gamma": [1, 2]}, "gamma: must have 1 number, got 2"),
        (B, {"beta": [1, 2]}, "beta: must have 1 or 4 numbers, got 2"),
        (A, {"gamma": "big"}, "gamma: must be real numbers"),
        (A, {"gamma": float("inf")}, "gamma: must be finite"),
        (A, {"gamma": 1e308, "beta": 1e308}, "the result: must be finite"),
        (A, {"method": "rms", "beta": 1}, "rms_norm has no beta"),
        (B, {"method": "group", "groups": 3}, "groups: must divide the 4 channels, got 3"),
        (B, {"method": "group", "groups": 0}, "groups: must be a whole number >= 1"),
        (B, {"method": "group", "groups": 10**30}, "groups: must divide"),
        (B, {"method": "ghost", "splits": 3}, "splits: must divide the 4 samples of the batch, got 3"),
        (B, {"method": "ghost", "splits": 8}, "splits: must divide"),
        (B, {"method": "ghost", "splits": -2}, "splits: must be a whole number >= 1"),
        (B, {"method": "ghost", "splits": 10**30}, "splits: must divide"),
        (A, {"method": "minmax", "over": "row"}, "over: must be image, channel, dataset"),
        (np.ones((1, 3, 1, 1)), {}, "more than one value for each channel, and 1x3x1x1 has one"),
        (np.ones((1, 3, 1, 1)), {"mode": "eval"}, "more than one value"),
        (np.ones((2, 3, 1, 1)), {"method": "instance"}, "more than one value for each channel of a sample"),
        (np.ones((2, 3)), {"method": "instance"}, "needs spatial axes"),
        (np.ones((2, 3)), {"method": "ghost", "splits": 2}, "more than one value"),
        (np.ones((1, 4)), {"method": "group", "groups": 4}, "group_norm needs more than one value"),
        (np.ones((2, 3)), {"eps": 0}, "eps: set 0 does not vary"),
        (np.full((1, 1, 3), 0.1), {"eps": 0}, "eps: set 0 does not vary"),
        (np.zeros((2, 3)), {"method": "rms", "eps": 0}, "eps: set 0 does not vary"),
        (np.ones((2, 3)), {"method": "minmax"}, "eps: set 0 does not vary"),
        (np.ones((2, 3)), {"method": "standardize"}, "eps: set 0 does not vary"),
        (np.ones((2, 3)), {"mode": "eval", "momentum": 1, "eps": 0}, "eps: set 0 does not vary"),
        (np.zeros((2, 50_000)), {"steps": 1000}, "steps: 50,000,000 running statistics"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_line(x: Any, how: dict[str, Any], told: str) -> None:
    with pytest.raises(ConvvizError) as err:
        normalize(x, **how)
    assert told in str(err.value) and "\n" not in str(err.value) and len(str(err.value)) < 200


def test_what_a_batch_does_not_fit_is_left_out_of_all() -> None:
    done = normalize_all(np.arange(8.0).reshape(2, 4))
    assert [r.method for r in done] == ["batch", "layer", "group", "rms"]
    assert dict(done.left_out)["instance"].startswith("instance_norm needs spatial axes")
    with pytest.raises(ConvvizError, match="instance norm was left out: instance_norm needs"):
        done["in"]
    with pytest.raises(ConvvizError, match="no method fits"):
        normalize_all(np.ones((1, 1, 1)), ["batch", "instance"])


def test_extreme_numbers() -> None:
    tiny = normalize(A * 1e-200)
    assert np.abs(tiny.output).max() < 1e-190
    far = normalize(A + 1e8)
    assert far.var == pytest.approx((9,), rel=1e-6) and far.output == pytest.approx(
        normalize(A).output, rel=1e-6
    )
    assert normalize(A * 1e150, eps=0).output == pytest.approx(normalize(A, eps=0).output)
    alone = normalize([[3.0], [5.0]], "layer")
    assert not alone.output.any() and "single cell" in alone.notes[0] and alone.unbiased(0) is None
    assert "equal values" in normalize(np.ones((2, 1, 3)), "layer").notes[0]


def test_large_batches_are_fast_enough_to_be_asked_for() -> None:
    x = random_batch((10, 100, 10, 10))
    for method in METHODS:
        done = normalize(x, method)
        assert sum(done.cells) == x.size and len(done.square_sums) == len(done.shift)
        done.unbiased(0)


def test_results_print_well() -> None:
    text = repr(normalize(A))
    assert "Batch norm in training on 4×1×2×2" in text and "144 / 16 = 9" in text
    assert "√(9 + 0.00001) = 3" in text and "0.9×1 + 0.1×9.6 = 1.86" in text
    every = repr(normalize_all(B))
    assert "Ghost batch norm" in every and "Where they differ most" in every
    for found in (normalize(A, "minmax"), normalize_all(B)):
        assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("word", "name"), [("BN", "batch"), ("in", "instance"), ("rms-norm", "rms"), ("gbn", "ghost")]
)
def test_methods_have_several_names(word: str, name: str) -> None:
    assert method_of(word) == name


# -- nice batches -----------------------------------------------------------------------------------------
def whole(values: Sequence[float]) -> int:
    return sum(abs(v - round(v)) < 1e-9 for v in values)


@pytest.mark.parametrize(
    ("method", "shape"),
    [
        *(
            (m, s)
            for m in [*METHODS, "standardize"]
            for s in [(4, 1, 2, 2), (4, 4, 6, 6), (3, 5, 5), (2,) * 5]
        ),
        ("batch", (10, 10, 10, 10)),
        ("rms", (10, 10, 10, 10)),
    ],
)
def test_a_nice_batch_of_one_method_is_whole(method: str, shape: tuple[int, ...]) -> None:
    for seed in (0, 1):
        nice = nice_batch(shape, seed, (method,))
        done = normalize(nice.x, method)
        assert done.var is not None and min(done.var) > 0
        assert nice.x.min() >= 0 and nice.x.max() <= 9 and (nice.x == nice.x.round()).all()
        assert whole(done.mean or ()) == (0 if method == "rms" else len(done.shift))
        deviations = whole(np.sqrt(done.var).tolist())
        assert nice.found == ((method, whole(done.mean or ()), deviations, len(done.shift)),)
        assert deviations == len(done.shift)


@pytest.mark.parametrize(("shape", "seed"), [((4, 4, 2, 2), s) for s in range(6)] + [((4, 4, 6, 6), 1)])
def test_a_nice_batch_of_all_methods(shape: tuple[int, ...], seed: int) -> None:
    nice = nice_batch(shape, seed, tuple(METHODS), groups=2, splits=2)
    assert [found[0] for found in nice.found] == list(METHODS)
    for method, means, deviations, sets in nice.found:
        done = normalize(nice.x, method, groups=2, splits=2)
        assert done.var is not None
        roots = [abs(v**0.5 - round(v**0.5)) < 1e-9 and v > 0 for v in done.var]
        if method == "rms":
            assert (means, deviations, sets) == (0, sum(roots), 4)
            continue
        assert means == sets == whole(done.mean or ())
        assert len(set(done.mean or ())) > 1, "equal means show nothing"
        assert deviations == sum(roots) and (deviations == sets or method not in ("batch", "layer"))


def test_a_nice_batch_tells_what_is_not_whole() -> None:
    nice = nice_batch((2, 3, 3), 0, ("instance",))  # the deviation of three whole numbers is never whole
    assert nice.found == (("instance", 6, 0, 6),) and "6 of 6 means and 0 of 6 deviations" in nice.told


def test_nice_batches_are_repeatable_and_differ() -> None:
    one, two, again = (nice_batch((4, 2, 3, 3), seed).x for seed in (1, 2, 1))
    assert (one == again).all() and (one != two).any()


def test_the_batch_of_the_picture_is_whole() -> None:
    x = preset("picture")
    assert x.shape == (4, 4, 6, 6) and x.min() == 0 and x.max() == 9
    for done in normalize_all(x):
        if done.mean is not None:
            assert whole(done.mean) == len(done.mean)
            assert done.var is not None
            assert done.method == "instance" or whole(np.sqrt(done.var).tolist()) == len(done.var)


@pytest.mark.parametrize(
    ("shape", "how", "told"),
    [
        ((100, 101), {}, f"at most {MOST_NICE:,} cells, and 100x101 has 10,100"),
        ((10**9, 10**9, 10**9), {}, "more than 1,000,000,000,000,000"),
        ((4,), {}, "shape: must be N x C x space"),
        ((4, 0), {}, "shape: must be N x C x space"),
        ((4, 4, 2), {"seed": -1}, "seed: must be a whole number"),
        ((4, 4), {"methods": ("instance",)}, "nice: nothing to search for: instance_norm needs spatial axes"),
        ((4, 4, 2), {"methods": ("pixel",)}, "nice: nothing to search for"),
        ((4, 4, 2), {"methods": ("group",), "groups": 3}, "groups: must divide"),
    ],
)
def test_nice_refuses_in_a_line(shape: tuple[int, ...], how: dict[str, Any], told: str) -> None:
    with pytest.raises(ConvvizError) as err:
        nice_batch(shape, **how)
    assert told in str(err.value)


def test_a_huge_random_batch_is_refused() -> None:
    with pytest.raises(ConvvizError, match="at most 100,000 cells, and 1000x1000x1000 has 1,000,000,000"):
        random_batch((1000, 1000, 1000))
    with pytest.raises(ConvvizError, match="no batch 'C'"):
        preset("C")
