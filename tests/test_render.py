"""Films made by workers: whole files or none, nothing made twice, every failure in one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import util
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from convviz.scenes.settings import Settings

from convviz import theme
from convviz.errors import ConvvizError
from convviz.render import films, formats, jobs, manifest, notebook, place, wanted
from convviz.render.deck import deck, slug
from convviz.render.subtitles import ordered, srt_text, vtt_text

pytest.importorskip("manim")
av = pytest.importorskip("av")

FAKE = [sys.executable, str(Path(__file__).with_name("fakefilms.py"))]
PAPER, BLUE = (255, 255, 255), (0, 114, 178)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(jobs, "command", lambda: FAKE)
    monkeypatch.setenv("FAKE_CODE", "1")
    monkeypatch.setenv("FAKE_PIDS", str(tmp_path / "pids"))
    return tmp_path / "out"


def want(folder: Path, *names: str, **more: Any) -> list[wanted.Wanted]:
    return [wanted.Wanted(name, Settings(), folder, name, **more) for name in names]


def make(folder: Path, *names: str, limit: float = 60.0, **more: Any) -> list[films.Made]:
    how = {key: more.pop(key) for key in ("force", "at_once", "watch") if key in more}
    return films.render(want(folder, *names, **more), limit=limit, **how)


def seen(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False


def gone(pid: int, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


# -- one film -------------------------------------------------------------------------------------------------
def test_a_film_comes_with_all_that_goes_with_it(fake: Path) -> None:
    from PIL import Image

    (made,) = make(fake, "dilated", formats=("mp4", "gif", "webp", "webm"), slides=True)
    assert not made.error and not made.unchanged and made.duration == 2.0
    assert made.memory and 2**24 < made.memory < 2**30
    names = {f"dilated.{end}" for end in ("mp4", "gif", "webp", "webm", "png", "txt", "srt", "html")}
    assert seen(fake) == {*names, "dilated_slides", manifest.NAME}
    assert seen(fake / "dilated_slides") == {"01_first-3-3.mp4", "02_then-two-b.mp4"}
    words = "dilated & more: <b>two</b> parts."
    assert (fake / "dilated.txt").read_text(encoding="utf-8") == f"{words}\n"
    with Image.open(fake / "dilated.png") as poster:
        assert (
            poster.info["Title"] == "Dilated convolution and gridding" and poster.info["Description"] == words
        )
    for end in ("mp4", "webm"):
        with av.open(str(fake / f"dilated.{end}")) as film:
            assert sum(1 for _ in film.decode(video=0)) == 30
            assert words in film.metadata.values()
    head = (fake / "dilated.mp4").read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # a page plays it while it loads
    for end in ("gif", "webp"):
        with Image.open(fake / f"dilated.{end}") as picture:
            assert picture.n_frames > 5 and picture.info["loop"] == 0


def test_subtitles_are_in_order_and_parse(fake: Path) -> None:
    srt = pytest.importorskip("srt")
    make(fake, "dilated")
    lines = list(srt.parse((fake / "dilated.srt").read_text(encoding="utf-8")))
    assert [line.content for line in lines] == ["The first caption.", "The second caption & more."]
    times = [t.total_seconds() for line in lines for t in (line.start, line.end)]
    assert times == sorted(times) and times[-1] <= 2.0


def test_a_still_needs_no_film(fake: Path) -> None:
    (made,) = make(fake, "pooling", formats=("png",))
    assert not made.error and seen(fake) == {"pooling.png", "pooling.txt", manifest.NAME}


def test_what_libraries_print_does_not_spoil_the_answer(fake: Path) -> None:
    (made,) = make(fake, "pooling")
    assert not made.error and (fake / "pooling.mp4").is_file()


# -- nothing twice --------------------------------------------------------------------------------------------
def test_what_has_not_changed_is_left_alone(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("dilated", "channels")

    def unchanged(**more: Any) -> list[bool]:
        return [made.unchanged for made in make(fake, *names, formats=("png",), at_once=2, **more)]

    assert unchanged() == [False, False]
    assert unchanged() == [True, True]
    assert make(fake, "dilated", formats=("png",))[0].unchanged  # alone, its own worker finds that
    assert unchanged(force=True) == [False, False]
    assert unchanged(quality="m") == [False, False]
    assert unchanged() == [False, False]
    monkeypatch.setenv("FAKE_CODE", "2")
    assert unchanged() == [False, False]
    (fake / "channels.txt").write_text("gone", encoding="utf-8")
    assert unchanged() == [True, False]
    (fake / "dilated.png").unlink()
    assert unchanged() == [False, True]
    (fake / manifest.NAME).write_text("[{]", encoding="utf-8")
    with pytest.raises(ConvvizError, match="not of convviz render"):
        unchanged()
    assert unchanged(force=True) == [False, False]


def test_formats_of_one_film_are_remembered_together(fake: Path) -> None:
    make(fake, "dilated")
    assert not make(fake, "dilated", formats=("gif",))[0].unchanged
    for asked in (("mp4",), ("gif",), ("gif", "mp4")):
        assert make(fake, "dilated", formats=asked)[0].unchanged
    assert not make(fake, "dilated", slides=True)[0].unchanged
    assert make(fake, "dilated", slides=True)[0].unchanged


def test_other_settings_are_another_film(fake: Path) -> None:
    one = want(fake, "dilated")[0]
    other = wanted.Wanted("dilated", Settings(fields={"kernel_size": 5}, input=(1, 9)), fake, "dilated")
    assert [films.render([w])[0].unchanged for w in (one, one, other, other, one)] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_a_net_that_was_edited_is_another_film(fake: Path, tmp_path: Path) -> None:
    net = tmp_path / "net.yaml"
    net.write_text("input: [1, 8, 8]", encoding="utf-8")
    film = wanted.Wanted("receptive_field", Settings(model=str(net)), fake, "rf")
    assert [films.render([film])[0].unchanged for _ in range(2)] == [False, True]
    net.write_text("input: [1, 9, 9]", encoding="utf-8")
    assert not films.render([film])[0].unchanged


def test_files_of_others_are_not_written_over(fake: Path) -> None:
    fake.mkdir()
    (fake / "dilated.txt").write_text("my notes", encoding="utf-8")
    with pytest.raises(ConvvizError, match=r"dilated\.txt: is there and is not of convviz render"):
        make(fake, "dilated")
    assert seen(fake) == {"dilated.txt"}
    assert not make(fake, "dilated", force=True)[0].error


# -- failures -------------------------------------------------------------------------------------------------
def test_one_that_fails_does_not_stop_the_others(fake: Path) -> None:
    names = ("dropout", "dilated", "ladder", "overfitting", "transition", "channels")
    made = make(fake, *names, at_once=2)
    assert [one.wanted.name for one in made] == list(names)
    errors = {one.wanted.name: one.error for one in made}
    assert errors["dropout"] == "input: is too large; the largest is 9x9"
    assert errors["ladder"] == "its process failed: went wrong (CONVVIZ_DEBUG=1 shows more)"
    assert "SIGKILL" in errors["overfitting"] and "too little memory" in errors["overfitting"]
    assert errors["transition"] == "its process failed: exit code 3 (CONVVIZ_DEBUG=1 shows more)"
    assert not errors["dilated"] and not errors["channels"]
    assert {name.split(".")[0] for name in seen(fake)} == {"dilated", "channels", ""}  # no half of any other


def test_a_time_limit_ends_all_that_a_worker_has_started(fake: Path, tmp_path: Path) -> None:
    (made,) = make(fake, "softmax", limit=4.0)
    assert made.error == "took longer than 4 s (--timeout sets the limit)"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text(encoding="utf-8").split()]
    assert all(gone(pid) for pid in pids)
    assert seen(fake) == set()


SLOW = """
import signal, sys
sys.path[:] = {path!r}
signal.signal(signal.SIGINT, signal.default_int_handler)  # which tests that run in the background ignore
from convviz.render import jobs
jobs.command = lambda: {fake!r}
from convviz.cli import main
main({arguments!r})
"""


def start(tmp_path: Path, *arguments: str) -> tuple[subprocess.Popen[str], list[int]]:
    """`convviz ARGUMENTS` with fake films, and the processes that it has started."""
    script = SLOW.format(path=sys.path, fake=FAKE, arguments=list(arguments))
    run = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text(encoding="utf-8"):
        assert time.monotonic() < end and run.poll() is None
        time.sleep(0.05)
    return run, [int(pid) for pid in (tmp_path / "pids").read_text(encoding="utf-8").split()]


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(fake: Path, tmp_path: Path, number: int) -> None:
    run, pids = start(tmp_path, "render", "softmax", "-o", "softmax.mp4")
    run.send_signal(number)
    _, told = run.communicate(timeout=30)
    assert run.returncode == 130 and told.strip() == "convviz: interrupted"
    assert all(gone(pid) for pid in pids)
    assert seen(tmp_path) == {"pids"}


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_worker_does_not_outlive_its_parent(fake: Path, tmp_path: Path) -> None:
    run, pids = start(tmp_path, "render", "softmax", "-o", "softmax.mp4")
    run.kill()
    run.communicate(timeout=30)
    assert gone(pids[0])
    os.kill(pids[1], signal.SIGKILL)
    assert [path for path in tmp_path.iterdir() if path.name.startswith(place.PART)]
    make(tmp_path, "dilated")  # whoever comes next clears up
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(place.PART)]


def test_a_folder_in_use_is_left_to_its_user(tmp_path: Path) -> None:
    with place.staging(tmp_path) as first:
        with place.staging(tmp_path) as second:
            assert first.is_dir() and second.is_dir()
        assert first.is_dir() and not second.exists()
    assert not first.exists()


def test_films_are_put_in_place_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, part = tmp_path / "films", tmp_path / "part"
    (folder / "c_slides").mkdir(parents=True)
    (folder / "a.mp4").write_text("old", encoding="utf-8")
    (folder / "c_slides" / "1.mp4").write_text("old", encoding="utf-8")

    def stage() -> None:
        shutil.rmtree(part, ignore_errors=True)
        (part / place.NEW / "c_slides").mkdir(parents=True)
        for name in ("a.mp4", "b.txt", "c_slides/2.mp4", "d.png"):
            (part / place.NEW / name).write_text("new", encoding="utf-8")

    def there() -> dict[str, str]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in files}

    real = os.replace
    for fault in (OSError(28, "No space left on device"), KeyboardInterrupt()):

        def replace(source: Any, target: Any, fault: BaseException = fault) -> None:
            if Path(target).name == "d.png":
                raise fault
            real(source, target)

        stage()
        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises((ConvvizError, KeyboardInterrupt)):
            place.put(part, folder)
        monkeypatch.setattr(os, "replace", real)
        assert there() == {"a.mp4": "old", "c_slides/1.mp4": "old"}
    stage()
    place.put(part, folder)
    assert there() == dict.fromkeys(("a.mp4", "b.txt", "c_slides/2.mp4", "d.png"), "new")


@pytest.mark.parametrize("name", ["b.txt", "a.mp4"])
def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path, name: str) -> None:
    folder, part = tmp_path / "films", tmp_path / "part"
    (folder / name).mkdir(parents=True)
    (part / place.NEW).mkdir(parents=True)
    for file in ("a.mp4", "b.txt"):
        (part / place.NEW / file).write_text("new", encoding="utf-8")
    with pytest.raises(ConvvizError, match="is a folder"):
        place.put(part, folder)
    assert seen(folder) == {name}


# -- what a computer lacks ------------------------------------------------------------------------------------
def test_a_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "has_encoder", lambda name: name != "libvpx-vp9")
    wanted.check("dilated", Settings(), ("mp4", "gif", "png"))
    with pytest.raises(ConvvizError) as caught:
        wanted.check("dilated", Settings(), ("webm",))
    assert str(caught.value) == (
        "--format: PyAV has no encoder libvpx-vp9, which webm needs; mp4, gif, webp, png can be written"
    )
    monkeypatch.setattr(wanted, "has_encoder", lambda name: name != "libx264")
    with pytest.raises(ConvvizError, match="no encoder libx264, which gif needs; png can be written"):
        wanted.check("dilated", Settings(), ("gif",))
    wanted.check("dilated", Settings(), ("png",))


def test_encoders_are_asked_for_by_their_names() -> None:
    assert all(wanted.has_encoder(name) for name in wanted.ENCODERS.values())
    assert not wanted.has_encoder("no_such_codec")


def test_without_manim_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "find_spec", lambda name: None)
    with pytest.raises(ConvvizError, match=re.escape('pip install "convviz[scenes]"')):
        wanted.check("dilated", Settings(), ("mp4",))


def test_a_missing_font_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    files = theme.font_files()
    assert len(files) == wanted.FONTS
    monkeypatch.setattr(theme, "font_files", lambda: files[1:])
    with pytest.raises(ConvvizError, match=r"fonts: bundled font files are missing \(there: "):
        wanted.check("dilated", Settings(), ("mp4",))


def test_a_folder_that_cannot_be_written_is_told_before_any_work(fake: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConvvizError, match="cannot be written"):
        make(tmp_path / "file" / "films", "dilated")


def test_settings_survive_the_way_to_a_worker() -> None:
    settings = Settings(
        fields={"kernel_size": [3, 5], "bias": False}, input=(1, 9, 9), theme="dark", speed=2.0
    )
    assert wanted.settings_of(json.loads(json.dumps(wanted.plain(settings)))) == settings
    assert wanted.settings_of(wanted.plain(Settings())) == Settings()


def test_a_worker_finds_what_its_parent_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the folder that somebody works in does not stand in for a library."""
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = jobs.answer({"do": "fingerprints", "names": [], "settings": {}}, 60)
    assert found.data["fingerprints"] == {}


