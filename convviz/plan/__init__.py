"""Explanations as plain data: what pictures, animations and the page draw."""

from convviz.plan.build import explain
from convviz.plan.examples import Kind, kinds
from convviz.plan.model import Plan
from convviz.plan.named import plan
from convviz.plan.of_model import of_layer
from convviz.plan.relationships import Relationship, relationship, relationships

__all__ = [
    "Kind",
    "Plan",
    "Relationship",
    "explain",
    "kinds",
    "of_layer",
    "plan",
    "relationship",
    "relationships",
]
