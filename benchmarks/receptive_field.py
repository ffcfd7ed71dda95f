"""How long every layer's receptive field takes: convviz against torchlens and torchinfo, as ratios of one run.

    pip install -e '.[bench]' && python benchmarks/receptive_field.py

Each tool gets the same module and the same 224x224 input on the CPU; imports are not counted, the tools take turns and
the fastest run of each counts. torchlens answers the same question (size and jump of every layer, both axes);
torchinfo only lists shapes and parameters from one real forward pass. Below that: how convviz alone grows with depth,
and how long ``convviz rf code8`` takes from a cold start, above an empty Python.
"""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

import convviz  # noqa: E402
from convviz.graph import Graph, GraphBuilder  # noqa: E402
from convviz.ops import build  # noqa: E402
from tests.nets import NETS  # noqa: E402

warnings.filterwarnings("ignore")
NAMES = ("resnet50", "densenet121")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def with_convviz(model: torch.nn.Module, x: torch.Tensor) -> None:
    result = convviz.receptive_field(convviz.read(model, tuple(x.shape[1:])))
    assert all(layer.rf is None or layer.rf.size for layer in result)


def with_torchlens(model: torch.nn.Module, x: torch.Tensor) -> None:
    import torchlens

    for op in torchlens.trace(model, x).layer_list:
        try:
            _ = op.receptive_field.size, op.receptive_field.jump
        except Exception:  # layers that it cannot answer for count as answered
            continue


def with_torchinfo(model: torch.nn.Module, x: torch.Tensor) -> None:
    import torchinfo

    torchinfo.summary(model, input_data=x, verbose=0, depth=9)


TOOLS = {"convviz": with_convviz, "torchlens": with_torchlens, "torchinfo": with_torchinfo}


def worker(tool: str, name: str, repeats: int) -> None:
    """Print the fastest of a few runs of one tool, after one that does not count."""
    factory, shape = NETS[name]
    torch.manual_seed(0)
    model, x = factory().eval(), torch.randn(1, *shape)
    with torch.no_grad():
        TOOLS[tool](model, x)
        print(min(seconds(lambda: TOOLS[tool](model, x)) for _ in range(repeats)))


def against_others(rounds: int = 2, repeats: int = 3) -> None:
    """Each tool in processes of its own (torchlens changes torch for everybody else), taking turns."""
    print(
        f"{'module':<14}"
        + "".join(f"{tool:>12}" for tool in TOOLS)
        + f"{'torchlens/convviz':>20}{'torchinfo/convviz':>20}"
    )
    for name in NAMES:
        best = dict.fromkeys(TOOLS, float("inf"))
        for _ in range(rounds):
            for tool in TOOLS:
                command = [sys.executable, __file__, "--worker", tool, name, str(repeats)]
                out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                best[tool] = min(best[tool], float(out.split()[-1]))
        mine = best["convviz"]
        cells = "".join(f"{best[tool]:>10.3f} s" for tool in TOOLS)
        print(
            f"{name:<14}{cells}{best['torchlens'] / mine:>19.1f}x{best['torchinfo'] / mine:>19.1f}x",
            flush=True,
        )


def residual(layers: int) -> Graph:
    """A residual net of about ``layers`` nodes."""
    builder = GraphBuilder("deep", {"input": (8, 224, 224)})
    last = "input"
    for i in range(layers // 5):
        names = [f"{kind}{i}" for kind in ("conv", "norm", "relu", "mix")]
        ops = [
            build("conv", {"out_channels": 8, "kernel_size": 3, "padding": 1}),
            build("batch_norm"),
            build("relu"),
            build("conv", {"out_channels": 8, "kernel_size": 1}),
        ]
        source = last
        for name, op in zip(names, ops, strict=True):
            builder.add(name, op, [source])
            source = name
        builder.add(f"add{i}", build("add"), [source, last])
        last = f"add{i}"
    return builder.build()


def growth() -> None:
    print(f"\n{'layers':<10}{'seconds':>10}{'per layer':>14}{'against 1,250':>16}")
    first = None
    for layers in (1250, 2500, 5000, 10000):
        graph = residual(layers)
        best = min(seconds(lambda graph=graph: convviz.receptive_field(graph)) for _ in range(3))
        each = best / len(graph)
        first = first or each
        print(f"{len(graph):<10,}{best:>8.3f} s{each * 1e6:>11.1f} us{each / first:>15.2f}x")


def cold_start(repeats: int = 7) -> None:
    def run(*args: str) -> float:
        return min(
            seconds(
                lambda: subprocess.run(
                    [sys.executable, *args], cwd=ROOT, stdout=subprocess.DEVNULL, check=True
                )
            )
            for _ in range(repeats)
        )

    empty, rf = run("-c", "pass"), run("-m", "convviz", "rf", "code8")
    print(f"\ncold start: python -c pass {empty:.3f} s, convviz rf code8 {rf:.3f} s, {rf - empty:.3f} s more")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        sys.exit()
    against_others()
    growth()
    cold_start()
