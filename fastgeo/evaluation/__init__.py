"""Evaluation: how good the detections of a detector are."""

from fastgeo.evaluation import reference
from fastgeo.evaluation.arguments import dict_columns as dict_columns
from fastgeo.evaluation.reference import *
from fastgeo.evaluation.scores import DetectionScores as DetectionScores
from fastgeo.runtime import implementation, share_docs

__all__ = reference.__all__

if implementation() == "kernel":
    from fastgeo.evaluation import kernels
    from fastgeo.evaluation.kernels import *
    from fastgeo.evaluation.kernels import dict_columns as dict_columns

    share_docs(kernels, reference)
