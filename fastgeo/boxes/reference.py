"""The boxes family in NumPy: the specification of every kernel in it."""

from __future__ import annotations

from fastgeo.boxes.reference_format import box_area, box_convert, clip_boxes
from fastgeo.boxes.reference_iou import (
    box_ioa,
    box_iou,
    complete_box_iou,
    distance_box_iou,
    generalized_box_iou,
    paired_box_iou,
    scylla_box_iou,
)
from fastgeo.boxes.reference_rotated import rotated_box_iou
from fastgeo.boxes.reference_sparse import sparse_box_iou

__all__ = [
    "box_area",
    "box_convert",
    "box_ioa",
    "box_iou",
    "clip_boxes",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "paired_box_iou",
    "rotated_box_iou",
    "scylla_box_iou",
    "sparse_box_iou",
]
