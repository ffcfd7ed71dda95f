"""Marking: right answers in every spelling, mistakes by name, the first wrong step, and files that cannot be read."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from convviz.errors import ConvvizError
from convviz.exercise import LEVELS, TOPICS, Marking, Question, exercises, mark, mark_file
from convviz.exercise.reading import read_answer, written
from convviz.report.exercises.exercise import render
from convviz.report.exercises.marks import render_marking, verdict

EVERY = [(topic, level) for topic in TOPICS for level in LEVELS]


def statuses(done: Any) -> dict[str, str]:
    return {a.question.id: a.status for a in done.answers if a.status != "right"}


# -- one sheet ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_the_key_is_right(topic: str, level: str, tmp_path: Path) -> None:
    made = exercises(topic, 3, 11, level)
    for sheet in made:
        done = mark(sheet, sheet.key)
        assert done.passed and done.points == sheet.points and done.first_wrong is None
    (tmp_path / "key.csv").write_text(render(made.sheets, "csv", key=True), encoding="utf-8")
    assert mark_file(tmp_path / "key.csv", topic).passed  # rounded to four digits


@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_every_mistake_is_named_at_its_step(topic: str, level: str) -> None:
    (sheet,) = exercises(topic, 1, 5, level)
    for question in sheet.questions:
        for mistake in question.mistakes:
            done = mark(sheet, {**sheet.key, question.id: mistake.value})
            first = done.first_wrong
            assert first is not None and first.question is question and first.remark == mistake.text
            assert done.count("wrong") == 1 and done.points == sheet.points - question.points


@pytest.mark.parametrize(("topic", "level"), EVERY)
def test_a_mistake_is_carried_on_and_counted_once(topic: str, level: str) -> None:
    """A student who goes on without a further mistake from one wrong number has one wrong answer."""
    (sheet,) = exercises(topic, 1, 6, level)
    followed = [q for q in sheet.questions if q.follow and q.needs]
    for start in {id for q in followed for id in q.needs}:
        wrong = {start: off(sheet[start].answer)}
        for question in followed:
            if any(id in wrong for id in question.needs):
                assert question.follow is not None
                value = question.follow({**sheet.key, **wrong})
                if not question.accepts(value):
                    wrong[question.id] = value
        done = mark(sheet, {**sheet.key, **wrong})
        assert statuses(done) == {id: "wrong" if id == start else "carried on" for id in wrong}
        assert done.first_wrong is not None and done.first_wrong.question.id == start
        assert done.points == sheet.points - sheet[start].points


def off(answer: Any) -> Any:
    return tuple(part + 2 for part in answer) if isinstance(answer, tuple) else answer + 2


def test_the_unbiased_variance() -> None:
    (sheet,) = exercises("norm", 1, 7, "easy")
    biased = sheet.key["variance"]
    unbiased = biased * 16 / 15  # type: ignore[operator]
    root = (unbiased + 1e-5) ** 0.5
    x = float(sheet.text.split("its value is ")[1].split(".")[0])
    answers = {
        **sheet.key,
        "variance": f"{unbiased:.2f}",
        "root": f"{root:.2f}",
        "normalized": f"{(x - sheet.key['mean']) / root:.4f}",  # type: ignore[operator]
    }
    done = mark(sheet, answers, "Ada")
    assert done["variance"].remark == "this is the unbiased variance: divide by 16, not 15"
    assert done["root"].status == "carried on" and done["normalized"].status == "carried on"
    assert done["root"].remark.startswith("follows from (9); right: ")
    assert "first went wrong at (9) variance: this is the unbiased variance" in verdict(done)
    assert done["running_var"].status == "right"


def test_a_later_answer_from_a_rounded_one_is_right() -> None:
    """Rounding on the way is no mistake, even where it is off by more than the tolerance in the end."""
    (sheet,) = exercises("params", 1, 3, "normal")
    normal = sheet.key["sep_normal"]
    done = mark(sheet, {**sheet.key, "sep_share": Fraction(sheet.key["sep_both"], normal)})  # type: ignore[arg-type]
    assert done.passed


def test_missing_answers() -> None:
    (sheet,) = exercises("rf", 1, 1)
    done = mark(sheet, {})
    assert done.count("missing") == len(sheet.questions) and done.points == 0 and not done.passed
    assert done.first_wrong is not None and done.first_wrong.number == 1
    assert "nothing is wrong" in verdict(done)
    some = mark(sheet.code, {"2": sheet.key["conv1.r"], 3: None, "conv1.start": "?"})
    assert (
        some["conv1.r"].status == "right"
        and some["conv1.j"].status == "missing" == some["conv1.start"].status
    )


def test_a_wrong_number_of_numbers() -> None:
    (sheet,) = exercises("conv", 1, 1, "easy")
    assert mark(sheet, {"size": "4x4x4"})["size"].remark == "2 numbers are asked for, not 3"


# -- spellings --------------------------------------------------------------------------------------------
NUMBER, WHOLE = Question("y", "", "", -4 / 3, ""), Question("n", "", "", 1728, "")
SHAPE, LIST = Question("s", "", "", (28, 27), ""), Question("l", "", "", (1, 2, 1), "", listed=True)


@pytest.mark.parametrize(
    ("question", "text", "value"),
    [
        (NUMBER, "-1,3333", -1.3333),
        (NUMBER, "−1.3333", -1.3333),
        (NUMBER, "–4/3", Fraction(-4, 3)),
        (NUMBER, " - 4 / 3 ", Fraction(-4, 3)),
        (NUMBER, "-8⁄6", Fraction(-4, 3)),
        (NUMBER, "-1.3333e0", -1.3333),
        (NUMBER, "+.5", 0.5),
        (NUMBER, "6/3", 2),
        (NUMBER, "1,728", 1.728),
        (WHOLE, "1,728", 1728),
        (WHOLE, "1.728", 1728),
        (WHOLE, "1 728", 1728),
        (WHOLE, "1'728", 1728),
        (WHOLE, "1728.0", 1728),
        (WHOLE, "12,5", 12.5),
        (NUMBER, "1,234,567", 1234567),
        (SHAPE, "28x27", (28, 27)),
        (SHAPE, "28 × 27", (28, 27)),
        (SHAPE, "(28, 27)", (28, 27)),
        (SHAPE, "[28; 27]", (28, 27)),
        (SHAPE, "28 27", (28, 27)),
        (SHAPE, "28,27,", (28, 27)),
        (Question("m", "", "", 5, ""), "5.125", 5.125),
        (LIST, "1 2 1", (1, 2, 1)),
        (LIST, "1, 2, 1", (1, 2, 1)),
        (NUMBER, "", None),
        (NUMBER, " ? ", None),
        (SHAPE, "-", None),
    ],
)
def test_spellings(question: Question, text: str, value: Any) -> None:
    assert read_answer(text, question) == value


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (NUMBER, "abc"), (NUMBER, "nan"), (NUMBER, "inf"), (NUMBER, "1e400"), (NUMBER, "4/0"), (NUMBER, "1/2/x"),
        (NUMBER, "1.2.3"), (NUMBER, "=1+1"), (NUMBER, "28x28"), (NUMBER, "--4"), (NUMBER, "9" * 300),
        (SHAPE, "axb"), (SHAPE, "28xx27"), (SHAPE, "()"), (LIST, "1 two 1"),
    ],
)  # fmt: skip
def test_no_answers(question: Question, text: str) -> None:
    if text == "()":
        assert read_answer(text, question) == ()  # read, and marked as too few numbers
        return
    with pytest.raises(ConvvizError, match=f"^here: .* is no answer to question {question.id}: write "):
        read_answer(text, question, "here")


@pytest.mark.parametrize("answer", [0, 3, -2, 1.5, -4 / 3, Fraction(1, 3), 120000, 2.0000001, -0.00001])
def test_written_and_read_again(answer: Any) -> None:
    again = read_answer(written(answer), Question("a", "", "", answer, ""))
    assert abs(float(again) - float(answer)) < 6e-5  # type: ignore[arg-type]


# -- files ------------------------------------------------------------------------------------------------
def filled(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def template(topic: str = "norm", variants: int = 2) -> tuple[Any, list[dict[str, str]]]:
    made = exercises(topic, variants, 7)
    rows = list(csv.DictReader(io.StringIO(render(made.sheets, "csv"))))
    for row in rows:
        sheet = made[int(row["sheet"].rpartition("-")[2]) - 1]
        question = sheet.questions[int(row["question"]) - 1]
        row["student"] = f"student {sheet.variant}"
        row["answer"] = written(question.answer, question.listed)
    return made, rows


def test_a_class(tmp_path: Path) -> None:
    made, rows = template(variants=3)
    at = made[1].numbers["variance"]
    row = next(r for r in rows if r["sheet"] == made[1].code and r["question"] == str(at))
    row["answer"] = written(made[1]["variance"].mistakes[0].value)
    (tmp_path / "a.csv").write_text(filled(rows), encoding="utf-8")
    marking = mark_file(tmp_path / "a.csv", "norm", 7, "normal")
    assert isinstance(marking, Marking) and len(marking) == 3 and not marking.passed
    assert [one.passed for one in marking] == [True, False, True]
    assert marking[1].first_wrong is not None and marking[1].first_wrong.question.id == "variance"
    text = render_marking(marking)
    assert "2 of 3 sheets are all right" in text and "(10) variance" in text
    details = render_marking(marking, "csv", details=True)
    assert (
        len(details.splitlines()) == 1 + 3 * len(made[0].questions)
        and made[1]["variance"].mistakes[0].text in details
    )
    assert repr(marking) == text.rstrip("\n") and "<table>" in marking._repr_html_()
    assert "unbiased" in repr(marking[1]) and "<table>" in marking[1]._repr_html_()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_separators(encoding: str, delimiter: str, tmp_path: Path) -> None:
    _, rows = template(variants=1)
    for row in rows:
        row["student"], row["about"] = "Zoë", "x"
        row["answer"] = row["answer"].replace(".", ",")
    (tmp_path / "a.csv").write_bytes(filled(rows, delimiter).replace("\n", "\r\n").encode(encoding))
    marking = mark_file(tmp_path / "a.csv", "norm")
    assert marking.passed and marking[0].student == "Zoë"


def test_variant_numbers_and_ids(tmp_path: Path) -> None:
    made, _ = template(variants=2)
    lines = ["Variant,Question,Answer,remark"] + [f"2,{id},{written(v)},x" for id, v in made[1].key.items()]
    (tmp_path / "a.csv").write_text("\n".join([*lines, "", ",,,"]), encoding="utf-8")
    assert mark_file(tmp_path / "a.csv", "norm", 7).passed
    assert not mark_file(tmp_path / "a.csv", "norm", 8).passed


HEAD = "student,sheet,question,answer\n"
ONE = f"{HEAD}Ada,norm-normal-7-1,"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", " is empty; a heading such as student,sheet,question,about,answer comes first"),
        (b" \n\n", " is empty; a heading such as"),
        (HEAD.encode(), " has a heading and no answers below it"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", " is no text; answers come as CSV"),
        (b"\xff\x01\x02abc,d\n", " is no text; answers come as CSV"),
        (b"student,sheet,answer\na,b,c\n", "1: lacks the column question (has: student, sheet, answer)"),
        (b"name,points\na,1\n", "1: lacks the columns sheet and question and answer (has: name, points)"),
        (b"sheet,question,answer,Answer\n", "1: has two columns 'answer'"),
        (f"{ONE}10,abc\n".encode(), "2: 'abc' is no answer to question variance: write a number such "
         "as 4, -1.5, -1,5 or 4/3"),
        (f"{ONE}99,4\n".encode(), "2: no question 99 on sheet norm-normal-7-1, which has 21"),
        (f"{ONE}varianec,4\n".encode(), "2: no question 'varianec' on sheet norm-normal-7-1; did you "
         "mean 'variance'?; give its number"),
        (f"{ONE}10,4\nAda,norm-normal-7-1,variance,4\n".encode(), "3: question variance of "
         "norm-normal-7-1 is answered a second time by Ada; the first is in line 2"),
        (f"{ONE}10,-1,3333\n".encode(), '2: has 5 cells, its heading 4; an answer with a comma stands '
         'in quotes: "-1,5"'),
        (f"{HEAD}Ada,,10,4\n".encode(), "2: the sheet is missing; its code, such as norm-normal-7-3, stands on"),
        (f"{HEAD}Ada,norm-normal-7-5000,10,4\n".encode(), "2: no sheet 'norm-normal-7-5000': variant: must be a whole "
         "number from 1 to 1,000, got 5000"),
        (f"{HEAD}Ada,rf-normal-7-1,10,4\n".encode(), "2: sheet rf-normal-7-1 has the topic rf, not norm"),
        (f"{HEAD}Ada,norm-normal-8-1,10,4\n".encode(), "2: sheet norm-normal-8-1 has the seed 8, not 7"),
        (f"{HEAD}Ada,norm-hard-7-1,10,4\n".encode(), "2: sheet norm-hard-7-1 has the level hard, not normal"),
        (b"variant,question,answer\n0,10,4\n", "2: variant: must be a whole number from 1 to 1,000, got 0"),
        (b"variant,question,answer\nseven,10,4\n", "2: no sheet 'seven'; codes look like norm-normal-7-3"),
        (b'sheet,question,answer\n"norm\n', "2: no sheet 'norm'; codes look like"),
        (b'sheet,question,answer\n"' + b"x" * 200_000 + b'",1,2\n', "2: is no CSV: field larger than field limit"),
    ],
)  # fmt: skip
def test_bad_files(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(ConvvizError) as err:
        mark_file(path, "norm", 7, "normal")
    text = str(err.value)
    assert text.startswith(f"{path}:{message}") and "\n" not in text


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConvvizError, match="cannot be read: No such file"):
        mark_file(tmp_path / "none.csv", "norm")
    with pytest.raises(ConvvizError, match="is a folder; name the CSV file"):
        mark_file(tmp_path, "norm")


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("text", ["0", "-1", "1e200", "-1e200", "1/3", "0.5", "9" * 40])
def test_no_answer_breaks_the_marking(topic: str, text: str) -> None:
    """Numbers with which no later step can go on are wrong, and nothing worse."""
    for level in ("easy", "hard"):
        (sheet,) = exercises(topic, 1, 2, level)
        every = {
            q.id: " ".join([text[:9]] * len(q.answer)) if isinstance(q.answer, tuple) else text
            for q in sheet.questions
        }
        done = mark(sheet, every)
        assert done.first_wrong is not None
        for question in sheet.questions[:6]:
            mark(sheet, {**sheet.key, question.id: every[question.id]})
