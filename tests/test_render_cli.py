"""`convviz render` and `convviz list scenes` as people call them."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from convviz.scenes import catalogue
from convviz.scenes.catalogue import SCENES
from convviz.scenes.settings import Settings

from convviz.cli import rendering
from convviz.cli.render import FOLDER, _place
from convviz.errors import ConvvizError
from convviz.render import films, jobs, place, wanted
from tests.command import Command

pytest.importorskip("manim")

FAKE = [sys.executable, str(Path(__file__).with_name("fakefilms.py"))]


run = Command()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(jobs, "command", lambda: FAKE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# -- what is made ---------------------------------------------------------------------------------------------
def test_a_film_goes_to_outputs(here: Path) -> None:
    found = run("render", "dilated", "--kernel-size", "5", "--theme", "dark")
    assert found.exit_code == 0 and found.stdout == "outputs/dilated.mp4\n" and not found.stderr
    ends = [".mp4", ".png", ".srt", ".txt"]
    assert files(here) == ["outputs/.render.json", *(f"outputs/dilated{end}" for end in ends)]
    again = run("render", "dilated", "--kernel-size", "5", "--theme", "dark")
    assert again.stdout == "outputs/dilated.mp4 (unchanged)\n"
    assert run("render", "dilated", "--kernel-size", "3").stdout == "outputs/dilated.mp4\n"


def test_a_file_names_its_format(here: Path) -> None:
    found = run("render", "dilated", "-o", "talk.gif", "--format", "mp4", "--format", "gif", "--slides")
    assert found.stdout.splitlines() == ["talk.gif", "talk.mp4", "talk.html"], found.output
    assert {"talk.gif", "talk.mp4", "talk.html", "talk.srt", "talk_slides/01_first-3-3.mp4"} <= set(
        files(here)
    )


def test_all_goes_on_past_failures_and_tells_them(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = tuple(row for row in SCENES if row.name in ("dilated", "channels", "dropout", "ladder"))
    monkeypatch.setattr(catalogue, "SCENES", some)
    found = run("render", "all", "-j", "2", "--format", "png", "--format", "gif")
    assert found.exit_code == 1
    assert found.stdout == "outputs/scenes: 2 made, 0 unchanged, 2 failed\n"
    lines = found.stderr.splitlines()
    assert sorted(line.split()[0] for line in lines[:4]) == ["1/4", "2/4", "3/4", "4/4"]
    assert any(re.fullmatch(r"\d/4  dilated  2.0 s of film in [\d.]+ s, \d+ MiB", line) for line in lines)
    assert lines[4:] == [
        "convviz: failed: dropout: input: is too large; the largest is 9x9",
        "convviz: failed: ladder: its process failed: went wrong (CONVVIZ_DEBUG=1 shows more)",
    ]
    stems = {name.rsplit("/", 1)[1].split(".")[0] for name in files(here)}
    assert stems == {"", "channels", "dilated"}
    found = run("render", "all", "-j", "2", "--format", "png", "--format", "gif")
    assert found.stdout == "outputs/scenes: 0 made, 2 unchanged, 2 failed\n"


def test_scenes_by_name_share_a_folder(here: Path) -> None:
    found = run("render", "dilated", "channels", "dilated", "--format", "png", "-o", "new/films")
    assert found.exit_code == 0 and found.stdout == "new/films: 2 made, 0 unchanged, 0 failed\n"
    assert {"new/films/dilated.png", "new/films/channels.png"} <= set(files(here))


def test_a_failure_is_one_line_and_leaves_nothing(here: Path) -> None:
    found = run("render", "dropout", "-o", "d.mp4")
    assert found.exit_code == 2
    assert found.stderr == "convviz: input: is too large; the largest is 9x9\n"
    assert not files(here)


# -- what is refused ------------------------------------------------------------------------------------------
REFUSED = {
    "render": "missing argument 'SCENE...|all' (see convviz render -h)",
    "render dilatde": "no scene 'dilatde'; did you mean 'dilated'? (convviz list scenes shows all)",
    "render dilated --set p=3": "--set p: the scene dilated has no setting 'p' (it takes",
    "render dilated --num-groups 3": "--num-groups: the scene dilated has no setting 'num_groups'; did you mean",
    "render ladder --input 1x3x3": "--input: the scene ladder has an input of its own",
    "render dilated --input 1xq": "--input: must be sizes such as 1x28x28 (channels first), got '1xq'",
    "render dilated --layer conv1": "--layer: is of a net; name one with model",
    "render dilated --model resnet50": "--model: the scene dilated shows one layer of a net; name it with layer",
    "render ladder --model resnet50": "--model: the scene ladder shows no net",
    "render dilated --speed 0": "--speed: must lie between 0.25 and 8, got 0",
    "render dilated --speed nan": "--speed: must be a number, got nan",
    "render dilated --speed inf": "--speed: must be a number, got inf",
    "render dilated --speed 1e9": "--speed: must lie between 0.25 and 8, got 1e+09",
    "render dilated --speed fast": "invalid value for '--speed': 'fast' is not a valid float",
    "render dilated --seed -1": "invalid value for '--seed': -1 is not in the range",
    "render dilated --jobs 0": "--jobs: must be a whole number from 1 to 64, got '0'",
    "render dilated --jobs 1.5": "--jobs: must be a whole number from 1 to 64, got '1.5'",
    "render dilated --timeout 0": "--timeout: must be more than 0 and at most 86400 seconds, got 0",
    "render dilated --timeout nan": "--timeout: must be more than 0 and at most 86400 seconds, got nan",
    "render dilated --theme blue": "invalid value for '--theme': 'blue' is not one of 'light', 'dark'",
    "render dilated --format avi": "invalid value for '--format': 'avi' is not one of 'mp4', 'gif'",
    "render dilated --slides --format png": "--slides: are clips of a film; a format that moves goes with them",
    "render dilated --slides -o x.png": "--slides: are clips of a film; a format that moves goes with them",
    "render dilated -o x.avi": "x.avi: ends in .avi; name a file that ends in one of .mp4, .gif, .webp, .webm, .png",
    "render dilated -o x": "x: has no extension; name a file that ends in one of .mp4, .gif",
    "render dilated -o x.gif --format mp4": "x.gif: ends in .gif, but --format asks for mp4",
    "render dilated -o none/x.mp4": "none/x.mp4: there is no folder 'none'; make it first",
    "render dilated -o file/": "file/: is a file, not a folder",
    "render all -o file": "file: is a file, not a folder",
    "render all -o x.mp4": "x.mp4: names one file; several scenes go to a folder",
    "render all --kernel-size 3": "--kernel-size: is a setting of one scene; name that scene alone",
    "render all --set p=0.5": "--set p: is a setting of one scene; name that scene alone",
    "render all --model resnet50": "--model: is a setting of one scene; name that scene alone",
    "render dilated channels --input 1x9": "--input: is a setting of one scene; name that scene alone",
    "render all dilatde": "no scene 'dilatde'; did you mean 'dilated'?",
}


@pytest.mark.parametrize("line", REFUSED)
def test_bad_input_is_told_in_one_line(here: Path, line: str) -> None:
    run.refuses(line, REFUSED[line], here)


def test_what_is_missing_is_told_before_any_work(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "has_encoder", lambda name: name != "gif")
    found = run("render", "all", "--format", "gif")
    assert found.exit_code == 2
    assert found.stderr.startswith(
        "convviz: --format: PyAV has no encoder gif, which gif needs; mp4, webp, webm, png"
    )
    monkeypatch.setattr(wanted, "find_spec", lambda name: None)
    found = run("render", "dilated")
    assert found.exit_code == 2 and 'pip install "convviz[scenes]"' in found.stderr
    assert not files(here)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions")
def test_a_folder_without_permission(here: Path) -> None:
    (here / "locked").mkdir(mode=0o500)
    assert "permission denied" in run("render", "dilated", "-o", "locked/x.mp4").stderr
    assert "cannot be written" in run("render", "dilated", "-o", "locked/").stderr


def test_a_full_disk_leaves_what_was_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "x.mp4").write_bytes(b"old")
    real = os.replace

    def full(source: object, target: object) -> None:
        if str(target).endswith("x.txt"):
            raise OSError(28, "No space left on device")
        real(source, target)  # type: ignore[call-overload]

    monkeypatch.setattr(place.os, "replace", full)
    found = run("render", "dilated", "-o", "x.mp4")
    assert found.exit_code == 2 and "No space left on device" in found.stderr
    assert files(here) == ["x.mp4"] and (here / "x.mp4").read_bytes() == b"old"


# -- where it goes --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("output", "several", "formats", "goes"),
    [
        (None, False, (), (Path(FOLDER), None, ("mp4",))),
        (None, True, ("gif", "gif"), (Path(FOLDER, "scenes"), None, ("gif",))),
        ("there", False, (), (Path("there"), None, ("mp4",))),
        ("new/", False, ("webm",), (Path("new"), None, ("webm",))),
        ("a.webp", False, (), (Path("."), "a", ("webp",))),
        ("there/a.b.mp4", False, ("gif", "mp4"), (Path("there"), "a.b", ("mp4", "gif"))),
        ("new", True, (), (Path("new"), None, ("mp4",))),
    ],
)
def test_places(
    here: Path, output: str | None, several: bool, formats: tuple[str, ...], goes: object
) -> None:
    (here / "there").mkdir()
    assert _place(output, several, several, formats) == goes


# -- who watches ----------------------------------------------------------------------------------------------
def test_bars_count_what_is_done_and_what_is_under_way() -> None:
    import io

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"), console=console
    ) as bars:
        watch = rendering.Bars(bars, console)
        watch.begin(3)
        watch.look({"dilated": (5.0, 10.0), "norms": (1.0, None)})
        whole, *rest = bars.tasks
        assert (
            whole.completed == pytest.approx(0.5 + 1 / rendering.UNKNOWN) and whole.fields["told"] == "0 of 3"
        )
        assert [task.description for task in rest] == ["  dilated", "  norms"] and rest[1].total is None
        film = wanted.Wanted("dilated", Settings(), Path("."), "dilated")
        watch.ended(films.Made(film, duration=3.0, seconds=5.0, memory=3 * 2**20))
        watch.look({"norms": (2.0, None)})
        assert [task.description for task in bars.tasks] == ["scenes", "  norms"]
        assert "1/3  dilated  3.0 s of film in 5.0 s, 3 MiB" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_single_film_gets_a_bar_when_it_takes_long() -> None:
    from rich.console import Console
    from rich.progress import Progress

    bars = Progress("{task.fields[told]}", console=Console(stderr=True, quiet=True))
    watch = rendering.Bars(bars, bars.console)
    watch.begin(1)
    watch.look({"dilated": (1.9, None)})
    assert not bars.tasks
    watch.look({"dilated": (2.1, None)})
    assert [task.description for task in bars.tasks] == ["dilated"]
    bars.stop()


# -- list scenes ----------------------------------------------------------------------------------------------
def test_scenes_are_listed() -> None:
    found = run("list", "scenes")
    assert found.exit_code == 0
    for row in SCENES:
        assert re.search(rf"^ *{row.name} ", found.stdout, re.MULTILINE), row.name
    rows = json.loads(run("list", "scenes", "--format", "json").stdout)
    assert [row["name"] for row in rows] == [row.name for row in SCENES]
    assert all(row["title"] and row["about"] for row in rows)
    dilated = next(row for row in rows if row["name"] == "dilated")
    assert "kernel_size" in dilated["settings"] and dilated["sources"] == ["layer"]


@pytest.mark.parametrize("format", ["csv", "md", "latex", "html"])
def test_the_list_comes_in_every_format(format: str) -> None:
    found = run("list", "scenes", "--format", format)
    assert found.exit_code == 0 and "dilated" in found.stdout


def test_the_nearest_scene_is_named_everywhere() -> None:
    import convviz

    with pytest.raises(ConvvizError, match="did you mean 'pooling'"):
        convviz.show("poling")
