"""The ranking family in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.ranking.auc_histogram import AUCHistogram
from fastgeo.ranking.reference_auc import roc_auc
from fastgeo.ranking.reference_curves import average_precision, precision_recall_curve, roc_auc_interval, roc_curve
from fastgeo.ranking.reference_histogram import histogram_auc

__all__ = [
    "AUCHistogram",
    "average_precision",
    "histogram_auc",
    "precision_recall_curve",
    "roc_auc",
    "roc_auc_interval",
    "roc_curve",
]
