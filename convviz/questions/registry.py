"""All questions: a function that works out evidence becomes one through :func:`ask`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

from convviz.errors import ConvvizError, nearest
from convviz.questions.model import TOPICS, Question, Work

THEMES = (
    "data_and_shapes",
    "gap",
    "pooling",
    "kernels",
    "blocks",
    "nets",
    "dense_prediction",
    "invariance",
    "dropout",
    "penalties",
    "fit",
    "normalization",
    "norm_placement",
    "norm_batches",
    "training",
    "comparing",
)
_FOUND: dict[str, Question] = {}


def ask(
    key: str,
    topic: str,
    text: str,
    answer: str,
    *,
    commands: tuple[str, ...],
    experiments: tuple[str, ...] = (),
    picture: str = "",
) -> Callable[[Work], Work]:
    """Decorator: the function's evidence answers the question ``text``."""
    assert topic in TOPICS and key not in _FOUND, key

    def add(work: Work) -> Work:
        _FOUND[key] = Question(key, topic, text, answer, work, commands, experiments, picture)
        return work

    return add


@cache
def questions() -> tuple[Question, ...]:
    """All questions, by topic.

    >>> [question.key for question in questions()][:2]
    ['channels-first', 'look-at-data']
    """
    for theme in THEMES:
        import_module(f"convviz.questions.{theme}")
    order = list(TOPICS)
    return tuple(sorted(_FOUND.values(), key=lambda question: order.index(question.topic)))


def question(key: str) -> Question:
    """The question of this key; raises ConvvizError with the nearest one where there is none.

    >>> question("gap-parameters").text
    'Does global average pooling reduce parameters?'
    """
    known = {found.key: found for found in questions()}
    if key not in known:
        hint = nearest(key[:100], known) or "; convviz questions lists them"
        raise ConvvizError(f"no question {key[:100]!r}{hint}")
    return known[key]


def of_topic(topic: str) -> tuple[Question, ...]:
    """The questions of one topic; raises ConvvizError for another word."""
    if topic not in TOPICS:
        raise ConvvizError(
            f"no topic {topic[:100]!r}{nearest(topic[:100], TOPICS)} (topics: {', '.join(TOPICS)})", "topic"
        )
    return tuple(found for found in questions() if found.topic == topic)


def search(words: str) -> tuple[Question, ...]:
    """The questions in which every one of the words occurs: in key, text, answer, or a claim that they correct."""
    wanted = words.lower().split()

    def text(found: Question) -> str:
        said = [f"{claim.claim} {claim.correct} {claim.why}" for claim in found.claims]
        return " ".join([found.key, TOPICS[found.topic], found.text, found.answer, *said]).lower()

    return tuple(found for found in questions() if all(word in text(found) for word in wanted))
