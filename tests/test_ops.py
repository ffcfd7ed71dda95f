"""One sweep over every registered op against torch: shape, weights, forward, MACs, and which cell reads
which.

An op without an example here fails :func:`test_every_op_has_an_example`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from convviz.errors import ConvvizError
from convviz.ops import OPS, Op, build
from convviz.ops.activation import FUNCTIONS, ChannelDropout
from convviz.ops.base import Along, Reads, Regroup, Shape, Steps, pointwise
from convviz.ops.norm import DimNorm, Norm
from convviz.ops.relations import SAME, Blocks, Relation, Window, inside
from convviz.ops.resize import Sampling
from tests.sweeps import sweep

HUGE = 10**12
BATCH = 3


class Case(NamedTuple):
    kind: str
    fields: dict[str, Any]
    ins: tuple[Shape, ...]

    def __str__(self) -> str:
        fields = ",".join(f"{k}={v}" for k, v in self.fields.items()).replace(" ", "")
        return f"{self.kind}({fields})-" + "-".join("x".join(map(str, s)) for s in self.ins)

    def op(self) -> Op:
        return build(self.kind, self.fields, len(self.ins[0]) - 1 if self.ins else 2)


def examples() -> Iterator[Case]:
    def of(kind: str, *ins: Shape, **fields: Any) -> Case:
        return Case(kind, fields, ins)

    line, plane, cube = (4, 9), (4, 7, 6), (2, 5, 4, 4)
    maps = (line, plane, cube)

    for shape in maps:
        rank = len(shape) - 1
        conv = dict(out_channels=4, kernel_size=3)
        yield of("conv", shape, **conv)
        yield of("conv", shape, **conv, stride=2, padding=1, groups=2, bias=False)
        yield of("conv", shape, **conv, dilation=2, padding="same")
        yield of("conv", shape, **(conv | {"kernel_size": 2}), padding="same")
        yield of("conv", shape, **conv, padding="valid")
        yield of("conv", shape, **conv, padding=[[2, 0]] * rank)
        for mode in ("reflect", "replicate", "circular"):
            yield of("conv", shape, **conv, padding=2, padding_mode=mode, stride=2)
            yield of("conv", shape, **conv, padding=[[1, 2]] * rank, padding_mode=mode)
        up = dict(out_channels=4, kernel_size=3)
        yield of("conv_transpose", shape, **up)
        yield of("conv_transpose", shape, **up, stride=2, padding=1, output_padding=1, groups=2)
        yield of("conv_transpose", shape, **up, stride=3, dilation=2, bias=False)
        yield of(
            "conv_transpose", shape, out_channels=2, kernel_size=2, stride=3, output_padding=2, padding=1
        )
        for kind in ("max_pool", "avg_pool"):
            yield of(kind, shape, kernel_size=2)
            yield of(kind, shape, kernel_size=3, stride=2, padding=1)
            yield of(kind, shape, kernel_size=3, stride=2, padding=1, ceil_mode=True)
            yield of(kind, shape, kernel_size=2, stride=3, padding=1, ceil_mode=True)
            yield of(kind, shape, kernel_size=1, stride=2)
        yield of("max_pool", shape, kernel_size=2, dilation=2, stride=1, padding=1)
        yield of(
            "avg_pool", shape, kernel_size=3, stride=2, padding=1, count_include_pad=False, ceil_mode=True
        )
        yield of("lp_pool", shape, norm_type=2, kernel_size=2)
        yield of("lp_pool", shape, norm_type=3, kernel_size=2, stride=1)
        yield of("lp_pool", shape, norm_type=2, kernel_size=3, stride=2, ceil_mode=True)
        yield of("lp_pool", shape, norm_type=1, kernel_size=4, stride=3, ceil_mode=True)
        for kind in ("max_pool", "avg_pool")[: 1 if rank == 3 else 2]:  # a window larger than the input
            yield of(kind, (2, *(2,) * rank), kernel_size=3, ceil_mode=True)
            yield of(kind, (2, *(1,) * rank), kernel_size=4, padding=1, stride=3, ceil_mode=True)
        for kind in ("adaptive_avg_pool", "adaptive_max_pool"):
            for size in (1, 2, 3, 5, [None] * (rank - 1) + [3]):
                yield of(kind, shape, output_size=size)
        yield of("global_avg_pool", shape)
        yield of("global_avg_pool", (4, *(1,) * rank))

        yield of("batch_norm", shape)
        yield of("batch_norm", shape, affine=False, eps=0.1)
        yield of("batch_norm", shape, track_running_stats=False)
        yield of("instance_norm", shape)
        yield of("instance_norm", shape, affine=True, track_running_stats=True)
        for kind in ("layer_norm", "rms_norm"):
            yield of(kind, shape)
            yield of(kind, shape, normalized_dims=1, eps=0.01)
            yield of(kind, shape, elementwise_affine=False)
        yield of("layer_norm", shape, bias=False)
        yield of("group_norm", shape, num_groups=2)
        yield of("group_norm", shape, num_groups=1, affine=False, eps=0.1)
        yield of("ghost_batch_norm", shape, num_splits=2)
        yield of("ghost_batch_norm", shape, num_splits=3, affine=False, momentum=None)
        yield of("local_response_norm", shape, size=3, alpha=0.5)
        yield of("local_response_norm", shape, size=2, beta=0.5, k=2.0, alpha=1.0)

        for kind in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "drop_path"):
            yield of(kind, shape)
        yield of("dropout", shape, p=0.1)
        yield of("prelu", shape)
        yield of("prelu", shape, num_parameters=shape[0])
        yield of("glu", shape)
        yield of("softmax", shape)
        yield of("log_softmax", shape)
        yield of("softmin", shape, dim=-1)
        yield of("normalize", shape)
        yield of("normalize", shape, p=3, dim=2, eps=1e-3)

        yield of("upsample", shape, scale_factor=2)
        yield of("upsample", shape, scale_factor=1.7, mode="nearest-exact")
        yield of("upsample", shape, scale_factor=0.5, mode="nearest-exact")
        yield of("upsample", shape, size=[5] * rank)
        linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
        yield of("upsample", shape, scale_factor=2, mode=linear)
        yield of("upsample", shape, scale_factor=1.7, mode=linear)
        yield of("upsample", shape, scale_factor=1.7, mode=linear, recompute_scale_factor=True)
        yield of("upsample", shape, scale_factor=0.5, mode=linear, align_corners=True)
        yield of("upsample", shape, size=[11] * rank, mode=linear, align_corners=True)
        yield of("upsample", shape, size=[1] * rank, mode=linear, align_corners=True)
        yield of("upsample", (2, *(1,) * rank), size=[4] * rank, mode=linear, align_corners=True)

        yield of("pixel_shuffle", (2 * 2**rank, *(3, 4, 2)[:rank]), upscale_factor=2)
        yield of("pixel_unshuffle", (3, *(4, 6, 2)[:rank]), downscale_factor=2)
        yield of("channel_shuffle", (6, *shape[1:]), groups=2)
        yield of("channel_shuffle", (6, *shape[1:]), groups=3)

        yield of("pad", shape, padding=1)
        yield of("pad", shape, padding=[[2, -1]] * rank, value=0.5)
        for mode in ("reflect", "replicate", "circular"):
            yield of("pad", shape, padding=[[1, 2]] * rank, mode=mode)
        yield of("crop", shape, padding=1)
        yield of("crop", shape, padding=[[0, 2]] * rank)
        yield of("slice", shape, start=1)
        yield of("slice", shape, dim=2, start=-4, end=-1)
        yield of("slice", shape, dim=-1, start=0, end=99, step=2)
        yield of("slice", shape, dim=2, start=1, step=3)
        yield of("chunk", shape, chunks=2)
        yield of("chunk", shape, chunks=3, dim=2, index=1)
        yield of("chunk", shape, chunks=4, dim=2, index=-1)
        yield of("roll", shape, shifts=1, dims=1)
        yield of("roll", shape, shifts=[-2] * rank, dims=[*range(2, 2 + rank)])
        yield of("flip", shape, dims=2)
        yield of("flip", shape, dims=[1, -1])
        yield of("reshape", shape, size=[-1, 2])
        yield of("flatten", shape)
        yield of("flatten", shape, start_dim=2)
        yield of("permute", shape, dims=[0, *range(rank + 1, 0, -1)])
        yield of("permute", shape, dims=[-1, *range(1, rank + 1)])
        for kind in ("mean", "sum", "amax", "amin"):
            yield of(kind, shape)
            yield of(kind, shape, keepdim=True)
            yield of(kind, shape, dims=[1, -1])
            yield of(kind, shape, dims=[2], keepdim=True)
        yield of("unfold", shape, kernel_size=2)
        yield of("unfold", shape, kernel_size=3, padding=1, stride=2)

        for kind in ("add", "sub", "mul", "div", "maximum", "minimum"):
            yield of(kind, shape, shape)
            yield of(kind, shape, (shape[0], *(1,) * rank), shape)
            yield of(kind, (shape[-1],), shape)
            yield of(kind, shape, other=-1.5)
        yield of("concat", shape, shape, (1, *shape[1:]))
        yield of("concat", shape, (*shape[:-1], 2), dim=-1)
        yield of("stack", shape, shape)
        yield of("stack", shape, shape, shape, dim=-1)
        yield of("attention", shape, num_heads=2)
        yield of("attention", shape, bias=False)
        yield of("linear", shape, out_features=3)

    yield of("linear", (5,), out_features=7, bias=False)
    yield of("batch_norm", (5,))
    yield of("group_norm", (6,), num_groups=3)
    yield of("unfold", plane, kernel_size=[2, 3], dilation=2)
    yield of("upsample", plane, scale_factor=1.5, mode="bicubic")
    yield of("upsample", plane, size=[4, 11], mode="bicubic", align_corners=True)
    yield of("upsample", plane, scale_factor=[2, 0.4], mode="bilinear")
    yield of("upsample", (2, 10), scale_factor=0.7)
    yield of("expand", (1, 1, 3), size=[2, -1, 3])
    yield of("expand", (1, 3), size=[2, 4, 3])
    yield of("conv", (4, 6, 5), out_channels=6, kernel_size=[1, 3], padding=[0, 1])
    yield of("conv", plane, out_channels=12, kernel_size=3, groups=4)
    yield of("attention", (6, 4), dim=2, num_heads=2)
    yield of("attention", (3, 3, 4), dim=3)
    yield of("attention", (4, 5), (4, 7))
    yield of("attention", (5, 4), (7, 4), (7, 4), dim=2, num_heads=4, bias=False)
    yield of("matmul", (3, 4), (4, 5))
    yield of("matmul", (2, 3, 4), (2, 4, 5))
    yield of("matmul", (2, 3, 4), (4, 5))
    yield of("matmul", (2, 1, 3, 4), (3, 4, 2))
    yield of("einsum", (3, 4), (4, 5), equation="bik,bkj->bij")
    yield of("einsum", (3, 4, 2), (5, 3), equation="bchw,oc->bohw")
    yield of("einsum", (3, 4), (3, 4), equation="bij, bij -> bij")
    yield of("einsum", (3, 4), equation="bij->bj")
    sdpa = "scaled_dot_product_attention"
    yield of(sdpa, (2, 5, 4), (2, 6, 4), (2, 6, 3))
    yield of(sdpa, (2, 5, 4), (2, 5, 4), (2, 5, 4), is_causal=True)
    yield of(sdpa, (2, 5, 4), (2, 6, 4), (2, 6, 3), (5, 6), scale=0.3)
    yield of(sdpa, (5, 4), (3, 4), (3, 4), is_causal=True)
    for kind in ("lstm", "gru"):
        yield of(kind, (3, 5), hidden_size=4)
        yield of(kind, (5, 3), hidden_size=2, dim=2, num_layers=2, bidirectional=True)
        yield of(kind, (3, 4), hidden_size=2, bidirectional=True, bias=False)
    yield of("clamp", line, min=-0.5, max=0.5)
    yield of("clamp", plane, max=0.5)
    yield of("parameter", size=[1, 4])
    yield of("constant", size=[3])

    required = {"threshold": {"threshold": 0.2, "value": 0.7}, "pow": {"exponent": 3}}
    extra: dict[str, dict[str, Any]] = {
        "leaky_relu": {"negative_slope": 0.3},
        "elu": {"alpha": 0.5},
        "celu": {"alpha": 0.5},
        "gelu": {"approximate": "tanh"},
        "hardtanh": {"min_val": -0.5, "max_val": 2.0},
        "hardshrink": {"lambd": 0.3},
        "softshrink": {"lambd": 0.3},
        "softplus": {"beta": 2.0, "threshold": 1.0},
    }
    for kind in FUNCTIONS:
        for shape in maps:
            yield of(kind, shape, **required.get(kind, {}))
        if kind in extra:
            yield of(kind, line, **extra[kind])


CASES = list(examples())


def family(case: Case) -> str:
    """The module of its op, of which the ops have much in common."""
    return OPS[case.kind].__module__.rpartition(".")[2]


ALL = sweep("case", CASES, family)
POSITIVE = ("sqrt", "rsqrt", "log", "lp_pool", "reciprocal")  # their examples have no negative cells


# -- torch's side -----------------------------------------------------------------------------------
class Built(NamedTuple):
    """An op's PyTorch source brought to life, with random weights."""

    module: nn.Module | None
    call: str

    def __call__(self, *xs: torch.Tensor) -> torch.Tensor:
        names = {f"x{i}": x for i, x in enumerate(xs)}
        scope = {"F": F, "nn": nn, "torch": torch, "module": self.module, **names}
        return eval(self.call.format(*names, self="module"), scope)

    def state(self) -> dict[str, np.ndarray]:
        return {k: v.numpy() for k, v in self.module.state_dict().items()} if self.module else {}


