"""Nets that make or judge images: DCGAN (Radford 2016), PatchGAN (Isola 2017), ESPCN (Shi 2016)."""

from __future__ import annotations

from torch import nn


def dcgan() -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate([(100, 512), (512, 256), (256, 128), (128, 64)]):
        layers += [
            nn.ConvTranspose2d(a, b, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(True),
        ]
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())


def patchgan() -> nn.Sequential:
    """The 70x70 discriminator: C64-C128-C256-C512, on an image beside its label map."""
    layers: list[nn.Module] = [nn.Conv2d(6, 64, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for a, b, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        layers += [nn.Conv2d(a, b, 4, stride, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))


def espcn(factor: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh(),
        nn.Conv2d(32, factor**2, 3, padding=1), nn.PixelShuffle(factor), nn.Sigmoid(),
    )  # fmt: skip
