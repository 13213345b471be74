"""Samples by score in NumPy: what all exact functions begin with."""

from __future__ import annotations

import numpy as np

from fastgeo.ranking import inputs
from fastgeo.ranking.curves import Ranked
from fastgeo.runtime.checks import Array


def rank(labels: Array, scores: Array, weights: Array | None) -> Ranked:
    """What there is at each distinct score."""
    distinct, inverse = np.unique(scores, return_inverse=True)
    if distinct.dtype.kind == "f":
        distinct += 0  # -0 becomes +0
    cells = inputs.cells(inverse.ravel(), labels, weights, len(distinct))
    return Ranked(distinct, cells[:, 0], cells[:, 1])
