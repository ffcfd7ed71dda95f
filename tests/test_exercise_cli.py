"""`convviz exercise`: documents, folders, marking and what is refused."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from convviz.exercise import TOPICS, Question, exercises
from convviz.exercise.model import Part
from convviz.report.exercises.exercise import FORMATS, render
from tests.command import Command

run = Command("exercise")


@pytest.mark.parametrize("topic", TOPICS)
def test_a_sheet_and_its_key(topic: str) -> None:
    done = run(topic, "--seed", "7")
    (sheet,) = exercises(topic, 1, 7)
    assert done.exit_code == 0 and sheet.title in done.stdout and sheet.code in done.stdout
    for number in sheet.numbers.values():
        assert f"({number})" in done.stdout
    key = run(topic, "--seed", "7", "--key").stdout
    for question in sheet.questions:
        first = question.explanation.split()[0]
        assert first in key and first not in ("", "=")
    assert max(map(len, key.splitlines())) <= 100


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("level", ["easy", "hard"])
@pytest.mark.parametrize("format", ["table", "md", "html", "latex", "json", "csv"])
def test_a_sheet_does_not_tell_its_answers(topic: str, level: str, format: str) -> None:
    """The same sheet with other answers, explanations and mistakes looks the same; its key does not."""
    (sheet,) = exercises(topic, 1, 3, level)
    other = replace(sheet, parts=tuple(disguised(part) for part in sheet.parts))
    assert render((sheet,), format) == render((other,), format)
    assert render((sheet,), format, key=True) != render((other,), format, key=True)


def disguised(part: Part) -> Part:
    def other(question: Question) -> Question:
        changed = (
            tuple(n + 77 for n in question.answer)
            if isinstance(question.answer, tuple)
            else question.answer + 77
        )
        return replace(question, answer=changed, explanation="?", mistakes=())

    return replace(part, questions=tuple(other(question) for question in part.questions))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("key", [False, True])
def test_every_format_to_stdout_and_a_file(format: str, key: bool, tmp_path: Path) -> None:
    arguments = ["rf", "--variants", "2", "--seed", "3", "--format", format, *["--key"] * key]
    done = run(*arguments)
    assert done.exit_code == 0 and "rf-normal-3-2" in done.stdout
    file = tmp_path / "sheets.out"
    assert run(*arguments, "--output", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8") == done.stdout


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.md", "# The receptive"), ("a.html", "<!doctype"), ("a.tex", "\\document"), ("a.xml", "<?xml"), ("a.json", "{"),
     ("a.csv", "student,sheet"), ("a.txt", "The receptive")],
)  # fmt: skip
def test_the_extension_sets_the_format(name: str, start: str, tmp_path: Path) -> None:
    assert run("rf", "-o", str(tmp_path / name)).exit_code == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "norm"
    done = run("norm", "--variants", "3", "--seed", "7", "--output", str(folder), "--format", "md")
    assert done.exit_code == 0 and done.stdout == "" and done.stderr == f"3 sheets in {folder}\n"
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert names == ["answers.csv", "key.csv", *(f"keys/norm-00{i}.md" for i in (1, 2, 3)),
                     *(f"sheets/norm-00{i}.md" for i in (1, 2, 3))]  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == ["norm"]
    sheet = exercises("norm", 3, 7)[2]
    assert (folder / "sheets/norm-003.md").read_text(encoding="utf-8") == render((sheet,), "md")
    assert run("norm", "--check", str(folder / "key.csv")).exit_code == 0
    again = run("norm", "--output", str(folder))
    assert again.exit_code == 2 and "is not empty; name a new folder" in again.stderr


@pytest.mark.parametrize(
    ("format", "count"), [("html", 4), ("moodle", 2), ("csv", 2), ("json", 4), ("latex", 4), ("table", 4)]
)
def test_folders_of_other_formats(format: str, count: int, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()  # an empty one is taken
    assert run("pooling", "-o", str(tmp_path / "new"), "--format", format).exit_code == 0
    assert sum(p.is_file() for p in (tmp_path / "new").rglob("*")) == count


def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Path.write_text

    def failing(self: Path, *args: object, **more: object) -> int:
        if self.name == "key.csv":
            raise OSError(28, "No space left on device")
        return written(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", failing)
    done = run("rf", "-o", str(tmp_path / "rf"))
    assert done.exit_code == 2 and "cannot be written: No space left on device" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_checking(tmp_path: Path) -> None:
    (sheet,) = exercises("norm", 1, 7)
    rows = list(csv.DictReader(io.StringIO(run("norm", "--seed", "7", "--format", "csv", "--key").stdout)))
    assert [r["sheet"] for r in rows] == [sheet.code] * len(rows)
    good = tmp_path / "good.csv"
    good.write_text(
        "sheet,question,answer\n" + "".join(f"{sheet.code},{r['question']},{r['answer']}\n" for r in rows),
        encoding="utf-8",
    )
    done = run("norm", "--check", str(good))
    assert done.exit_code == 0 and "all right" in done.stdout
    bad = tmp_path / "bad.csv"
    wrong = sheet["variance"].mistakes[0]
    number = str(sheet.numbers["variance"])
    given = [(r["question"], str(wrong.value) if r["question"] == number else r["answer"]) for r in rows]
    lines = [f"{sheet.code},{question},{answer}\n" for question, answer in given]
    bad.write_text("sheet,question,answer\n" + "".join(lines), encoding="utf-8")
    done = run("norm", "--check", str(bad))
    assert (
        done.exit_code == 1
        and f"it first went wrong at ({sheet.numbers['variance']}) variance: {wrong.text}"
        in " ".join(done.stdout.split())
    )
    data = json.loads(run("norm", "--check", str(bad), "--format", "json").stdout)
    assert data["passed"] is False and data["sheets"][0]["first"]["id"] == "variance"
    assert data["sheets"][0]["wrong"] == 1 and len(data["sheets"][0]["answers"]) == len(sheet.questions)
    for format in ("csv", "md", "latex", "html"):
        done = run("norm", "--check", str(bad), "--format", format)
        assert done.exit_code == 1 and "variance" in done.stdout
    out = tmp_path / "marks.csv"
    assert run("norm", "--check", str(bad), "-o", str(out)).exit_code == 1 and "wrong" in out.read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nrom", "no topic 'nrom'; did you mean 'norm'?"),
        ("", "missing argument"),
        ("norm --variants 0", "--variants: must be a whole number from 1 to 1,000, got 0"),
        ("norm --variants -3", "--variants: must be a whole number from 1 to 1,000, got -3"),
        ("norm --variants 1000000000000", "--variants: must be a whole number from 1 to 1,000, got 1000000000000"),
        ("norm --variants many", "--variants: must be a whole number, got 'many'"),
        ("norm --variants 1e3", "--variants: must be a whole number, got '1e3'"),
        ("norm --variants nan", "--variants: must be a whole number, got 'nan'"),
        ("norm --seed -1", "--seed: must be a whole number from 0"),
        ("norm --level mild", "--level: must be easy, normal or hard, got 'mild'"),
        ("norm --format pdf", "'pdf' is not one of"),
        ("norm --details", "--details: goes with --check"),
        ("norm --check none.csv", "none.csv: cannot be read: No such file or directory"),
        ("norm --check x.csv --variants 3", "--check: marks answers: leave --variants and --key out"),
        ("norm --check x.csv --format moodle", "--format moodle: is no format of a marking; there are table, json"),
        ("norm -o no/where/sheets", "no/where/sheets: there is no folder"),
        ("norm -o no/where/sheets.md", "there is no folder"),
    ],
)  # fmt: skip
def test_bad_input(arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments.split())
    assert done.exit_code == 2 and done.stdout == "" and message in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_a_folder_and_a_key(tmp_path: Path) -> None:
    done = run("rf", "--key", "-o", str(tmp_path / "rf"))
    assert (
        done.exit_code == 2
        and "a folder has sheets and keys" in done.stderr
        and not (tmp_path / "rf").exists()
    )


# -- documents --------------------------------------------------------------------------------------------
class Tags(HTMLParser):
    """Checks that every tag is closed, and in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("key", [False, True])