# -- formats --------------------------------------------------------------------------------------------------
def drawing(seconds: float = 2.0, noise: int = 1) -> Sequence[np.ndarray]:
    """Frames (3, H, W) of a moving square on paper that trembles."""
    draw = np.random.default_rng(0)
    frames = []
    for i in range(int(seconds * 10)):
        frame = np.full((3, 36, 64), 250)
        frame[:, 10:20, i : i + 20] = np.array(BLUE)[:, None, None]
        frames.append((frame + draw.integers(-noise, noise + 1, frame.shape)).astype(np.uint8))
    return frames


def test_what_is_still_stays_still() -> None:
    shown = [frame.copy() for frame in formats.steady(drawing())]
    for a, b in pairwise(shown):
        moved = (a != b).any(axis=0)
        assert not moved[:10].any() and not moved[20:].any()
        assert moved[10:20].any()


def test_a_slow_fade_ends_where_it_should() -> None:
    for end in range(230, 250):
        levels = [round(200 + (end - 200) * min(i / 60, 1.0)) for i in range(70)]
        *_, last = formats.steady(np.full((3, 4, 4), level, np.uint8) for level in levels)
        assert abs(int(last.max()) - end) <= formats.STILL


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_colours_arrive(tmp_path: Path, format: str) -> None:
    """Paper is paper, and the blue of the theme is blue, not the orange that swapped channels make of it."""
    from PIL import Image

    import tests.fakefilms as fakefilms

    frames = np.full((30, 36, 64, 3), PAPER, np.uint8)
    frames[:, 8:28, 8:40] = BLUE
    film = fakefilms._write(tmp_path / "film.mp4", frames)
    formats.write(film, tmp_path / f"film.{format}", format, "title", "words")
    with Image.open(tmp_path / f"film.{format}") as picture:
        shown = np.asarray(picture.convert("RGB")).astype(int)
        assert picture.size == (64, 36)
    assert tuple(shown[2, 2]) == PAPER
    assert np.abs(shown[18, 24] - BLUE).max() <= 8


