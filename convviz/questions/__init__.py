"""The questions that students ask, each answered by something computed, and the claims that are wrong."""

from convviz.questions.claims import Claim, claims
from convviz.questions.model import TOPICS, Evidence, Question
from convviz.questions.registry import of_topic, question, questions, search

__all__ = ["TOPICS", "Claim", "Evidence", "Question", "claims", "of_topic", "question", "questions", "search"]
