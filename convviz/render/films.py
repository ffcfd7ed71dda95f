"""Films from first to last: what has changed is made, several at a time, and put in place one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from convviz.errors import ConvvizError
from convviz.render import jobs, manifest
from convviz.render.place import check_folder, put, staging
from convviz.render.wanted import LIMITS, Wanted, plain

LONG = 60.0  # seconds that a film may take of which nothing is known, when they are put in order


@dataclass(frozen=True)
class Made:
    """What has become of a film that was wanted: its files, or an error of one line.

    seconds by the clock and memory in bytes are of its process; duration of the film, in seconds.
    """

    wanted: Wanted
    files: tuple[Path, ...] = ()
    unchanged: bool = False
    error: str = ""
    seconds: float = 0.0
    memory: int | None = None
    duration: float | None = None

    @property
    def told(self) -> list[Path]:
        """The files that were asked for by name: the film in its formats, and the slides."""
        ends = [*(f".{format}" for format in self.wanted.formats), *([".html"] if self.wanted.slides else [])]
        return [self.wanted.folder / f"{self.wanted.stem}{end}" for end in ends]


class Watch(Protocol):
    """Who shows how far the work is."""

    def begin(self, total: int) -> None: ...
    def look(self, running: dict[str, tuple[float, float | None]]) -> None:
        """Names of films under way: the seconds they have taken, and those they took last time."""

    def ended(self, made: Made) -> None: ...


def render(
    wanted: Sequence[Wanted],
    *,
    at_once: int = 1,
    limit: float | None = None,
    force: bool = False,
    watch: Watch | None = None,
) -> list[Made]:
    """Make the films that are not there as they are wanted; all of one folder. A failure does not stop the others.

    limit: seconds for each (by default by quality); force: make also what has not changed. An interrupt leaves no
    worker and no partial file. Raises ConvvizError where the folder cannot be written.
    """
    folder = wanted[0].folder
    check_folder(folder)
    limit = limit or LIMITS[wanted[0].quality]
    found = manifest.read(folder)
    if not force:
        for w in wanted:
            _check_strangers(w, found.get(w.stem))
    known = {w.stem: None if force else manifest.known(w, found) for w in wanted}
    out: dict[str, Made] = {}

    def end(made: Made) -> None:
        out[made.wanted.stem] = made
        if watch is not None:
            watch.ended(made)

    if watch is not None:
        watch.begin(len(wanted))
    if len(wanted) > 1:  # one worker looks at all of them; a single film's own worker looks at that
        now = _fingerprints([w for w in wanted if known[w.stem]], limit)
        for w in wanted:
            if known[w.stem] and known[w.stem] == now.get(w.name):
                end(Made(w, _files(w), unchanged=True))
            known[w.stem] = None
    took = {stem: record.seconds for stem, record in found.items()}
    left = [w for w in wanted if w.stem not in out]
    left.sort(key=lambda w: -took.get(w.stem, LONG))  # the longest first: no worker waits for them at the end
    with staging(folder) as place:
        requests = [w.request(place / w.stem, known[w.stem]) for w in left]

        def look(running: dict[int, float]) -> None:
            if watch is not None:
                watch.look({left[i].stem: (spent, took.get(left[i].stem)) for i, spent in running.items()})

        for i, answer in jobs.answers(requests, at_once, limit, look):
            end(_placed(left[i], answer, place / left[i].stem))
    return [out[w.stem] for w in wanted]


def _check_strangers(wanted: Wanted, record: manifest.Record | None) -> None:
    """Raises ConvvizError where a file that only goes with the film is there already and is somebody's own."""
    mine = record.mine if record else ()
    beside = ("png", "txt", "srt", *(("html",) if wanted.slides else ()))
    for name in (f"{wanted.stem}.{end}" for end in beside if end not in wanted.formats):
        if name not in mine and (wanted.folder / name).exists():
            raise ConvvizError(
                "is there and is not of convviz render; name another --output, or write over it with --force",
                str(wanted.folder / name),
            )


def _fingerprints(wanted: Sequence[Wanted], limit: float) -> dict[str, str]:
    """Of scenes that all have the same settings; empty where that fails, as the scenes themselves will tell why."""
    if not wanted:
        return {}
    request = {"do": "fingerprints", "names": [w.name for w in wanted], "settings": plain(wanted[0].settings)}
    try:
        found: dict[str, str] = jobs.answer(request, limit).data["fingerprints"]
    except ConvvizError:
        return {}
    return found


def _placed(wanted: Wanted, answer: jobs.Answer, place: Path) -> Made:
    seen = {"seconds": answer.seconds, "memory": answer.memory}
    if answer.error:
        return Made(wanted, error=answer.error, **seen)  # type: ignore[arg-type]
    if answer.data["unchanged"]:
        return Made(wanted, _files(wanted), unchanged=True, **seen)  # type: ignore[arg-type]
    try:
        files = tuple(put(place, wanted.folder))
    except ConvvizError as err:
        return Made(wanted, error=str(err), **seen)  # type: ignore[arg-type]
    manifest.add(wanted, answer.data["fingerprint"], answer.seconds, files)
    return Made(wanted, files, duration=answer.data["duration"], **seen)  # type: ignore[arg-type]


def _files(wanted: Wanted) -> tuple[Path, ...]:
    return tuple(wanted.folder / name for name in manifest.read(wanted.folder)[wanted.stem].files)
