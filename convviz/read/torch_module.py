"""Any torch module -> Graph, by watching one forward; and the same forward again on real numbers.

``torch_source`` finds and builds the module, ``torch_trace`` watches its forward, and the readers listed in
``torch_table`` say what each torch function is. The module is left unchanged: it runs on stand-ins.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn

from convviz.errors import ConvvizError, nearest
from convviz.graph import Graph
from convviz.ops.base import Shape
from convviz.read import (  # noqa: F401  each enters its readers in the table
    torch_arithmetic,
    torch_attention,
    torch_axes,
    torch_composed,
    torch_index,
    torch_norms,
    torch_products,
    torch_windows,
)
from convviz.read.torch_call import MARK, Mark, NeedsValues, OnNode, Origin, Step, tensors_in
from convviz.read.torch_inputs import bind, filled, wrapped
from convviz.read.torch_source import (
    Source,
    construct,
    load_weights,
    offline,
    parse_source,
    same_random,
    told,
)
from convviz.read.torch_stand_ins import stand_ins
from convviz.read.torch_trace import UNWATCHED, Recorder, call_module, recording, where

Treat = Mapping[str, str]
HOWS = ("pointwise", "global")


def read_torch(
    source: nn.Module | str, input: Any = None, weights: Any = None, treat: Treat | None = None
) -> Graph:
    """The graph of a torch module, or of what ``pkg.mod:Unet("resnet34")`` or ``net.py:Net`` names.

    ``input`` is a shape without batch axis; for several inputs a dict by forward's parameter names, or a list
    in their order. ``weights`` is a file with a state dict. ``treat`` says of modules that cannot be read, by
    class or by path, that they are ``pointwise`` or ``global``. The module is left unchanged.

    Raises ConvvizError that names the function, the module and the line of code.
    """
    text = parse_source(source) if isinstance(source, str) else None
    check_treat(treat or {})

    def module(device: str) -> nn.Module:
        return unwrapped(build_on(text, device) if text else source)  # type: ignore[arg-type]

    name = text.name if text else type(unwrapped(source)).__name__  # type: ignore[arg-type]
    first = module("meta")
    if weights is not None:
        load_weights(weights, first)
    meta: dict[str, Any] = {"source": text.text} if text else {}
    try:
        return traced(first, input, "meta", treat or {}, name, meta)
    except ConvvizError:
        raise
    except (Exception, SystemExit):
        pass  # some need real numbers; if it is the user's own error, it comes again and is told
    return traced(module("cpu"), input, "cpu", treat or {}, name, meta)


def load_module(source: nn.Module | str, weights: Any = None, device: str = "cpu") -> nn.Module:
    """The real module, in evaluation mode, with the weights of a state-dict file if one is given."""
    module = construct(parse_source(source), device) if isinstance(source, str) else source
    if weights is not None:
        module.load_state_dict(load_weights(weights, module))
    return module.eval() if isinstance(source, str) else module


def trace_values(
    module: nn.Module,
    graph: Graph,
    inputs: Mapping[str, Tensor],
    on_node: OnNode | None = None,
    treat: Treat | None = None,
    input: Any = None,
    keep: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Runs the user's own forward on real numbers: the value (1, *shape) of each node of ``graph``.

    ``graph`` was read from ``module``. ``inputs`` maps its inputs to tensors with a batch axis of 1, whose
    type the parameters take. ``on_node`` sees every node before it is computed (:class:`Step`) and may return
    what stands in for its output: a ReLU's input, a convolution with ones for weights. Nodes within one torch
    function (a slice before a reshape) have no tensor and are left out. ``input`` is what the graph was read
    with, if that was nested; ``keep`` names the nodes whose values are wanted, by default all.
    """
    values: dict[str, Tensor] = {}

    def watch(step: Step) -> Tensor:
        out = on_node(step) if on_node else None
        out = step.output() if out is None else out
        if keep is None or step.name in keep:  # a copy: the user's code may overwrite its tensor
            values[step.name] = (out[None] if step.batch is None else out.movedim(step.batch, 0)).clone()
        return out

    shapes = dict(graph.inputs) if len(graph.inputs) > 1 else next(iter(graph.inputs.values()))
    dtype = next(iter(inputs.values())).dtype
    names = [node.name for node in graph]
    recorder = Recorder({}, "cpu", treat or {}, watch, names)
    recorder.on_source = lambda index, value: values.update({names[index]: value})
    try:
        with redirect_stdout(sys.stderr):
            run(unwrapped(module), shapes if input is None else input, recorder, dtype, inputs)
    except ConvvizError:
        raise
    except Exception as err:
        raise told(err) from None
    got = [r.op.kind for r in recorder.records]
    if got != [node.op.kind for node in graph]:
        raise ConvvizError(f"internal error: the forward of {graph.name} is not the one that was read")
    return values


