"""`convviz completion`: the script that teaches a shell to complete commands, options and nets."""

from __future__ import annotations

import click


@click.command("completion", short_help="The completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell; commands, options, nets and files complete.

    \b
    eval "$(convviz completion bash)"        in ~/.bashrc
    eval "$(convviz completion zsh)"         in ~/.zshrc
    convviz completion fish > ~/.config/fish/completions/convviz.fish
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    script = found(ctx.find_root().command, {}, "convviz", "_CONVVIZ_COMPLETE")
    click.echo(ShellComplete.source(script))  # not bash's own, which starts a shell only to see its version
