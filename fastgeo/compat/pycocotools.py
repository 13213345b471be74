"""COCO's evaluation and masks: ``from fastgeo.compat.pycocotools import COCOeval, mask``, or `patch` and keep your own.

`iou` is ``pycocotools.mask.iou`` for boxes (x, y, w, h) and run-length encodings, bit for bit, except:

- NaN, infinite and enormous coordinates raise ``ValueError``.
- The matrix is in C order, pycocotools' is in Fortran order.
- Where the wheel of pycocotools was compiled with contraction (GCC on aarch64), it may differ in the last bit.

Whatever else there is goes to pycocotools' own function, which is imported only then. `mask` is the module
``pycocotools.mask``, which needs no pycocotools (`fastgeo.compat.coco_mask`).

`COCO`, `COCOeval` and `Params` do not need pycocotools, and `COCOeval` takes the ``COCO`` objects of any library. After
`patch` an unchanged program's ``COCOeval`` does the same. Figures, curves and what is printed are pycocotools', bit for
bit. A subclass keeps what it defines itself: ``evaluate`` and ``accumulate``, or ``computeIoU``, ``computeOks`` and
``evaluateImg``, which are then called. Masks and keypoints are matched as records. Differences:

- Of boxes, the records in ``evalImgs`` and ``ious`` are made when they are looked at, of the annotations as they are
  then.
- The arrays of the records are views of larger arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastgeo
from fastgeo.compat import coco_mask as mask
from fastgeo.compat.coco_dataset import COCO
from fastgeo.compat.coco_evaluation import accumulate, evaluate
from fastgeo.compat.coco_evaluator import COCOeval, Params

__all__ = ["COCO", "COCOeval", "Params", "iou", "mask", "patch", "unpatch"]

_originals: tuple[Callable[..., Any], ...] | None = None


def iou(dt: Any, gt: Any, iscrowd: Any) -> Any:
    """IoU of detections with ground truth, as ``pycocotools.mask.iou``.

    Parameters
    ----------
    dt, gt : array_like, shape (D, 4) and (G, 4)
        x, y, width, height; or run-length encodings.
    iscrowd : sequence of bool or int, shape (G,)
        For a marked column the denominator is the area of the detection.

    Returns
    -------
    ndarray of float64, shape (D, G)
        An empty list if either is empty.

    Examples
    --------
    >>> from fastgeo.compat.pycocotools import iou
    >>> iou([[0, 0, 2, 2]], [[1, 0, 2, 2], [0, 0, 4, 4]], [0, 1]).round(3)
    array([[0.333, 1.   ]])
    """
    if not (_are_boxes(dt) and _are_boxes(gt)):
        return (mask.iou if _are_masks(dt) and _are_masks(gt) else _theirs())(dt, gt, iscrowd)
    if len(dt) == 0 or len(gt) == 0:
        return []
    boxes1, boxes2 = np.asarray(dt, np.float64), np.asarray(gt, np.float64)
    crowd = np.asarray(iscrowd, dtype=bool) if any(iscrowd) else None
    return fastgeo.box_iou(boxes1, boxes2, fmt="xywh", iscrowd=crowd)


def patch() -> None:
    """Make every ``COCOeval`` use `iou` and quicker forms of its loops. Patching twice is patching once.

    Examples
    --------
    >>> from fastgeo.compat.pycocotools import patch, unpatch
    >>> patch()  # from here on every evaluation of this process is the quicker one
    >>> unpatch()
    """
    global _originals
    if _originals is None:
        from pycocotools import mask as host
        from pycocotools.cocoeval import COCOeval as Theirs

        _originals = host.iou, Theirs.evaluate, Theirs.accumulate
        host.iou, Theirs.evaluate, Theirs.accumulate = iou, evaluate, accumulate


def unpatch() -> None:
    """Undo `patch`.

    Examples
    --------
    >>> from fastgeo.compat.pycocotools import patch, unpatch
    >>> patch()
    >>> unpatch()
    """
    global _originals
    if _originals is not None:
        from pycocotools import mask as host
        from pycocotools.cocoeval import COCOeval as Theirs

        host.iou, Theirs.evaluate, Theirs.accumulate = _originals
        _originals = None


def _theirs() -> Callable[..., Any]:
    if _originals is not None:
        return _originals[0]
    from pycocotools import mask as host

    function: Callable[..., Any] = host.iou
    return function


def _are_masks(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(rle, dict) for rle in value)


def _are_boxes(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    return isinstance(value, list) and (len(value) == 0 or isinstance(value[0], (list, tuple, np.ndarray)))