def realise(case: Case, mode: str = "eval") -> Built:
    code = case.op().torch(*case.ins)
    module = eval(code.module, {"F": F, "nn": nn, "torch": torch}) if code.module else None
    if module is not None:
        module = module.double().train(mode == "train")
        generator = torch.Generator().manual_seed(1)
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                tensor.data.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.1)
    return Built(module, code.call)


def batches(case: Case, n: int = BATCH) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(n, *shape)) for shape in case.ins]
    if case.kind == "einsum":  # operands without a batch are the same for all samples
        batch = case.op().equation.partition("->")[2][0]
        xs = [x if term[0] == batch else x[:1] for term, x in zip(case.op().operands(), xs, strict=True)]
    return [np.abs(x) + 0.1 for x in xs] if case.kind in POSITIVE else xs


# -- the sweep --------------------------------------------------------------------------------------
def test_every_op_has_an_example() -> None:
    without_arithmetic = {"opaque"}  # what a user says about a module; see below
    assert set(OPS) - without_arithmetic == {case.kind for case in CASES}


def test_an_opaque_module_reads_what_its_user_says() -> None:
    said = {"size": [4, 5, 6], "weight_shapes": [[4, 3], [4]]}
    here, everywhere = (build("opaque", said | {"mode": mode}) for mode in ("pointwise", "global"))
    assert here.reads((3, 5, 6)) == (Along(((Blocks(3, 4), 0), (SAME, 1), (SAME, 2))),)
    assert everywhere.reads((3, 9, 9)) == (Along(((Blocks(3, 4), 0), (Blocks(9, 5), 1), (Blocks(9, 6), 2))),)
    assert (here.shape((3, 5, 6)), here.params((3, 5, 6))) == ((4, 5, 6), 16)
    with pytest.raises(ConvvizError, match="a pointwise module keeps its input's size, got 3x9x9 to 4x5x6"):
        here.shape((3, 9, 9))


