"""Draws for the boxes family."""

from __future__ import annotations

import numpy as np

from fastgeo import reference
from fastgeo.testing import assert_same_answer
from fuzzing.draws import FORMATS, Call, box_scene, float_type, in_format, legal_boxes, log_uniform, pick

MEASURES = ("box_iou", "box_ioa", "generalized_box_iou", "distance_box_iou", "complete_box_iou", "scylla_box_iou")
APPROXIMATE = {"complete_box_iou", "scylla_box_iou", "ciou", "siou"}
PAIR_COST = 3e-7  # seconds of the reference for one pair of boxes


def overlap(kwargs, function):
    """IoU of the same call, where a bound of another measure depends on it."""
    keys = ("boxes1", "boxes2", "fmt", "offset")
    return function(**{key: kwargs[key] for key in keys if key in kwargs})


def near(iou_of):
    """Within 8 units of epsilon where the boxes are proper: an IoU from 0 to 1 and a measure not below -1.5."""

    def compare(kwargs, answer, expected):
        assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape)
        with np.errstate(all="ignore"):
            iou = overlap(kwargs, iou_of)
        proper = (expected >= -1.5) & (iou <= 1)
        bound = 8 * np.finfo(expected.dtype).eps
        np.testing.assert_allclose(answer[proper], expected[proper], rtol=0, atol=bound)

    return compare


def two_sets(rng, n, m, dtype, fmt):
    boxes1 = legal_boxes(rng, n, dtype, fmt)
    boxes2 = boxes1[rng.integers(n, size=m)] if n and rng.random() < 0.2 else legal_boxes(rng, m, dtype, fmt)
    return boxes1, boxes2


def rows_agree(name):
    """Brute force on a sample: some rows of the table, each alone."""

    def check(kwargs, answer):
        rng = np.random.default_rng(len(kwargs["boxes1"]))
        rows = rng.integers(len(kwargs["boxes1"]), size=min(3, len(kwargs["boxes1"])))
        few = {**kwargs, "boxes1": kwargs["boxes1"][rows]}
        if name in APPROXIMATE:
            near(reference.box_iou)(few, answer[rows], getattr(reference, name)(**few))
        else:
            assert_same_answer(answer[rows], getattr(reference, name)(**few))

    return check


