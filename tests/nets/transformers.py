"""ViT (Dosovitskiy 2021) and Swin (Liu 2021): patches, attention over all or in shifted windows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(0.0), nn.Linear(hidden, dim), nn.Dropout(0.0)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        y, _ = self.attention(y, y, y, need_weights=False)
        x = x + y
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class ViT(nn.Module):
    def __init__(
        self,
        size: int = 224,
        patch: int = 16,
        dim: int = 768,
        depth: int = 12,
        heads: int = 12,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, dim, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embedding = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, dim))
        self.layers = nn.Sequential(*(Encoder(dim, heads, 4 * dim) for _ in range(depth)))
        self.ln = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos_embedding
        return self.head(self.ln(self.layers(x))[:, 0])  # type: ignore[no-any-return]


class WindowAttention(nn.Module):
    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        cells = torch.stack(
            torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
        ).flatten(1)
        apart = cells[:, :, None] - cells[:, None, :] + window - 1
        self.register_buffer("relative_position_index", (apart[0] * (2 * window - 1) + apart[1]).flatten())

    def mask(self, x: Tensor, h: int, w: int) -> Tensor:
        """-100 between cells of a shifted window that are no neighbours on the map."""
        n, mask = self.window, x.new_zeros((h, w))
        cuts = ((0, -n), (-n, -self.shift), (-self.shift, None))
        count = 0
        for a in cuts:
            for b in cuts:
                mask[a[0] : a[1], b[0] : b[1]] = count
                count += 1
        mask = mask.view(h // n, n, w // n, n).permute(0, 2, 1, 3).reshape(-1, n * n)
        mask = mask.unsqueeze(1) - mask.unsqueeze(2)
        return mask.masked_fill(mask != 0, -100.0).masked_fill(mask == 0, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        b, h0, w0, c = x.shape
        n = self.window
        x = F.pad(x, (0, 0, 0, (n - w0 % n) % n, 0, (n - h0 % n) % n))
        h, w = x.shape[1:3]
        shift = self.shift if min(h, w) > n else 0
        if shift:
            x = torch.roll(x, shifts=(-shift, -shift), dims=(1, 2))
        windows = (h // n) * (w // n)
        x = x.view(b, h // n, n, w // n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(b * windows, n * n, c)
        qkv = self.qkv(x).reshape(x.size(0), x.size(1), 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attention = (q * (c // self.heads) ** -0.5).matmul(k.transpose(-2, -1))
        bias = self.relative_position_bias_table[self.relative_position_index]
        attention = attention + bias.view(n * n, n * n, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
        if shift:
            attention = attention.view(b, windows, self.heads, n * n, n * n) + self.mask(x, h, w).unsqueeze(
                1
            ).unsqueeze(0)
            attention = attention.view(-1, self.heads, n * n, n * n)
        x = F.softmax(attention, dim=-1).matmul(v).transpose(1, 2).reshape(-1, n * n, c)
        x = self.proj(x)
        x = x.view(b, h // n, w // n, n, n, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        if shift:
            x = torch.roll(x, shifts=(shift, shift), dims=(1, 2))
        return x[:, :h0, :w0, :].contiguous()


class SwinBlock(nn.Module):
    def __init__(self, dim: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, heads, window, shift)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class Merge(nn.Module):
    """Four neighbours become one cell of twice the channels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * dim), nn.Linear(4 * dim, 2 * dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h, w, _ = x.shape[-3:]
        x = F.pad(x, (0, 0, 0, w % 2, 0, h % 2))
        parts = [x[..., i::2, j::2, :] for j in (0, 1) for i in (0, 1)]
        return self.reduction(self.norm(torch.cat(parts, -1)))  # type: ignore[no-any-return]


class Swin(nn.Module):
    def __init__(
        self,
        dim: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        heads: tuple[int, ...] = (3, 6, 12, 24),
        window: int = 7,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 4, 4)
        self.norm0 = nn.LayerNorm(dim)
        layers: list[nn.Module] = []
        for i, (depth, head) in enumerate(zip(depths, heads)):
            if i:
                layers.append(Merge(dim))
                dim *= 2
            layers += [SwinBlock(dim, head, window, 0 if j % 2 == 0 else window // 2) for j in range(depth)]
        self.layers = nn.Sequential(*layers)
        self.norm, self.pool, self.head = nn.LayerNorm(dim), nn.AdaptiveAvgPool2d(1), nn.Linear(dim, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.norm0(self.patch(x).permute(0, 2, 3, 1)))
        x = self.pool(self.norm(x).permute(0, 3, 1, 2))
        return self.head(torch.flatten(x, 1))  # type: ignore[no-any-return]