def test_ids_are_unique() -> None:
    assert len({str(case) for case in CASES}) == len(CASES)


@ALL
def test_shape_and_forward_are_torch_s(case: Case) -> None:
    op, built, xs = case.op(), realise(case), batches(case)
    with torch.no_grad():
        want = built(*map(torch.from_numpy, xs)).numpy()
    assert op.shape(*case.ins) == want.shape[1:]
    np.testing.assert_allclose(op.forward(*xs, weights=built.state()), want, rtol=1e-6, atol=1e-9)


@ALL
def test_weights_are_the_module_s(case: Case) -> None:
    op, module = case.op(), realise(case).module or nn.Identity()
    trained = {k: tuple(p.shape) for k, p in module.named_parameters() if p.requires_grad}
    assert op.weights(*case.ins) == trained
    kept = {
        k: tuple(v.shape)
        for k, v in module.state_dict().items()
        if k not in trained and k != "num_batches_tracked"
    }
    assert op.buffers(*case.ins) == kept
    assert op.params(*case.ins) == sum(p.numel() for p in module.parameters() if p.requires_grad)


COUNTED = (
    "conv",
    "conv_transpose",
    "linear",
    "matmul",
    "attention",
    "scaled_dot_product_attention",
    "einsum",
)


@ALL
def test_macs_are_half_of_torch_s_flops(case: Case) -> None:
    op = case.op()
    if case.kind not in COUNTED or case.fields.get("equation") == "bij, bij -> bij":
        assert op.macs(*case.ins) == 0
        return
    built, xs = realise(case), batches(case, 1)
    # The fused kernel of the processor and the fast path of evaluation are not counted.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        built(*map(torch.from_numpy, xs))
    assert op.macs(*case.ins) == counter.get_total_flops() / 2


