"""From the raw output of a YOLO-style network, (1, 84, 8400), to boxes: decode, then suppress inside each class.

Needs NumPy and fastgeo. The output is made here: objects in a scene, each seen by a few dozen neighbouring cells.
"""

from time import perf_counter

import numpy as np

import fastgeo

SCORE_THRESHOLD, IOU_THRESHOLD = 0.25, 0.45


def made_output(n_objects=60, n_classes=80, n_cells=8400, seed=0):
    """(1, 4 + classes, cells): cx, cy, w, h in pixels of a 640×640 image, then a logit for each class."""
    rng = np.random.default_rng(seed)
    output = np.empty((1, 4 + n_classes, n_cells), np.float32)
    output[0, :2] = rng.uniform(0, 640, (2, n_cells))
    output[0, 2:4] = rng.uniform(5, 300, (2, n_cells))
    output[0, 4:] = rng.normal(-8, 1, (n_classes, n_cells))
    cells = rng.permutation(n_cells)
    for _ in range(n_objects):
        seen_by, cells = np.split(cells, [rng.integers(10, 60)])
        centre, size, category = rng.uniform(40, 600, (2, 1)), rng.uniform(15, 200, (2, 1)), rng.integers(n_classes)
        output[0, :2, seen_by] = (centre + rng.normal(0, 0.06, (2, len(seen_by))) * size).T
        output[0, 2:4, seen_by] = (size * rng.uniform(0.85, 1.15, (2, len(seen_by)))).T
        output[0, 4 + category, seen_by] = rng.normal(1, 1.5, len(seen_by))
    return output


def decode(output):
    """Boxes (cx, cy, w, h), scores and classes of the cells whose best class scores above the threshold."""
    predictions = output[0].T
    classes = predictions[:, 4:].argmax(axis=1)
    logits = predictions[np.arange(len(predictions)), 4 + classes]
    passing = logits > np.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD))
    scores = 1 / (1 + np.exp(-logits[passing]))
    return np.ascontiguousarray(predictions[passing, :4]), scores, classes[passing]


def suppress_in_numpy(boxes, scores, classes):
    """The loop that pipelines carry around: one class at a time, one kept box at a time."""
    x1, y1 = (boxes[:, :2] - boxes[:, 2:] / 2).T
    x2, y2 = (boxes[:, :2] + boxes[:, 2:] / 2).T
    areas = boxes[:, 2] * boxes[:, 3]
    keep = []
    for c in np.unique(classes):
        order = np.flatnonzero(classes == c)
        order = order[np.argsort(-scores[order], kind="stable")]
        while len(order):
            best, order = order[0], order[1:]
            keep.append(best)
            width = np.maximum(0, np.minimum(x2[best], x2[order]) - np.maximum(x1[best], x1[order]))
            height = np.maximum(0, np.minimum(y2[best], y2[order]) - np.maximum(y1[best], y1[order]))
            common = width * height
            order = order[common / (areas[best] + areas[order] - common) <= IOU_THRESHOLD]
    keep = np.array(keep, np.int64)
    return keep[np.lexsort((keep, -scores[keep]))]


def suppress_with_fastgeo(boxes, scores, classes):
    return fastgeo.batched_nms(boxes, scores, classes, IOU_THRESHOLD, fmt="cxcywh")


def best_time(function, *args, repeats=20):
    times = []
    for _ in range(repeats):
        start = perf_counter()
        result = function(*args)
        times.append(perf_counter() - start)
    return result, min(times)


def main():
    decoded, decoding = best_time(decode, made_output())
    before, slow = best_time(suppress_in_numpy, *decoded)
    after, fast = best_time(suppress_with_fastgeo, *decoded)
    assert np.array_equal(before, after)
    boxes = fastgeo.box_convert(decoded[0][after], "cxcywh", "xyxy")
    print(f"{len(decoded[0])} candidates, {len(boxes)} boxes; the first: {np.round(boxes[0], 1)}")
    print(f"decode    {decoding * 1e3:8.3f} ms")
    print(f"suppress  {slow * 1e3:8.3f} ms before (NumPy), {fast * 1e3:.3f} ms after: {slow / fast:.0f} times as fast")


if __name__ == "__main__":
    main()