def test_a_gif_is_smaller_and_slower_than_its_film(tmp_path: Path) -> None:
    import tests.fakefilms as fakefilms

    film = fakefilms._write(tmp_path / "film.mp4", np.full((30, 720, 1280, 3), PAPER, np.uint8))
    drawn = formats.Drawn(film)
    assert (drawn.width, drawn.height, drawn.rate, drawn.count) == (854, 480, 7.5, 15)
    assert len(list(drawn.frames())) == 15


# -- captions and slides --------------------------------------------------------------------------------------
def test_captions_that_cross_are_put_in_order() -> None:
    from types import SimpleNamespace as Line

    lines = [(2.0, 5.0, "b"), (0.0, 3.0, "a\n a"), (4.0, 4.5, "c")]
    found = ordered([Line(start=a, end=b, text=text) for a, b, text in lines], 4.2)  # type: ignore[misc]
    assert found == [(0.0, 3.0, "a a"), (3.0, 4.2, "b")]
    assert "00:00:03,000 --> 00:00:04,200" in srt_text(found)
    assert vtt_text([(3661.5, 3662.0, "1 < 2 & 3")]) == (
        "WEBVTT\n\n01:01:01.500 --> 01:01:02.000\n1 &lt; 2 &amp; 3\n"
    )


def test_a_deck_asks_for_nothing(fake: Path) -> None:
    make(fake, "dilated", slides=True)
    page = (fake / "dilated.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    addresses = re.findall(r'(?:src|href|poster|action)="([^"]*)"', page)
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttp", page)
    assert page.count("<video") == 2 and page.count('class="slide"') == 3
    assert "{" + "title}" not in page and not re.search(r"\{(theme|paper|slides|captions)\}", page)
    assert "Then &quot;two&quot; &lt;b&gt;" in page and "<b>" not in page
    assert re.findall(r'<li data-start="([\d.]+)">([^<]+)', page)[1:] == [
        ("0.100", "The first caption."),
        ("0.300", "The second caption &amp; more."),
    ]


def test_a_deck_has_the_theme_of_its_film(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(b"")
    for name in ("light", "dark"):
        page = deck("T", "alt", name, tmp_path / "p.png", [])
        assert f'data-theme="{name}"' in page and theme.theme(name).paper in page
    assert slug("Ünï: 3×3 / 2") == "n-3-3-2"


# -- notebook -------------------------------------------------------------------------------------------------
def test_show_plays_inline_and_is_made_once(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import convviz

    monkeypatch.setattr(notebook, "cache_folder", lambda: tmp_path / "cache")
    first = convviz.show("dilated", kernel_size=5, theme="dark")
    made = first.video.stat().st_mtime_ns
    second = convviz.show("dilated", kernel_size=5, theme="dark")
    assert second == first and second.video.stat().st_mtime_ns == made
    assert convviz.show("dilated", kernel_size=3, theme="dark").video != first.video
    html = first._repr_mimebundle_()["text/html"]
    addresses = re.findall(r'(?:src|poster)="([^"]*)"', html)
    assert [address.split(";")[0] for address in addresses] == [
        "data:image/png",
        "data:video/mp4",
        "data:text/vtt",
    ]
    assert "dilated &amp; more: &lt;b&gt;two&lt;/b&gt; parts." in html
    assert "2.0 s of film" in repr(first)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".")]


def test_the_cache_keeps_what_was_seen_last(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(notebook, "KEPT", 2)
    shown = [notebook.show("dilated", seed=seed) for seed in range(2)]
    os.utime(shown[1].video.parent, (1, 1))
    last = notebook.show("dilated", seed=2)
    assert [film.video.exists() for film in (*shown, last)] == [True, False, True]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"quality": "x"}, "quality: must be one of l, m, h, got 'x'"),
        ({"p": 3}, "p: the scene dilated has no setting 'p'"),
        ({"theme": "blue"}, "no theme 'blue'"),
    ],
)
def test_show_refuses_in_one_line(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConvvizError, match=re.escape(told)):
        notebook.show("dilated", **settings)


# -- the real thing -------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.skipif(util.find_spec("manim") is None, reason="manim")
def test_a_scene_becomes_a_film(tmp_path: Path) -> None:
    settings = Settings(fields={"kernel_size": 1}, input=(1, 1, 2), speed=8.0)
    film = wanted.Wanted("convolution", settings, tmp_path, "small", slides=True)
    made = films.render([film], limit=240)[0]
    assert not made.error
    assert made.memory is not None and made.memory < 2**30
    with av.open(str(tmp_path / "small.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (854, 480, 15)
        assert made.duration == pytest.approx(stream.frames / 15, abs=0.5)
    assert films.render([film], limit=240)[0].unchanged
