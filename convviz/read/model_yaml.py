"""model.yaml -> Graph in three steps: text -> data with lines, data -> entries, entries -> nodes.

Every complaint names the file, the line and the place inside the document.

Names: a layer without a name gets its op as written and how many of that op its scope has had so far, named
ones included; the top level and every copy of a block are scopes. ``from`` takes a name of the same scope, a
name inside an earlier block (``body2.conv1``), or a block's name, which stands for its last layer. In a block
that reads several layers ``input`` is the first of them, and ``input1``, ``input2`` ... are all of them in
order. Of the copies that ``repeat`` makes, the first reads ``from``; in each later one the copy before takes
the place of the first source. A parameter whose default is null must be given.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph, GraphBuilder
from convviz.ops.base import OPS, Op, Shape, build, shorten, show
from convviz.ops.conv import SUGAR, expand
from convviz.read.document import Map, Seq, load, read_text

TOP_LEVEL = ("name", "input", "blocks", "layers", "variant", "source", "year", "expect")
BESIDE = ("name", "from", "repeat")  # what may stand beside the op in an entry
MAX_LAYERS = 100_000
MAX_BLOCK_DEPTH = 40
MAX_AXES = 16
MAX_SIZE = 10**100  # an axis larger than this is a slip, and its decimals would not print
MAX_NAME = 100
NAME = re.compile(rf"[\w-]{{1,{MAX_NAME}}}")
NAME_RULE = f"must be letters, digits, _ or -, at most {MAX_NAME} of them"


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of ``layers``, as written: ``keys[what]`` are the op's fields or the block's arguments."""

    what: str  # an op, a named form of conv, or a block
    keys: Map
    path: str  # layers[3]
    line: int
    has_params: bool  # a `$name` somewhere

    def line_of(self, key: str) -> int:
        """The line of a field, of a key beside the op, or of the entry."""
        if key in BESIDE or key == self.what:
            return self.keys.lines.get(key, self.line)
        fields = self.keys[self.what]
        default = self.keys.lines[self.what]
        return fields.lines.get(key, default) if isinstance(fields, Map) else default


@dataclass(frozen=True)
class Block:
    defaults: Map
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Net:
    """A model file, parsed: nothing is known about shapes yet."""

    file: str
    name: str
    inputs: Mapping[str, Shape] | None
    blocks: Mapping[str, Block]
    entries: tuple[Entry, ...]
    meta: Mapping[str, Any]


def read_yaml(path: Path, override: Shape | Mapping[str, Shape] | None = None, shown: str = "") -> Graph:
    """The Graph of a model file; ``override`` replaces input shapes of the file. Raises ConvvizError.

    ``shown`` is what messages call the file; by default its path.
    """
    net = parse(read_text(path), shown or str(path), path.stem)
    inputs = choose_inputs(net, override)
    try:
        return assemble(net, inputs, MAX_LAYERS)
    except Misfit as misfit:
        from convviz.read.fit import advice

        hint = advice(misfit, inputs, lambda trial: assemble(net, trial, limit=1_000))
        raise ConvvizError(misfit.message + hint, misfit.where) from None


