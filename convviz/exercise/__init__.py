"""Exercise sheets with separate keys, from the same numbers as every other answer."""

from convviz.exercise.answers import mark_file
from convviz.exercise.make import TOPICS, exercises
from convviz.exercise.marking import MarkedSheet, Marking, mark
from convviz.exercise.model import LEVELS, Exercises, Question, Sheet

__all__ = [
    "LEVELS",
    "TOPICS",
    "Exercises",
    "MarkedSheet",
    "Marking",
    "Question",
    "Sheet",
    "exercises",
    "mark",
    "mark_file",
]
