"""From the text ``pkg.mod:Unet("resnet34", depth=4)`` to a torch module, without downloading anything."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import random
import re
import socket
import sys
import textwrap
import traceback
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from convviz.errors import ConvvizError, nearest
from convviz.read.torch_trace import library, short

FORM = re.compile(r"(?P<place>.+?):(?P<name>[A-Za-z_][\w.]*)\s*(?P<arguments>\(.*\))?\s*", re.DOTALL)


class Source(NamedTuple):
    """A parsed text: a module's name or a file, the name in it, and the arguments to call it with."""

    text: str
    place: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def parse_source(text: str) -> Source:
    """Raises ConvvizError where the text is not of the form, or an argument is not a plain literal.

    >>> parse_source('pkg.mod:Unet("resnet34", encoder_weights=None)')[1:]
    ('pkg.mod', 'Unet', ('resnet34',), {'encoder_weights': None})
    """
    match = FORM.fullmatch(text.strip())
    if not match:
        raise ConvvizError(
            f"{text!r} is not of the form module:callable or file.py:callable, with arguments if need be"
        )
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if match["arguments"]:
        args, kwargs = parse_arguments(match["name"] + match["arguments"], text)
    return Source(text, match["place"], match["name"], args, kwargs)


def parse_arguments(call: str, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    try:
        node = ast.parse(call.strip(), mode="eval").body
    except (SyntaxError, ValueError) as err:
        raise ConvvizError(f"cannot read the arguments of {text!r}: {getattr(err, 'msg', err)}") from None
    if (
        not isinstance(node, ast.Call)
        or any(isinstance(a, ast.Starred) for a in node.args)
        or any(k.arg is None for k in node.keywords)
    ):
        raise ConvvizError(f"cannot read the arguments of {text!r}: write plain values, without * and **")

    def value(part: ast.expr) -> Any:
        try:
            return ast.literal_eval(part)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            written = ast.unparse(part)
            raise ConvvizError(
                f"the argument {written} in {text!r} must be a plain value: a number, text, True, None "
                "or a list, tuple or dict of these"
            ) from None

    return tuple(value(a) for a in node.args), {k.arg: value(k.value) for k in node.keywords if k.arg}


def construct(source: Source, device: str) -> nn.Module:
    """The module that a source names; on ``meta`` its parameters take no memory and have no values."""
    found = find(source)
    with quiet(source.text), torch.device(device):
        if isinstance(found, nn.Module):
            if source.args or source.kwargs:
                raise ConvvizError(f"{source.name} is a module already and takes no arguments", source.text)
            return found
        if not callable(found):
            raise ConvvizError(
                f"{source.name} is of type {type(found).__name__}, not a module, its class or a function",
                source.text,
            )
        module = found(*source.args, **source.kwargs)
    if not isinstance(module, nn.Module):
        raise ConvvizError(
            f"{source.name}(...) returned a {type(module).__name__}, not a torch.nn.Module", source.text
        )
    return module


def find(source: Source) -> Any:
    """The object that a source names, its file or module imported."""
    with quiet(source.text):
        if source.place.endswith(".py") or os.sep in source.place or "/" in source.place:
            module = import_file(Path(source.place))
        else:
            module = import_module(source.place)
    found: Any = module
    for part in source.name.split("."):
        if not hasattr(found, part):
            raise ConvvizError(f"no {part!r} in {source.place}{nearest(part, vars(found))}", source.text)
        found = getattr(found, part)
    return found


def import_file(path: Path) -> Any:
    if not path.is_file():
        raise ConvvizError(f"no file {path}")
    name = "_convviz_source_" + re.sub(r"\W", "_", str(path.resolve()))
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConvvizError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        with importing_from(path.resolve().parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def import_module(name: str) -> Any:
    try:
        with importing_from(Path.cwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as err:
        if err.name and (name == err.name or name.startswith(err.name + ".")):
            raise ConvvizError(
                f"no module named {err.name!r}; is it installed, or is its folder the current one?"
            ) from None
        raise


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


# -- what user code must not do, and how its errors are told -------------------------------------------
@contextmanager
def quiet(where: str) -> Iterator[None]:
    """User code runs: nothing is downloaded, stdout and random states stay ours, an exception is one line."""
    try:
        with offline(), same_random(), redirect_stdout(sys.stderr):
            yield
    except ConvvizError as err:
        raise (err if err.where else err.at(where)) from None
    except (Exception, SystemExit) as err:
        raise told(err, where) from None


def told(err: BaseException, where: str = "", module: str = "") -> ConvvizError:
    """An exception of the user's code in one line: its type and text, and the innermost line of theirs."""
    lines = [
        f"{short(f.filename)}:{f.lineno}"
        for f in traceback.extract_tb(err.__traceback__)
        if f.lineno and not library(f.filename)
    ]
    if isinstance(err, SyntaxError) and err.filename:
        lines.append(f"{short(err.filename)}:{err.lineno}")
    text = textwrap.shorten(str(err), 300, placeholder=" ...")
    parts = [p for p in (where, module, lines[-1] if lines else "") if p]
    return ConvvizError(f"{type(err).__name__}: {text}" if text else type(err).__name__, ", ".join(parts))


@contextmanager
def offline() -> Iterator[None]:
    """Whatever wants to reach the network gets an error instead."""

    def blocked(*args: Any, **kwargs: Any) -> NoReturn:
        target = next((a for a in args if isinstance(a, str)), "")
        what = f" ({target})" if target else ""
        raise ConvvizError(
            f"the code wants to download something{what}, which convviz never does: "
            "pass weights=None, pretrained=False or the like"
        )

    targets: list[tuple[Any, str]] = [
        *((urllib.request, name) for name in ("urlopen", "urlretrieve")),
        *((socket, name) for name in ("create_connection", "getaddrinfo")),
        *((socket.socket, name) for name in ("connect", "connect_ex")),
        *((torch.hub, name) for name in ("load_state_dict_from_url", "download_url_to_file")),
    ]
    # what other modules imported by name before is caught at the socket
    with ExitStack() as stack:
        for owner, name in targets:
            if hasattr(owner, name):
                stack.enter_context(mock.patch.object(owner, name, blocked))
        yield


@contextmanager
def same_random() -> Iterator[None]:
    """The global random generators are left as they were."""
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])


# -- weights -------------------------------------------------------------------------------------------
def load_weights(path: str | os.PathLike[str], module: nn.Module) -> dict[str, Tensor]:
    """The state dict in a file, checked against the module; the file may hold data only, no code.

    Raises ConvvizError that names the file and the keys or shapes that do not fit.
    """
    where = str(path)
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConvvizError("no such file", where) from None
    except OSError as err:
        raise ConvvizError(f"cannot be read: {err.strerror or err}", where) from None
    except Exception as err:
        reason = str(err).split("\n")[0].split(". ")[0]
        raise ConvvizError(
            f"is not a state dict of plain tensors, and nothing else is loaded ({type(err).__name__}: {reason})",
            where,
        ) from None
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ConvvizError("is not a state dict: it must map names to tensors", where)
    have = module.state_dict()
    state = without_prefix(state, have)
    added = "num_batches_tracked"  # by torch, to states from before it existed
    missing = [k for k in have if k not in state and not k.endswith(added)]
    unexpected = [k for k in state if k not in have]
    if missing or unexpected:
        parts = [
            f"{what} {listed(keys)}"
            for what, keys in (("misses", missing), ("has unexpected", unexpected))
            if keys
        ]
        hint = nearest(missing[0], unexpected) if missing and unexpected else ""
        raise ConvvizError(f"{' and '.join(parts)}{hint}", where)
    for key, value in state.items():
        if tuple(value.shape) != tuple(have[key].shape):
            raise ConvvizError(
                f"{key} has shape {tuple(value.shape)}, the module needs {tuple(have[key].shape)}", where
            )
    return dict(state)


def without_prefix(state: Mapping[str, Tensor], have: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The state of a module that was saved inside another one, as by DataParallel, torch.compile or Lightning."""
    name = next(iter(have), "")
    for key in state:
        prefix = key.removesuffix(name)
        if prefix.endswith(".") and key != prefix and all(k.startswith(prefix) for k in state):
            return {k.removeprefix(prefix): v for k, v in state.items()}
    return state


def listed(keys: list[str]) -> str:
    few = ", ".join(repr(k) for k in keys[:3])
    return few if len(keys) <= 3 else f"{few} and {len(keys) - 3} more"
