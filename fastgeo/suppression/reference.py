"""The suppression room in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.suppression.blending import soft_nms, weighted_boxes_fusion
from fastgeo.suppression.greedy import batched_nms, multiclass_nms, nms, nms_groups, rotated_nms

__all__ = [
    "batched_nms",
    "multiclass_nms",
    "nms",
    "nms_groups",
    "rotated_nms",
    "soft_nms",
    "weighted_boxes_fusion",
]
