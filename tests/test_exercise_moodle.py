"""The file for Moodle, by a strict reader of what its importer takes (question/format/xml, question/type/multianswer).

Rules that are kept here: a category has its path in <category><text> and an <info> with a format; every question has a
name of 1 to 255 characters and a text with a format; a numerical question has answers with a fraction, a number and a
tolerance, one of them right; an embedded answer is {points:TYPE:answers}, its answers parted by ~, each `=` or
`%share%`, then number:tolerance, then # and a feedback, in which } is hidden by a backslash and entities are decoded
once more than in other HTML.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import pytest

from convviz.exercise import LEVELS, TOPICS, exercises
from convviz.exercise.model import Sheet, near
from convviz.report.exercises.exercise import render
from convviz.report.exercises.moodle import blanks, feedback, slash, text

NUMBER = re.compile(r"-?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?")
START = re.compile(r"\{(\d*):(NUMERICAL|NM):")
OTHER_START = re.compile(r"\{\d*:[A-Z_]+:")
EVERY = [(topic, level) for topic in TOPICS for level in LEVELS]


@dataclass
class Blank:
    points: int
    answers: list[tuple[float, float, float, str]] = field(
        default_factory=list
    )  # share, value, tolerance, feedback

    def grade(self, value: float) -> tuple[float, str]:
        """What Moodle gives: the first answer that the value lies near."""
        for share, right, tolerance, said in self.answers:
            if abs(value - right) <= tolerance + 1e-13 * max(abs(right), 1):
                return share, said
        return 0.0, ""


def embedded(source: str) -> tuple[str, list[Blank]]:
    """The text of a cloze question with its blanks taken out."""
    found: list[Blank] = []
    rest, out = source, ""
    while start := START.search(rest):
        end = start.end()
        while rest[end] != "}" or rest[end - 1] == "\\":
            end += 1
        found.append(one_blank(int(start.group(1) or 1), rest[start.end() : end]))
        out, rest = out + rest[: start.start()] + f"[{len(found)}]", rest[end + 1 :]
    out += rest
    assert not OTHER_START.search(out) and "{" not in out, out
    return out, found


def one_blank(points: int, inside: str) -> Blank:
    blank = Blank(points)
    for part in re.split(r"(?<!\\)~", inside):
        head = re.match(r"=|%(-?\d+(?:[.,]\d*)?)%", part)
        assert head, part
        share = 100.0 if head.group() == "=" else float(head.group(1))
        value, sign, said = part[head.end() :].partition("#")
        number, colon, tolerance = value.partition(":")
        assert NUMBER.fullmatch(number) and colon and NUMBER.fullmatch(tolerance), value
        assert bool(said) == bool(sign)
        once = html.unescape(said).replace("\\}", "}").replace("\\#", "#")
        blank.answers.append((share, float(number), float(tolerance), markup(once)))
    assert [share for share, *_ in blank.answers].count(100.0) == 1 and blank.answers[0][0] == 100
    return blank


def markup(fragment: str) -> str:
    """The text of a piece of HTML, which must be well formed."""
    tree = ElementTree.fromstring(f"<div>{fragment}</div>")
    return "".join(tree.itertext())


def read(source: str) -> list[dict[str, Any]]:
    """Every question of a file, as an importer sees it."""
    assert source.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    root = ElementTree.fromstring(source)
    assert root.tag == "quiz" and {child.tag for child in root} == {"question"}
    found, path, ids = [], "", set()
    for element in root:
        kind = element.get("type")
        if kind == "category":
            path = inner(element, "category")
            assert (
                path.startswith("$course$/top/")
                and inner(element, "info")
                and element.find("info").get("format")
            )  # type: ignore[union-attr]
            continue
        assert kind in ("cloze", "numerical") and path
        name, identity = inner(element, "name"), element.findtext("idnumber")
        assert 0 < len(name) <= 255 and "<" not in name and identity and len(identity) <= 100
        assert (path, identity) not in ids
        ids.add((path, identity))
        assert element.find("questiontext").get("format") == "html"  # type: ignore[union-attr]
        assert float(element.findtext("penalty") or "x") == 0.3333333 and element.findtext("hidden") == "0"
        question = {
            "type": kind,
            "name": name,
            "path": path,
            "general": markup(inner(element, "generalfeedback")),
        }
        body = inner(element, "questiontext")
        if kind == "cloze":
            assert element.find("answer") is None and element.find("defaultgrade") is None
            body, question["blanks"] = embedded(body)
            assert question["blanks"]
        else:
            question["blanks"] = [numerical(element)]
        question["text"] = markup(body)
        found.append(question)
    return found


def inner(element: ElementTree.Element, tag: str) -> str:
    child = element.find(tag)
    assert child is not None and len(child) == 1 and child[0].tag == "text", tag
    return child[0].text or ""


def numerical(element: ElementTree.Element) -> Blank:
    blank = Blank(int(element.findtext("defaultgrade") or "x"))
    for answer in element.findall("answer"):
        value, tolerance = answer.findtext("text") or "", answer.findtext("tolerance") or ""
        assert NUMBER.fullmatch(value) and NUMBER.fullmatch(tolerance)
        said = markup(inner(answer, "feedback"))
        blank.answers.append((float(answer.get("fraction") or "x"), float(value), float(tolerance), said))
    assert blank.answers[0][0] == 100 and {share for share, *_ in blank.answers[1:]} <= {0.0}
    return blank


def values(sheet: Sheet, id: str) -> list[float]:
    answer = sheet.key[id]
    return [float(part) for part in answer] if isinstance(answer, tuple) else [float(answer)]


@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_moodle_reads_it(topic: str, level: str) -> None:
    made = exercises(topic, 3, 7, level)
    found = read(render(made.sheets, "moodle"))
    whole = [q for q in found if q["path"].endswith("/sheets")]
    assert [q["name"] for q in whole] == [sheet.code for sheet in made]
    for question, sheet in zip(whole, made, strict=True):
        # every blank once, in the order of the sheet or of its boxes
        wanted = sorted(v for id in sheet.key for v in values(sheet, id))
        assert near(tuple(sorted(b.answers[0][1] for b in question["blanks"])), tuple(wanted), 1e-8)
        assert all(f"({n})" in question["text"] for n in sheet.numbers.values())
        assert all(f"({n}) " in question["general"] for n in sheet.numbers.values())
        asked = sum(q.points * (len(q.answer) if isinstance(q.answer, tuple) else 1) for q in sheet.questions)
        assert sum(b.points for b in question["blanks"]) == asked
    for question in found[len(whole) :]:
        code, _, id = question["name"].partition(" ")
        sheet = next(s for s in made if s.code == code)
        assert near(tuple(b.answers[0][1] for b in question["blanks"]), tuple(values(sheet, id)), 1e-8)
        assert question["type"] == ("cloze" if isinstance(sheet.key[id], tuple) else "numerical")
        assert sheet[id].prompt in question["text"] and sheet.text in question["text"]
    kinds = {q["type"] for q in found}
    assert kinds == {"cloze", "numerical"} or topic == "shape"


@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_moodle_marks_as_we_do(topic: str, level: str) -> None:
    """The right answer gets all points, a common mistake none and its feedback."""
    (sheet,) = exercises(topic, 1, 7, level)
    for question in sheet.questions:
        if isinstance(question.answer, tuple):
            continue
        _, (blank,) = embedded(blanks(question))
        assert blank.grade(float(question.answer)) == (100.0, "")
        assert blank.grade(round(float(question.answer), 2 if question.tolerance > 0.002 else 4))[0] == 100
        for mistake in question.mistakes:
            assert blank.grade(float(mistake.value)) == (0.0, mistake.text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "said",
    ["plain", "a } b", "a ~ b", "a # b", "1 < 2 & 3", 'say "no"', "d(k − 1)/2", "back\\slash", "{1:NM:=4}", "&amp;"],
)  # fmt: skip
def test_feedback_survives(said: str) -> None:
    _, (blank,) = embedded("{1:NUMERICAL:=4:0~%0%5:0#" + feedback(said) + "}")
    assert blank.answers[1][3] == said


def test_text_and_paths() -> None:
    assert text("plain") == "<text>plain</text>"
    assert ElementTree.fromstring(text("<p>a ]]> b</p> & c")).text == "<p>a ]]> b</p> & c"
    assert slash("mean/variance") == "mean//variance"


def test_the_reader_refuses() -> None:
    """What Moodle would not import is found here, too."""
    for bad in (
        "{1:NUMERICAL:4:0}",
        "{1:NUMERICAL:=four:0}",
        "{1:NUMERICAL:=−4:0}",
        "{1:SHORTANSWER:=4}",
        "{1:NUMERICAL:%0%4:0}",
    ):
        with pytest.raises(AssertionError):
            embedded(bad)
    with pytest.raises(AssertionError):
        read('<?xml version="1.0" encoding="UTF-8"?>\n<quiz><question type="cloze"><name/></question></quiz>')
