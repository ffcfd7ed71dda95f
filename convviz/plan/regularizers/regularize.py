"""The plan of any regularizer's result."""

from __future__ import annotations

from convviz.analysis.regularizers.contours import Contours
from convviz.analysis.regularizers.decay import Decay
from convviz.analysis.regularizers.dropout import Dropout
from convviz.analysis.regularizers.geometry import Geometry
from convviz.analysis.regularizers.penalty import Penalty
from convviz.analysis.regularizers.regularize import Regularizer
from convviz.plan.model import Plan
from convviz.plan.regularizers import contours, data, decay, dropout, geometry, penalty


def plan_of(found: Regularizer) -> Plan:
    """The explanation of a result of :func:`convviz.analysis.regularizers.regularize.regularize`.

    >>> from convviz.analysis.regularizers.regularize import regularize
    >>> plan_of(regularize([2], "l2", l2=3)).formulas[0].result
    '6'
    """
    if isinstance(found, Penalty):
        return penalty.penalty(found)
    if isinstance(found, Decay):
        return decay.decay(found)
    if isinstance(found, Dropout):
        return dropout.dropout(found)
    if isinstance(found, Geometry):
        return geometry.geometry(found)
    if isinstance(found, Contours):
        return contours.contours(found)
    return data.data(found)
