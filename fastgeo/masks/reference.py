"""The specification of the masks family: run lengths, and what is computed from them, in dense NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from fastgeo.masks import arguments, reference_runs
from fastgeo.masks.run_lengths import RunLengths, joined
from fastgeo.runtime import checks
from fastgeo.runtime.checks import Array

__all__ = ["Masks", "boundary_iou", "mask_iou", "mask_nms", "mask_to_boxes", "paste_masks"]


class Masks(RunLengths):
    """Binary masks as run lengths, as COCO has them, all in three columns.

    A mask is read column by column, and its runs of background and foreground are counted in turn, background first.
    Masks of detectors are some hundred numbers then instead of a picture.

    Parameters
    ----------
    counts : array_like of integers, shape (R,)
        The run lengths of all masks, one mask behind another.
    offsets : array_like of integers, shape (N + 1,)
        The counts of mask i are ``counts[offsets[i]:offsets[i + 1]]``.
    sizes : array_like of integers, shape (N, 2)
        Height and width of each mask.

    Attributes
    ----------
    counts, offsets, sizes : ndarray of uint32, int64 and int64
        The columns.

    Raises
    ------
    ValueError
        If counts of a mask do not add up to its height times its width; for offsets that do not ascend from 0 to R; for
        a mask of no pixels or of 2**31 and more; for strings with foreign characters or a missing end; for polygons of
        an odd number of values, with NaN or with a coordinate beyond 2**27. The message names column, index and value.
    TypeError
        For arrays that are not of integers.

    Notes
    -----
    Masks are made by ``Masks.encode(dense)`` from a stack (N, H, W) of any strides; ``Masks.from_labels(image)``,
    ``Masks.from_polygons(polygons, height, width)``, ``Masks.from_boxes(boxes, height, width)``,
    ``Masks.from_coco(rles)``. They give ``decode()``, ``area()``, ``boxes()``, ``merge(owner)``, ``to_coco()``.
    Indexing by a number, a slice or an array gives Masks again; they can be compared, iterated over and pickled.

    All of it is exact, in integers; strings, polygons and boxes are those of pycocotools, byte for byte. Columns and
    strings are kept as they came, also where a run is empty; `merge` leaves no such runs. Memory O(R): four bytes a
    count. Encoding reads each pixel once, the others take O(R).

    References
    ----------
    .. [1] T.-Y. Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.

    Examples
    --------
    >>> import fastgeo
    >>> dense = np.zeros((2, 3, 4), bool)
    >>> dense[0, 1:, 2] = dense[1, :, 1:3] = True
    >>> masks = fastgeo.Masks.encode(dense)
    >>> masks
    <Masks: 2 of 3×4, 6 counts>
    >>> masks.counts, masks.offsets
    (array([7, 2, 3, 3, 6, 3], dtype=uint32), array([0, 3, 6]))
    >>> masks.area(), masks.boxes()
    (array([2, 6]), array([[2., 1., 1., 2.],
           [1., 0., 2., 3.]]))
    >>> masks[0].to_coco()
    [{'size': [3, 4], 'counts': b'723'}]
    """

    __slots__ = ()
    _steps: Any = reference_runs


def as_masks(kind: type[RunLengths], name: str, value: Any) -> RunLengths:
    """Masks as they are; a dense stack as masks of this kind."""
    return value if isinstance(value, RunLengths) else kind._encoded(name, value, None)


def mask_iou(
    masks1: Masks | ArrayLike,
    masks2: Masks | ArrayLike,
    *,
    iscrowd: ArrayLike | None = None,
    out: Array | None = None,
    n_threads: int | None = None,
) -> Array:
    """Intersection over union of each mask with each other one.

    Parameters
    ----------
    masks1, masks2 : Masks, or array_like of bool or integers, shape (N, H, W) and (M, H, W)
        All of one size.
    iscrowd : array_like of bool, shape (M,), optional
        For a marked column the denominator is the area of the mask in `masks1`, as in COCO.
    out : ndarray of float64, shape (N, M), optional
        Where to write the result.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray of float64, shape (N, M)
        0 where both are empty.

    Raises
    ------
    ValueError
        For masks of different sizes, and an `iscrowd` or `out` of another shape.
    TypeError
        For masks that are neither Masks nor arrays of bool or integers.

    Notes
    -----
    Pixels are counted in integers and divided once in float64, so kernel, reference and pycocotools agree to the last
    bit. The kernel compares boxes first, and for pairs whose boxes overlap walks through the runs of both: O(N·M) time
    and O(R) for each such pair, memory O(R).

    References
    ----------
    .. [1] T.-Y. Lin et al., "Microsoft COCO: common objects in context", ECCV 2014.

    Examples
    --------
    >>> import fastgeo
    >>> masks = np.zeros((2, 4, 4), bool)
    >>> masks[0, :2] = masks[1, 1:] = True
    >>> fastgeo.mask_iou(masks[:1], masks)
    array([[1.  , 0.25]])
    """
    one, other = as_masks(Masks, "masks1", masks1), as_masks(Masks, "masks2", masks2)
    crowd, table = iou_arguments(one, other, iscrowd, out, masks1, masks2)
    checks.thread_count(n_threads)
    reference_runs.iou_table(one, other, crowd, table)
    return table


def iou_arguments(
    masks1: RunLengths, masks2: RunLengths, iscrowd: Any, out: Any, *inputs: Any
) -> tuple[Array | None, Array]:
    """Flags of crowds, and the table to fill, which shares no memory with the masks nor with arrays among `inputs`."""
    arguments.same_size("masks1", masks1, "masks2", masks2)
    crowd = None if iscrowd is None else checks.flags_array("iscrowd", iscrowd, len(masks2))
    arrays = [array for array in (masks1.counts, masks2.counts, crowd, *inputs) if isinstance(array, np.ndarray)]
    shape = (len(masks1), len(masks2))
    return crowd, checks.output_array(out, shape, np.dtype(np.float64), *arrays)


def mask_nms(
    masks: Masks | ArrayLike,
    scores: ArrayLike,
    iou_threshold: float,
    *,
    idxs: ArrayLike | None = None,
    score_threshold: float | None = None,
    max_output: int | None = None,
) -> Array:
    """Greedy non-maximum suppression by the overlap of masks.

    Goes through the masks by descending score and keeps each one that no mask kept before suppresses.

    Parameters
    ----------
    masks : Masks, or array_like of bool or integers, shape (N, H, W)
        All of one size.
    scores : array_like, shape (N,)
        The higher, the earlier; of equal ones the lowest index comes first. Infinities are legal, NaN is not.
    iou_threshold : float
        From 0 to 1. A kept mask suppresses a later one whose IoU with it is strictly greater.
    idxs : array_like of integers, shape (N,), optional
        A mask suppresses only masks of its own group, its class for example.
    score_threshold : float, optional
        Only masks with a score strictly above take part. By default all do.
    max_output : int, optional
        Stop after this many kept masks.

    Returns
    -------
    ndarray of int64, shape (K,)
        Indices of the kept masks, by descending score.

    Raises
    ------
    ValueError
        For masks of different sizes, different lengths, NaN, and a threshold or `max_output` out of range.
    TypeError
        For masks that are neither Masks nor arrays of bool or integers, and `idxs` that are not integers.

    Notes
    -----
    Kernel and reference agree exactly. The kernel rules most pairs out by their boxes and areas, which bound the
    overlap: O(N·K) time, and O(R) for each pair that is left.

    References
    ----------
    .. [1] R. Girshick et al., "Rich feature hierarchies for accurate object detection and semantic segmentation",
       CVPR 2014.

    Examples
    --------
    >>> import fastgeo
    >>> masks = np.zeros((3, 4, 4), bool)
    >>> masks[0, :3] = masks[1, :2] = masks[2, 3:] = True
    >>> fastgeo.mask_nms(masks, [0.8, 0.9, 0.7], 0.5)
    array([1, 2])
    """
    found = as_masks(Masks, "masks", masks)
    call = arguments.suppression(found, scores, iou_threshold, idxs, score_threshold, max_output)
    parts, keep = list(reference_runs.dense(found)), list[int]()
    for i in call.order.tolist():
        if len(keep) == call.max_output:
            break
        rivals = [j for j in keep if call.ids is None or call.ids[i] == call.ids[j]]
        if not any(overlap(parts[i], parts[j]) > call.iou_threshold for j in rivals):
            keep.append(i)
    return np.array(keep, np.int64)


def overlap(one: Array, other: Array) -> float:
    """IoU of two dense masks."""
    shared = int(np.count_nonzero(one & other))
    return shared / int(np.count_nonzero(one | other)) if shared else 0.0


def mask_to_boxes(dense: ArrayLike, *, n_threads: int | None = None) -> Array:
    """Boxes around masks, as ``torchvision.ops.masks_to_boxes``: the first and the last pixel.

    Parameters
    ----------
    dense : array_like of bool or integers, shape (N, H, W)
        Foreground where it is not 0; any strides.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray of float32, shape (N, 4)
        Left, top, right, bottom of the foreground, right and bottom inclusive; 0 for an empty mask, which torchvision
        does not take.

    Raises
    ------
    ValueError
        For a wrong shape, and masks of no pixels.
    TypeError
        For an array that is not of bool or integers.

    Notes
    -----
    Exact up to 2**24 pixels a side, where float32 ends. O(N·H·W) time; each pixel is read once. ``Masks.boxes`` gives
    the boxes of masks that are run lengths already.

    References
    ----------
    .. [1] ``torchvision.ops.masks_to_boxes``.

    Examples
    --------
    >>> import fastgeo
    >>> dense = np.zeros((1, 4, 6), bool)
    >>> dense[0, 1:3, 2:6] = True
    >>> fastgeo.mask_to_boxes(dense)
    array([[2., 1., 5., 2.]], dtype=float32)
    """
    return inclusive_boxes(Masks._encoded("dense", dense, n_threads))


def inclusive_boxes(masks: RunLengths) -> Array:
    boxes = masks.boxes("xyxy")
    boxes[:, 2:] -= boxes[:, 2:] > 0
    return boxes.astype(np.float32)


def boundary_iou(
    masks1: Masks | ArrayLike, masks2: Masks | ArrayLike, *, dilation_ratio: float = 0.02, n_threads: int | None = None
) -> Array:
    """IoU of the boundaries of masks, which tells large objects with good outlines from those with poor ones.

    Parameters
    ----------
    masks1, masks2 : Masks, or array_like of bool or integers, shape (N, H, W) and (M, H, W)
        All of one size.
    dilation_ratio : float, default 0.02
        The width of a boundary, from 0 to 1 of the image's diagonal; rounded to pixels, at least one.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    ndarray of float64, shape (N, M)
        Of the boundaries: 0 where both are empty.

    Raises
    ------
    ValueError
        For masks of different sizes, and a ratio out of range.
    TypeError
        For masks that are neither Masks nor arrays of bool or integers.

    Notes
    -----
    The boundary is the foreground that an erosion by a square of 2 d + 1 pixels takes away, d being the width; the
    image's edge counts as background. Kernel and reference agree exactly. The kernel erodes pictures of one bit a
    pixel, inside the box of the mask: O(h·w·log d / 64) time for a box of h by w. See :func:`fastgeo.mask_iou` for the
    rest.

    References
    ----------
    .. [1] B. Cheng et al., "Boundary IoU: improving object-centric image segmentation evaluation", CVPR 2021.

    Examples
    --------
    >>> import fastgeo
    >>> masks = np.zeros((2, 8, 8), bool)
    >>> masks[0, 1:7, 1:7] = masks[1, 2:7, 1:7] = True
    >>> fastgeo.boundary_iou(masks[:1], masks).round(2), fastgeo.mask_iou(masks[:1], masks).round(2)
    (array([[1.  , 0.58]]), array([[1.  , 0.83]]))
    """
    one, other = as_masks(Masks, "masks1", masks1), as_masks(Masks, "masks2", masks2)
    width = boundary_width(one, other, dilation_ratio)
    checks.thread_count(n_threads)
    return mask_iou(boundaries(one, width), boundaries(other, width))


def boundary_width(masks1: RunLengths, masks2: RunLengths, dilation_ratio: Any) -> int:
    arguments.same_size("masks1", masks1, "masks2", masks2)
    ratio = checks.in_range("dilation_ratio", dilation_ratio, 0, 1)
    height, width = arguments.one_size("masks1", masks1 if len(masks1) else masks2)
    return max(1, round(ratio * math.sqrt(height * height + width * width)))


def boundaries(masks: RunLengths, width: int) -> Masks:
    found = []
    for mask in reference_runs.dense(masks):
        core: Array = mask
        for axis in (0, 1):
            padded = np.pad(core, [(width, width) if k == axis else (0, 0) for k in (0, 1)])
            core = np.asarray(sliding_window_view(padded, 2 * width + 1, axis=axis).all(axis=-1))
        found.append(reference_runs.counts_of(mask & ~core))
    return Masks._of(*joined(found), masks.sizes)


def paste_masks(
    probabilities: ArrayLike,
    boxes: ArrayLike,
    height: int,
    width: int,
    *,
    threshold: float = 0.5,
    n_threads: int | None = None,
) -> Masks:
    """Turn the small masks that a network predicts inside boxes into masks of the image: resize, threshold, encode.

    Parameters
    ----------
    probabilities : array_like, shape (N, h, w)
        What the mask head of a Mask R-CNN returns for the class of each box.
    boxes : array_like, shape (N, 4)
        Left, top, right, bottom of the boxes, in pixels of the image.
    height, width : int
        Of the image.
    threshold : float, default 0.5
        From 0 to 1. A pixel is foreground where its probability is this or more.
    n_threads : int, optional
        At most this many threads; by default as many as :func:`fastgeo.get_num_threads` says.

    Returns
    -------
    Masks
        N masks of height by width.

    Raises
    ------
    ValueError
        For a wrong shape, different lengths, NaN or infinity, a small mask of no cells, an image of no pixels or of
        2**31 and more.
    TypeError
        For an array that is not of real numbers.

    Notes
    -----
    As Detectron2's ``paste_masks_in_image``: cells are interpolated linearly, first along rows, then along columns, at
    the centres of pixels, with zeros around the small mask; a box may lie anywhere, also outside. Numbers are taken to
    float64, in a fixed order, so that kernel and reference agree to the last bit. A box without extent gives an empty
    mask. No dense mask is made: O(box) time for each, memory O(R) and O(height) a thread.

    References
    ----------
    .. [1] K. He, G. Gkioxari, P. Dollár, R. Girshick, "Mask R-CNN", ICCV 2017.
    .. [2] Y. Wu et al., "Detectron2", 2019.

    Examples
    --------
    >>> import fastgeo
    >>> masks = fastgeo.paste_masks([[[0.2, 0.9], [0.9, 0.9]]], [[1, 1, 5, 5]], 6, 6)
    >>> masks.decode()[0]
    array([[0, 0, 0, 0, 0, 0],
           [0, 0, 0, 1, 1, 0],
           [0, 0, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 0],
           [0, 1, 1, 1, 1, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    cells, corners, height, width, least = paste_arguments(probabilities, boxes, height, width, threshold)
    checks.thread_count(n_threads)
    found = []
    for small, (left, top, right, bottom) in zip(cells, corners, strict=True):
        mask = np.zeros((height, width), bool)
        if right > left and bottom > top:
            rows, row_low, row_high, y = samples(top, bottom, small.shape[0], height)
            columns, column_low, column_high, x = samples(left, right, small.shape[1], width)
            around = np.pad(small, 1)
            wide = around[:, columns] * column_low + around[:, columns + 1] * column_high
            pixels = wide[rows] * row_low[:, None] + wide[rows + 1] * row_high[:, None]
            mask[np.ix_(y, x)] = pixels >= least
        found.append(reference_runs.counts_of(mask))
    return Masks._of_one_size(*joined(found), height, width)


def samples(begin: float, end: float, cells: int, size: int) -> tuple[Array, Array, Array, Array]:
    """For each pixel the padded cell before its centre, the weights of that and of the next one; and which pixels."""
    with np.errstate(all="ignore"):  # a box that is narrower than any pixel meets none
        at = (np.arange(size) + 0.5 - begin) * (np.float64(cells) / (end - begin)) - 0.5
    pixels = np.flatnonzero((at > -1) & (at < cells))
    at = at[pixels]
    whole = np.floor(at)
    return whole.astype(np.int64) + 1, 1 - (at - whole), at - whole, pixels


def paste_arguments(
    probabilities: Any, boxes: Any, height: Any, width: Any, threshold: Any
) -> tuple[Array, Array, int, int, float]:
    cells = checks.plain(checks.float_array("probabilities", probabilities, ("N", "h", "w")), np.float64)
    if len(cells) and 0 in cells.shape:
        raise ValueError(f"probabilities: expected masks of one cell or more, got shape {cells.shape}")
    checks.reject("probabilities", cells, ~np.isfinite(cells), "a finite number")
    corners = checks.plain(checks.boxes_array("boxes", boxes), np.float64)
    checks.same_length("probabilities", cells, "boxes", corners)
    height, width = arguments.image_size(height, width)
    return cells, corners, height, width, checks.in_range("threshold", threshold, 0, 1)