@sweep("case", [c for c in CASES if issubclass(OPS[c.kind], Norm)], family)
@pytest.mark.parametrize("batch", [4, 5])
def test_norms_in_training_are_torch_s(case: Case, batch: int) -> None:
    built, xs = realise(case, "train"), batches(case, batch)
    state = {k: v.copy() for k, v in built.state().items()}
    with torch.no_grad():
        want = built(*map(torch.from_numpy, xs)).numpy()
    np.testing.assert_allclose(
        case.op().forward(*xs, weights=state, mode="train"), want, rtol=1e-6, atol=1e-9
    )


# -- reads, against what changes when a cell does -----------------------------------------------------
def changes(
    op: Op, xs: list[np.ndarray], which: int, weights: dict[str, np.ndarray], mode: str = "eval"
) -> np.ndarray:
    """Boolean (*axes of input ``which``, *axes of the output): whether the output moves with the cell."""
    shape = xs[which].shape
    base = op.forward(*xs, weights=weights, mode=mode)
    out = np.zeros((*shape, *base.shape), bool)
    for cell in np.ndindex(shape):
        for by in (5.0,) if op.kind in POSITIVE else (5.0, -5.0):
            moved = [x.copy() for x in xs]
            moved[which][cell] += by
            out[cell] |= op.forward(*moved, weights=weights, mode=mode) != base
    return out


def matrix(relation: Relation, n: int, m: int) -> np.ndarray:
    """Boolean (n, m): input i is read by output o, clipped or wrapped at the real border."""
    table = np.zeros((n, m), bool)
    for o in range(m):
        for cells in inside(relation.taps(o).cells, n, getattr(relation, "border", "zeros")):
            table[list(cells), o] = True
    return table


def product(reads: Reads, shape: Shape, out: Shape) -> np.ndarray:
    """Boolean (*shape, *out): the product over axes of what the relations say."""
    if isinstance(reads, Regroup):
        assert reads.out == out
        return np.eye(int(np.prod(shape)), dtype=bool).reshape(*shape, *out)
    if isinstance(reads, Steps):
        total = np.eye(int(np.prod(shape)), dtype=bool)
        for step, then in reads:
            here = product(step, shape, then).reshape(int(np.prod(shape)), -1)
            total, shape = (total.astype(int) @ here) > 0, then
        assert shape == out
        return total.reshape(-1, *out)
    assert isinstance(reads, Along) and len(reads.axes) == len(shape)
    table = np.ones((*shape, *out), bool)
    for i, (relation, to) in enumerate(reads.axes):
        n, m = shape[i], 1 if to is None else out[to]
        each = matrix(relation, n, m)
        view = [1] * table.ndim
        view[i] = n
        if to is not None:
            view[len(shape) + to] = m
        table = table & each.reshape(view)
    return table