# -- document -> entries ------------------------------------------------------------------------------
def parse(text: str, file: str, name: str) -> Net:
    """The entries of a model file; raises ConvvizError."""
    doc = load(text, file)
    if doc is None:
        raise ConvvizError("the file is empty: a model needs `input` and `layers`", file)
    if not isinstance(doc, Map):
        raise ConvvizError(f"must be a mapping with `input` and `layers`, got {shorten(doc)}", f"{file}:1")

    def fail(message: str, place: str, line: int) -> NoReturn:
        raise ConvvizError(message, f"{file}:{line}: {place}")

    for key in doc:
        if key not in TOP_LEVEL:
            have = ", ".join(TOP_LEVEL)
            fail(f"unknown key{nearest(key, TOP_LEVEL)} (keys: {have})", key, doc.lines[key])
    if "layers" not in doc:
        raise ConvvizError("no layers: a model needs a list `layers`", file)

    title = doc.get("name", name)
    if not isinstance(title, str) or not title.strip() or not title.isprintable():
        fail(f"must be a text of printable characters, got {shown(title)}", "name", doc.lines["name"])
    expect = doc.get("expect")
    if expect is not None and not isinstance(expect, Map):
        message = f"must be a mapping such as {{params: 13808}}, got {shown(expect)}"
        fail(message, "expect", doc.lines["expect"])

    raw = doc.get("blocks")
    if raw is None:
        raw = Map()
    if not isinstance(raw, Map):
        message = f"must be a mapping from names to blocks, got {shown(raw)}"
        fail(message, "blocks", doc.lines["blocks"])
    for key in raw:
        place, line = f"blocks.{key}", raw.lines[key]
        if key in OPS or key in SUGAR:
            fail("a block must not be called like an op", place, line)
        if key in BESIDE or not NAME.fullmatch(key):
            fail(f"a block's name {NAME_RULE}, and none of {', '.join(BESIDE)}", place, line)

    known = {*OPS, *SUGAR, *raw}
    blocks = {key: _block(value, raw.lines[key], f"blocks.{key}", known, file) for key, value in raw.items()}
    _check_nesting(blocks, file)
    entries = _entries(doc["layers"], doc.lines["layers"], "layers", known, file)
    if len(entries) > MAX_LAYERS:
        message = f"too large: a net may have {MAX_LAYERS:,} layers, and this has {len(entries):,}"
        fail(message, "layers", doc.lines["layers"])
    inputs = _inputs(doc["input"], file, doc.lines["input"]) if "input" in doc else None
    meta = {k: doc[k] for k in ("variant", "source", "year", "expect") if k in doc} | {"path": file}
    return Net(file, title, inputs, blocks, entries, meta)


def _block(value: Any, line: int, path: str, known: set[str], file: str) -> Block:
    if not isinstance(value, Map) or "layers" not in value:
        message = f"a block is a mapping with `layers` (and `with`), got {shown(value)}"
        raise ConvvizError(message, f"{file}:{line}: {path}")
    for key in value:
        if key not in ("with", "layers"):
            place = f"{file}:{value.lines[key]}: {path}.{key}"
            hint = nearest(key, ("with", "layers"))
            raise ConvvizError(f"unknown key{hint} (keys: with, layers)", place)
    defaults = value.get("with")
    if defaults is None:
        defaults = Map()
    if not isinstance(defaults, Map) or not all(NAME.fullmatch(p) for p in defaults) or _has_params(defaults):
        place = f"{file}:{value.lines['with']}: {path}.with"
        message = f"must be a mapping from parameters to plain defaults, got {shorten(defaults)}"
        raise ConvvizError(message, place)
    return Block(defaults, _entries(value["layers"], value.lines["layers"], f"{path}.layers", known, file))


def _entries(items: Any, line: int, path: str, known: set[str], file: str) -> tuple[Entry, ...]:
    if not isinstance(items, Seq):
        message = f"must be a list of layers, each behind a `-`, got {shown(items)}"
        raise ConvvizError(message, f"{file}:{line}: {path}")
    if not items:
        raise ConvvizError("no layers: a net needs at least one", f"{file}:{line}: {path}")
    lines = items.lines
    return tuple(_entry(item, lines[i], f"{path}[{i}]", known, file) for i, item in enumerate(items))


def _entry(item: Any, line: int, path: str, known: set[str], file: str) -> Entry:
    where = f"{file}:{line}: {path}"
    if isinstance(item, str):
        keys = Map(line)
        keys[item], keys.lines[item] = None, line
    elif isinstance(item, Map):
        keys = item
    else:
        raise ConvvizError(f"a layer is an op such as `relu` or `conv: {{...}}`, got {shown(item)}", where)
    ops = [key for key in keys if key not in BESIDE]
    good = [key for key in ops if key in known]
    if len(ops) > 1 and len(good) == 1:  # most often fields that should be indented under the op
        wrong = next(key for key in ops if key not in known)
        inside = good[0] in SUGAR or (good[0] in OPS and wrong in _fields(OPS[good[0]]))
        hint = f"; it belongs inside {good[0]}: {{...}}" if inside else nearest(wrong, BESIDE)
        place = f"{file}:{keys.lines[wrong]}: {path}.{wrong}"
        raise ConvvizError(f"unknown key beside {good[0]}{hint} (keys: {', '.join(BESIDE)})", place)
    if len(ops) > 1:
        raise ConvvizError(f"one layer holds one op, got {' and '.join(ops[:3])}", where)
    if not ops:
        raise ConvvizError("a layer needs an op, such as `relu` or `conv: {...}`", where)
    if not good:
        raise ConvvizError(f"unknown op {shorten(ops[0])}{nearest(ops[0][:100], known)}", where)
    return Entry(ops[0], keys, path, line, _has_params(keys))


