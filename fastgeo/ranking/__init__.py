"""Ranking: ROC AUC, curves and their intervals."""

from fastgeo.ranking import reference
from fastgeo.ranking.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.ranking import kernels
    from fastgeo.ranking.kernels import *

    share_docs(kernels, reference)