# -- one forward ------------------------------------------------------------------------------------
def traced(
    module: nn.Module, input: Any, device: str, treat: Treat, name: str, meta: dict[str, Any]
) -> Graph:
    recorder = Recorder({}, device, treat)
    known = {n for path, m in module.named_modules() for n in (path, type(m).__name__)}
    with offline(), redirect_stdout(sys.stderr):
        try:
            with torch.no_grad(), same_random():
                outputs, inputs = run(module, input, recorder, None)
            if device == "cpu" and recorder.sources:
                check_constants(module, input, recorder)
        except NeedsValues:
            raise
        except ConvvizError:
            untreated([n for n in treat if n not in known], known)
            raise
        except (Exception, SystemExit) as err:
            if device == "meta":
                raise
            frame = recorder.failed
            raise told(err, wrapped(module, input), where(frame, "") if frame else name) from None
    untreated([n for n in treat if n not in recorder.treated], known)
    if not outputs:
        raise ConvvizError("nothing that forward returns depends on the input", name)
    unused = tuple(p for p in recorder.numel if p not in recorder.owner)
    graph = recorder.graph(name, inputs, outputs, meta | ({"unused": unused} if unused else {}))
    used = sum(n for p, n in recorder.numel.items() if p in recorder.owner)
    if graph.params != used:
        raise ConvvizError(
            f"internal error: the nodes count {graph.params:,} parameters, the module uses {used:,}", name
        )
    return graph


def run(
    module: nn.Module,
    input: Any,
    recorder: Recorder,
    dtype: torch.dtype | None,
    values: Mapping[str, Tensor] | None = None,
    scale: float = 1.0,
) -> tuple[list[int | str], dict[str, Shape]]:
    """One forward on stand-ins: the nodes that it returns, and the inputs' shapes by name."""
    args, kwargs = bind(module, input)
    parameters = dict(module.named_parameters())
    for name, p in parameters.items():
        if isinstance(p, nn.parameter.UninitializedTensorMixin):
            raise ConvvizError(
                f"the parameter {name} has no shape yet (a lazy module); run the module once on data first"
            )
    recorder.paths = {m: name for name, m in reversed(list(module.named_modules(remove_duplicate=False)))}
    recorder.numel = {name: p.numel() for name, p in parameters.items()}
    floats = next((p.dtype for p in parameters.values() if p.is_floating_point()), torch.get_default_dtype())
    inputs: dict[str, Shape] = {}

    def tensor(name: str, shape: Shape) -> Tensor:
        if values is None:
            x = torch.full((1, *shape), scale, dtype=floats, device=recorder.device)
        else:
            x = values[name]
        inputs[name] = recorder.shapes[name] = shape
        recorder.put(x, name, 0)
        return x

    with stand_ins(module, recorder.device, dtype) as stand_in:
        for name, p in parameters.items():
            stand_in(p).__dict__[MARK] = Origin((name,))
        real = filled(args, "", tensor), filled(kwargs, "", tensor)
        try:
            with recording(recorder):
                result = call_module(module, *real)
            return list(outputs_of(result, recorder)), inputs
        finally:
            for x in tensors_in(real):
                x.__dict__.pop(MARK, None)


def check_constants(module: nn.Module, input: Any, first: Recorder) -> None:
    """Real tensors show what no torch function told: a constant that changes with the input is none.

    The forward runs again on other numbers; on meta tensors :meth:`Recorder.source` needs no second run.
    """
    again = Recorder({}, "cpu", first.treat)
    with torch.no_grad(), same_random():
        run(module, input, again, None, scale=2.0)
    for (before, index), (after, _) in zip(first.sources.values(), again.sources.values()):
        if not torch.equal(before.nan_to_num(), after.nan_to_num()):
            raise ConvvizError(UNWATCHED, where(first.records[index].frame, first.records[index].line))


def outputs_of(result: Any, recorder: Recorder) -> Iterator[int | str]:
    for t in tensors_in(result):
        if isinstance(t.__dict__.get(MARK), Mark):
            try:
                mark = recorder.mark(t)
            except (
                ConvvizError
            ):  # a result that cannot be read, such as places of a maximum: no part of the graph
                continue
            if mark is not None:
                yield mark.key


# -- modules ---------------------------------------------------------------------------------------
def build_on(source: Source, device: str) -> nn.Module:
    """On ``meta`` where the module can be built there, which takes neither time nor memory."""
    if device == "meta":
        try:
            return construct(source, device)
        except ConvvizError:
            pass
    return construct(source, "cpu")


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside a compiled or parallel one."""
    if not isinstance(module, nn.Module):
        raise ConvvizError(
            f"a torch.nn.Module is needed, or a text such as 'net.py:Net', got {type(module).__name__}"
        )
    while True:
        if "_orig_mod" in module._modules:
            module = module._orig_mod
        elif isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        else:
            return module


def untreated(names: list[str], known: Collection[str]) -> None:
    """Complains about names that ``--treat`` gives and no module has."""
    if names:
        raise ConvvizError(
            f"--treat {names[0]}: no module of that class or path was called{nearest(names[0], known)}"
        )


def check_treat(treat: Any) -> None:
    if not isinstance(treat, Mapping):
        raise ConvvizError(f"must say how by class or path, {{'Sort': 'pointwise'}}; got {treat!r}", "treat")
    for name, how in treat.items():
        if how not in HOWS:
            raise ConvvizError(f"--treat {name}={how}: must be pointwise or global{nearest(str(how), HOWS)}")