def shown(value: Any) -> str:
    """A value of the file in a message, which calls null what it looks like there."""
    return "nothing" if value is None else shorten(value)


def _fields(op: Op | type[Op]) -> list[str]:
    return [f.name for f in dataclasses.fields(op)]


def _has_params(value: Any) -> bool:
    if isinstance(value, str):
        return value.startswith("$")
    if isinstance(value, Map):
        return any(_has_params(v) for v in value.values())
    return isinstance(value, Seq) and any(_has_params(v) for v in value)


def _check_nesting(blocks: Mapping[str, Block], file: str) -> None:
    """Raises where a block contains itself, or where blocks nest too deeply."""
    depth: dict[str, int] = {}  # levels of blocks within each

    def visit(name: str, trail: list[str]) -> int:
        if name in depth:
            return depth[name]
        trail = [*trail, name]
        below = 0
        for entry in blocks[name].entries:
            place = f"{file}:{entry.line}: {entry.path}"
            if entry.what in trail:
                loop = " -> ".join([*trail[trail.index(entry.what) :], entry.what])
                raise ConvvizError(f"a block cannot contain itself: {loop}", place)
            if entry.what in blocks:
                if len(trail) + depth.get(entry.what, 0) >= MAX_BLOCK_DEPTH:
                    raise ConvvizError(f"blocks within blocks, more than {MAX_BLOCK_DEPTH} deep", place)
                below = max(below, 1 + visit(entry.what, trail))
        depth[name] = below
        return below

    for name in blocks:
        visit(name, [])


def _sizes(blocks: Mapping[str, Block]) -> dict[str, int]:
    """How many layers each block makes at least: repeats that are parameters count once."""
    sizes: dict[str, int] = {}

    def size(what: str) -> int:
        if what not in sizes and what in blocks:
            sizes[what] = 0
            for entry in blocks[what].entries:
                repeat = entry.keys.get("repeat")
                sizes[what] += size(entry.what) * (repeat if type(repeat) is int and repeat > 0 else 1)
        return sizes.get(what, 1)

    for name in blocks:
        size(name)
    return sizes


# -- inputs -------------------------------------------------------------------------------------------
def _inputs(value: Any, file: str, line: int) -> dict[str, Shape]:
    """Input shapes by name; raises ConvvizError."""
    several = isinstance(value, Map)
    if several and not value:
        raise ConvvizError("must name at least one input", f"{file}:{line}: input")
    out = {}
    for name, shape in value.items() if several else [("input", value)]:
        place = f"{file}:{value.lines[name]}: input.{name}" if several else f"{file}:{line}: input"
        if not NAME.fullmatch(name):
            raise ConvvizError(f"an input's name {NAME_RULE}", place)
        try:
            out[name] = check_input(shape)
        except ConvvizError as err:
            raise err.at(place) from None
    return out


def check_input(shape: Any) -> Shape:
    """``(channels, *space)`` with up to three spatial axes; raises ConvvizError."""
    rule = "channels first, no batch axis, such as [1, 28, 28]"
    if not isinstance(shape, list | tuple) or not shape:
        raise ConvvizError(f"must be a list of sizes ({rule}), got {shown(shape)}")
    for n in shape:
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n < 10**30:
            raise ConvvizError(f"sizes must be whole numbers >= 1 ({rule}), got {shorten(n)}")
    if len(shape) > 4:
        raise ConvvizError(f"at most three spatial axes ({rule}), got {len(shape) - 1}")
    return tuple(shape)


def choose_inputs(net: Net, override: Shape | Mapping[str, Shape] | None) -> dict[str, Shape]:
    """The file's inputs with those of ``override`` in their place; raises ConvvizError."""
    inputs = dict(net.inputs or {})
    if override is None:
        if not inputs:
            raise ConvvizError("no `input`: write its shape, such as `input: [1, 28, 28]`", net.file)
        return inputs
    if isinstance(override, Mapping):
        for name, shape in override.items():
            if inputs and name not in inputs:
                have = ", ".join(inputs)
                raise ConvvizError(f"no input {name!r}{nearest(name, inputs)} (inputs: {have})", net.file)
            inputs[name] = check_input(shape)
        return inputs
    if len(inputs) > 1:
        have = ", ".join(inputs)
        raise ConvvizError(f"has several inputs ({have}): say which one the shape is for", net.file)
    return {next(iter(inputs), "input"): check_input(override)}