COUPLED = ("pixel_shuffle", "pixel_unshuffle", "unfold")  # which channel is read depends on the place


@ALL
def test_reads_are_what_changes(case: Case) -> None:
    op = case.op()
    shared = isinstance(op, Norm | DimNorm)
    if shared:
        assert op.reads(*case.ins) == tuple(pointwise(s, s) for s in case.ins)
        return
    if not isinstance(op, ChannelDropout) and case.kind not in ("dropout", "alpha_dropout", "drop_path"):
        assert op.statistics(*case.ins) == op.statistics(*case.ins, mode="train") == ()
    rng, built = np.random.default_rng(0), realise(case)
    xs = [rng.uniform(0.5, 1.5, size=(1, *shape)) for shape in case.ins]
    reads = op.reads(*case.ins)
    assert len(reads) == len(case.ins)
    for which, shape in enumerate(case.ins):
        out = op.shape(*case.ins)
        want = product(reads[which], shape, out).reshape(*shape, *out)
        found = changes(op, xs, which, built.state()).reshape(*shape, *out)
        if case.kind in COUPLED:
            assert not (found & ~want).any()
            channels = (0, len(shape))
            assert (found.any(channels) == want.any(channels)).all()
            rest = tuple(i for i in range(found.ndim) if i not in channels)
            assert (found.any(rest) == want.any(rest)).all()
        elif case.kind in ("lstm", "gru"):  # said to read the whole axis, and with two directions they do
            assert not (found & ~want).any() and want.all()
            assert found.any(len(shape) + op.dim - 1).all() == op.bidirectional
        elif case.fields.get("is_causal"):  # the first query has one key, whose weight is 1 whatever they are
            later = (..., slice(1, None), slice(None))
            assert not (found & ~want).any() and (found[later] == want[later]).all()
        else:
            assert (found == want).all()


@sweep("case", [c for c in CASES if issubclass(OPS[c.kind], Norm) and len(c.ins[0]) < 4], family)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_norms_share_statistics_where_they_say(case: Case, mode: str) -> None:
    """The cells that move an output are the product of ``shares``, over the batch too."""
    op, rng = case.op(), np.random.default_rng(0)
    shape = (case.ins[0][0], *(2, 3)[: len(case.ins[0]) - 1])
    for batch in (4, 5):
        x = rng.normal(size=(batch, *shape))
        relations = op.shares(shape, mode=mode, batch=batch)
        weights = {name: np.ones(s) for name, s in (op.weights(shape) | op.buffers(shape)).items()}
        found = changes(op, [x], 0, weights, mode)
        want = np.ones(found.shape, bool)
        for i, (relation, n) in enumerate(zip(relations, x.shape, strict=True)):
            view = [n if j in (i, i + x.ndim) else 1 for j in range(2 * x.ndim)]
            want &= matrix(relation, n, n).reshape(view)
        assert (found == want).all()
        assert op.statistics(shape, mode=mode) == tuple(i - 1 for i, r in enumerate(relations) if r != SAME)


@pytest.mark.parametrize(
    ("kind", "fields", "train", "evaluate"),
    [
        ("batch_norm", {}, (-1, 1, 2), ()),
        ("batch_norm", {"track_running_stats": False}, (-1, 1, 2), (-1, 1, 2)),
        ("ghost_batch_norm", {"num_splits": 2}, (-1, 1, 2), ()),
        ("instance_norm", {}, (1, 2), (1, 2)),
        ("instance_norm", {"track_running_stats": True}, (1, 2), ()),
        ("layer_norm", {}, (0, 1, 2), (0, 1, 2)),
        ("layer_norm", {"normalized_dims": 1}, (2,), (2,)),
        ("group_norm", {"num_groups": 2}, (0, 1, 2), (0, 1, 2)),
        ("rms_norm", {}, (0, 1, 2), (0, 1, 2)),
        ("local_response_norm", {"size": 3}, (), ()),
        ("softmax", {}, (0,), (0,)),
        ("log_softmax", {"dim": -1}, (2,), (2,)),
        ("normalize", {"dim": 3}, (2,), (2,)),
    ],
)
def test_statistics_name_the_axes(kind: str, fields: dict, train: tuple, evaluate: tuple) -> None:
    op = build(kind, fields)
    assert op.statistics((4, 6, 5), mode="train") == train
    assert op.statistics((4, 6, 5), mode="eval") == evaluate


def test_a_global_pool_reads_a_block_even_of_one_cell() -> None:
    (reads,) = build("global_avg_pool", {}, 2).reads((4, 1, 1))
    assert [axis.relation for axis in reads.axes] == [SAME, Blocks(1, 1), Blocks(1, 1)]


