"""COCO box IoU: ``from fastgeo.compat.pycocotools import iou``, or `patch` and keep ``COCOeval`` as it is.

`iou` is ``pycocotools.mask.iou`` for boxes (x, y, w, h), bit for bit, except:

- NaN, infinite and enormous coordinates raise ``ValueError``.
- The matrix is in C order, pycocotools' is in Fortran order.
- Where the wheel of pycocotools was compiled with contraction (GCC on aarch64), it may differ in the last bit.

Run-length encodings and whatever else is no box go to pycocotools' own function, which is imported only then.

After `patch` an unchanged ``COCOeval`` gives the same figures, bit for bit. The overlaps are a twentieth of the time of
an evaluation, most of it goes to matching, so `patch` also replaces ``COCOeval.evaluateImg``, which returns equal
records sooner: it visits only the pairs that reach the lowest threshold. A subclass with its own keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime.checks import Array

__all__ = ["iou", "patch", "unpatch"]

_originals: tuple[Callable[..., Any], Callable[..., Any]] | None = None


def iou(dt: Any, gt: Any, iscrowd: Any) -> Any:
    """IoU of detections (D, 4) with ground truth (G, 4), float64 (D, G); an empty list if either is empty.

    For a column marked in `iscrowd` the denominator is the area of the detection.
    """
    if not (_are_boxes(dt) and _are_boxes(gt)):
        return _theirs()(dt, gt, iscrowd)
    if len(dt) == 0 or len(gt) == 0:
        return []
    boxes1, boxes2 = np.asarray(dt, np.float64), np.asarray(gt, np.float64)
    crowd = np.asarray(iscrowd, dtype=bool) if any(iscrowd) else None
    return fastgeo.box_iou(boxes1, boxes2, fmt="xywh", iscrowd=crowd)


def patch() -> None:
    """Make every ``COCOeval`` use `iou` and the quicker matching. Patching twice is patching once."""
    global _originals
    from pycocotools import cocoeval, mask

    if _originals is None:
        _originals = mask.iou, cocoeval.COCOeval.evaluateImg
        mask.iou, cocoeval.COCOeval.evaluateImg = iou, _evaluate_image


def unpatch() -> None:
    """Undo `patch`."""
    global _originals
    if _originals is not None:
        from pycocotools import cocoeval, mask

        mask.iou, cocoeval.COCOeval.evaluateImg = _originals
        _originals = None


def _theirs() -> Callable[..., Any]:
    if _originals is not None:
        return _originals[0]
    from pycocotools import mask

    function: Callable[..., Any] = mask.iou
    return function


def _are_boxes(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    return isinstance(value, list) and (len(value) == 0 or isinstance(value[0], (list, tuple, np.ndarray)))


def _evaluate_image(self: Any, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> dict[str, Any] | None:
    """The record of ``COCOeval.evaluateImg`` for one image, category and range of areas."""
    p = self.params
    if p.useCats:
        gt, dt = self._gts[imgId, catId], self._dts[imgId, catId]
    else:
        gt = [g for c in p.catIds for g in self._gts[imgId, c]]
        dt = [d for c in p.catIds for d in self._dts[imgId, c]]
    if not gt and not dt:
        return None
    low, high = aRng
    for g in gt:
        g["_ignore"] = 1 if g["ignore"] or g["area"] < low or g["area"] > high else 0
    ignored = [g["_ignore"] for g in gt]
    gt_order = sorted(range(len(gt)), key=ignored.__getitem__)
    dt_order = (
        np.argsort([-d["score"] for d in dt], kind="mergesort")[:maxDet].tolist() if len(dt) > 1 else range(len(dt))
    )
    ious = self.ious[imgId, catId]
    if len(ious) > 0:
        ious = ious[:, gt_order]
    gt, dt = [gt[i] for i in gt_order], [dt[i] for i in dt_order]
    gt_ignore = np.array([g["_ignore"] for g in gt])
    dt_match, gt_match, dt_ignore = _match(p.iouThrs, ious, gt, dt)
    outside = np.array([d["area"] < low or d["area"] > high for d in dt], dtype=bool)
    return {
        "image_id": imgId,
        "category_id": catId,
        "aRng": aRng,
        "maxDet": maxDet,
        "dtIds": [d["id"] for d in dt],
        "gtIds": [g["id"] for g in gt],
        "dtMatches": dt_match,
        "gtMatches": gt_match,
        "dtScores": [d["score"] for d in dt],
        "gtIgnore": gt_ignore,
        "dtIgnore": dt_ignore | ((dt_match == 0) & outside),
    }


def _match(thresholds: Array, ious: Any, gt: list[Any], dt: list[Any]) -> tuple[Array, Array, Array]:
    """Ids matched to each detection and each truth, and whether a detection fell to an ignored truth, by threshold."""
    dt_match, gt_match = np.zeros((len(thresholds), len(dt))), np.zeros((len(thresholds), len(gt)))
    dt_ignore = np.zeros((len(thresholds), len(dt)), dtype=bool)
    if len(ious) == 0:
        return dt_match, gt_match, dt_ignore
    limits = [min(t, 1 - 1e-10) for t in thresholds.tolist()]
    pairs: dict[int, list[tuple[int, float]]] = {}
    for row, column in np.argwhere(ious >= min(limits)).tolist():
        pairs.setdefault(row, []).append((column, float(ious[row, column])))
    for t, limit in enumerate(limits):
        taken: set[int] = set()
        for row, candidates in pairs.items():
            best, overlap = -1, limit
            for column, value in candidates:
                if column in taken:
                    continue
                if best >= 0 and gt[column]["_ignore"] and not gt[best]["_ignore"]:
                    break
                if value >= overlap:
                    best, overlap = column, value
            if best >= 0:
                dt_ignore[t, row] = gt[best]["_ignore"]
                dt_match[t, row] = gt[best]["id"]
                gt_match[t, best] = dt[row]["id"]
                if dt[row]["id"] > 0 and not gt[best]["iscrowd"]:
                    taken.add(best)
    return dt_match, gt_match, dt_ignore
