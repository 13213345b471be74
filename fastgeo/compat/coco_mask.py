"""``pycocotools.mask`` without pycocotools: ``from fastgeo.compat.pycocotools import mask``.

The same bytes, areas, boxes and overlaps as pycocotools 2.0.11, except:

- Wrong input raises ``ValueError`` or ``TypeError``: strings that are cut off, hold foreign characters or do not add up
  to height times width; polygons of an odd number of values; NaN; masks of different sizes in `decode` and `merge`.
- `encode` takes bool and any integers, with any strides; every pixel that is not 0 is foreground. (pycocotools counts a
  new run wherever the value changes, from 1 to 2 as well.)
- `merge` leaves no empty runs, where pycocotools carries those of its input on.
- The matrix of `iou` is in C order, pycocotools' is in Fortran order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import fastgeo
from fastgeo.runtime.checks import Array

__all__ = ["area", "decode", "encode", "frPyObjects", "iou", "merge", "toBbox"]

Rle = dict[str, Any]


def encode(bimask: Any) -> Any:
    """Encode binary masks as run lengths.

    Parameters
    ----------
    bimask : array_like of bool or integers, shape (H, W, N) or (H, W)
        Foreground where it is not 0. Fastest in Fortran order, as pycocotools wants it.

    Returns
    -------
    list of dict, or dict
        N encodings ``{"size": [H, W], "counts": bytes}``; of one mask (H, W) its encoding alone.

    Examples
    --------
    >>> import numpy as np
    >>> from fastgeo.compat.coco_mask import encode
    >>> encode(np.eye(3, dtype=np.uint8))
    {'size': [3, 3], 'counts': b'013000'}
    """
    stack = np.asarray(bimask)
    if stack.ndim not in (2, 3):
        raise ValueError(f"bimask: expected shape (H, W, N) or (H, W), got {stack.shape}")
    if stack.ndim == 2:
        rle: Rle = fastgeo.Masks.encode(stack[None]).to_coco()[0]
        return rle
    return fastgeo.Masks.encode(stack.transpose(2, 0, 1)).to_coco()


def decode(rleObjs: Any) -> Array:
    """Decode run lengths to binary masks.

    Parameters
    ----------
    rleObjs : list of dict, or dict
        Encodings of one size, or a single one.

    Returns
    -------
    ndarray of uint8, shape (H, W, N) or (H, W)
        In Fortran order.

    Examples
    --------
    >>> from fastgeo.compat.coco_mask import decode
    >>> decode({"size": [3, 3], "counts": b"013000"})
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 0, 1]], dtype=uint8)
    """
    stack = _masks(rleObjs)._decode_by_column().transpose(2, 1, 0)
    return stack if isinstance(rleObjs, list) else stack[:, :, 0]


def area(rleObjs: Any) -> Any:
    """Count the pixels of the foreground.

    Parameters
    ----------
    rleObjs : list of dict, or dict
        Encodings, or a single one.

    Returns
    -------
    ndarray of uint32, shape (N,), or uint32

    Examples
    --------
    >>> from fastgeo.compat.coco_mask import area
    >>> area([{"size": [3, 3], "counts": b"013000"}])
    array([3], dtype=uint32)
    """
    areas = _masks(rleObjs).area().astype(np.uint32)
    return areas if isinstance(rleObjs, list) else areas[0]


def toBbox(rleObjs: Any) -> Array:
    """Find the boxes around the foreground.

    Parameters
    ----------
    rleObjs : list of dict, or dict
        Encodings, or a single one.

    Returns
    -------
    ndarray of float64, shape (N, 4) or (4,)
        x, y, width, height.

    Examples
    --------
    >>> from fastgeo.compat.coco_mask import toBbox
    >>> toBbox({"size": [3, 3], "counts": b"41003"})
    array([1., 1., 1., 2.])
    """
    boxes = _masks(rleObjs).boxes()
    return boxes if isinstance(rleObjs, list) else boxes[0]


def merge(rleObjs: list[Rle], intersect: int = 0) -> Rle:
    """Take the union, or the intersection, of masks.

    Parameters
    ----------
    rleObjs : list of dict
        Encodings of one size.
    intersect : int, default 0
        If true, the intersection.

    Returns
    -------
    dict
        The encoding of the result.

    Examples
    --------
    >>> from fastgeo.compat.coco_mask import merge
    >>> merge([{"size": [1, 4], "counts": b"112"}, {"size": [1, 4], "counts": b"211"}])
    {'size': [1, 4], 'counts': b'121'}
    """
    masks = _masks(list(rleObjs))
    if len(masks) == 0:
        raise ValueError("rleObjs: expected encodings, got none")
    rle: Rle = (masks if len(masks) == 1 else masks.merge(intersect=bool(intersect))).to_coco()[0]
    return rle


def iou(dt: Any, gt: Any, pyiscrowd: Any) -> Any:
    """Compute the IoU of detections with ground truth.

    Parameters
    ----------
    dt, gt : list of dict, or array_like of shape (D, 4) and (G, 4)
        Encodings; or boxes x, y, width, height.
    pyiscrowd : sequence of bool or int, shape (G,)
        For a marked column the denominator is the area of the detection.

    Returns
    -------
    ndarray of float64, shape (D, G)
        An empty list if either is empty; -1 for masks of different sizes whose boxes overlap.

    Examples
    --------
    >>> from fastgeo.compat.coco_mask import iou
    >>> iou([{"size": [1, 4], "counts": b"112"}], [{"size": [1, 4], "counts": b"121"}], [0])
    array([[0.5]])
    """
    if len(pyiscrowd) != len(gt):
        raise AssertionError("iou(iscrowd=) must have the same length as gt")
    if len(dt) == 0 or len(gt) == 0:
        return []
    crowd = np.asarray(pyiscrowd, bool)
    if isinstance(dt, list) and isinstance(gt, list) and isinstance(dt[0], dict) and isinstance(gt[0], dict):
        return _mask_iou(_masks(dt), _masks(gt), crowd)
    boxes1, boxes2 = np.asarray(dt, np.float64), np.asarray(gt, np.float64)
    return fastgeo.box_iou(boxes1, boxes2, fmt="xywh", iscrowd=crowd if crowd.any() else None)


def frPyObjects(pyobj: Any, h: int, w: int) -> Any:
    """Encode polygons, boxes, or run lengths that are lists of numbers.

    Parameters
    ----------
    pyobj : list or ndarray or dict
        Polygons x₀, y₀, x₁, y₁, … of more than two corners; boxes (N, 4), x, y, width, height; dicts with ``"size"``
        and ``"counts"``; or a single one of these.
    h, w : int
        Height and width of the image; run lengths bring their own.

    Returns
    -------
    list of dict, or dict
        Encodings, or a single one.

    Examples
    --------
    >>> from fastgeo.compat.coco_mask import frPyObjects
    >>> frPyObjects([[1, 1, 3, 1, 3, 4, 1, 4]], 5, 6)
    [{'size': [5, 6], 'counts': b'6320>'}]
    """
    if isinstance(pyobj, np.ndarray):
        return _from_boxes(pyobj, h, w)
    if isinstance(pyobj, list) and len(pyobj) > 0:
        first = pyobj[0]
        if isinstance(first, dict):
            return _masks(pyobj).to_coco()
        if np.ndim(first) > 0 and len(first) == 4:
            return _from_boxes(pyobj, h, w)
        if np.ndim(first) > 0 and len(first) > 4:
            return fastgeo.Masks.from_polygons(pyobj, h, w).to_coco()
        if np.ndim(first) == 0 and len(pyobj) == 4:
            return _from_boxes([pyobj], h, w)[0]
        if np.ndim(first) == 0 and len(pyobj) > 4:
            return fastgeo.Masks.from_polygons([pyobj], h, w).to_coco()[0]
    if isinstance(pyobj, dict) and "counts" in pyobj and "size" in pyobj:
        return _masks(pyobj).to_coco()[0]
    raise TypeError(f"pyobj: expected polygons, boxes or run lengths, got {pyobj!r:.100}")


def _masks(rles: Any) -> fastgeo.Masks:
    return fastgeo.Masks.from_coco(rles if isinstance(rles, list) else [rles])


def _from_boxes(boxes: Any, h: int, w: int) -> list[Rle]:
    return fastgeo.Masks.from_boxes(boxes, h, w, fmt="xywh").to_coco()


def _mask_iou(dt: fastgeo.Masks, gt: fastgeo.Masks, crowd: Array) -> Array:
    """Size by size; pairs of different sizes are -1 where their boxes overlap."""
    sizes = np.unique(np.concatenate([dt.sizes, gt.sizes]), axis=0)
    if len(sizes) == 1:
        return fastgeo.mask_iou(dt, gt, iscrowd=crowd)
    table = np.where(fastgeo.box_iou(dt.boxes(), gt.boxes(), fmt="xywh") > 0, -1.0, 0.0)
    for size in sizes:
        rows, columns = (np.flatnonzero((masks.sizes == size).all(axis=1)) for masks in (dt, gt))
        table[np.ix_(rows, columns)] = fastgeo.mask_iou(dt[rows], gt[columns], iscrowd=crowd[columns])
    return table
