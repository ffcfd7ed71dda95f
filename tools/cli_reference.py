"""Writes docs/cli.md, the reference of all commands, from the commands' own help; --check only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from convviz.cli import main as convviz_command

FILE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
WIDTH = 90


def contexts(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """The contexts of a command and of all below it, depth first, in the order that the help lists them."""
    page = {"terminal_width": WIDTH, "max_content_width": WIDTH, "color": False}
    context = click.Context(command, info_name=name, parent=parent, **{**command.context_settings, **page})
    yield context
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            if child is not None and not child.hidden:
                yield from contexts(child, child_name, context)


def reference() -> str:
    """The whole page: one section a command, holding what `-h` prints."""
    parts = ["# The commands\n\nWritten by `make docs` from each command's own help.\n"]
    for context in contexts(convviz_command, "convviz"):
        path = context.command_path
        level = min(path.count(" ") + 2, 6)
        parts.append(f"{'#' * level} {path}\n\n```text\n{context.get_help().rstrip()}\n```\n")
    return "\n".join(parts)


def main() -> int:
    text = reference()
    if "--check" in sys.argv[1:]:
        if FILE.is_file() and FILE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{FILE.name} is not what the commands say; run make docs", file=sys.stderr)
        return 1
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text, encoding="utf-8")
    others = sorted(file.name for file in FILE.parent.glob("*.md") if file != FILE)
    print(f"wrote docs/{FILE.name}; docs/ also holds: {', '.join(others) or 'nothing else'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
