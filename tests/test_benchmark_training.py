"""benchmarks/training.py runs; how fast things are is no matter of a test."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from convviz.train.data import load


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "training.py"
    spec = importlib.util.spec_from_file_location("benchmarks_training", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("how", "which"), [("usual", "0"), ("ours", "float32"), ("ours", "bfloat16"), ("convs", "float32")]
)
def test_each_contender_takes_steps(bench: ModuleType, how: str, which: str) -> None:
    wall, cpu = getattr(bench, how)(which, load("digits"), True)(1)
    assert wall > 0
    assert cpu > 0


def test_an_image_of_the_usual_pipeline(bench: ModuleType) -> None:
    images = np.arange(2 * 28 * 28).reshape(2, 28, 28).astype(np.uint8)
    x, label = bench.PerImage(images, np.array([3, 4]), False, (0.5,), (0.25,))[1]
    assert label == 4
    torch.testing.assert_close(x, torch.tensor(images[1:], dtype=torch.float32).div(255).sub(0.5).div(0.25))


def test_flops_of_a_step_are_those_of_the_graph(bench: ModuleType) -> None:
    macs = {"conv1": 97_344, "conv2": 2_654_208, "conv3": 184_320, "conv4": 144_000, "conv5": 147_456, "conv6": 82_944,
            "conv7": 82_944, "conv8": 160}  # fmt: skip
    assert bench.flops() == 128 * 2 * (3 * sum(macs.values()) - macs["conv1"])


def test_ratios_are_to_the_best_of_the_usual(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = dict(
        zip((*bench.USUAL, *bench.OURS), ([0.4, 0.3], [0.2, 0.2], [0.4, 0.5], [0.1, 0.1], [0.04, 0.05]))
    )
    bench.show(seconds)
    slow, fast = capsys.readouterr().out.splitlines()[-2:]
    assert "2.00x" in slow
    assert "below 4x" in slow
    assert "5.00x" in fast
    assert "4.44x" in fast
    assert "below" not in fast
