"""Pictures of a scene's moments, for those who make it: `python -m convviz.scenes.stage.look dilated --out look_`.

One picture for each caption and each end of a section, without a film; then what can be found wrong without eyes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import click
from convviz.scenes.settings import Settings

from convviz.cli.fields import given


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("name")
@click.option("--theme", default="light")
@click.option("--input", "shape")
@click.option("--model")
@click.option("--layer")
@click.option("--speed", type=float, default=1.0)
@click.option("--seed", type=int, default=0)
@click.option("--quality", default="l")
@click.option("--set", "sets", multiple=True)
@click.option("--out", default="look_")
@click.option("--only", type=int, help="Only picture N.")
@click.pass_context
def look(
    ctx: click.Context, /, name: str, shape: str | None, sets: tuple[str, ...], out: str, quality: str,
    only: int | None, **own: Any,
) -> None:  # fmt: skip
    """Tell scene NAME and write a picture of every moment; fields of the op as --kernel-size 5."""
    rest = list(ctx.args)
    words = [f"{a.lstrip('-')}={b}" for a, b in zip(rest[::2], rest[1::2])]
    fields = given({}, [*sets, *words])
    own = {key: value for key, value in own.items() if value is not None}
    settings = Settings.of(**fields, **own, **({"input": shape} if shape else {}))
    from convviz.scenes.stage.film import told

    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        story = told(name, settings, Path(folder), quality=quality, looking=True)
    record = story.record()
    for i, (what, picture) in enumerate(story.moments, 1):
        if only in (None, i):
            file = f"{out}{i:02}.png"
            picture.save(file)
            click.echo(f"{file}  {what}")
    for section in record.sections:
        click.echo(f"{section.start:6.1f} to {section.end:6.1f} s  {section.name}")
    click.echo(f"{record.duration:.1f} s of film; told in {time.process_time() - start:.1f} s of CPU")
    for fault in record.faults:
        click.echo(f"FAULT {fault}")


if __name__ == "__main__":
    look()
