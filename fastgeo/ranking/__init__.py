"""Ranking: ROC AUC, curves and their intervals."""

from fastgeo.ranking import reference
from fastgeo.ranking.partition import compare_pieces as compare_pieces
from fastgeo.ranking.partition import count_by_key as count_by_key
from fastgeo.ranking.partition import cut_by_key as cut_by_key
from fastgeo.ranking.reference import *
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.ranking import kernels
    from fastgeo.ranking.kernels import *
    from fastgeo.ranking.kernels import compare_pieces as compare_pieces
    from fastgeo.ranking.kernels import count_by_key as count_by_key
    from fastgeo.ranking.kernels import cut_by_key as cut_by_key

    share_docs(kernels, reference)
