"""A worker that draws plain frames in place of scenes, and fails in every way: `python tests/fakefilms.py`.

Some scenes misbehave, by name (``FAULTS``); all others are films of two seconds in two sections. ``FAKE_CODE`` stands
for the code that draws them: another value gives other fingerprints.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
import types
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, str(Path(__file__).resolve())]
PAPER, BLUE = (255, 255, 255), (0, 114, 178)
RATE, FRAMES = 15, 30


def _sleep() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(os.environ["FAKE_PIDS"]).write_text(f"{os.getpid()} {child.pid}", encoding="utf-8")
    time.sleep(60)


def _raise(error: Exception) -> None:
    raise error


def _refuse() -> None:
    from convviz.errors import ConvvizError

    raise ConvvizError("is too large; the largest is 9x9", "input")


FAULTS = {
    "softmax": _sleep,
    "dropout": _refuse,
    "ladder": lambda: _raise(RuntimeError("the drawing\nwent wrong")),
    "overfitting": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "pooling": lambda: print("what a library prints", flush=True),
    "transition": lambda: sys.exit(3),
}


def film(
    name: str, settings: Any, folder: Path, *, quality: str = "l", clips: bool = False
) -> SimpleNamespace:
    import numpy as np
    from PIL import Image

    made = still(name, settings, folder, quality=quality)
    if name in FAULTS:
        (folder / "half.mp4").write_bytes(b"half")
        FAULTS[name]()
    frames = np.full((FRAMES, 36, 64, 3), PAPER, np.uint8)
    for i, frame in enumerate(frames):
        frame[10:20, i : i + 20] = BLUE
    made.video = _write(folder / f"{name}.mp4", frames)
    Image.fromarray(frames[-1]).save(made.poster)
    if clips:
        for i, section in enumerate(made.sections):
            section.clip = _write(folder / f"{name}_{i + 1:02}.mp4", frames[i * 15 : i * 15 + 15])
    return made


def still(name: str, settings: Any, folder: Path, *, quality: str = "l") -> SimpleNamespace:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    poster = folder / f"{name}.png"
    Image.new("RGB", (64, 36), PAPER).save(poster)
    part = FRAMES / RATE / 2
    return SimpleNamespace(
        video=None,
        poster=poster,
        duration=2 * part,
        alt=f"{name} & more: <b>two</b> parts.",
        sections=[
            SimpleNamespace(name="First: 3×3", start=0.0, end=part, clip=None),
            SimpleNamespace(name='Then "two" <b>', start=part, end=2 * part, clip=None),
        ],
        subtitles=[
            SimpleNamespace(start=1.2, end=9.0, text="The second\ncaption & more."),
            SimpleNamespace(start=0.1, end=1.3, text="The first caption."),
        ],
    )


def fingerprint(name: str, settings: Any) -> str:
    return hashlib.sha256(f"{name} {settings} {os.environ.get('FAKE_CODE')}".encode()).hexdigest()


def _write(target: Path, frames: Any) -> Path:
    import av

    with av.open(str(target), "w") as made:
        out = made.add_stream("libx264", rate=RATE)
        out.height, out.width, out.pix_fmt = *frames.shape[1:3], "yuv420p"
        for frame in frames:
            made.mux(out.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        made.mux(out.encode())
    return target


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from convviz.render import worker

    fake = types.ModuleType("convviz.scenes.stage.film")
    vars(fake).update(film=film, still=still, fingerprint=fingerprint)
    stage = types.ModuleType("convviz.scenes.stage")
    stage.film = fake  # type: ignore[attr-defined]
    manim = types.ModuleType("manim")
    manim.tempconfig = nullcontext  # type: ignore[attr-defined]
    sys.modules |= {"convviz.scenes.stage": stage, "convviz.scenes.stage.film": fake, "manim": manim}
    worker.main()


if __name__ == "__main__":
    main()
