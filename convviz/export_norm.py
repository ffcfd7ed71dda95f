"""A Graph as a PyTorch module that takes its norm as an argument: ``Net(norm="group:2")``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from convviz.errors import ConvvizError
from convviz.export import WIDTH, attributes, class_name, codes_of, identifiers, module_source, plain
from convviz.graph import Graph, GraphBuilder, Node
from convviz.ops.base import Code
from convviz.ops.norm import Norm, TrailingNorm, norm_rank
from convviz.runs.variants import NORMS, SCALARS, WITHOUT, varied

# What layers are called after their norm, as convviz.runs.variants renames them.
KIND = re.compile("(ghost_batch|batch|layer|group|instance|rms)_norm")
COUNTED = {"group": "num_groups", "ghost": "num_splits"}

MAKE = """
def make_norm(norm: str, shape: tuple[int, ...]) -> nn.Module:
{about}
    kind, _, count = norm.partition(":")
    channels = shape[0]
{cases}
    raise ValueError(f"no norm {{norm!r}} ({known})")
"""
GHOST = '''
class GhostBatchNorm({base}):
    """Batch norm of each of ``splits`` parts of the batch; in evaluation by the running statistics."""

    def __init__(self, channels: int, splits: int) -> None:
        super().__init__(channels{settings})
        self.splits = splits

    def forward(self, x: Tensor) -> Tensor:
        norm, cuts = super().forward, [len(x) * i // self.splits for i in range(1, self.splits)]
        return torch.cat([norm(part) for part in x.tensor_split(cuts) if len(part)])
'''
ANY_RANK = '''
    def _check_input_dim(self, x: Tensor) -> None:
        """Vectors are taken as maps are."""
'''
LOAD = '''
    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **options: Any) -> Any:
        """Takes weights of layers that are called after their norm, too: {example}."""
        renamed = {{KIND.sub("norm", name): value for name, value in state_dict.items()}}
        return super().load_state_dict(renamed, *args, **options)
'''


def export_with_norm(graph: Graph, norm: str | None = None, title: str | None = None) -> str:
    """PyTorch source of ``graph`` whose module takes ``batch``, ``layer``, ``group:2``, ``ghost:2`` ... as ``norm``.

    norm: the argument's default; by default what the net has. title: the class's name. The weights of every net that
    :func:`convviz.runs.variants.varied` makes of this one load into it. Raises ConvvizError where the net has no norm
    or several kinds of them, where its layers' names stand in the way, and where PyTorch has no such op.

    >>> import convviz
    >>> source = export_with_norm(convviz.read("s6_bn"))
    >>> [line.strip() for line in source.splitlines() if "norm: str =" in line]
    ['def __init__(self, norm: str = "batch") -> None:']
    """
    nodes = [node for node in graph if isinstance(node.op, Norm)]
    own = norm_word(graph)
    nets = _nets(graph, own)
    neutral = _neutral(graph)
    codes = codes_of(neutral)
    names = identifiers(neutral, codes.values())
    _check_names([graph, *nets.values()], names)
    for node in neutral:
        if isinstance(node.op, Norm):
            codes[node.name] = Code(f"make_norm(norm, {node.ins[0]!r})")
    bare = graph.params - sum(node.params for node in nodes)
    renamed = any(node.name not in neutral.by_name for node in nodes)
    return module_source(
        neutral,
        codes,
        names,
        title or class_name(graph.name),
        f"{plain(graph.name)}: {bare:,} parameters, and those of its norms.",
        argument=f'norm: str = "{norm or own}"',
        uses=["import re", "from collections.abc import Mapping", "from typing import Any"]
        if renamed
        else [],
        helpers=_helpers(nodes, own, nets, renamed),
        methods=_load(attributes(nets["batch"])) if renamed else [],
    )


def norm_word(graph: Graph) -> str:
    """The norm of a net as ``Net(norm=...)`` takes it; raises ConvvizError unless it has one kind of norm throughout.

    >>> import convviz
    >>> norm_word(convviz.read("s6_gn"))
    'group:2'
    """
    nodes = [node for node in graph if isinstance(node.op, Norm)]
    if not nodes:
        raise ConvvizError("has no norm that could be an argument", graph.name)
    first = nodes[0].op
    for node in nodes:
        if node.op != first:
            raise ConvvizError(
                f"has norms of several kinds or settings ({nodes[0].name}, {node.name})", graph.name
            )
        if node.shares:
            raise ConvvizError(f"uses the weights of a norm twice ({node.shares}, {node.name})", graph.name)
        if isinstance(node.op, TrailingNorm) and node.op.normalized_shape(node.ins[0]) != node.ins[0]:
            raise ConvvizError("does not normalize channels and all of space", node.where or node.name)
    word = next(word for word, kind in NORMS.items() if kind == first.kind)
    return f"{word}:{getattr(first, COUNTED[word])}" if word in COUNTED else word


def _nets(graph: Graph, own: str) -> dict[str, Graph]:
    """The net with each norm that fits it, its own as it is."""
    nets = {}
    for word in (*NORMS, WITHOUT):
        try:
            nets[word] = varied(graph, f"{word}:1" if word in COUNTED else word)
        except ConvvizError:
            continue
    return {**nets, own.partition(":")[0]: graph}


def _neutral(graph: Graph) -> Graph:
    """The net whose norms are not called after their kind."""
    made = GraphBuilder(
        graph.name, graph.inputs, {"source": graph.meta["source"]} if "source" in graph.meta else {}
    )
    names = {node.name: KIND.sub("norm", node.name) for node in graph if isinstance(node.op, Norm)}
    for node in graph:
        inputs = [names.get(source, source) for source in node.inputs]
        made.add(names.get(node.name, node.name), node.op, inputs, node.where, node.shares, node.trained)
    return made.build([names.get(name, name) for name in graph.outputs])


def _check_names(nets: Iterable[Graph], names: Mapping[str, str]) -> None:
    """The same layer must have the same attribute, whatever the norm: else weights would not find their place."""
    for net in nets:
        for name, attribute in attributes(net).items():
            if names.get(KIND.sub("norm", name)) != KIND.sub("norm", attribute):
                raise ConvvizError(
                    "has a name that its norms need; give it another one", f"{net.name}: {name}"
                )


# -- source -------------------------------------------------------------------------------------------------
def _helpers(nodes: Sequence[Node], own: str, nets: Mapping[str, Graph], renamed: bool) -> str:
    """Everything that stands before the class."""
    ranks = {norm_rank(node.ins[0], node.op.kind) for node in nodes}
    batch = f"nn.BatchNorm{min(ranks)}d"
    choice = "(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[max(len(shape) - 2, 0)]"
    settings = {word: _settings(net) for word, net in nets.items()}
    counts = {"group": SCALARS["group_norm"], "ghost": SCALARS["ghost_batch_norm"]}
    made = {
        "batch": f"{choice if ranks - {min(ranks)} else batch}(channels{settings.get('batch', '')})",
        "layer": f"nn.LayerNorm(shape{settings.get('layer', '')})",
        "group": f"nn.GroupNorm(int(count or {counts['group']}), channels{settings.get('group', '')})",
        "instance": f"nn.InstanceNorm{min(ranks)}d(channels{settings.get('instance', '')})",
        "rms": f"nn.RMSNorm(shape{settings.get('rms', '')})",
        "ghost": f"GhostBatchNorm(channels, int(count or {counts['ghost']}))",
        WITHOUT: "nn.Identity()",
    }
    cases = [
        f'    if {"kind" if word in COUNTED else "norm"} == "{word}":\n        return {made[word]}'
        for word in made
        if word in nets
    ]
    known = ", ".join(f"{word}:{counts[word]}" if word in counts else word for word in made if word in nets)
    about = (
        f'"""A norm of maps of ``shape``, channels first: {known}. The number is that of the groups, or of the parts '
        f'into which a batch is split."""'
    )
    parts = ['KIND = re.compile("' + KIND.pattern + '")'] if renamed else []
    if "ghost" in nets:
        ghost = GHOST.format(base=batch, settings=settings["ghost"]).strip()
        parts.append(ghost + (f"\n{ANY_RANK}".rstrip() if ranks - {min(ranks)} else ""))
    wrapped = textwrap.fill(about, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 4)
    parts.append(MAKE.format(about=wrapped, cases="\n".join(cases), known=known).strip())
    return "\n\n\n".join(parts)


def _settings(net: Graph) -> str:
    """What differs from torch's defaults in the norms of a net, as further arguments."""
    for node in net:
        if isinstance(node.op, Norm):
            return "".join(
                f", {given}" for given in re.findall(r"\w+=[^,()]+", node.op.torch(*node.ins).module)
            )
    return ""


def _load(named: Mapping[str, str]) -> list[str]:
    """The method that finds weights by either name, with an example from a net's attributes."""
    example = next(name for name in named.values() if KIND.search(name))
    return LOAD.format(example=f"{example} is {KIND.sub('norm', example)}").strip("\n").splitlines()