def test_pools_pad_at_most_half_of_the_kernel_as_torch_does() -> None:
    for kernel, padding, dilation in itertools.product(range(1, 6), range(5), range(1, 4)):
        fields = {"kernel_size": kernel, "stride": 1, "padding": padding}
        pools = [("max_pool", nn.MaxPool2d, {"dilation": dilation}), ("avg_pool", nn.AvgPool2d, {})]
        for kind, module, extra in pools:
            try:
                want = tuple(module(**fields, **extra)(torch.zeros(1, 1, 20, 20)).shape[1:])
            except RuntimeError:
                with pytest.raises(ConvvizError, match="padding: must be at most half of the kernel"):
                    build(kind, fields | extra)
                continue
            assert build(kind, fields | extra).shape((1, 20, 20)) == want


# -- resizing: every size against torch ----------------------------------------------------------------
def torch_matrix(n: int, **settings: Any) -> np.ndarray:
    """(out, n): what torch multiplies each input cell with."""
    return F.interpolate(torch.eye(n, dtype=torch.float64)[:, None], **settings)[:, 0].numpy().T


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
def test_resizing_to_every_size_is_torch_s(mode: str) -> None:
    for n, out in itertools.product(range(1, 24), range(1, 41)):
        for corners in (False, True) if mode == "linear" else (False,):
            extra = {"align_corners": True} if corners else {}
            check_resize(
                build("upsample", {"size": out, "mode": mode, "align_corners": corners}, 1),
                n,
                mode=mode,
                size=out,
                **extra,
            )


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear"])
@pytest.mark.parametrize("factor", [0.1, 0.3, 0.5, 0.7, 1, 1.1, 1.25, 1.5, 1.7, 2, 2.5, 3, 3.3, 4])
def test_resizing_by_every_factor_is_torch_s(mode: str, factor: float) -> None:
    for n in range(1, 41):
        op = build("upsample", {"scale_factor": factor, "mode": mode}, 1)
        if int(n * factor) == 0:
            with pytest.raises(ConvvizError, match="nothing is left"):
                op.shape((1, n))
            continue
        check_resize(op, n, mode=mode, scale_factor=factor)


def check_resize(op: Op, n: int, **settings: Any) -> None:
    want = torch_matrix(n, **settings)
    assert op.shape((1, n)) == (1, len(want))
    (sampling,), (relation,) = op.samplings((1, n)), op.relations((1, n))
    np.testing.assert_allclose(sampling.matrix(n, len(want)), want, atol=1e-9)
    read = np.abs(want.T) > 1e-12
    assert (read == matrix(relation, n, len(want))).all(), settings


def test_the_output_size_is_rounded_as_torch_rounds_floats() -> None:
    assert build("upsample", {"scale_factor": 0.7}, 1).shape((1, 90)) == (1, 62)
    assert F.interpolate(torch.zeros(1, 1, 90), scale_factor=0.7).shape[-1] == 62


def test_nearest_follows_float64_where_float32_rounds_down() -> None:
    row = torch.arange(2.0)[None, None]
    assert F.interpolate(row, size=82)[0, 0, 41] == 0
    assert F.interpolate(row.double(), size=82)[0, 0, 41] == 1
    assert Sampling("nearest", Fraction(2, 82))(41) == range(1, 2)


def test_whole_factors_are_windows() -> None:
    (up,) = build("upsample", {"scale_factor": 3}, 1).relations((1, 5))
    assert up == Window(3, padding=2, up=3)
    (down,) = build("upsample", {"scale_factor": 0.5, "mode": "linear"}, 1).relations((1, 8))
    assert down == Window(2, 2, border="replicate")
    (same,) = build("upsample", {"size": 8, "mode": "linear"}, 1).relations((1, 8))
    assert same is SAME
    (kept,) = build("upsample", {"scale_factor": 1.1, "mode": "linear"}, 1).relations((1, 3))
    assert kept is SAME  # torch copies an axis that keeps its size


# -- numbers like 10**12 -------------------------------------------------------------------------------
WIDE = (4, HUGE, HUGE)


