"""rotated_nms: literals worked by hand, kernels against the reference, bad input."""

import numpy as np
import pytest
from cases import same_exception
from hypothesis import given
from hypothesis import strategies as st
from test_suppression import FLOATS

from fastgeo import reference
from fastgeo.testing import assert_same_answer


class TestRotated:
    def test_right_angles(self, impl):
        # a turn by 180 degrees is the same box; one by 90 shares 2×2 of 16 + 16 - 4: IoU 1/7
        boxes = np.array([[5.0, 5, 8, 2, 0], [5, 5, 8, 2, 90], [5, 5, 8, 2, 180], [50, 5, 8, 2, 0]])
        scores = [0.9, 0.8, 0.7, 0.6]
        assert impl.rotated_nms(boxes, scores, 0.5).tolist() == [0, 1, 3]
        assert impl.rotated_nms(boxes, scores, 0.1).tolist() == [0, 3]
        assert impl.rotated_nms(boxes, scores, 0.5, max_output=1).tolist() == [0]
        assert impl.rotated_nms(boxes, scores, 0.5, score_threshold=0.8).tolist() == [0]

    def test_ties_and_empty_boxes(self, impl):
        boxes = np.array([[0.0, 0, 1, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 30], [0, 0, -1, 1, 30]])
        assert impl.rotated_nms(boxes, [1, 1, 1, 1], 0.5).tolist() == [0, 2, 3]
        assert_same_answer(impl.rotated_nms(np.zeros((0, 5)), [], 0.5), np.zeros(0, np.int64))

    @given(st.integers(0, 10_000), st.sampled_from(FLOATS), st.sampled_from([0.0, 0.2, 0.5]))
    def test_kernel_is_reference(self, kernels, seed, dtype, threshold):
        rng = np.random.default_rng(seed)
        boxes = rng.uniform([0, 0, 0, 0, -400], [40, 40, 20, 20, 400], (25, 5)).astype(dtype)
        scores = np.round(rng.random(25), 1).astype(dtype)
        expected = reference.rotated_nms(boxes, scores, threshold, score_threshold=0.1)
        assert_same_answer(kernels.rotated_nms(boxes, scores, threshold, score_threshold=0.1), expected)

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("label", ["spread", "crowded", "identical", "of every size", "far out", "long"])
    @pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8])
    def test_grid_is_the_plain_method(self, kernels, dtype, label, threshold):
        rng = np.random.default_rng(5)
        n = 400
        size = 5.0 if label == "crowded" else 200.0
        boxes = np.concatenate(
            [rng.uniform(0, size, (n, 2)), rng.uniform(0.5, 20, (n, 2)), rng.uniform(-400, 400, (n, 1))], axis=1
        )
        if label == "identical":
            boxes[:] = boxes[0]
        if label == "of every size":
            boxes[:, 2:4] = 10.0 ** rng.uniform(-4, 4, (n, 2))
        if label == "far out":
            boxes[::3, :2] += 1e6
            boxes[1::9, :2] *= 1e9
        if label == "long":  # crossing at every angle, some nearly along one another
            boxes[:, 2:4] = [300, 0.2]
            boxes[::2] = boxes[0] + rng.normal(0, [0.5, 0.02, 1, 0.01, 0.01], (n // 2, 5))
        boxes[::50, 2] = 0  # empty
        boxes = boxes.astype(dtype)
        scores = np.round(rng.random(n), 2).astype(dtype)
        table = kernels.rotated_box_iou(boxes, boxes).astype(np.float64)
        expected: list[int] = []
        for i in np.argsort(-scores, kind="stable"):
            if not (table[expected, i] > threshold).any():
                expected.append(int(i))
        assert kernels.rotated_nms(boxes, scores, threshold).tolist() == expected
        assert kernels.rotated_nms(boxes, scores, threshold, max_output=7).tolist() == expected[:7]

    @pytest.mark.parametrize(
        ("args", "options"),
        [
            (([[0, 0, 1, 1]], [1], 0.5), {}),
            (([[0, 0, 1, 1, 0]], [1, 2], 0.5), {}),
            (([[0, 0, 1, 1, np.nan]], [1], 0.5), {}),
            (([[0, 0, 1, 1, 0]], [np.nan], 0.5), {}),
            (([[0, 0, 1, 1, 0]], [1], 2), {}),
            (([[0, 0, 1, 1, 0]], [1], 0.5), {"score_threshold": np.nan}),
            (([[0, 0, 1, 1, 0]], [1], 0.5), {"max_output": -1}),
            (([[0, 0, 1, 1, 0]], [1], 0.5), {"n_threads": 0}),
        ],
    )
    def test_bad_input(self, kernels, args, options):
        same_exception(lambda module: module.rotated_nms(*args, **options), kernels)
