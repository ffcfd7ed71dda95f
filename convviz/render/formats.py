"""A film in other formats, by way of PyAV and Pillow.

GIF and WebP are drawings here, not photographs: few colours, most of them still. So their pixels are steadied first
(what the encoder of the mp4 made tremble stays as it was) and brought to a palette of the film's own colours, without
dithering. A GIF is then not much larger than the mp4, and a WebP can be free of further loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from convviz.theme import THEMES

COLOURS = 95  # of a palette
RATE = 10  # frames a second that a GIF or WebP has at most
WIDTHS = {480: 640, 720: 854, 1080: 1280}  # of a GIF or WebP, by the lines of the film
TREMBLE = 7  # levels by which a pixel may differ from what is shown while its neighbourhood moves
SETTLED, STILL = (
    2,
    3,
)  # a pixel that has not moved by more than SETTLED is corrected where it is off by more than STILL
PAPERS = [np.array([int(look.paper[i : i + 2], 16) for i in (1, 3, 5)]) for look in THEMES.values()]
SAMPLES, PIXELS = 40, 60_000  # frames from which a palette is taken, and pixels of each


def write(video: Path, target: Path, format: str, title: str, words: str, width: int | None = None) -> None:
    """``video``, an mp4, as ``target`` in a format that moves; ``width``: pixels of a GIF or WebP."""
    if format in VIDEO:
        _video(video, target, format, {"title": title, "comment": words})
    else:
        (_gif if format == "gif" else _webp)(Drawn(video, width), target)


def poster(source: Path, target: Path, title: str, words: str) -> None:
    """A still with its description in it."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    for key, text in (("Title", title), ("Description", words), ("Software", "convviz")):
        about.add_itxt(key, text)
    with Image.open(source) as picture:
        picture.save(target, "PNG", optimize=True, pnginfo=about)


