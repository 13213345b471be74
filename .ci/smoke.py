"""One call into every family of the installed package, held to its reference; run outside the checkout."""

from pathlib import Path

import numpy as np

import fastgeo
from fastgeo.testing import assert_same

assert "site-packages" in Path(fastgeo.__file__).parts, f"not the installed package: {fastgeo.__file__}"

rng = np.random.default_rng(0)
corner = rng.uniform(0, 90, (500, 2)).astype(np.float32)
boxes = np.concatenate([corner, corner + rng.uniform(1, 20, (500, 2)).astype(np.float32)], axis=1)
scores = rng.uniform(0, 1, 500).astype(np.float32)
labels = rng.integers(0, 2, 500)
# Integer values: every sum of a convolution is exact.
inputs = rng.integers(-8, 9, (1, 12, 13, 8)).astype(np.float32)
kernel = rng.integers(-8, 9, (3, 3, 8, 16)).astype(np.float32)

assert_same(fastgeo.box_iou, boxes, boxes)
assert_same(fastgeo.generalized_box_iou, boxes, boxes)
assert_same(fastgeo.nms, boxes, scores, 0.5)
assert_same(fastgeo.batched_nms, boxes, scores, labels, 0.5)
assert_same(fastgeo.conv2d, inputs, kernel, padding=1)
assert_same(fastgeo.histogram_auc, labels, scores)
assert_same(fastgeo.roc_auc, labels, scores)
assert_same(fastgeo.mask_iou, inputs[..., 0] > 0, inputs[..., 1] > 0)
assert_same(fastgeo.kmeans_plusplus, boxes, 5, seed=0)
np.testing.assert_array_equal(fastgeo.assign(boxes, boxes[:9])[0], fastgeo.reference.assign(boxes, boxes[:9])[0])
centroids, truth = fastgeo.kmeans(boxes, 5, seed=0).centroids, fastgeo.reference.kmeans(boxes, 5, seed=0).centroids
assert centroids.shape == truth.shape == (5, 4) and np.isfinite(centroids).all()
print(f"fastgeo {fastgeo.__version__} answers as its references do ({Path(fastgeo.__file__).parent})")
