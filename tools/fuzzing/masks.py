"""Draws for the masks family."""

from __future__ import annotations

import numpy as np

from fastgeo import reference
from fuzzing.draws import Call, float_type, log_uniform, maybe, pick, score_scene
from fuzzing.peers import coco_mask

LAYOUTS = (
    lambda d: d,
    np.asfortranarray,
    lambda d: d.transpose(0, 2, 1).copy().transpose(0, 2, 1),
    lambda d: d.transpose(1, 2, 0).copy().transpose(2, 0, 1),
    lambda d: np.repeat(np.repeat(d, 2, axis=2), 3, axis=1)[:, ::3, ::2],
    lambda d: d[:, ::-1, ::-1].copy()[:, ::-1, ::-1],
    lambda d: d.astype(np.uint8) * 255,
    lambda d: d.astype(np.int32) << 20,
)
THRESHOLDS = (0.0, 0.1, 0.5, 0.9, 1.0)


def stack(rng, n, height, width):
    """Noise of any density, at times smeared along columns or rows, or cut to a part of the image."""
    dense = rng.random((n, height, width)) < rng.choice([0, 0.001, 0.02, 0.5, 0.98, 1])
    if rng.random() < 0.5:
        dense = np.maximum.accumulate(dense, axis=int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        dense[:, : rng.integers(height + 1)] = False
    return dense


def size(rng, large):
    most = 600 if large else 70
    return (log_uniform(rng, 1, most), log_uniform(rng, 1, most))


def cost(*stacks):
    """Seconds of the reference, which is dense."""
    return 1e-4 + 2e-8 * np.prod([len(s) for s in stacks]) * stacks[0][0].size if all(len(s) for s in stacks) else 1e-4


def same_strings(kwargs, answer):
    """Those of pycocotools, which makes of strings what it is given."""
    masks = reference.Masks(kwargs["counts"], kwargs["offsets"], kwargs["sizes"])
    if coco_mask is None or "polygons" in kwargs or len(masks) == 0:
        return
    stack = np.asfortranarray(np.stack(masks.decode()).transpose(1, 2, 0))
    assert b" ".join(rle["counts"] for rle in coco_mask.encode(stack)) == answer[3]


def same_polygons(kwargs, answer):
    """Those of pycocotools."""
    if coco_mask is None:
        return
    expected = reference.Masks.from_coco(coco_mask.frPyObjects(kwargs["polygons"], 24, 20))
    assert (answer[1] == expected.area()).all() and (answer[0] == expected.boxes()).all()


def encoded(rng, large):
    masks = reference.Masks.encode(stack(rng, log_uniform(rng, 0, 12), *size(rng, large)))
    kwargs = {"counts": masks.counts, "offsets": masks.offsets, "sizes": masks.sizes}
    if rng.random() < 0.5:
        kwargs["owner"] = rng.integers(0, 4, len(masks))
    return Call("Masks", kwargs, 1e-2, checks=(same_strings,))


def drawn(rng, large):
    call = encoded(rng, False)
    kwargs = {key: call.kwargs[key] for key in ("counts", "offsets", "sizes")}
    grid, polygons = pick(rng, (0, 1, 2, 5, 10)), []
    for _ in range(log_uniform(rng, 1, 20)):
        corners = rng.uniform(-10, 34, (log_uniform(rng, 3, 300 if large else 12), 2)) * pick(rng, (1, 1, 1, 0.1, 30))
        polygons.append((np.round(corners * grid) / grid if grid else corners).ravel().tolist())
    return Call("Masks", {**kwargs, "polygons": polygons}, 1e-2, checks=(same_polygons,))


def pair(name):
    def draw(rng, large):
        shape = size(rng, large)
        one, other = (stack(rng, log_uniform(rng, 0, 30), *shape) for _ in range(2))
        kwargs = {"masks1": pick(rng, LAYOUTS)(one), "masks2": pick(rng, LAYOUTS)(other)}
        if name == "boundary_iou":
            kwargs["dilation_ratio"] = pick(rng, (0.0, 0.02, 0.1, 0.5, 1.0))
        elif rng.random() < 0.5:
            kwargs["iscrowd"] = rng.random(len(other)) < 0.5
        return Call(name, kwargs, cost(one, other) + 1e-7 * (one.size + other.size) * max(shape))

    return draw


def suppressed(rng, large):
    dense = stack(rng, log_uniform(rng, 0, 60), *size(rng, large))
    kwargs = {
        "masks": pick(rng, LAYOUTS)(dense),
        "scores": score_scene(rng, len(dense), float_type(rng)),
        "iou_threshold": pick(rng, THRESHOLDS),
        "idxs": maybe(rng, 0.3, rng.integers(0, 3, len(dense))),
        "max_output": maybe(rng, 0.3, int(rng.integers(0, 9))),
    }
    return Call("mask_nms", kwargs, cost(dense, dense))


def boxed(rng, large):
    dense = stack(rng, log_uniform(rng, 0, 60), *size(rng, large))
    return Call("mask_to_boxes", {"dense": pick(rng, LAYOUTS)(dense)}, cost(dense))


def pasted(rng, large):
    n, (height, width) = log_uniform(rng, 0, 20), size(rng, large)
    boxes = rng.uniform(-20, 90, (n, 4)) * pick(rng, (1, 1, 1, 1e-3, 1e5))
    boxes[:, 2:] = boxes[:, :2] + rng.uniform(-1, 60, (n, 2))
    kwargs = {
        "probabilities": rng.random((n, *rng.integers(1, 30, 2))).astype(float_type(rng)),
        "boxes": (np.round(boxes) if rng.random() < 0.3 else boxes).astype(float_type(rng)),
        "height": height,
        "width": width,
        "threshold": pick(rng, (0.0, 0.3, 0.5, 1.0)),
    }
    return Call("paste_masks", kwargs, 1e-3 + 1e-7 * n * height * width)


DRAWERS = (encoded, drawn, pair("mask_iou"), pair("boundary_iou"), suppressed, boxed, pasted)
