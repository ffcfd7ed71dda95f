"""Fuzzed model files: whatever they hold, a Graph or one clear line comes out, within a second.

The cases are seeded. CONVVIZ_FUZZ=100000 makes as many of them.
"""

import dataclasses
import os
import time

import numpy as np
import pytest

from convviz import ConvvizError
from convviz.graph import Graph
from convviz.ops.base import OPS
from convviz.read import bundled, model_yaml
from convviz.read.model_yaml import read_yaml

CASES = int(os.environ.get("CONVVIZ_FUZZ", 6_000))
CHUNKS = 12
TEXTS = [(bundled.ZOO / f"{name}.yaml").read_text() for name in bundled.names() if name != "resnet152"]
TOKENS = """
[ ] { } : , - ? | > & * ! % @ ` # $ ' " ~ << --- ... é 🙂 \ufeff \x85 \0 &a *a
0 -1 1 2 3 0.5 1e9 -0 .inf .nan 1e999 true false null 1000000000000 99999999999999999999999999999 3x3
[] {} [1,2] [[1,2]] [[0,1],[1,0]] [input] [input,input] $channels $x $ !!int !!python/name:os.system
input input1 layers blocks with name from repeat same valid zeros reflect circular nearest bilinear
""".split(" ")  # noqa: SIM905
TOKENS += [
    "\n",
    "\r\n",
    "\t",
    "  ",
    "- relu\n",
    "- add:\n    from: [input, input]\n",
    "<<: *a",
    "- *a\n",
    "{a: 1}",
]
TOKENS += ["repeat: 3", "from: conv1", "name: conv1"]
NUMBERS = [0, 1, 2, 3, 4, 5, 7, 16, -1, -3, 0.5, 2.0, 1e30, 10**12, 10**29, float("inf"), float("nan")]
WORDS = [
    "",
    "same",
    "valid",
    "reflect",
    "circular",
    "nearest",
    "bilinear",
    "tanh",
    "input",
    "$x",
    "b c -> b c",
]
LISTS = [[], [1], [2, 2], [3, 1], [0, 1], [1, 2, 3], [-1], [1, -1], [[1, 2], [0, 1]], [[1, 0]], [None], [[]]]
VALUES = [None, True, False, {}, {"a": 1}, *NUMBERS, *WORDS, *LISTS]
INPUTS = [[1, 28, 28], [4, 8, 8], [4, 8], [4, 6, 6, 6], [6], [1, 1, 1], [12, 5, 9]]
LIKELY = [None, True, 1, 2, 2, 3, 4, [1, 1], [2, 1], [1], [0, 1], 0.5, -1]


def seeded(chunk):
    return np.random.default_rng([2024, chunk]), CASES // CHUNKS


