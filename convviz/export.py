"""A Graph as a PyTorch module file that people like to read; written as text, so torch is not needed for it.

Names and descriptions in a model file are data: they become identifiers and plain text here, never code.
"""

from __future__ import annotations

import builtins
import io
import keyword
import re
import textwrap
import tokenize
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from convviz.errors import ConvvizError
from convviz.graph import Graph, Node
from convviz.ops.base import Code, Shape, show

WIDTH = 100
# What every nn.Module has; a layer of that name would hide it.
_MODULE = """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule
    half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to
    to_empty train training type xpu zero_grad
"""
MODULE = frozenset(_MODULE.split())
RESERVED = MODULE | {"x", "self", "torch", "nn", "F", "Tensor", *keyword.kwlist, *dir(builtins)}


def export(graph: Graph, title: str | None = None) -> str:
    """PyTorch source of ``graph``: a module with one line of ``forward`` a layer, and a main that tries it.

    title: the class's name, by default made of the net's. A layer ``layer1.0.conv1`` becomes the attribute
    ``layer1_0_conv1`` (:func:`attributes` has all of them), with torch's own names for the weights inside it.
    Raises ConvvizError where PyTorch has no such op.

    >>> import convviz
    >>> print(export(convviz.read("tiny")).splitlines()[0])
    \"\"\"tiny as a PyTorch module, written by convviz.\"\"\"
    """
    codes = codes_of(graph)
    about = ", ".join(plain(graph.meta[key]) for key in ("variant", "year") if graph.meta.get(key))
    told = f"{plain(graph.name)}{f' ({about})' if about else ''}: {graph.params:,} parameters."
    return module_source(
        graph, codes, identifiers(graph, codes.values()), title or class_name(graph.name), told
    )


def module_source(
    graph: Graph,
    codes: Mapping[str, Code],
    names: Mapping[str, str],
    title: str,
    told: str,
    *,
    argument: str = "",
    uses: Sequence[str] = (),
    helpers: str = "",
    methods: Sequence[str] = (),
) -> str:
    """The file: a class ``title`` whose layers are written as ``codes`` and called ``names``; ``told`` describes it.

    argument: another parameter of the class; uses: imports besides torch's; helpers: source that stands before the
    class; methods: lines that stand behind ``forward``.
    """
    init = _init(graph, codes, names)
    forward = _forward(graph, names, expressions(graph, codes, names))
    body = "\n".join([helpers, *init, *forward])
    functional = ["import torch.nn.functional as F"] if re.search(r"\bF\.", body) else []
    parts = [
        f'"""{plain(graph.name)} as a PyTorch module, written by convviz."""\n',
        *([*uses, ""] if uses else []),
        "\n".join(["import torch", *functional, "from torch import Tensor, nn"]),
        *([f"\n\n{helpers.strip()}"] if helpers else []),
        f"\n\nclass {title}(nn.Module):",
        *_docstring(graph, told),
        "",
        f"    def __init__(self{f', {argument}' if argument else ''}) -> None:",
        "        super().__init__()",
        *init,
        "",
        *forward,
        *(["", *methods] if methods else []),
        "",
        "",
        *_main(graph, title),
    ]
    return "\n".join(parts) + "\n"


def attributes(graph: Graph) -> dict[str, str]:
    """The attribute of the exported module for each node; nodes without a module are left out."""
    codes = codes_of(graph)
    names = identifiers(graph, codes.values())
    return {node.name: names[_owner(graph, codes, node)] for node in graph if codes[node.name].module}


def codes_of(graph: Graph) -> dict[str, Code]:
    """Every node as PyTorch source; raises ConvvizError, placed at the node, where torch has no such op."""
    codes = {}
    for node in graph:
        try:
            codes[node.name] = node.op.torch(*node.ins)
        except ConvvizError as err:
            raise err.at(node.where or node.name) from None
    return codes


