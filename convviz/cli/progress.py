"""A bar on stderr for work of some seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(what: str) -> Iterator[Callable[[float], None] | None]:
    """Yields a function that takes the share done, 0 to 1, and shows a bar from then on; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=1.0)

    def tell(share: float) -> None:
        bar.start()  # which does nothing the second time
        bar.update(task, completed=share)

    try:
        yield tell
    finally:
        bar.stop()
