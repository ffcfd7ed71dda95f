"""The questions: that none is missing, that their numbers are true, that every command they name runs."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from convviz.errors import ConvvizError
from convviz.ops.base import build
from convviz.questions import TOPICS, Question, claims, measured, of_topic, question, questions, search
from convviz.report.documents import csv_text
from convviz.report.formats import FORMATS
from convviz.report.questions import arms_table, corrections, render_all, render_question, shown, table_of
from convviz.report.terminal import text
from tests.command import Command

ROOT = Path(__file__).resolve().parents[1]

# What the course notes ask, and where it is answered.
ASKED = {
    "where channel information is after loading": "channels-first",
    "GAP against pooling": "gap-and-pooling",
    "does GAP reduce parameters": "gap-parameters",
    "does GAP halve the image": "gap-halves-image",
    "does GAP double the receptive field": "gap-doubles-rf",
    "what is a 1x1 convolution": "pointwise",
    "is it fully connected on a 1x1 map": "pointwise-and-linear",
    "why 512 to 32 in a transition": "transition-512-32",
    "what is a transition layer": "transition-layer",
    "where does it go": "transition-place",
    "how far from the prediction: max pooling": "pooling-distance",
    "how far from the prediction: batch norm": "norm-distance",
    "why are poolings not close together": "poolings-together",
    "why no batch norm before the output": "norm-before-output",
    "pool at RF 5 or 7": "pool-at-rf",
    "when to add dropout": "dropout-when",
    "how much dropout": "dropout-amount",
    "batch norm before or after ReLU": "norm-and-relu",
    "log of softmax": "log-softmax",
    "Conv1D or fully connected": "conv1d-or-linear",
    "spatial against temporal": "spatial-temporal",
    "dense against sparse networks": "dense-sparse",
    "bottleneck and reverse bottleneck": "bottlenecks",
    "is GAP good or bad": "gap-good-or-bad",
    "look at the data": "look-at-data",
    "ToTensor or Normalize left out": "without-normalize",
    "rotation before normalization": "rotation-fill",
    "lighter for longer": "lighter-for-longer",
    "learning rate": "learning-rate",
    "is MNIST too small for StepLR": "step-lr",
    "why 56x56": "start-56",
    "64 to 512 against 512 each": "blocks-64-512",
    "VGG's fully connected layers": "vgg-linear",
    "kernels from 32 to 512": "kernels-32-512",
    "edges, textures, parts, objects": "edges-to-objects",
    "translation": "translation",
    "rotation and skew": "rotation-skew",
    "is pooling invariant": "pooling-invariance",
    "scales of features": "feature-scales",
    "pixel normalization, centring, standardization, min-max": "pixel-normalizations",
    "small batches": "small-batches",
    "several devices": "norm-several-devices",
    "ridge and lasso": "ridge-lasso",
    "underfitting, overfitting": "over-and-underfitting",
    "where training converged": "converged",
    "dense prediction": "dense-prediction",
    "super-resolution": "super-resolution",
    "dilated, then 3x3": "dilated-then-normal",
    # what the claims and the rest of the notes ask
    "kinds of convolution": "kinds-of-convolution",
    "grouped and Inception": "grouped-and-inception",
    "deconvolution": "deconvolution",
    "does pooling double the receptive field": "pooling-rf",
    "what does dropout drop": "dropout-drops",
    "L1 and L2: zeros": "l1-l2-zeros",
    "L1 and outliers": "penalty-or-loss",
    "what regularization aims at": "regularization-aim",
    "axes of the norms": "norm-axes",
    "batch norm within 3": "norm-bound",
    "capacity and covariate shift": "norm-capacity",
    "cost of norms": "norm-cost",
    "colour": "norm-colour",
    "suppression of maps": "norm-suppression",
    "batch below the number of classes": "batch-below-classes",
    "five conclusions": "which-norm",
    "how many seeds": "how-many-seeds",
}
CLAIMED = 22  # rows of the table of claims
KEYS = [found.key for found in questions()]


run = Command()


def error(*arguments: str) -> str:
    """The one line that a person sees."""
    done = run(*arguments)
    assert done.exit_code == 2 and not done.stdout
    return done.stderr.strip()


def rows(key: str, table: str | None = None) -> tuple[tuple[Any, ...], ...]:
    """The rows of a table of a question (default: its first)."""
    found = {piece.table.key: piece.table.rows for piece in question(key).evidence}
    return found[table] if table else next(iter(found.values()))


# -- nothing is missing ---------------------------------------------------------------------------------
def test_every_question_of_the_notes_is_there() -> None:
    assert set(ASKED.values()) == set(KEYS)
    assert len(KEYS) == len(set(KEYS))


@pytest.mark.parametrize("key", KEYS)
def test_evidence(key: str) -> None:
    found = question(key)
    assert found.topic in TOPICS and found.text.endswith("?") and found.answer.endswith(".")
    assert len(found.answer) < 420, "an answer is short"
    assert found.evidence and found.commands
    assert len({piece.table.key for piece in found.evidence}) == len(found.evidence)
    for piece in found.evidence:
        assert piece.table.rows and piece.says.endswith(".") and piece.table.title
        for row in piece.table.rows:
            assert len(row) == len(piece.table.columns)
            for value in row:
                assert value is None or isinstance(value, str | int) or math.isfinite(value)
        written = text(table_of(piece.table)).split("\n")
        assert max(map(len, written)) <= 100 and "…" not in "".join(written)
        assert re.search(r"\d", piece.says), "a sentence carries a number"


@pytest.mark.parametrize("key", KEYS)
def test_sentences_have_no_holes(key: str) -> None:
    for piece in question(key).evidence:
        assert "nan" not in piece.says.replace("nan, nan, nan", "") and "None" not in piece.says


def test_every_claim_is_corrected() -> None:
    assert len(claims()) == CLAIMED
    assert len({claim.key for claim in claims()}) == CLAIMED
    for claim in claims():
        assert claim.evidence.table.rows
        assert claim in question(claim.question).claims
        assert all(part.endswith(".") for part in (claim.claim, claim.correct, claim.why))


def test_a_claim_names_what_exists() -> None:
    claim = claims()[0]
    with pytest.raises(ConvvizError, match=r"no table 'kernel'; did you mean 'kernels'\?"):
        _ = type(claim)(**{**vars(claim), "table": "kernel"}).evidence


def test_corrections_are_up_to_date() -> None:
    assert (ROOT / "docs" / "corrections.md").read_text(encoding="utf-8") == corrections(claims())


def test_corrections_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import corrections as tool

    monkeypatch.setattr(tool, "FILE", tmp_path / "corrections.md")
    monkeypatch.setattr(sys, "argv", ["corrections.py", "--check"])
    assert tool.main() == 1 and "run python tools/corrections.py" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["corrections.py"])
    assert tool.main() == 0
    monkeypatch.setattr(sys, "argv", ["corrections.py", "--check"])
    assert tool.main() == 0


# -- commands ---------------------------------------------------------------------------------------------
COMMANDS = sorted(
    {command for found in questions() for command in (*found.commands, found.picture) if command}
    | {claim.command for claim in claims()}
)
DRAWN = [
    command for command in COMMANDS if command.startswith("draw ")
]  # half a second each; tests/test_draw.py draws


@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in DRAWN])
def test_every_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*shlex.split(command))
    assert done.exit_code == 0, done.output
    wanted = re.search(r"--plot (\S+)", command)
    assert wanted is None or (tmp_path / wanted[1]).stat().st_size > 1000


@pytest.mark.parametrize("command", DRAWN)
def test_every_drawing_is_known(command: str) -> None:
    from convviz.cli.draw import command as draw
    from convviz.plan.examples import kinds

    _, *arguments = shlex.split(command)
    assert arguments[0] in {kind.name for kind in kinds()}
    draw.make_context("draw", arguments)  # raises where there is no such option


# -- how they are written ---------------------------------------------------------------------------------
def test_list_works_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Question, "evidence", property(lambda self: 1 / 0))
    done = run("questions")
    assert done.exit_code == 0
    for key in KEYS:
        assert f"\n{key}\n" in done.output
    assert all(name in done.output for name in TOPICS.values())


def test_an_answer_in_full() -> None:
    said = run("questions", "gap-parameters").output
    asked, tried = "Does global average pooling reduce parameters?", "Try: convviz heads 64x7x7 --classes 10"
    for part in (asked, "31,370", "650", tried):
        assert part in said
    claimed = run("questions", "dropout-drops").output
    assert "Often claimed: Dropout drops weights." in claimed and "Right: It sets activations to 0" in claimed
    assert "Picture: convviz draw dropout" in claimed


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_of_everything(format: str) -> None:
    full = ["--all", "--topic", "pooling"]
    for arguments in ([], ["step-lr"], ["--claims"], full):
        done = run("questions", *arguments, "--format", format)
        assert done.exit_code == 0 and done.output.strip()
        if format == "json":
            json.loads(done.output)
        if format == "html":
            assert done.output.startswith("<!doctype html>")
            assert done.output.count("<table>") == done.output.count("</table>")


def test_json_is_not_rounded() -> None:
    data = json.loads(run("questions", "norm-bound", "--format", "json").output)
    assert data["key"] == "norm-bound" and data["claims"][0]["key"] == "norm-within-3"
    (table,) = data["evidence"]
    assert table["rows"][1][2] == math.sqrt(3) and table["columns"][0] == "m"
    listed = json.loads(run("questions", "--format", "json").output)
    assert [entry["key"] for entry in listed] == KEYS and "evidence" not in listed[0]


def test_csv_has_a_row_for_every_number() -> None:
    lines = run("questions", "norm-bound", "--format", "csv").output.strip().split("\n")
    assert lines[0] == "question,table,row,column,value"
    assert len(lines) == 1 + sum(len(row) for row in rows("norm-bound"))


def test_latex_needs_no_unicode() -> None:
    written = render_all(questions(), "latex")
    assert written.isascii(), {c for c in written if not c.isascii()}
    assert written.count(r"\begin{longtable}") == written.count(r"\end{longtable}") > 65
    assert not re.search(r"(?<!\\)[#_]", written.replace(r"\input", ""))


def test_markdown_is_a_handout() -> None:
    written = render_all(of_topic("pooling"), "md")
    assert written.startswith("# Questions and answers\n\n## Pooling and global average pooling\n\n### ")
    assert written.count("```") % 2 == 0 and "$ convviz rf code8" in written
    for line in written.split("\n"):
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) >= 3


def test_output_file(tmp_path: Path) -> None:
    out = tmp_path / "handout.md"
    assert run("questions", "--all", "--output", str(out)).exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("# Questions and answers")


def test_search_and_topics() -> None:
    hits = [found.key for found in search("batch norm relu")]
    assert "norm-and-relu" in hits and "vgg-linear" not in hits
    assert {found.topic for found in of_topic("training")} == {"training"}
    assert "[" not in run("questions", "--search", "dropout").output.split("\n")[0]
    assert (
        run("questions", "--topic", "pooling", "--search", "halve").output.count("\ngap-halves-image\n") == 1
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gap-parameter"], "no question 'gap-parameter'; did you mean 'gap-parameters'?"),
        (["q" * 5000], "; convviz questions lists them"),
        (["--topic", "poling"], "--topic: no topic 'poling'; did you mean 'pooling'?"),
        (["--search", "zeppelin"], "no question has all of the words 'zeppelin'"),
        (["--claims", "--search", "zeppelin"], "no claim has all of the words 'zeppelin'"),
        (["gap-parameters", "--all"], "a KEY names one question"),
        (["--claims", "--all"], "goes with --search only"),
        (["--claims", "translation"], "goes with --search only"),
        (["--search", "  "], "needs at least one word"),
    ],
)
def test_errors(arguments: list[str], said: str) -> None:
    told = error("questions", *arguments)
    assert said in told and "\n" not in told and len(told) < 400


def test_results_print_well() -> None:
    assert "no factor of 2" in repr(question("gap-doubles-rf"))
    assert "<table>" in question("gap-doubles-rf")._repr_html_()
    assert render_question(question("gap-doubles-rf"), "html").startswith("<div")


@pytest.mark.parametrize(
    ("value", "said"), [(0.5, "0.5"), (-3, "−3"), (1e6, "1,000,000"), (10**7, "10,000,000"), (None, None)]
)
def test_numbers(value: Any, said: str | None) -> None:
    assert shown(value) == said


# -- measured experiments -----------------------------------------------------------------------------------
def test_experiments_of_the_file() -> None:
    known = measured.experiments()
    named = {name for found in questions() for name in found.experiments}
    assert known.keys() == named, "every experiment belongs to a question, and was run"
    for experiment in known.values():
        assert experiment.verdict.endswith(".")
        for arm in experiment.arms:
            assert len(arm.accuracies) == len(experiment.seeds)
            assert arm.mean == pytest.approx(sum(arm.accuracies) / len(arm.accuracies))
        written = text(arms_table(experiment))
        assert max(map(len, written.split("\n"))) <= 100
        assert csv_text(arms_table(experiment)).count("\n") == 1 + len(experiment.arms)


def test_an_experiment_that_was_not_run_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured.experiments.cache_clear()
    monkeypatch.setattr(measured, "FILE", tmp_path / "none.json")
    try:
        assert measured.experiments() == {} and question("step-lr").measured == ()
        assert "StepLR" in repr(question("step-lr"))
    finally:
        measured.experiments.cache_clear()


def test_ops_are_where_the_numbers_come_from() -> None:
    """A wrong op is a wrong answer: the evidence is worked out, not typed in."""
    assert build("global_avg_pool").params((64, 7, 7)) == rows("gap-parameters", "heads")[1][1]
