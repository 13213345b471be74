"""The suppression room in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.suppression.blending import soft_nms, weighted_boxes_fusion
from fastgeo.suppression.greedy import batched_nms, nms, nms_groups

__all__ = ["batched_nms", "nms", "nms_groups", "soft_nms", "weighted_boxes_fusion"]