# -- names ------------------------------------------------------------------------------------------
def identifiers(graph: Graph, codes: Iterable[Code] = ()) -> dict[str, str]:
    """A Python identifier for each input and node: no two alike, none that hides what ``codes`` use."""
    used = {w for code in codes for w in re.findall(r"(?<![.\w])[^\W\d]\w*", f"{code.module} {code.call}")}
    taken = set(RESERVED | used)
    names = {}
    for name in (*graph.inputs, *graph.by_name):
        plain = sanitise(name)
        choice, count = plain, 1
        while choice in taken:
            count += 1
            choice = f"{plain}_{count}"
        taken.add(choice)
        names[name] = choice
    return names


def sanitise(name: str, default: str = "layer") -> str:
    """``name`` as an identifier: what cannot stand in one becomes ``_``.

    >>> sanitise("layer1.0.conv1"), sanitise("x; import os"), sanitise("3x3")
    ('layer1_0_conv1', 'x_import_os', 'layer_3x3')
    """
    # Python reads identifiers in their NFKC form; two names may not become one behind our back.
    name = unicodedata.normalize("NFKC", name)
    kept = "".join(c if f"_{c}".isidentifier() else "_" for c in name)
    kept = re.sub("__+", "_", kept).strip("_")
    return kept if kept.isidentifier() else f"{default}_{kept}".rstrip("_")


def class_name(name: str) -> str:
    """
    >>> class_name("code8"), class_name("my net"), class_name("3d-unet")
    ('Code8', 'MyNet', 'Net3dUnet')
    """
    words = "".join(word[:1].upper() + word[1:] for word in sanitise(name, "net").split("_"))
    return f"{words}Net" if words in RESERVED else words


def plain(text: object) -> str:
    """Foreign text fit for a docstring: one line, printable, with nothing that could end the string."""
    line = " ".join(str(text).split()).replace("\\", "/").replace('"', "'")
    return "".join(c for c in line if c.isprintable())[:300]


# -- parts of the file ------------------------------------------------------------------------------
def _docstring(graph: Graph, told: str) -> list[str]:
    out = [graph.shape(name) for name in graph.outputs]
    lines = [
        told,
        "",
        *(f"{plain(name)}: {_batched(shape)}" for name, shape in graph.inputs.items()),
        f"returns: {', '.join(map(_batched, out))}",
        *([f"Source: {plain(graph.meta['source'])}"] if graph.meta.get("source") else []),
    ]
    wrapped = [part for line in lines for part in textwrap.wrap(line, WIDTH - 7) or [""]]
    wrapped[0] = f'"""{wrapped[0]}'
    return [f"    {line}".rstrip() for line in (*wrapped, '"""')]


def _batched(shape: Shape) -> str:
    return f"({', '.join(map(str, ('N', *shape)))}{'' if shape else ','})"


def _init(graph: Graph, codes: Mapping[str, Code], names: Mapping[str, str]) -> list[str]:
    lines = []
    for node in graph:
        code = codes[node.name]
        if not code.module or _owner(graph, codes, node) != node.name:
            continue
        lines += fold(f"        self.{names[node.name]} = {code.module}")
        if node.shares:  # the same weights under other settings: another module that is tied to the first
            first = names[_owner(graph, codes, graph[node.shares])]
            mine = f"        self.{names[node.name]}"
            lines += [f"{mine}.{w} = self.{first}.{w}" for w in node.op.weights(*node.ins)]
    return lines


def _owner(graph: Graph, codes: Mapping[str, Code], node: Node) -> str:
    """The node whose module this one calls: its own, or one of equal settings whose weights it shares."""
    first = node
    while first.shares:
        first = graph[first.shares]
        if codes[first.name].module == codes[node.name].module:
            return _owner(graph, codes, first)
    return node.name


def expressions(graph: Graph, codes: Mapping[str, Code], names: Mapping[str, str]) -> dict[str, str]:
    """The call of each node as source, with ``{0}, {1} ...`` still open."""
    out = {}
    for node in graph:
        module = f"self.{names[_owner(graph, codes, node)]}" if codes[node.name].module else ""
        out[node.name] = codes[node.name].call.replace("{self}", module)
    return out


