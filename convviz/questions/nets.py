"""Questions about whole nets: where they start, where their parameters are, what their layers see."""

from __future__ import annotations

from math import prod

import numpy as np

from convviz.analysis.receptive_field import receptive_field
from convviz.questions.model import Evidence
from convviz.questions.registry import ask
from convviz.questions.work import brief, chain, conv, convolve, evidence, number
from convviz.read import read

# Test accuracy on MNIST in per cent as their authors report it: one seed, best epoch. Differences of .1 are noise.
REPORTED = {"code1": 99.24, "code2": 99.02, "code3": 98.98, "code8": 99.41, "tiny": 99.52}


@ask(
    "start-56",
    "convolution",
    "Why do nearly all nets start from 56x56?",
    "A stride of 2 and a pool of 2 bring 224 to 56 before the first block, because a conv costs in "
    "proportion to the area of its map. It is a habit of nets for 224x224 images, not a law: VGG starts at "
    "224.",
    commands=("rf resnet18 --stages", "rf vgg16 --stages", "rf densenet121 --stages"),
)
def start_56() -> list[Evidence]:
    from convviz.analysis.stages import stages

    rows = []
    for n in (224, 112, 56, 28):
        graph = chain((64, n, n), conv(64, padding=1))
        rows.append((f"{n}x{n}", graph.params, graph.macs))
    nets = []
    for name in ("resnet18", "resnet50", "densenet121", "mobilenet_v2", "vgg16"):
        found = stages(receptive_field(read(name)))
        first = next(s for s in found if not s.name.startswith("stem"))
        stem = sum(s.macs for s in found if s.name.startswith("stem"))
        body = sum(s.macs for s in found) - stem
        assert first.size is not None
        nets.append((name, "x".join(map(str, first.out[1:])), first.size[0], stem, body))
    large = stages(receptive_field(read("resnet18", "3x896x896")))  # whose first map is 224x224
    blown = sum(s.macs for s in large if not s.name.startswith("stem"))
    return [
        evidence(
            "area",
            "one conv of 3x3 from 64 to 64 channels",
            ("map", "parameters", "MACs"),
            rows,
            f"On 224x224 the same conv costs {rows[0][2] // rows[2][2]} times what it costs on 56x56, at "
            "the same parameters.",
        ),
        evidence(
            "nets",
            "nets for 224x224: the first map behind the stem",
            ("net", "map", "receptive field at its end", "MACs of the stem", "MACs of the rest"),
            nets,
            f"The blocks of ResNet-18 take {nets[0][4]:,} MACs from 56x56; starting at 224x224 the same "
            f"blocks take {blown:,}. VGG-16 does start there, and its {nets[-1][4]:,} MACs show it.",
        ),
    ]


@ask(
    "vgg-linear",
    "convolution",
    "Why do VGG's fully connected layers weigh so much?",
    "The first of them has a weight for every position of the last map: 512*7*7 inputs times 4,096 "
    "outputs. The convs do nearly all the work with a tenth of the weights.",
    commands=("rf vgg16", "rf vgg16 --stages", "heads 512x7x7 --classes 1000"),
)
def vgg_linear() -> list[Evidence]:
    graph = read("vgg16")
    convs = [n for n in graph if n.op.kind == "conv"]
    full = [n for n in graph if n.op.kind == "linear"]
    rows = [(f"{len(convs)} convs", sum(n.params for n in convs), 0.0, sum(n.macs for n in convs), 0.0)]
    rows += [(f"linear {n.ins[0][0]:,} to {n.out[0]:,}", n.params, 0.0, n.macs, 0.0) for n in full]
    rows = [(name, p, 100 * p / graph.params, m, 100 * m / graph.macs) for name, p, _, m, _ in rows]
    share, work = (
        100 * sum(getattr(n, what) for n in full) / getattr(graph, what) for what in ("params", "macs")
    )
    return [
        evidence(
            "shares",
            f"VGG-16: {graph.params:,} parameters, {graph.macs:,} MACs",
            ("layers", "parameters", "% of parameters", "MACs", "% of MACs"),
            rows,
            f"The three linear layers hold {brief(share)} % of the parameters and do {brief(work)} % of the "
            "multiplications.",
        )
    ]