# -- video ----------------------------------------------------------------------------------------------------
# manim begins a picture of its own with each animation, which more than doubles a file; written once more it is small.
VIDEO = {
    "mp4": ("libx264", {"crf": "24", "preset": "veryfast", "tune": "animation"}, {"movflags": "+faststart"}),
    "webm": (
        "libvpx-vp9",
        {"crf": "30", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
        {},
    ),
}
KEYS = 10  # seconds between two pictures from which a player can start


def _video(video: Path, target: Path, format: str, about: dict[str, str]) -> None:
    import av

    encoder, options, container = VIDEO[format]
    with av.open(str(video)) as source, av.open(str(target), "w", options=container) as made:
        made.metadata.update(about)
        stream = source.streams.video[0]
        rate = stream.average_rate or RATE
        keys = {"g": str(round(rate * KEYS))}
        out = made.add_stream(encoder, rate=rate, options={**options, **keys})
        out.width, out.height, out.pix_fmt = stream.width, stream.height, "yuv420p"
        for frame in source.decode(stream):
            frame.pict_type = 0  # the encoder decides
            made.mux(out.encode(frame))
        made.mux(out.encode())


# -- drawings -------------------------------------------------------------------------------------------------
class Drawn:
    """A film's frames (3, H, W), smaller and fewer; each pass decodes them again, as all of them fill much memory."""

    def __init__(self, video: Path, width: int | None = None) -> None:
        import av

        self.video = video
        with av.open(str(video)) as source:
            stream = source.streams.video[0]
            rate = Fraction(stream.average_rate or RATE)
            self.step = -(-rate // RATE)
            self.count = max(1, stream.frames // self.step)
            self.width = min(stream.width, width or WIDTHS.get(stream.height, stream.width))
            self.height = round(stream.height * self.width / stream.width / 2) * 2
        self.rate = rate / self.step

    def frames(self, every: int = 1) -> Iterator[np.ndarray]:
        import av

        with av.open(str(self.video)) as source:
            for i, frame in enumerate(source.decode(source.streams.video[0])):
                if i % (self.step * every) == 0:
                    small = frame.reformat(self.width, self.height, format="rgb24", interpolation="AREA")
                    yield np.ascontiguousarray(small.to_ndarray().transpose(2, 0, 1))

    def palette(self) -> np.ndarray:
        """At most COLOURS colours (n, 3), paper first."""
        from PIL import Image

        thin = max(1, round((self.width * self.height / PIXELS) ** 0.5))
        some = [
            frame[:, ::thin, ::thin].reshape(3, -1) for frame in self.frames(max(1, self.count // SAMPLES))
        ]
        red, green, blue = np.concatenate(some, axis=1).astype(np.uint32)
        codes, counts = np.unique(red << 16 | green << 8 | blue, return_counts=True)
        colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8)
        # Each colour counts by the root of how often it is there, lest paper take what small things need.
        weighed = np.repeat(colours, np.ceil(np.sqrt(counts)).astype(int), axis=0)
        made = Image.fromarray(weighed[None]).quantize(COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=1)
        found = np.asarray(made.getpalette(), np.uint8).reshape(-1, 3)[:COLOURS].copy()
        paper = colours[counts.argmax()].astype(
            int
        )  # the most frequent one is exact, and as the theme has it
        exact = next((own for own in PAPERS if np.abs(own - paper).max() <= TREMBLE), paper)
        near = ((found.astype(int) - paper) ** 2).sum(axis=1).argmin()
        found[[0, near]] = exact, found[0]
        return found


def steady(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same frames, where a pixel changes only if it moves, or if it has come to rest and is off."""
    shown = before = None
    for frame in frames:
        if shown is None or before is None:
            shown = frame.copy()
        else:
            away = _distance(frame, shown)
            moves = (away > TREMBLE) | ((away > STILL) & (_distance(frame, before) <= SETTLED))
            np.copyto(shown, frame, where=moves)
        before = frame
        yield shown


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The largest difference of a channel, by pixel."""
    return np.asarray((np.maximum(a, b) - np.minimum(a, b)).max(axis=0))


def places(frames: Iterable[np.ndarray], colours: np.ndarray) -> Iterator[np.ndarray]:
    """Each frame as the indices (H, W) of the nearest colours."""
    grid = np.arange(64, dtype=np.float32) * 4 + 2
    cube = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), axis=-1).reshape(-1, 3)
    near = colours.astype(np.float32)
    table = ((near**2).sum(axis=1) - 2 * cube @ near.T).argmin(axis=1).astype(np.uint8)
    # A colour is itself, whatever lies nearer to the middle of its cell; of several in a cell the first.
    red, green, blue = (colours[::-1].T >> 2).astype(np.uint32)
    table[red << 12 | green << 6 | blue] = np.arange(len(colours))[::-1]
    for frame in frames:
        red, green, blue = (frame >> 2).astype(np.uint32)
        yield table[red << 12 | green << 6 | blue]


def _gif(drawn: Drawn, target: Path) -> None:
    import av

    colours = drawn.palette()
    known = np.zeros((256, 4), np.uint8)  # alpha first; what is not opaque serves for what stays as it is
    known[: len(colours), 0], known[: len(colours), 1:] = 255, colours
    with av.open(str(target), "w", format="gif", options={"loop": "0"}) as made:
        out = made.add_stream("gif", rate=drawn.rate)
        out.width, out.height, out.pix_fmt = drawn.width, drawn.height, "pal8"
        for i, indices in enumerate(places(steady(drawn.frames()), colours)):
            frame = av.VideoFrame.from_ndarray((indices, known), format="pal8")
            frame.pts = i
            made.mux(out.encode(frame))
        made.mux(out.encode())


def _webp(drawn: Drawn, target: Path) -> None:
    from PIL import Image

    colours = drawn.palette()
    pictures = (Image.fromarray(colours[indices]) for indices in places(steady(drawn.frames()), colours))
    next(pictures).save(
        target, "WEBP", save_all=True, append_images=pictures, duration=round(1000 / drawn.rate), loop=0,
        lossless=True, method=2, quality=50,
    )  # fmt: skip
