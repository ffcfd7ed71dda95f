"""The command line. Commands are loaded when they are called, and what they need when they run.

Whatever goes wrong ends here in one line on stderr: exit 2 for bad input, 130 when interrupted; commands
leave with 1 where a check that the user asked for has failed.
"""

from __future__ import annotations

import codecs
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from convviz import __version__
from convviz.errors import ConvvizError, nearest

# name: the module of convviz.cli, in the order that the help lists them; each has a command of the same name.
COMMANDS = {
    "rf": "rf",
    "convs": "convs",
    "draw": "draw",
    "render": "render",
    "explore": "explore",
    "checkerboard": "checkerboard",
    "gridding": "gridding",
    "erf": "erf",
    "tile": "tile",
    "sizes": "sizes",
    "suggest": "suggest",
    "norm": "norm",
    "regularize": "regularize",
    "softmax": "softmax",
    "heads": "heads",
    "exercise": "exercise",
    "questions": "questions",
    "train": "train",
    "sweep": "sweep",
    "handin": "handin",
    "list": "listing",
    "compare": "compare",
    "check": "check",
    "export": "export",
    "completion": "completion",
}
ALIASES = {"summary": "rf"}


PLAIN = "convviz.plain"  # how characters that a stream lacks are written: by one of ASCII, so that columns still align
ASCII = str.maketrans("→–…Δ−─×·│", ">-~d--x.|")


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    lacking = error.object[error.start : error.end].translate(ASCII)
    return "".join(c if c.isascii() else "?" for c in lacking), error.end


codecs.register_error(PLAIN, _plain)


class Main(click.Group):
    """A group that imports a command's module when the command is wanted, and turns every error into one
    line.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = ALIASES.get(name, name)
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"convviz.cli.{COMMANDS[name]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            hint = nearest(name, [*COMMANDS, *ALIASES])
            if not hint and (name.endswith((".yaml", ".yml")) or _bundled(name)):
                hint = f"; did you mean 'convviz rf {name}'?"
            raise click.UsageError(f"no command {name!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit; with ``standalone_mode=False`` return its exit code, raising what it
        raises.
        """
        name = prog_name if prog_name in (None, "convviz") else "convviz"
        if not standalone_mode:
            return super().main(args, name or "convviz", complete_var, False, **extra)
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors=PLAIN)
        try:
            code = super().main(args, name or "convviz", complete_var, False, **extra)
            sys.stdout.flush()
        except BrokenPipeError:
            _leave_quietly()
        except OSError as err:
            _debug()
            if err.filename is not None:
                _stop(_unexpected(err), 2)
            _discard_stdout()  # no file was opened: a stream could not be written, `> file` on a full disk
            _stop(f"the output cannot be written: {err.strerror or err}", 2)
        except (click.Abort, KeyboardInterrupt):
            _stop("interrupted", 130)
        except ConvvizError as err:
            _stop(str(err), 2)
        except click.ClickException as err:
            _stop(_usage(err), 2)
        except MemoryError:
            _debug()
            _stop("out of memory", 2)
        except Exception as err:
            _debug()
            _stop(_unexpected(err), 2)
        sys.exit(code if isinstance(code, int) else 0)


def _bundled(name: str) -> bool:
    from convviz.read import bundled

    return bundled.path(name) is not None


def _stop(message: str, code: int) -> NoReturn:
    try:
        print(f"convviz: {' '.join(message.split())}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        _leave_quietly()
    sys.exit(code)


def _leave_quietly() -> NoReturn:
    """The reader has gone (`convviz rf vgg16 | head`): say nothing."""
    _discard_stdout()
    sys.exit(0)


def _discard_stdout() -> None:
    """Send what is still to be written nowhere, so that Python does not fail once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(err: click.ClickException) -> str:
    if isinstance(err, click.NoSuchOption):
        message = f"no such option {err.option_name}{nearest(err.option_name, err.possibilities or ())}"
    else:
        message = err.format_message().rstrip(".")
    message = message[:1].lower() + message[1:]
    path = err.ctx.command_path if isinstance(err, click.UsageError) and err.ctx else "convviz"
    return f"{message} (see {path} -h)"


def _unexpected(err: Exception) -> str:
    frames = traceback.extract_tb(err.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    what = f"{type(err).__name__}: {err}" if str(err) else type(err).__name__
    return (
        f"unexpected {what}{place}; this is a mistake in convviz, please report it with your command "
        f"(CONVVIZ_DEBUG=1 shows more)"
    )


def _debug() -> None:
    if os.environ.get("CONVVIZ_DEBUG", "") not in ("", "0"):
        traceback.print_exc()


@click.group(
    cls=Main,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="convviz", message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Shows, computes and proves what convolutional networks do.

    \b
    convviz rf code8                  receptive field, parameters and MACs of every layer
    convviz rf model.yaml --verify    the same for your net, proved by autograd
    convviz list                      the nets that come with it
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


__all__ = ["main"]