@ask(
    "kernels-32-512",
    "convolution",
    "Are 32 to 512 kernels too many for MNIST?",
    "To reach 99.4 % they are not needed: nets with a few thousand parameters got there. They are not "
    "useless either: in a short training on few images the wide net learns faster (measured below). What "
    "they cost is memory and multiplications.",
    commands=("rf code1", "compare code2 code3", "check code8 tiny --max-params 20k"),
    experiments=("overkill",),
)
def kernels_32_512() -> list[Evidence]:
    rows = []
    for name, reported in REPORTED.items():
        graph = read(name)
        convs = [n for n in graph if n.op.kind == "conv"]
        widest = max(n.out[0] for n in convs)
        rows.append((name, widest, graph.params, graph.params / 60_000, graph.macs, reported))
    layers = [
        (n.name, f"{n.ins[0][0]} to {n.out[0]}", n.params, 100 * n.params / read("code1").params)
        for n in read("code1")
        if n.params
    ]
    return [
        evidence(
            "nets",
            "nets for MNIST (60,000 training images), with the accuracy reported of one run",
            ("net", "widest layer", "parameters", "parameters an image", "MACs", "reported, %"),
            rows,
            f"code1 has {brief(rows[0][3])} parameters for every training image and {rows[0][5]} % in one "
            f"run, code8 {brief(rows[3][3])} and {rows[3][5]} %.",
        ),
        evidence(
            "layers",
            "where code1 has them",
            ("layer", "channels", "parameters", "%"),
            layers,
            f"The one conv from 512 to 1,024 channels has {brief(max(row[3] for row in layers))} % of all.",
        ),
    ]


@ask(
    "edges-to-objects",
    "convolution",
    "Edges, textures, parts, objects: which layer sees what?",
    "A layer cannot show more than its receptive field holds, and that is computed below. That deeper "
    "layers answer to textures, parts and objects is what people found by looking at trained nets (Zeiler "
    "and Fergus 2014); nothing in the architecture makes it so.",
    commands=("rf vgg16", "rf vgg16 --plot vgg16.png", "erf resnet18 --paths"),
    picture="rf vgg16 --plot vgg16.png",
)
def edges_to_objects() -> list[Evidence]:
    flat = np.zeros((1, 1, 6, 6))
    flat[..., 3:] = 1  # dark left, bright right
    vertical = np.array([[-1.0, 0, 1]] * 3)[None, None]
    rows = []
    for name, kernel in (("vertical edges", vertical), ("horizontal edges", vertical.transpose(0, 1, 3, 2))):
        y = convolve(flat, kernel)
        rows.append(
            (name, " ".join(number(v) for v in kernel.ravel()), " ".join(number(v) for v in y[0, 0, 0]))
        )
    fields = []
    result = receptive_field(read("vgg16"))
    for layer in result:
        if layer.node.op.kind == "max_pool" and layer.rf is not None:
            size = layer.rf.size
            fields.append((layer.node.name, layer.node.out[0], size[0], 100 * prod(size) / 224**2))
    return [
        evidence(
            "edge",
            "a 3x3 kernel on a 6x6 image, dark on the left, bright on the right: one row of the output",
            ("kernel for", "weights", "output"),
            rows,
            "An edge fits into 3x3: the kernel for vertical edges answers where the edge is, and nowhere "
            "else; the other one never.",
        ),
        evidence(
            "fields",
            "VGG-16: what a unit can see at most",
            ("behind", "channels", "receptive field", "% of the image"),
            fields,
            f"Behind the first pool a unit sees {fields[0][2]}x{fields[0][2]} pixels: room for an edge, not "
            f"for an eye. Behind the last it sees {brief(fields[-1][3])} % of the image.",
        ),
    ]
