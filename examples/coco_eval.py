"""A COCO evaluation left as it is, and patched: the same twelve figures, bit for bit, faster.

Needs pycocotools. The images and detections are made here; ``python coco_eval.py 5000`` takes that many images.
"""

import contextlib
import io
import sys
from time import perf_counter

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fastgeo.compat import pycocotools as compat


def made_data(n_images, n_categories=80, seed=0):
    """Ground truth and detections: about eight objects and thirty detections an image."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for image in range(1, n_images + 1):
        categories = rng.choice(n_categories, 3, replace=False) + 1
        for _ in range(1 + rng.poisson(7)):
            x, y, w, h = (float(v) for v in (*rng.uniform(0, 500, 2), *np.exp(rng.uniform(1.5, 5.5, 2))))
            labels = {"image_id": image, "category_id": int(rng.choice(categories))}
            crowd = int(rng.random() < 0.01)
            truth.append({**labels, "id": len(truth) + 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": crowd})
            for _ in range(rng.poisson(4)):
                dx, dy, dw, dh = (float(v) for v in rng.normal(0, 0.12, 4))
                box = [x + dx * w, y + dy * h, max(1.0, w + dw * w), max(1.0, h + dh * h)]
                found.append({**labels, "bbox": [round(v, 2) for v in box], "score": round(float(rng.random()), 3)})
    ground_truth = COCO()
    ground_truth.dataset = {
        "images": [{"id": i, "width": 640, "height": 640} for i in range(1, n_images + 1)],
        "categories": [{"id": c, "name": str(c)} for c in range(1, n_categories + 1)],
        "annotations": truth,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        ground_truth.createIndex()
        return ground_truth, ground_truth.loadRes(found)


def evaluate(ground_truth, detections):
    """The program as everybody writes it, with its printing held back; returns the figures and the seconds."""
    start = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        run = COCOeval(ground_truth, detections, "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return run.stats, perf_counter() - start


def main():
    n_images = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    data = made_data(n_images)
    before, slow = evaluate(*data)
    compat.patch()
    after, fast = evaluate(*data)
    compat.unpatch()
    assert np.asarray(before).tobytes() == np.asarray(after).tobytes()
    print(f"{n_images} images, {len(data[0].anns)} objects, {len(data[1].anns)} detections; AP {after[0]:.4f}")
    print(f"evaluation  {slow:.2f} s before, {fast:.2f} s after: {slow / fast:.1f} times as fast, the same 12 figures")


if __name__ == "__main__":
    main()