# -- entries -> nodes ---------------------------------------------------------------------------------
class Misfit(ConvvizError):
    """Shapes that do not fit, with what is needed to look for an input that would."""

    def __init__(
        self, message: str, where: str, builder: GraphBuilder, op: Op, sources: tuple[str, ...]
    ) -> None:
        super().__init__(message, where)
        self.builder, self.op, self.sources = builder, op, sources


@dataclass
class Scope:
    """The top level, or one instance of a block."""

    entries: tuple[Entry, ...]
    inputs: Mapping[str, str]  # what `input` and the like stand for
    last: str  # the node that an entry without `from` reads
    prefix: str = ""  # "body2."
    params: Mapping[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def assemble(net: Net, inputs: Mapping[str, Shape], limit: int = MAX_LAYERS) -> Graph:
    """The Graph of a parsed file for these input shapes; raises ConvvizError, or Misfit."""
    first = next(iter(inputs))
    top = Scope(net.entries, {"input": first} | {name: name for name in inputs}, first)
    assembler = _Assembler(net, GraphBuilder(net.name, inputs, net.meta), limit)
    assembler.run(top)
    return assembler.builder.build()


class _Assembler:
    def __init__(self, net: Net, builder: GraphBuilder, limit: int) -> None:
        self.net, self.builder, self.limit = net, builder, limit
        self.nodes: dict[str, str] = {}  # full name of a layer or a block -> the node that it stands for
        self.ops: dict[tuple[int, int], Op] = {}  # (entry, rank) -> its op, which repeats need many times
        self.edges = 0
        self.sizes = _sizes(net.blocks)

    def error(self, entry: Entry, scope: Scope, message: str, *keys: str) -> ConvvizError:
        """The complaint at ``file:line: layers[3].conv.stride``, and in which copy of a block."""
        return ConvvizError(*self.told(entry, scope, message, *keys))

    def told(self, entry: Entry, scope: Scope, message: str, *keys: str) -> tuple[str, str]:
        inside = f" (in {scope.prefix[:-1][-MAX_NAME:]})" if scope.prefix else ""
        line = entry.line_of(keys[-1]) if keys else entry.line
        return message + inside, f"{self.net.file}:{line}: {'.'.join((entry.path, *keys))}"

    # -- entries in order ---------------------------------------------------------------------------
    def run(self, scope: Scope) -> None:
        """Add the nodes of all entries; ``scope.last`` is then the last of them."""
        for at, entry in enumerate(scope.entries):
            keys = self.filled(entry, scope)
            repeat = self.repeat(entry, keys, scope)
            before = len(self.builder.nodes)
            self.check_total(entry, scope, before + repeat * self.sizes.get(entry.what, 1))
            sources = self.sources(entry, keys, scope, at)
            self.edges += repeat * len(sources)
            if self.edges > 10 * self.limit:
                message = f"too large: a net may have {10 * self.limit:,} connections between layers"
                raise self.error(entry, scope, message, "from")
            base, numbers = self.naming(entry, keys, scope, scope.counts)
            for i in range(repeat):
                name = base if numbers is None else f"{base}{numbers[i]}"
                if i:
                    sources = (scope.last, *sources[1:]) if sources else ()
                full = scope.prefix + name
                if full in self.nodes or name in scope.inputs:
                    place = [key for key in ("name",) if key in keys]
                    raise self.error(
                        entry, scope, f"the name {name!r} is taken; give this layer another", *place
                    )
                self.add(entry, keys[entry.what], full, sources, scope)
                scope.last = self.nodes[full]
                if not i:
                    self.check_total(entry, scope, before + (len(self.builder.nodes) - before) * repeat)

    def check_total(self, entry: Entry, scope: Scope, total: int) -> None:
        """Refuses a net that is too large before it is built, not after."""
        if total > self.limit:
            place = [key for key in ("repeat",) if key in entry.keys]
            message = f"too large: a net may have {self.limit:,} layers, and this makes at least {total:,}"
            raise self.error(entry, scope, message, *place)

    def filled(self, entry: Entry, scope: Scope) -> Map:
        """The entry's mapping with every ``$parameter`` replaced by its value."""
        if not entry.has_params:
            return entry.keys

        def fill(value: Any, keys: tuple[str, ...]) -> Any:
            if isinstance(value, str) and value.startswith("$"):
                if value[1:] in scope.params:
                    return scope.params[value[1:]]
                near = nearest(value[1:100], scope.params)
                have = ", ".join(scope.params) or "none"
                message = f"unknown parameter {shorten(value)}{near} (parameters here: {have})"
                raise self.error(entry, scope, message, *keys)
            if isinstance(value, Map):
                filled = Map(value.line)
                filled.lines = value.lines
                filled.update((k, fill(v, (*keys, k))) for k, v in value.items())
                return filled
            return [fill(v, keys) for v in value] if isinstance(value, Seq) else value

        return fill(entry.keys, ())  # type: ignore[no-any-return]

    def naming(
        self, entry: Entry, keys: Map, scope: Scope, counts: dict[str, int]
    ) -> tuple[str, range | None]:
        """How the copies of an entry are called: a name and the numbers behind it; ``counts`` moves on."""
        name, repeat = keys.get("name"), self.repeat(entry, keys, scope)
        if "name" in keys and not (isinstance(name, str) and NAME.fullmatch(name)):
            raise self.error(entry, scope, f"{NAME_RULE}, got {shown(name)}", "name")
        before = counts.get(entry.what, 0)
        counts[entry.what] = before + repeat
        if name is None:
            return entry.what, range(before + 1, before + repeat + 1)
        return name, range(1, repeat + 1) if "repeat" in keys else None

    def repeat(self, entry: Entry, keys: Map, scope: Scope) -> int:
        repeat = keys.get("repeat", 1)
        if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 1:
            raise self.error(entry, scope, f"must be a whole number >= 1, got {shown(repeat)}", "repeat")
        return repeat

    # -- what an entry reads ------------------------------------------------------------------------
    def sources(self, entry: Entry, keys: Map, scope: Scope, at: int) -> tuple[str, ...]:
        """The nodes that the first copy of the entry at index ``at`` reads."""
        listed = keys.get("from")
        if "from" not in keys:
            made = entry.what in OPS and OPS[entry.what].inputs[1] == 0  # a constant reads nothing
            return () if made else (scope.last,)
        if not isinstance(listed, list):
            listed = [listed]
        if not listed or not all(isinstance(name, str) for name in listed):
            message = f"must be a name or a list of names, got {shown(keys['from'])}"
            raise self.error(entry, scope, message, "from")
        return tuple(
            scope.inputs.get(name)
            or self.nodes.get(scope.prefix + name)
            or self.unknown(name, entry, scope, at)
            for name in listed
        )

    def unknown(self, name: str, entry: Entry, scope: Scope, at: int) -> NoReturn:
        """Says why ``from: name`` cannot be: a cycle, or no such name."""
        counts, first = dict(scope.counts), name.split(".")[0]
        for later in scope.entries[at:]:
            try:
                base, numbers = self.naming(later, self.filled(later, scope), scope, counts)
            except ConvvizError:  # one complaint at a time
                break
            copy = re.fullmatch(rf"{base}([1-9][0-9]{{0,8}})", first)
            if first == base if numbers is None else copy and int(copy[1]) in numbers:
                what = "this layer itself" if later is entry else "a later layer"
                message = f"a cycle: {name!r} is {what}, and a layer reads only what stands before it"
                raise self.error(entry, scope, message, "from")
        start = len(scope.prefix)
        recent = list(self.nodes)[-1000:]  # likeness takes its time
        known = [*scope.inputs, *(full[start:] for full in recent if full.startswith(scope.prefix))]
        hint = nearest(name[:100], known)
        seen = "; a block sees its own layers and `input`" if scope.prefix else ""
        raise self.error(entry, scope, f"nothing is called {shorten(name)}{hint}{seen}", "from")

    # -- nodes --------------------------------------------------------------------------------------
    def add(self, entry: Entry, fields: Any, name: str, sources: tuple[str, ...], scope: Scope) -> None:
        """The nodes of one copy of an entry."""
        what = entry.what
        if what in self.net.blocks:
            inner = Scope(
                self.net.blocks[what].entries,
                {"input": sources[0]} | {f"input{i}": source for i, source in enumerate(sources, 1)},
                sources[0],
                f"{name}.",
                self.arguments(entry, fields, scope),
            )
            self.run(inner)
            self.nodes[name] = inner.last
            return
        shape = self.builder.shapes[sources[0] if sources else scope.last]
        rank = max(0, min(3, len(shape) - 1))
        try:
            parts = self.parts(entry, fields, shape[-(rank + 1) :], rank)
        except ConvvizError as err:
            raise self.error(entry, scope, err.message, what, *filter(None, [err.where])) from None
        for part, op in parts:
            full = f"{name}.{part}" if part else name
            self.place(entry, op, full, sources, scope)
            sources = (full,)
        self.nodes[name] = full

    def parts(self, entry: Entry, fields: Any, shape: Shape, rank: int) -> list[tuple[str, Op]]:
        """The ops of an entry with the names of its parts; an op has one, without a name."""
        what = entry.what
        if what in SUGAR:
            if fields is not None and not isinstance(fields, Map):
                raise ConvvizError(f"takes fields, such as {what}: {{kernel_size: 3}}, got {shorten(fields)}")
            return [(part, build("conv", values, rank)) for part, values in expand(what, fields or {}, shape)]
        key = (id(entry), rank)
        op = self.ops.get(key)
        if op is None:
            op = build(what, self.op_fields(what, fields), rank)
            if not entry.has_params:
                self.ops[key] = op
        return [("", op)]

    def op_fields(self, what: str, fields: Any) -> Mapping[str, Any]:
        """The fields of an op as a mapping; a scalar sets the one field that the op names for it."""
        if fields is None or isinstance(fields, Map):
            return fields or {}
        scalar = OPS[what].scalar
        if scalar is None:
            have = ", ".join(_fields(OPS[what])) or "none"
            raise ConvvizError(f"takes fields by name (fields: {have}), got {shorten(fields)}")
        return {scalar: fields}

    def arguments(self, entry: Entry, given: Any, scope: Scope) -> dict[str, Any]:
        """The parameters of a block: its defaults with what is given in their place."""
        defaults = self.net.blocks[entry.what].defaults
        have = ", ".join(defaults) or "none"
        if given is None:
            given = {}
        if not isinstance(given, Map | dict):
            if len(defaults) != 1:
                message = f"this block takes parameters by name (parameters: {have}), got {shorten(given)}"
                raise self.error(entry, scope, message, entry.what)
            given = dict.fromkeys(defaults, given)
        for name in given:
            if name not in defaults:
                message = f"unknown parameter of {entry.what}{nearest(name, defaults)} (parameters: {have})"
                raise self.error(entry, scope, message, entry.what, name)
        values = {**defaults, **given}
        for name, value in values.items():
            if value is None:
                raise self.error(entry, scope, f"{entry.what} needs {name}, which has no default", entry.what)
        return values

    def place(self, entry: Entry, op: Op, name: str, sources: tuple[str, ...], scope: Scope) -> None:
        """Add one node; raises Misfit where only the shapes are wrong."""
        shapes = [self.builder.shapes[source] for source in sources]
        what = entry.what
        if op.kind == "linear" and max(map(len, shapes)) > 1:
            message = f"linear reads a vector, and a map of {show(shapes[0])} reaches it: flatten first"
            raise self.error(entry, scope, message, what)
        if "kernel_size" in _fields(op) and max(map(len, shapes)) < 2:
            message = f"needs a map with spatial axes, and a vector of {show(shapes[0])} reaches it"
            raise self.error(entry, scope, message, what)
        if op.inputs[1] is None and len(sources) == 1 and getattr(op, "other", None) is None:
            message = f"{what} joins two layers or more; name them, as in from: [a, b]"
            raise self.error(entry, scope, message, what)
        where = f"{self.net.file}:{entry.line}: {entry.path}.{what}"
        try:
            node = self.builder.add(name, op, sources, where)
        except ConvvizError as err:
            message, field = err.message, err.where.removeprefix(where).lstrip(".")
            low, high = op.inputs
            if field:
                raise self.error(entry, scope, message, what, field) from None
            if len(sources) < low:
                raise self.error(entry, scope, f"{message}; name them, as in from: [a, b]", what) from None
            if high is not None and len(sources) > high:
                raise self.error(entry, scope, message, what) from None
            if len(sources) > 1:
                each = [f"{source} is {show(shape)}" for source, shape in zip(sources, shapes, strict=True)]
                message += f" ({', '.join(each[:6])}{', ...' if len(each) > 6 else ''})"
            raise Misfit(*self.told(entry, scope, message, what), self.builder, op, sources) from None
        if len(node.out) > MAX_AXES or any(n > MAX_SIZE for n in node.out):
            message = f"its output has more than {MAX_AXES} axes, or one of more than 10**100 cells"
            raise self.error(entry, scope, message, what)
        self.nodes[name] = name