def check(path, data, name):
    """Reading ``data`` gives a Graph or a ConvvizError of one line, within a second of processor time."""
    path.write_bytes(data)
    start = time.process_time()
    try:
        graph = read_yaml(path)
    except ConvvizError as err:
        graph = None
        assert str(err).isprintable() and len(str(err)) < 1500, (name, str(err))
        assert str(err).startswith(str(path)), (name, str(err))
    except BaseException as err:
        pytest.fail(f"{name}: {type(err).__name__}: {err}\n{data[:3000].decode(errors='replace')}")
    assert time.process_time() - start < 1, (name, data[:3000])
    assert graph is None or len(graph) > 0
    return graph


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def mutated(rng):
    """A bundled net with words, lines or bytes left out, doubled, swapped or replaced."""
    text = pick(rng, TEXTS)
    for _ in range(int(rng.integers(1, 5))):
        how = int(rng.integers(6))
        unit = "\n" if rng.random() < 0.4 else " "
        words = text.split(unit)
        i, j = (int(rng.integers(len(words))) for _ in range(2))
        if how == 0:
            del words[i]
        elif how == 1:
            words.insert(j, words[i])
        elif how == 2:
            words[i], words[j] = words[j], words[i]
        elif how == 3:
            words[i] = pick(rng, TOKENS)
        elif how == 4:
            words.insert(i, pick(rng, TOKENS))
        else:
            words[i] = words[i][: len(words[i]) // 2] + pick(rng, TOKENS) + words[i][len(words[i]) // 2 :]
        text = unit.join(words)
    data = bytearray(text.encode(errors="replace"))
    for _ in range(int(rng.integers(1, 4)) if rng.random() < 0.1 else 0):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
    return bytes(data)


def random_fields(rng, kind):
    """Fields of an op: most by their names, most with values of a likely kind."""
    values = LIKELY if rng.random() < 0.6 else VALUES
    if rng.random() < 0.25:
        return pick(rng, values)
    fields = [f.name for f in dataclasses.fields(OPS[kind])] or ["x"]
    chosen = [f for f in fields if rng.random() < 0.5] or [pick(rng, fields)]
    return {f: pick(rng, values) for f in chosen}


def random_layer(rng, blocks):
    kind = pick(rng, sorted(OPS))
    entry = {pick(rng, blocks) if blocks and rng.random() < 0.15 else kind: random_fields(rng, kind)}
    if rng.random() < 0.3:
        entry["from"] = pick(
            rng, ["input", "relu1", ["input", "input"], "conv1", ["relu1", "tanh1"], 3, [], None]
        )
    if rng.random() < 0.1:
        entry["name"] = pick(rng, ["a", "b", "input", "relu2", "", 3, "a.b", None])
    if rng.random() < 0.1:
        entry["repeat"] = pick(rng, [1, 2, 3, 0, -1, None, "2", 10**9, 1.5, "$n"])
    return pick(rng, [kind, "relu", {"tanh": None}]) if rng.random() < 0.2 else entry


def generated(rng):
    """A model file of random structure, made of real op names and fields."""
    blocks = ["u", "v"][: int(rng.integers(3))]
    document = {
        "input": pick(
            rng, [[1, 28, 28], [4, 16], [4, 6, 6, 6], [16], [8, 12, 12], {"input": [4, 8, 8], "x": [4, 8, 8]}]
        ),
        "layers": [random_layer(rng, blocks) for _ in range(int(rng.integers(1, 5)))],
    }
    if blocks:
        document["blocks"] = {
            b: {
                "with": {"x": pick(rng, VALUES), "n": 2},
                "layers": [random_layer(rng, blocks) for _ in range(int(rng.integers(1, 4)))],
            }
            for b in blocks
        }
    if rng.random() < 0.05:
        document[pick(rng, ["name", "input", "layers", "blocks", "expect", "year", "zzz"])] = pick(
            rng, VALUES
        )
    return flow(document).encode()


def flow(value):
    """The value in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    words = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    return (
        f"'{value}'" if isinstance(value, str) else str(value).replace("inf", ".inf").replace("nan", ".nan")
    )


def one_op(rng):
    """One layer on one input: the way to the inside of every op."""
    kind = pick(rng, sorted(OPS))
    document = {"input": pick(rng, INPUTS), "layers": [{kind: random_fields(rng, kind)}]}
    if rng.random() < 0.3:
        document["layers"][0]["from"] = ["input"] * int(rng.integers(1, 4))
    return flow(document).encode()


def noise(rng):
    """Random bytes, or random tokens."""
    if rng.random() < 0.3:
        return rng.integers(0, 256, int(rng.integers(200)), dtype=np.uint8).tobytes()
    text = "".join(pick(rng, TOKENS) + pick(rng, ["", " ", "\n"]) for _ in range(int(rng.integers(1, 30))))
    return (pick(rng, ["", "layers: ", "input: [1, 8]\nlayers:\n"]) + text).encode()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_only_clear_lines_come_out(tmp_path, monkeypatch, chunk):
    # Nets near the limit of layers are honest work of seconds; what fuzzing looks for is in the small ones.
    monkeypatch.setattr(model_yaml, "MAX_LAYERS", 3_000)
    rng, cases = seeded(chunk)
    make = (mutated, generated, one_op, noise)
    good = 0
    for i in range(cases):
        source = make[i % 4]
        graph = check(tmp_path / "net.yaml", source(rng), f"{source.__name__} {chunk}.{i}")
        good += graph is not None
        if graph is not None and source is not mutated:
            use(graph)
    assert cases // 50 < good < cases * 3 // 4  # the generators reach both outcomes


def use(graph: Graph) -> None:
    """What every command does with a Graph: its numbers exist and print."""
    for node in graph:
        text = f"{node.name} {node.op.fields()} {node.ins} {node.out} {node.params} {node.macs}"
        assert text.isprintable()
        node.op.reads(*node.ins)
        node.op.statistics(*node.ins)


def test_there_are_enough_cases():
    assert CASES >= 5_000 and sum(map(len, TEXTS)) > 10_000