def test_html_is_well_formed(topic: str, key: bool) -> None:
    made = exercises(topic, 2, 1, "hard")
    source = render(made.sheets, "html", key)
    tags = Tags()
    tags.feed(source)
    assert not tags.open and tags.seen.count("section") == 2 and "break-after:page" in source
    listed = [int(n) for n in re.findall(r'<li value="(\d+)"', source)]
    if key:
        assert listed == list(range(1, len(made[0].questions) + 1)) + list(
            range(1, len(made[1].questions) + 1)
        )
    else:
        in_boxes = {int(n) for n in re.findall(r"<small>(\d+)</small>", render(made.sheets[:1], "html"))}
        assert in_boxes | set(listed) >= set(made[0].numbers.values())


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("key", [False, True])
def test_latex_is_plain(topic: str, key: bool) -> None:
    """Nothing but characters that inputenc knows, and every environment is closed."""
    source = render(exercises(topic, 2, 1, "hard").sheets, "latex", key)
    assert all(c.isascii() for c in source), sorted({c for c in source if not c.isascii()})
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", source) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended) and source.count("\\newpage") == 1
    assert re.sub(r"\\.", "", source).count("{") == re.sub(r"\\.", "", source).count("}")
    assert re.sub(r"\\\$", "", source).count("$") % 2 == 0


def test_markdown_has_its_blanks() -> None:
    (sheet,) = exercises("rf", 1, 2)
    source = render((sheet,), "md")
    assert (
        "| layer |" in source
        and r"(1)\_\_\_\_" in source
        and source.startswith("# The receptive field by hand\n")
    )
    key = render((sheet,), "md", key=True)
    assert f"**{sheet.key['conv1.r']}**" in key and f"`{sheet['conv1.r'].explanation}`" in key


def test_json_has_answers_on_a_key_only() -> None:
    data = json.loads(run("norm", "--format", "json").stdout)
    assert "answer" not in str(data["sheets"][0]["parts"][1]["questions"])
    key = json.loads(run("norm", "--format", "json", "--key").stdout)
    question = key["sheets"][0]["parts"][1]["questions"][3]
    assert (
        question["id"] == "variance" and question["needs"] == ["squares"] and question["mistakes"][0]["text"]
    )
