"""Draws for the suppression family."""

from __future__ import annotations

import numpy as np

from fastgeo import reference
from fastgeo.testing import assert_same_answer
from fuzzing.boxes import rotated_bound, rotated_boxes
from fuzzing.draws import FORMATS, Call, float_type, legal_boxes, log_uniform, maybe, pick, score_scene

KINDS = {"iou": "box_iou", "diou": "distance_box_iou", "ioa": "box_ioa"}
THRESHOLDS = (0.0, 0.1, 0.3, 0.45, 0.5, 0.65, 0.7, 0.9, 0.99, 1.0)
IDS = (
    lambda rng, n: np.zeros(n, np.int64),
    lambda rng, n: rng.integers(0, 3, n).astype(np.uint8),
    lambda rng, n: rng.integers(-2, 80, n).astype(np.int16),
    lambda rng, n: rng.integers(0, 2**64, max(1, n // 3), dtype=np.uint64)[rng.integers(max(1, n // 3), size=n)],
    lambda rng, n: np.arange(n, dtype=np.int32) // 7,
    lambda rng, n: rng.integers(0, 5, n).astype(float),
)


def pair_cost(n):
    """Seconds of the greedy reference: each box meets the kept ones, and all may be kept."""
    return 1e-6 * n * n + 1e-5 * n


def measured(kwargs, rows, columns):
    """The measure of boxes `rows` with boxes `columns`; "ioa" is a part of its second box's area."""
    measure = getattr(reference, KINDS[kwargs.get("kind", "iou")])
    more = {key: kwargs[key] for key in ("fmt", "offset") if key in kwargs}
    return measure(kwargs["boxes"][rows], kwargs["boxes"][columns], **more)


def greedy_on_a_sample(kwargs, answer):
    """What suppression means, at any size: a kept box is not suppressed by any kept one before it, another one is."""
    if kwargs.get("kind", "iou") == "ioa":
        return
    kept = answer[0] if isinstance(answer, tuple) else answer
    scores, ids = kwargs["scores"], kwargs.get("idxs")
    n = len(scores)
    rng = np.random.default_rng(n)
    order = np.lexsort([np.arange(n), -scores.astype(np.longdouble)])
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    assert np.array_equal(kept, kept[np.argsort(rank[kept])]), "the kept boxes are not in the order of their scores"
    is_kept = np.zeros(n, bool)
    is_kept[kept] = True
    limit = kwargs.get("score_threshold")
    candidates = np.ones(n, bool) if limit is None else scores > limit
    assert not (is_kept & ~candidates).any(), "a box at or below score_threshold was kept"
    dropped = np.flatnonzero(candidates & ~is_kept)
    if kwargs.get("max_output") is not None:
        assert len(kept) <= kwargs["max_output"]
        dropped = dropped[:0] if len(kept) == kwargs["max_output"] else dropped
    for sample, suppressed in ((kept, False), (dropped, True)):
        for box in sample[rng.integers(len(sample), size=min(20, len(sample)))]:
            before = kept[rank[kept] < rank[box]]
            before = before if ids is None else before[ids[before] == ids[box]]
            values = measured(kwargs, before, [box])[:, 0].astype(np.float64)
            assert (values > kwargs["iou_threshold"]).any() == suppressed, f"box {box}"


def scored(rng, n):
    dtype, fmt = float_type(rng), pick(rng, FORMATS)
    return {"boxes": legal_boxes(rng, n, dtype, fmt), "scores": score_scene(rng, n, float_type(rng)), "fmt": fmt}


def greedy(name, with_ids):
    def draw(rng, large):
        n = log_uniform(rng, 0, 1_000_000 if large else 700)
        kwargs = {**scored(rng, n), "iou_threshold": pick(rng, THRESHOLDS), "offset": int(rng.integers(2))}
        kwargs["kind"] = pick(rng, ("iou", "iou", "diou", "ioa"))
        if with_ids and (name == "batched_nms" or rng.random() < 0.5):
            kwargs["idxs"] = pick(rng, IDS)(rng, n)
        if rng.random() < 0.3:
            kwargs["max_output"] = log_uniform(rng, 0, n + 10)
        if rng.random() < 0.3:
            kwargs["score_threshold"] = float(pick(rng, (0.0, 0.25, 0.5, -np.inf, 1e-42)))
        checks = (greedy_on_a_sample,) if name != "nms_groups" else ()
        return Call(name, kwargs, pair_cost(n), checks=checks)

    return draw


def near_scores(kwargs, answer, expected):
    """Of the Gaussian method each weight is within 2 ulp; boxes whose scores tie within that may change places."""
    if kwargs["method"] == "linear":
        return assert_same_answer(answer, expected)
    n = len(kwargs["scores"])
    actual, wanted = (np.sort(part[1])[::-1].astype(np.float64) for part in (answer, expected))
    eps = float(np.finfo(answer[1].dtype).eps)
    floor = 1e-300 + abs(kwargs["score_threshold"]) * 1e-9
    shorter = min(len(actual), len(wanted))
    tail = np.concatenate([actual[shorter:], wanted[shorter:]])
    assert (tail <= kwargs["score_threshold"] + floor).all(), "different numbers of boxes"
    np.testing.assert_allclose(actual[:shorter], wanted[:shorter], rtol=(3 * n + 2) * eps, atol=floor)


def soft(rng, large):
    n = log_uniform(rng, 0, 20_000 if large else 300)
    kwargs = {
        **scored(rng, n),
        "method": pick(rng, ("linear", "gaussian")),
        "sigma": float(pick(rng, (0.01, 0.1, 0.5, 3.0, 1e3))),
        "iou_threshold": pick(rng, THRESHOLDS),
        "score_threshold": float(pick(rng, (0.001, 0.0, 0.25, -1.0, -np.inf))),
    }
    return Call("soft_nms", kwargs, pair_cost(n), near_scores)


def unless_at_the_threshold(kwargs, answer, expected):
    """The same boxes, unless the IoU of a pair lies within the bound of the threshold."""
    if np.array_equal(answer, expected):
        return
    boxes = kwargs["boxes"]
    bound = 2 * rotated_bound(boxes, boxes, boxes.dtype) + 1e-12
    iou = reference.rotated_box_iou(boxes, boxes).astype(np.float64)
    assert (np.abs(iou - kwargs["iou_threshold"]) <= bound).any(), (answer, expected)


def rotated(rng, large):
    n = log_uniform(rng, 0, 20_000 if large else 60)
    boxes = rotated_boxes(rng, n, float_type(rng))
    kwargs = {"boxes": boxes, "scores": score_scene(rng, n, float_type(rng)), "iou_threshold": pick(rng, THRESHOLDS)}
    if rng.random() < 0.3:
        kwargs["max_output"] = log_uniform(rng, 0, n + 10)
    return Call("rotated_nms", kwargs, n * n * 4e-5, unless_at_the_threshold)


def head(rng, large):
    """Images, anchors and classes of a detector."""
    images, classes = int(rng.integers(0, 4)), log_uniform(rng, 0, 90 if large else 20)
    n, dtype, fmt = log_uniform(rng, 0, 20_000 if large else 150), float_type(rng), pick(rng, FORMATS)
    own = rng.random() < 0.3
    boxes = legal_boxes(rng, images * n * (classes if own else 1), dtype, fmt)
    kwargs = {
        "boxes": boxes.reshape((images, n, classes, 4) if own else (images, n, 4)),
        "scores": score_scene(rng, images * n * classes, dtype).reshape(images, n, classes),
        "iou_threshold": maybe(rng, 0.2, rng.choice(THRESHOLDS, classes), pick(rng, THRESHOLDS)),
        "score_threshold": float(pick(rng, (0.0, 0.25, 0.9))),
        "max_output": log_uniform(rng, 0, 300),
        "class_agnostic": bool(rng.integers(2)),
        "fmt": fmt,
    }
    if rng.random() < 0.5:
        kwargs["top_k"] = log_uniform(rng, 0, 1000)
    if kwargs["class_agnostic"]:
        kwargs["iou_threshold"] = pick(rng, THRESHOLDS)
    return Call("multiclass_nms", kwargs, images * max(classes, 1) * pair_cost(n))


def fusion(rng, large):
    models, dtype = int(rng.integers(0, 5)), float_type(rng)
    sizes = [log_uniform(rng, 0, 5000 if large else 80) for _ in range(models)]
    labels = [pick(rng, IDS)(rng, n) for n in sizes]
    kwargs = {
        "boxes_list": [legal_boxes(rng, n, dtype, "xyxy").clip(-(2.0**60), 2.0**60) for n in sizes],
        "scores_list": [np.abs(np.nan_to_num(score_scene(rng, n, dtype), posinf=1, neginf=0)) for n in sizes],
        "labels_list": labels,
        "iou_threshold": pick(rng, THRESHOLDS),
        "skip_box_threshold": float(pick(rng, (0.0, 0.25))),
        "weights": maybe(rng, 0.3, rng.uniform(0.1, 9, models)),
    }
    return Call("weighted_boxes_fusion", kwargs, sum(sizes) ** 2 * 1e-6)


DRAWERS = (
    greedy("nms", False),
    greedy("nms", False),
    greedy("batched_nms", True),
    greedy("batched_nms", True),
    greedy("nms_groups", True),
    soft,
    rotated,
    head,
    fusion,
)
