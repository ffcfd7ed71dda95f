"""One door to everything about regularizers: penalties, weight decay, dropout, and three pictures of why."""

from __future__ import annotations

from typing import Any

from convviz.analysis.regularizers.contours import Contours, contours
from convviz.analysis.regularizers.decay import Decay, weight_decay
from convviz.analysis.regularizers.dropout import Dropout, dropout
from convviz.analysis.regularizers.geometry import Geometry, geometry
from convviz.analysis.regularizers.penalty import EXAMPLE as WEIGHTS
from convviz.analysis.regularizers.penalty import Penalty, penalty
from convviz.analysis.regularizers.ridge_lasso import EXAMPLE as DATA
from convviz.analysis.regularizers.ridge_lasso import RidgeLasso, ridge_lasso
from convviz.errors import FieldError, nearest

Regularizer = Penalty | Decay | Dropout | Geometry | RidgeLasso | Contours
WHATS = ("l1", "l2", "l1+l2", "weight-decay", "dropout", "dropout2d", "geometry", "ridge-lasso", "contours")


def regularize(values: Any = None, what: str = "l1", **settings: Any) -> Regularizer:
    """A regularizer worked on ``values``: weights, a batch for dropout, rows of data for ridge-lasso; None: an example.

    what: one of WHATS; settings: of :func:`penalty`, :func:`weight_decay`, :func:`dropout`, :func:`geometry`,
    :func:`ridge_lasso` or :func:`contours`. The result prints as a worked table. Raises ConvvizError.

    >>> regularize([[3, -1], [0.5, 0]], "l1", l1=2).value
    Fraction(9, 1)
    """
    if what not in WHATS:
        raise FieldError(
            "what",
            f"no regularizer {str(what)[:40]!r}{nearest(str(what), WHATS)} (there are {', '.join(WHATS)})",
        )
    if what in ("dropout", "dropout2d"):
        return dropout(values, what, **settings)
    if what in ("geometry", "contours"):
        if values is not None:
            raise FieldError("values", f"{what} takes none; its numbers are settings of their own")
        return geometry(**settings) if what == "geometry" else contours(**settings)
    if what == "ridge-lasso":
        return ridge_lasso(DATA if values is None else values, **settings)
    given = WEIGHTS if values is None else values
    return weight_decay(given, **settings) if what == "weight-decay" else penalty(given, what, **settings)
