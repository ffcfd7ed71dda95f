"""The process that makes a film: `python -m convviz.render.worker` reads a line of JSON and writes one.

``{"do": "film", ...}`` is answered with what was written, ``{"do": "fingerprints", ...}`` with the fingerprint of each
scene, a ConvvizError with ``{"error": ...}``. Any other exception ends it with a traceback on stderr, which the parent
turns into a line.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from convviz.errors import ConvvizError
from convviz.render.notebook import entry_of
from convviz.render.wanted import settings_of


def fingerprints(names: list[str], settings: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Of many scenes, all with the same settings; a scene that cannot be told has none."""
    found = {}
    for name in names:
        try:
            found[name] = fingerprint(name, settings)
        except ConvvizError:
            continue
    return {"fingerprints": found}


def fingerprint(name: str, settings: dict[str, Any]) -> str:
    """The scene's own, and the file of the net that it shows, if it shows one."""
    from hashlib import sha256

    from convviz.scenes.stage import film

    found = film.fingerprint(name, settings_of(settings))
    model = settings["model"]
    if model is not None and Path(model).is_file():
        found += sha256(Path(model).read_bytes()).hexdigest()
    return sha256(found.encode()).hexdigest()


def film(
    name: str,
    settings: dict[str, Any],
    folder: str,
    known: str | None,
    stem: str,
    quality: str,
    formats: list[str],
    slides: bool,
    width: int | None = None,
    cache: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Make a film and every file that goes with it below ``folder``/new, unless it is ``known`` or in the cache."""
    now = fingerprint(name, settings)
    if now == known or (cache is not None and (Path(cache) / entry_of(name, quality, now)).is_dir()):
        return {"fingerprint": now, "unchanged": True}
    from convviz.render import make

    made = make.film(name, settings_of(settings), Path(folder), stem, quality, formats, slides, width)
    return {"fingerprint": now, "unchanged": False, **made}


DO: dict[str, Callable[..., dict[str, Any]]] = {"film": film, "fingerprints": fingerprints}


def main() -> None:
    out = _own_stdout()
    request = json.loads(sys.stdin.readline())
    if request.get("watched"):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        answer = DO[request["do"]](**request)
    except ConvvizError as err:
        answer = {"error": str(err)}
    except ImportError as err:
        if not _manim_fails():
            raise
        answer = {"error": f"manim is installed, but cannot be loaded: {err}"}
    answer["memory"] = peak_memory()
    out.write(json.dumps(answer) + "\n")
    out.flush()
    os._exit(0)  # nothing is left to do, and what manim has registered to run at exit takes time


def _own_stdout() -> TextIO:
    """The pipe to the parent; what libraries print goes to stderr."""
    mine = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return mine


def _end_with_parent() -> None:
    """The parent holds stdin open as long as it lives; a worker without one would work for nobody."""
    sys.stdin.read()
    os._exit(1)


def _manim_fails() -> bool:
    try:
        import manim  # noqa: F401
    except ImportError:
        return True
    return False


def peak_memory() -> int | None:
    """The most bytes that this process has held; None where the system does not tell.

    Linux counts what a parent held before the program was loaded in ``ru_maxrss``, but not in ``VmHWM``.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


if __name__ == "__main__":
    main()