def table(rng, large):
    name, dtype, fmt = pick(rng, MEASURES), float_type(rng), pick(rng, FORMATS)
    n = log_uniform(rng, 0, 100_000 if large else 700)
    m = log_uniform(rng, 0, max(1, min(100_000, 4_000_000 // (n + 1))) if large else 700)
    boxes1, boxes2 = two_sets(rng, n, m, dtype, fmt)
    kwargs = {"boxes1": boxes1, "boxes2": boxes2, "fmt": fmt, "offset": int(rng.integers(2))}
    if name == "box_iou" and rng.random() < 0.2:
        kwargs["iscrowd"] = rng.integers(0, 2, m).astype(bool)
        kwargs["offset"] = 0
    compare = near(reference.box_iou) if name in APPROXIMATE else Call.compare
    return Call(name, kwargs, n * m * PAIR_COST, compare, (rows_agree(name),))


def paired(rng, large):
    kind, dtype, fmt = pick(rng, ("iou", "giou", "diou", "ciou", "siou")), float_type(rng), pick(rng, FORMATS)
    n = log_uniform(rng, 0, 1_000_000 if large else 20_000)
    boxes1, boxes2 = two_sets(rng, n, n, dtype, fmt)
    kwargs = {"boxes1": boxes1, "boxes2": boxes2, "kind": kind, "fmt": fmt, "offset": int(rng.integers(2))}
    compare = near(reference.paired_box_iou) if kind in APPROXIMATE else Call.compare
    return Call("paired_box_iou", kwargs, n * PAIR_COST, compare)


def sparse_rows_agree(kwargs, answer):
    """Rows of the sparse table beside those of its reference, some at random and the first and the last."""
    n = len(kwargs["boxes1"])
    rows = np.unique(np.concatenate([[0, n - 1], np.random.default_rng(n).integers(n, size=4)])) if n else []
    for row in rows:
        _, columns, values = reference.sparse_box_iou(**{**kwargs, "boxes1": kwargs["boxes1"][row : row + 1]})
        here = slice(*np.searchsorted(answer[0], [row, row + 1]))
        assert_same_answer((answer[1][here], answer[2][here]), (columns, values))


def sparse(rng, large):
    dtype, fmt = float_type(rng), pick(rng, FORMATS)
    n, m = log_uniform(rng, 0, 200_000 if large else 900), log_uniform(rng, 0, 200_000 if large else 900)
    boxes1, boxes2 = two_sets(rng, n, m, dtype, fmt)
    kwargs = {"boxes1": boxes1, "boxes2": boxes2, "fmt": fmt, "threshold": pick(rng, (0.0, 0.0, 0.1, 0.5, 1.0))}
    if large and n * m > 10_000_000:  # the pairs of a crowded scene would not fit into memory
        kwargs["threshold"] = pick(rng, (0.5, 0.9))
        kwargs["boxes1"], kwargs["boxes2"] = boxes1[: 2_000_000_000 // (m + 1)], boxes2
    return Call("sparse_box_iou", kwargs, n * m * PAIR_COST, checks=(sparse_rows_agree,))


def of_each(rng, large):
    n, dtype = log_uniform(rng, 0, 1_000_000 if large else 20_000), float_type(rng)
    name, fmt = pick(rng, ("box_area", "box_convert", "clip_boxes")), pick(rng, FORMATS)
    boxes = legal_boxes(rng, n, dtype, fmt)
    more = {
        "box_area": {"fmt": fmt, "offset": int(rng.integers(2))},
        "box_convert": {"in_fmt": fmt, "out_fmt": pick(rng, FORMATS)},
        "clip_boxes": {"size": tuple(rng.choice([0, 0.5, 480, 1e6], 2))},
    }[name]
    return Call(name, {"boxes": boxes, **more}, n * 1e-7)


def rotated_boxes(rng, n, dtype):
    """Centres, sizes and angles: of a scene, or round numbers that make edges coincide."""
    if rng.random() < 0.5:
        boxes = in_format(np.abs(box_scene(rng, n, np.float64)).clip(0, 1e6), "cxcywh")
        boxes[:, 2:] = np.abs(boxes[:, 2:])
        angle = rng.uniform(-720, 720, (n, 1))
    else:
        boxes = rng.integers(0, 9, (n, 4)).astype(float)
        angle = rng.choice([0, 30, 45, 90, -90, 180, 1e-9], (n, 1))
    return np.concatenate([boxes, angle], axis=1).astype(dtype)


def rotated_bound(boxes1, boxes2, dtype):
    """8 r epsilon of float64, r the longest side over the shortest; then one rounding."""
    sides = np.concatenate([boxes1[:, 2:4], boxes2[:, 2:4]]).astype(np.float64)
    sides = sides[sides > 0]
    ratio = sides.max() / sides.min() if sides.size else 1.0
    return 8 * ratio * np.finfo(np.float64).eps + (dtype == np.float32) * 2.0**-24


def near_rotated(kwargs, answer, expected):
    assert (answer.dtype, answer.shape) == (expected.dtype, expected.shape)
    bound = rotated_bound(kwargs["boxes1"], kwargs["boxes2"], expected.dtype)
    np.testing.assert_allclose(answer, expected, rtol=0, atol=bound)


def rotated(rng, large):
    n, m, dtype = log_uniform(rng, 0, 40), log_uniform(rng, 0, 40), float_type(rng)
    boxes1, boxes2 = rotated_boxes(rng, n, dtype), rotated_boxes(rng, m, dtype)
    return Call("rotated_box_iou", {"boxes1": boxes1, "boxes2": boxes2}, n * m * 4e-5, near_rotated)


DRAWERS = (table, table, paired, sparse, sparse, of_each, rotated)
