"""The plan of any regularizer's result."""

from __future__ import annotations

from convviz.analysis.contours import Contours
from convviz.analysis.decay import Decay
from convviz.analysis.dropout import Dropout
from convviz.analysis.geometry import Geometry
from convviz.analysis.penalty import Penalty
from convviz.analysis.regularize import Regularizer
from convviz.plan import (
    regularize_contours,
    regularize_data,
    regularize_decay,
    regularize_dropout,
    regularize_geometry,
    regularize_penalty,
)
from convviz.plan.model import Plan


def plan_of(found: Regularizer) -> Plan:
    """The explanation of a result of :func:`convviz.analysis.regularize.regularize`.

    >>> from convviz.analysis.regularize import regularize
    >>> plan_of(regularize([2], "l2", l2=3)).formulas[0].result
    '6'
    """
    if isinstance(found, Penalty):
        return regularize_penalty.penalty(found)
    if isinstance(found, Decay):
        return regularize_decay.decay(found)
    if isinstance(found, Dropout):
        return regularize_dropout.dropout(found)
    if isinstance(found, Geometry):
        return regularize_geometry.geometry(found)
    if isinstance(found, Contours):
        return regularize_contours.contours(found)
    return regularize_data.data(found)
