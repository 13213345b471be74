"""The suppression family in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.suppression.reference_fusion import weighted_boxes_fusion
from fastgeo.suppression.reference_multiclass import multiclass_nms
from fastgeo.suppression.reference_nms import batched_nms, nms, nms_groups
from fastgeo.suppression.reference_rotated_nms import rotated_nms
from fastgeo.suppression.reference_soft_nms import soft_nms

__all__ = [
    "batched_nms",
    "multiclass_nms",
    "nms",
    "nms_groups",
    "rotated_nms",
    "soft_nms",
    "weighted_boxes_fusion",
]