@pytest.mark.parametrize(
    "case",
    [
        Case("conv", {"out_channels": HUGE, "kernel_size": HUGE - 1, "stride": 7}, (WIDE,)),
        Case("conv", {"out_channels": 4, "kernel_size": HUGE - 1, "padding": "same"}, (WIDE,)),
        Case("conv_transpose", {"out_channels": HUGE, "kernel_size": HUGE, "stride": HUGE}, (WIDE,)),
        Case("max_pool", {"kernel_size": HUGE // 3}, (WIDE,)),
        Case("adaptive_avg_pool", {"output_size": HUGE - 1}, (WIDE,)),
        Case("global_avg_pool", {}, (WIDE,)),
        Case("batch_norm", {}, (WIDE,)),
        Case("group_norm", {"num_groups": 2}, (WIDE,)),
        Case("layer_norm", {}, (WIDE,)),
        Case("local_response_norm", {"size": HUGE}, (WIDE,)),
        Case("linear", {"out_features": HUGE}, (WIDE,)),
        Case("flatten", {}, (WIDE,)),
        Case("upsample", {"scale_factor": 1.7, "mode": "bilinear"}, (WIDE,)),
        Case("upsample", {"size": HUGE - 1, "mode": "bicubic"}, (WIDE,)),
        Case("upsample", {"scale_factor": HUGE}, (WIDE,)),
        Case("upsample", {"scale_factor": 1.5e300, "mode": "bilinear"}, (WIDE,)),
        Case("upsample", {"scale_factor": 1.2345678901234e-11}, (WIDE,)),
        Case("pixel_shuffle", {"upscale_factor": HUGE}, ((4 * HUGE**2, HUGE, HUGE),)),
        Case("pixel_unshuffle", {"downscale_factor": HUGE}, (WIDE,)),
        Case("channel_shuffle", {"groups": HUGE}, ((4 * HUGE, 5, 5),)),
        Case("pad", {"padding": HUGE}, (WIDE,)),
        Case("crop", {"padding": HUGE // 3}, (WIDE,)),
        Case("slice", {"dim": 2, "start": HUGE // 2, "step": 3}, (WIDE,)),
        Case("slice", {"dim": 2, "start": -HUGE // 2, "end": -1}, ((4, HUGE**2, 3),)),
        Case("chunk", {"chunks": HUGE, "dim": 2, "index": HUGE - 1}, (WIDE,)),
        Case("roll", {"shifts": [HUGE**2 + 1], "dims": [2]}, (WIDE,)),
        Case("flip", {"dims": [2]}, (WIDE,)),
        Case("reshape", {"size": [-1, 2]}, (WIDE,)),
        Case("mean", {}, (WIDE,)),
        Case("unfold", {"kernel_size": HUGE // 2}, (WIDE,)),
        Case("add", {}, (WIDE, WIDE)),
        Case("concat", {"dim": 2}, (WIDE, WIDE)),
        Case("matmul", {}, (WIDE, WIDE)),
        Case("attention", {}, (WIDE,)),
        Case("lstm", {"hidden_size": HUGE}, ((4, HUGE),)),
        Case("parameter", {"size": [HUGE, HUGE]}, ()),
    ],
    ids=str,
)
def test_huge_numbers_are_answered_at_once(case: Case) -> None:
    begin = time.perf_counter()
    op = case.op()
    out = op.shape(*case.ins)
    assert all(n >= 1 for n in out)
    assert op.params(*case.ins) >= 0 and op.macs(*case.ins) >= 0
    for reads in op.reads(*case.ins):
        steps = [step for step, _ in reads] if isinstance(reads, Steps) else [reads]
        for step in steps:
            for relation, to in step.axes if isinstance(step, Along) else ():
                taps = relation.taps(0 if to is None else min(HUGE // 2, out[min(to, len(out) - 1)] - 1))
                assert taps.cells is not None
    op.statistics(*case.ins, mode="train")
    op.torch(*case.ins)
    assert time.perf_counter() - begin < 0.2


# -- bad input -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "fields", "ins", "message"),
    [
        (
            "max_pool",
            {"kernel_size": 3, "padding": 2},
            [(1, 8, 8)],
            "padding: must be at most half of the kernel, 1, got 2",
        ),
        ("avg_pool", {"kernel_size": 9}, [(1, 8, 8)], "kernel_size 9 is larger than the padded input 8"),
        ("max_pool", {"kernel_size": 0}, [(1, 8, 8)], "kernel_size: must be a whole number >= 1, got 0"),
        (
            "adaptive_avg_pool",
            {"output_size": [1, 2, 3]},
            [(1, 8, 8)],
            "output_size: must be one value or a list of 2",
        ),
        ("group_norm", {"num_groups": 3}, [(4, 2, 2)], "num_groups: must divide the 4 channels, got 3"),
        ("layer_norm", {"normalized_dims": 4}, [(4, 2, 2)], "layer_norm over 4 axes does not fit 4x2x2"),
        ("instance_norm", {}, [(4,)], "instance_norm needs spatial axes, got 4"),
        ("batch_norm", {"momentum": 2}, [(4, 2, 2)], "momentum: must be a number >= 0 and <= 1, got 2"),
        ("dropout", {"p": 1.5}, [(4,)], "p: must be a number >= 0 and <= 1, got 1.5"),
        ("dropout", {"q": 1.5}, [(4,)], "q: unknown field of dropout"),
        ("glu", {}, [(3, 4)], "glu halves axis 1, which has an odd size in 3x4"),
        ("prelu", {"num_parameters": 3}, [(4, 5)], "num_parameters: must be 1 or the 4 channels, got 3"),
        (
            "softmax",
            {"dim": 3},
            [(4, 5)],
            "dim: must be an axis from 1 to 2 (1 is the first after the batch), got 3",
        ),
        ("upsample", {}, [(1, 4, 4)], "scale_factor: upsample needs either size or scale_factor"),
        (
            "upsample",
            {"size": 4, "scale_factor": 2},
            [(1, 4, 4)],
            "upsample needs either size or scale_factor, not both",
        ),
        ("upsample", {"scale_factor": 0}, [(1, 4, 4)], "scale_factor: must be a number > 0, got 0"),
        (
            "upsample",
            {"scale_factor": 0.1},
            [(1, 4, 4)],
            "nothing is left of 1x4x4: scale_factor 0.1 gives 0x0",
        ),
        ("upsample", {"scale_factor": 2, "mode": "linear"}, [(1, 4, 4)], "the linear mode of 2 is bilinear"),
        (
            "upsample",
            {"scale_factor": 2, "align_corners": True},
            [(1, 4, 4)],
            "align_corners: is for the linear and cubic modes",
        ),
        (
            "pixel_shuffle",
            {"upscale_factor": 3},
            [(4, 2, 2)],
            "upscale_factor: 3**2 = 9 must divide the 4 channels, got 3",
        ),
        (
            "pixel_unshuffle",
            {"downscale_factor": 2},
            [(4, 3, 2)],
            "downscale_factor: must divide every spatial axis of 4x3x2",
        ),
        ("channel_shuffle", {"groups": 3}, [(4, 2, 2)], "groups: must divide the 4 channels, got 3"),
        ("pad", {"padding": -2}, [(1, 4, 4)], "nothing is left of 1x4x4: padding (-2, -2) gives 0x0"),
        (
            "pad",
            {"padding": 4, "mode": "reflect"},
            [(1, 4, 4)],
            "reflect padding must be at most 3 for an input of 4, got 4",
        ),
        (
            "pad",
            {"padding": 1, "mode": "reflect", "value": 2},
            [(1, 4, 4)],
            "value: is for mode constant only",
        ),
        ("crop", {"padding": 2}, [(1, 4, 4)], "nothing is left of 1x4x4: crop (2, 2) gives 0x0"),
        ("slice", {"dim": 2, "start": 4}, [(1, 4, 4)], "4: keeps nothing of the 4 cells of axis 2"),
        (
            "chunk",
            {"chunks": 2, "index": 2},
            [(4, 4)],
            "index: must be below 2, the pieces of 4 cells, got 2",
        ),
        (
            "roll",
            {"shifts": [1, 2], "dims": [1]},
            [(4, 4)],
            "shifts: must have one number for each of dims (1,), got (1, 2)",
        ),
        ("reshape", {"size": [3, -1]}, [(4, 4)], "4x4 has 16 cells, which do not make [3, -1]"),
        (
            "reshape",
            {"size": [-1, -1]},
            [(4, 4)],
            "size: must be sizes >= 1 and at most one -1, got [-1, -1]",
        ),
        (
            "flatten",
            {"start_dim": 2, "end_dim": 1},
            [(4, 4)],
            "end_dim: must not come before start_dim (2), got 1",
        ),
        ("permute", {"dims": [0, 1]}, [(4, 4)], "dims: must name every axis from 1 to 2 once"),
        ("expand", {"size": [3, 4]}, [(2, 4)], "2x4 does not expand to [3, 4]"),
        ("mean", {"dims": [3]}, [(4, 4)], "dims: must be an axis from 1 to 2"),
        (
            "concat",
            {},
            [(3, 4, 4), (3, 4, 5)],
            "needs shapes that agree in all other axes, got 3x4x4 and 3x4x5",
        ),
        ("stack", {}, [(3, 4), (4, 4)], "stack needs equal shapes, got 3x4 and 4x4"),
        ("add", {}, [(3, 4, 4), (3, 4, 5)], "shapes do not match: 3x4x4 and 3x4x5"),
        ("matmul", {}, [(3, 4), (3, 4)], "matmul needs (..., n, k) and (..., k, m), got 3x4 and 3x4"),
        ("einsum", {"equation": "ij"}, [(4, 4)], "equation: must have letters and a result"),
        (
            "einsum",
            {"equation": "bii->bi"},
            [(4, 4)],
            "equation: must not repeat a letter within a term, got 'bii'",
        ),
        ("einsum", {"equation": "bij,bjk->bik"}, [(3, 4), (3, 4)], "'j' of 'bij,bjk->bik' is 4 and 3"),
        ("attention", {"num_heads": 3}, [(4, 5)], "num_heads: must divide the 4 features, got 3"),
        ("attention", {}, [(4, 5), (3, 5)], "attention needs inputs with equal features"),
        (
            "lstm",
            {"hidden_size": 3},
            [(4, 5, 5)],
            "lstm needs one axis of steps beside the features, got 4x5x5",
        ),
        ("unfold", {"kernel_size": 5}, [(1, 4, 4)], "kernel_size 5 is larger than the padded input 4"),
        ("conv", {"out_channels": 1, "kernel_size": 3}, [(4,)], "conv needs a map with spatial axes, got 4"),
        ("max_pool", {"kernel_size": 3}, [(4,)], "max_pool needs a map with spatial axes, got 4"),
        ("global_avg_pool", {}, [(4,)], "global_avg_pool needs a map with 1 spatial axes, got 4"),
        ("clamp", {}, [(4,)], "min: clamp needs min, max or both"),
        ("linear", {"out_features": 0}, [(4,)], "out_features: must be a whole number >= 1, got 0"),
    ],
)
def test_bad_input_is_told_in_one_line(kind: str, fields: dict, ins: list[Shape], message: str) -> None:
    with pytest.raises(ConvvizError) as err:
        build(kind, fields, len(ins[0]) - 1).shape(*ins)
    assert message in str(err.value) and "\n" not in str(err.value)
