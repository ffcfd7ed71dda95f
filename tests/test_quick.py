"""Fast layers against the plain ones of torch: values, gradients, running statistics, masks."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convviz.build import build_module
from convviz.read import read
from convviz.train import quick_native, quick_norm
from convviz.train.quick import Draws, QuickBatchNorm, QuickDropout, quicken
from convviz.train.quick_draws import kept, rate

DIMS = {2: (nn.Linear, nn.BatchNorm1d), 3: (nn.Conv1d, nn.BatchNorm1d), 4: (nn.Conv2d, nn.BatchNorm2d),
        5: (nn.Conv3d, nn.BatchNorm3d)}  # fmt: skip
LAYOUT = {4: torch.channels_last, 5: torch.channels_last_3d}
needs_kernels = pytest.mark.skipif(quick_native.kernels() is None, reason="no C compiler")


def net(dims: int, order: str, channels: int = 5, p: float = 0.0, **norm: object) -> nn.Sequential:
    """A layer, then those of ``order``: b batch norm, r ReLU, d dropout."""
    torch.manual_seed(0)
    layer, batch_norm = DIMS[dims]
    make = {"b": lambda: batch_norm(channels, **norm), "r": nn.ReLU, "d": lambda: nn.Dropout(p)}
    found = nn.Sequential(
        layer(3, channels) if dims == 2 else layer(3, channels, 2), *(make[o]() for o in order)
    )
    for part in found.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.affine:
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.3, 0.3)
            part.weight.data[::2].neg_()
    return found


def images(dims: int, count: int = 7, seed: int = 1, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    torch.manual_seed(seed)
    x = torch.randn(count, 3, *[6, 5, 4][: dims - 2]).to(dtype)
    return x.contiguous(memory_format=LAYOUT[dims]) if dims in LAYOUT else x


def compare(plain: nn.Module, fast: nn.Module, x: torch.Tensor, tolerance: float) -> None:
    """Outputs, gradients of input and parameters, and buffers against the plain layers in doubles.

    Over two steps in training and one in evaluation; errors are shares of the largest value there, if above 1.
    (torch's own batch norm of channels-last images is a hundred times further from the truth in float32 than ours.)
    """
    exact = copy.deepcopy(plain).double()
    for training in (True, True, False):
        found = []
        for module in (exact.train(training), fast.train(training)):
            module.zero_grad()
            a = x.to(x.dtype if module is fast else torch.float64, copy=True).requires_grad_()
            out = module(a)
            torch.manual_seed(2)
            (out * torch.randn(out.shape, dtype=torch.float64).to(out)).sum().backward()
            found.append([out, a.grad, *(p.grad for p in module.parameters()), *module.state_dict().values()])
        for wanted, got in zip(*found, strict=True):
            assert (got - wanted).detach().abs().max() <= tolerance * max(
                1.0, float(wanted.detach().abs().max())
            )
        assert list(exact.state_dict()) == list(fast.state_dict())


ORDERS = ("b", "rb", "br", "rbr", "r", "rr", "brb", "rbrb")


@pytest.mark.parametrize(("dims", "order"), list(itertools.product(DIMS, ORDERS)))
def test_without_dropout_nothing_changes(dims: int, order: str) -> None:
    plain = net(dims, order)
    compare(plain, quicken(copy.deepcopy(plain), Draws()), images(dims), 1e-4)


@pytest.mark.parametrize("settings", [
    {"momentum": None}, {"affine": False}, {"track_running_stats": False}, {"eps": 0.1, "momentum": 0.7},
    {"affine": False, "track_running_stats": False}, {"momentum": 0.0},
])  # fmt: skip
@pytest.mark.parametrize("order", ["rb", "br"])
def test_settings_of_batch_norm(settings: dict[str, object], order: str) -> None:
    plain = net(4, order, **settings)
    compare(plain, quicken(copy.deepcopy(plain), Draws()), images(4), 1e-4)


@pytest.mark.parametrize("channels", [1, 2, 10, 16, 33, 255, 256, 300])
@pytest.mark.parametrize("count", [2, 120])
def test_any_number_of_channels_and_rows(channels: int, count: int) -> None:
    plain = net(4, "rb", channels)
    compare(plain, quicken(copy.deepcopy(plain), Draws()), images(4, count), 1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_doubles_are_exact(order: str) -> None:
    plain = net(4, order).double()
    compare(plain, quicken(copy.deepcopy(plain), Draws()), images(4, dtype=torch.float64), 1e-12)


def test_without_a_compiler_torch_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_norm, "kernels", lambda: None)
    plain = net(4, "rb")
    compare(plain, quicken(copy.deepcopy(plain), Draws()), images(4), 1e-4)


def test_the_switch_turns_the_kernels_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVVIZ_NATIVE", "0")
    assert quick_native.kernels.__wrapped__() is None


def test_a_failing_compiler_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(quick_native, "FLAGS", ("--no-such-flag",))
    assert quick_native.kernels.__wrapped__() is None


@needs_kernels
def test_a_large_mean_costs_no_digits() -> None:
    x = (torch.randn(64, 4, 6, 6, dtype=torch.float64) + 1000).contiguous(memory_format=torch.channels_last)
    fast = quicken(nn.Sequential(nn.BatchNorm2d(4)), Draws())
    wanted = F.batch_norm(x.float().double(), None, None, training=True)
    torch.testing.assert_close(fast(x.float()).double(), wanted, rtol=1e-3, atol=1e-3)
    assert isinstance(fast(x.float().requires_grad_()).grad_fn, quick_norm._Norm._backward_cls)


@needs_kernels
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_hidden(bad: float) -> None:
    x = images(4)
    x[3, 1, 2, 2] = bad
    for order in ("b", "br", "rb"):
        layers = [nn.BatchNorm2d(3) if o == "b" else nn.ReLU() for o in order]
        plain = nn.Sequential(*layers)
        fast = quicken(copy.deepcopy(plain), Draws())
        assert torch.equal(plain(x).isnan(), fast(x).isnan()), order


@needs_kernels
@pytest.mark.parametrize("order", ["b", "rb", "br", "rbd"])
def test_bfloat16_is_as_near_to_the_truth_as_torch(order: str) -> None:
    plain = net(4, order)
    fast = quicken(copy.deepcopy(plain), Draws())
    x, truth = images(4, 50), []
    for module in (copy.deepcopy(plain).double(), plain, fast):
        module.train()
        dtype = next(module.parameters()).dtype
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.float32):
            out = module(x.to(dtype))
        out.double().square().sum().backward()
        truth.append((out.double(), module[0].weight.grad.double()))
    assert fast(x).dtype == torch.float32
    for exact, torchs, ours in zip(*truth):
        scale = exact.abs().max()
        assert (ours - exact).abs().max() / scale < 2 * (torchs - exact).abs().max() / scale + 0.01


def test_one_value_for_each_channel_is_refused_as_torch_does() -> None:
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        quicken(net(2, "rb"), Draws())(torch.randn(1, 3))
    with pytest.raises(ValueError, match="expected 4D input"):
        quicken(nn.Sequential(nn.BatchNorm2d(3)), Draws())(torch.randn(2, 3))


# -- dropout -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9, 0.12, 0.3, 1e-3])
def test_masks_drop_the_share_they_should(p: float) -> None:
    draws = Draws()
    draws.reseed(11)
    count = 1_000_000
    dropped = count - int(draws.keep(count, p).sum())
    assert abs(rate(p) - p) <= 2**-17
    assert abs(dropped - count * rate(p)) < 4.5 * math.sqrt(count * p * (1 - p))


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_the_mean_stays_and_the_gradient_is_the_mask(kind: type[nn.Module], p: float) -> None:
    draws = Draws()
    draws.reseed(5)
    fast = quicken(nn.Sequential(kind(p)), draws)
    assert type(fast[0]) is QuickDropout
    x = torch.ones(300, 200, *[2] * {nn.Dropout1d: 1, nn.Dropout3d: 3}.get(kind, 2), requires_grad=True)
    out = fast(x)
    out.sum().backward()
    assert torch.equal(x.grad, out)
    assert sorted(set(out.unique().tolist())) == pytest.approx([0, 1 / (1 - rate(p))])
    sets = x.numel() if kind is nn.Dropout else 300 * 200
    assert abs(out.mean().item() - 1) < 4.5 * math.sqrt(p / (1 - p) / sets)
    if kind is not nn.Dropout:
        flat = out.flatten(2)
        assert torch.equal(flat, flat[:, :, :1].expand_as(flat))
    assert fast.eval()(x) is x


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("p", "wanted"), [(0, 1), (1, 0)])
def test_ends_of_the_range(kind: type[nn.Module], inplace: bool, p: float, wanted: float) -> None:
    x = torch.ones(2, 3, 4, 4)
    out = quicken(nn.Sequential(kind(p, inplace)), Draws())(x)
    assert out.unique().tolist() == [wanted]
    both = quicken(nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(p)), Draws())(torch.randn(2, 3, 4, 4))
    assert bool((both != 0).any()) is bool(wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("inplace", [False, True])
def test_dtypes_and_layouts(dtype: torch.dtype, layout: torch.memory_format, inplace: bool) -> None:
    x = torch.ones(8, 6, 5, 5, dtype=dtype).contiguous(memory_format=layout)
    out = quicken(nn.Sequential(nn.Dropout(0.5, inplace)), Draws())(x.clone())
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=layout)
    assert out.unique().tolist() == [0, 2]


def test_an_image_without_a_batch() -> None:
    out = quicken(nn.Sequential(nn.Dropout2d(0.5)), Draws())(torch.ones(64, 3, 3))
    assert out.shape == (64, 3, 3)
    assert sorted(out.mean((1, 2)).unique().tolist()) == [0, 2]


@needs_kernels
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_batch_norm_with_dropout_is_the_mask_times_batch_norm(p: float) -> None:
    plain = net(4, "rb")
    draws = Draws()
    fast = quicken(net(4, "rbd", p=p), draws)
    assert [type(part) for part in fast[1:]] == [nn.Identity, QuickBatchNorm, nn.Identity]
    x = images(4, 60)
    draws.reseed(9)
    out = fast(x)
    weights = torch.randn(out.shape)
    (out * weights).sum().backward()
    draws.reseed(9)
    inner = plain(x)
    mask, scale = kept(inner, p, draws)
    wanted = inner * mask * scale
    (wanted * weights).sum().backward()
    torch.testing.assert_close(out, wanted, rtol=1e-5, atol=1e-5)
    for mine, other in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_same_seed_same_bits_whatever_came_before(threads: int) -> None:
    def step(before: int, count: int) -> list[torch.Tensor]:
        draws = Draws()
        fast = quicken(net(4, "rbdr", channels=16, p=0.1), draws)
        torch.set_num_threads(count)
        try:
            for _ in range(before):
                draws.keep(3, 0.1)
            draws.reseed(77)
            out = fast[2](
                images(4, 500).repeat(1, 6, 1, 1)[:, :16].contiguous(memory_format=torch.channels_last)
            )
        finally:
            torch.set_num_threads(1)
        return [out, fast[2].running_mean, fast[2].running_var]

    assert all(map(torch.equal, step(0, 1), step(3, threads)))


def test_another_seed_another_mask() -> None:
    draws = Draws()
    masks = []
    for seed in (1, 2, 2**63 - 1):
        draws.reseed(seed)
        masks.append(draws.keep(1000, 0.5).tobytes())
    assert len(set(masks)) == 3


# -- which layers are put together ---------------------------------------------------------------------------
class Forked(nn.Module):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu, self.norm = nn.Conv2d(3, 5, 1), nn.ReLU(inplace), nn.BatchNorm2d(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Residual(Forked):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return y + self.norm(self.relu(y))


class Twice(Forked):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.relu(self.norm(self.relu(self.conv(x)))))


class Reused(Forked):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.relu(2 * y) + self.norm(self.relu(y + 0))


class Also(Forked):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.conv(x))
        return self.norm(y) + y


class Asking(Forked):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.conv(x))
        return self.norm(y) if self.training else self.norm(y) + y


class Counting(Forked):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.conv(x))
        return self.norm(y) if float(x.detach().sum()) > 0 else self.norm(y) * 2


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("kind", [Residual, Twice, Reused, Also, Asking, Counting])
def test_forks_keep_their_arithmetic(kind: type[Forked], inplace: bool) -> None:
    plain = kind(inplace)
    compare(plain, quicken(copy.deepcopy(plain), Draws()), images(4), 1e-4)


def test_hooks_still_see_their_layer() -> None:
    seen = []
    plain = net(4, "rbd", p=0.5)
    plain[1].register_forward_hook(lambda layer, args, out: seen.append(bool((out >= 0).all())))
    fast = quicken(plain, Draws())
    fast(images(4))
    assert seen == [True]
    assert type(fast[1]) is nn.ReLU


def test_one_layer_under_two_names_stays_one() -> None:
    drop = nn.Dropout(0.5)
    fast = quicken(nn.Sequential(drop, nn.Conv2d(3, 3, 1), drop), Draws())
    assert fast[0] is fast[2]
    assert type(fast[0]) is QuickDropout


def test_modes_and_objects_are_left_as_they_were() -> None:
    plain = net(4, "rbd", p=0.5)
    plain[2].eval()
    weights = list(plain.parameters())
    fast = quicken(plain, Draws())
    assert fast is plain
    assert [part.training for part in fast] == [True, True, False, True]
    assert all(a is b for a, b in zip(weights, fast.parameters(), strict=True))


@pytest.mark.parametrize("name", ["code8", "code5", "s4", "s6_bn", "s6_gn", "s7", "tiny", "resnet18"])
def test_bundled_nets_answer_alike(name: str) -> None:
    graph = read(name)
    torch.manual_seed(0)
    plain, _ = build_module(graph)
    fast = quicken(copy.deepcopy(plain), Draws()).to(memory_format=torch.channels_last)
    assert list(plain.state_dict()) == list(fast.state_dict())
    (shape,) = graph.inputs.values()
    x = torch.randn(2, *(min(n, 64) if i and n > 64 else n for i, n in enumerate(shape)))
    with torch.no_grad():
        torch.testing.assert_close(plain(x), fast(x), rtol=1e-4, atol=1e-4)
    without = [part.train() for part in (plain, fast)]
    for module in without:
        for part in module.modules():
            if isinstance(part, nn.Dropout | nn.Dropout2d | QuickDropout | QuickBatchNorm):
                part.p = 0.0
    with torch.no_grad():
        torch.testing.assert_close(plain(x), fast(x), rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(plain.state_dict(), fast.state_dict(), rtol=1e-3, atol=1e-3)
