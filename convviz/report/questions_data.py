"""Questions, their answers and claims as plain data and as rows of numbers, not rounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from convviz.questions import Claim, Question
from convviz.questions.measured import Experiment

COMMAND = "convviz "


def csv_answers(found: Sequence[Question]) -> str:
    """Every number of the tables in a row of its own: question, table, row, column, value (not rounded)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["question", "table", "row", "column", "value"])
    for question in found:
        for piece in question.evidence:
            for i, row in enumerate(piece.table.rows):
                for name, value in zip(piece.table.columns, row, strict=True):
                    writer.writerow([question.key, piece.table.key, i, name, "" if value is None else value])
        for experiment in question.measured:
            for i, arm in enumerate(experiment.arms):
                for name, value in (
                    ("arm", arm.name),
                    ("params", arm.params),
                    ("mean", arm.mean),
                    ("sd", arm.sd),
                ):
                    writer.writerow([question.key, experiment.name, i, name, "" if value is None else value])
    return out.getvalue()


def list_data(found: Sequence[Question]) -> list[dict[str, Any]]:
    """``key, topic, question, answer, claims, experiments, commands, picture`` of each."""
    return [
        {
            "key": question.key,
            "topic": question.topic,
            "question": question.text,
            "answer": question.answer,
            "claims": [claim.key for claim in question.claims],
            "experiments": list(question.experiments),
            "commands": [COMMAND + command for command in question.commands],
            "picture": COMMAND + question.picture if question.picture else None,
        }
        for question in found
    ]


def question_data(found: Question) -> dict[str, Any]:
    """The same with ``evidence`` (numbers not rounded), the experiments and the claims in full."""
    (data,) = list_data((found,))
    data["evidence"] = [
        {
            "table": piece.table.key,
            "title": piece.table.title,
            "columns": list(piece.table.columns),
            "rows": [list(row) for row in piece.table.rows],
            "says": piece.says,
        }
        for piece in found.evidence
    ]
    data["experiments"] = [experiment_data(experiment) for experiment in found.measured]
    data["claims"] = claims_data(found.claims)
    return data


def experiment_data(found: Experiment) -> dict[str, Any]:
    """``name, data_set, test, seeds, arms, verdict, command``; accuracies in per cent, seed by seed."""
    arms = [
        {
            "name": arm.name,
            "params": arm.params,
            "train": arm.train,
            "epochs": arm.epochs,
            "accuracies": list(arm.accuracies),
            "mean": arm.mean,
            "sd": arm.sd,
        }
        for arm in found.arms
    ]
    return {
        "name": found.name,
        "question": found.question,
        "data_set": found.data_set,
        "test": found.test,
        "seeds": list(found.seeds),
        "note": found.note,
        "arms": arms,
        "verdict": found.verdict,
        "command": found.command,
    }


def claims_data(found: Sequence[Claim]) -> list[dict[str, Any]]:
    """``key, claim, correct, why, source, question, table, command`` of each."""
    return [
        {
            "key": claim.key,
            "claim": claim.claim,
            "correct": claim.correct,
            "why": claim.why,
            "source": claim.source or None,
            "question": claim.question,
            "table": claim.table,
            "command": COMMAND + claim.command,
        }
        for claim in found
    ]
