"""The API reference as Markdown, from the public names of convviz, their signatures and their docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

MODULES = ("convviz", "convviz.train")
WIDTH = 88


def reference() -> str:
    """The whole page: a table of all names for each module, then each name with what its docstring says."""
    parts = [
        "# Python\n\nEvery public name, from the code's own docstrings. "
        "What functions return prints as a table, in a terminal and in a notebook.\n"
    ]
    for name in MODULES:
        parts += section(import_module(name))
    return "\n".join(parts)


def section(module: ModuleType) -> Iterator[str]:
    """A module: what it is, its names at a glance, then one by one."""
    names = [name for name in module.__all__ if not name.startswith("__")]
    yield f"## {module.__name__}\n\n{markdown(inspect.getdoc(module) or '')}\n"
    rows = [
        f"| [`{name}`](#{module.__name__}.{name}) | {sentence(getattr(module, name))} |" for name in names
    ]
    yield "| name | what it does |\n|:--|:--|\n" + "\n".join(rows) + "\n"
    for name in names:
        yield described(f"{module.__name__}.{name}", getattr(module, name))


def described(path: str, thing: Any) -> str:
    """A function or a class: signature, docstring, and what the result holds."""
    kind = "class " if inspect.isclass(thing) else ""
    parts = [
        f"### {path} {{ #{path} }}\n",
        f"```python\n{kind}{signature(path, thing)}\n```\n",
        markdown(inspect.getdoc(thing) or "") + "\n",
    ]
    for result in results(thing):
        rows = "\n".join(f"| `{name}` | {about} |" for name, about in members(result))
        if rows:
            about = sentence(result)
            parts.append(
                f'??? result "What a {result.__name__} holds"\n\n'
                + indented(f"{about}\n\n| name | what it is |\n|:--|:--|\n{rows}\n")
            )
    return "\n".join(parts)


def signature(path: str, thing: Any) -> str:
    """``path(arguments) -> result``, one argument a line where it would be wide."""
    try:
        found = inspect.signature(thing)
    except ValueError:  # an exception without one of its own
        return path
    arguments = list(listed(found))
    result = found.return_annotation
    end = "" if result in (found.empty, None, "None") else f" -> {written(result)}"
    line = f"{path}({', '.join(arguments)}){end}"
    if len(line) <= WIDTH:
        return line
    return f"{path}(\n" + "".join(f"    {argument},\n" for argument in arguments) + f"){end}"


def listed(found: inspect.Signature) -> Iterator[str]:
    """The arguments as they are written, with the star that makes those behind it go by name only."""
    starred = False
    for parameter in found.parameters.values():
        starred |= parameter.kind is parameter.VAR_POSITIONAL
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            yield "*"
            starred = True
        stars = 1 * (parameter.kind is parameter.VAR_POSITIONAL) + 2 * (
            parameter.kind is parameter.VAR_KEYWORD
        )
        text = "*" * stars + parameter.name
        annotated = parameter.annotation is not parameter.empty
        if annotated:
            text += f": {written(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            text += f" = {parameter.default!r}" if annotated else f"={parameter.default!r}"
        yield text


def written(annotation: Any) -> str:
    """An annotation as the code has it: a string, because all modules postpone theirs."""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def results(thing: Any) -> list[type]:
    """convviz's own classes among what a function returns."""
    if inspect.isclass(thing):
        return [thing] if dataclasses.is_dataclass(thing) else []
    try:
        hint = typing.get_type_hints(thing).get("return")
    except NameError:  # imported for type checkers only
        return []
    several = typing.get_args(hint) or (hint,)
    return [kind for kind in several if inspect.isclass(kind) and kind.__module__.startswith("convviz")]


def members(kind: type) -> Iterator[tuple[str, str]]:
    """Fields, properties and methods of a result that have something to say, own ones first."""
    fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    for item in fields:
        if not item.name.startswith("_"):
            yield item.name, f"`{cell(str(item.type))}`"
    named = {item.name for item in fields}
    for name, value in vars(kind).items():
        target = value.fget if isinstance(value, property) else value
        documented = getattr(target, "__doc__", None) if callable(target) else None
        if not name.startswith("_") and name not in named and documented:
            call = "" if isinstance(value, property) else "()"
            yield f"{name}{call}", sentence(target)


def sentence(thing: Any) -> str:
    """The first sentence of a docstring, for a cell of a table."""
    paragraph = (inspect.getdoc(thing) or "").split("\n\n")[0]
    if paragraph.startswith(">>>"):
        return ""
    return cell(markdown(re.split(r"(?<=[.!?])\s", " ".join(paragraph.split()), maxsplit=1)[0]))


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def indented(text: str) -> str:
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))


def markdown(docstring: str) -> str:
    """A docstring as Markdown: its literals, its roles, and its examples, which doctest runs.

    >>> markdown("A :class:`Table` of ``x``.")
    'A `Table` of `x`.'
    """
    out = []
    for paragraph in re.split(r"\n\s*\n", docstring.strip()):
        if paragraph.startswith(">>>"):
            out.append(f"```pycon\n{paragraph}\n```")
            continue
        text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", paragraph).replace("``", "`")
        # outside of literals no character is markup
        pieces = re.split(r"(`[^`]*`)", text)
        out.append("".join(p if p.startswith("`") else re.sub(r"([*_<\[\]])", r"\\\1", p) for p in pieces))
    return "\n\n".join(out)