def _forward(graph: Graph, names: Mapping[str, str], calls: Mapping[str, str]) -> list[str]:
    """``x`` is what the next line alone reads; every other value goes by its own name."""
    steps = [node for node in graph if node.inputs]
    place = {node.name: i for i, node in enumerate(steps)} | dict.fromkeys(graph.inputs, -1)
    readers: dict[str, set[int]] = {}
    for i, node in enumerate(steps):
        for source in node.inputs:
            readers.setdefault(source, set()).add(i)
    for name in graph.outputs:
        readers.setdefault(name, set()).add(len(steps))

    single = len(graph.inputs) == 1
    value: dict[str, str] = {}
    for name in (*graph.inputs, *graph.by_name):
        if name not in place:  # no inputs, so no line of its own: its tensor is written where it is used
            value[name] = calls[name].format()
        elif readers.get(name) == {place[name] + 1} and (single or name not in graph.inputs):
            value[name] = "x"
        else:
            value[name] = names[name] if readers.get(name) or name in graph.inputs else "_"

    result = "Tensor" if len(graph.outputs) == 1 else "tuple[Tensor, ...]"
    parameters = ", ".join(f"{value[name]}: Tensor" for name in graph.inputs)
    lines = fold(f"    def forward(self, {parameters}) -> {result}:")
    for node in steps:
        given = [value[s] for s in node.inputs]
        if node.op.kind in ("concat", "stack"):  # these do not broadcast what has no batch of its own
            own = [g for g, s in zip(given, node.inputs) if s in place]
            if own and len(own) < len(given):
                sizes = ", ".join([f"len({own[0]})", *["-1"] * len(node.ins[0])])
                given = [g if s in place else f"{g}.expand({sizes})" for g, s in zip(given, node.inputs)]
        line = f"        {value[node.name]} = {calls[node.name].format(*given)}"
        note = f"  # {show(node.out)}" if node.out != node.ins[0] or node.inputs[0] in graph.inputs else ""
        folded = fold(line)
        fits = len(folded[-1] + note) <= WIDTH
        lines += [*folded[:-1], folded[-1] + note] if fits else folded
    return lines + fold(f"        return {', '.join(value[name] for name in graph.outputs)}")


def _main(graph: Graph, title: str) -> list[str]:
    shapes = [(1, *shape) for shape in graph.inputs.values()]
    inputs = "[" + ", ".join(f"torch.zeros({', '.join(map(str, s))})" for s in shapes) + "]"
    many = len(graph.outputs) > 1
    return [
        'if __name__ == "__main__":',
        f"    net = {title}().eval()",
        *fold(f"    inputs = {inputs}"),
        "    with torch.inference_mode():",
        f"        outputs = {'net(*inputs)' if many else '[net(*inputs)]'}",
        '    print(f"{sum(p.numel() for p in net.parameters() if p.requires_grad):,} parameters")',
        '    print(*(tuple(x.shape) for x in inputs), "->", *(tuple(y.shape) for y in outputs))',
    ]


# -- layout -----------------------------------------------------------------------------------------
def fold(line: str) -> list[str]:
    """A line of source with its strings in double quotes, broken inside brackets where it is too long.

    >>> fold("    y = f(a, mode='same')")
    ['    y = f(a, mode="same")']
    """
    indent = " " * (len(line) - len(line.lstrip()))
    lines = [indent]
    for part in _breakable(line.lstrip()):
        if len(lines[-1]) + len(part.rstrip()) > WIDTH and lines[-1].strip():
            lines[-1] = lines[-1].rstrip()
            lines.append(f"{indent}    {part.lstrip()}")
        else:
            lines[-1] += part
    if len(lines[-1]) <= WIDTH or line.rstrip().endswith((")", ":", "]")):
        return lines
    return fold(re.sub(r"^(\s*)(return|\w+ =) (.*)$", r"\1\2 (\3)", line))  # no bracket yet in which to break


def _breakable(text: str) -> list[str]:
    """One statement in pieces between which a line may end: at commas and signs, inside brackets."""
    parts, depth, at = [""], 0, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
            break
        string, space = token.string, text[at : token.start[1]]
        if token.type == tokenize.STRING and string[0] == "'" and not set('"\\') & set(string):
            string = f'"{string[1:-1]}"'
        if depth and space and string in "+-*/@":
            parts.append("")
        parts[-1] += space + string
        depth += (string in "([{") - (string in ")]}")
        if depth and string == ",":
            parts.append("")
        at = token.end[1]
    return parts
