"""soft_nms: literals worked by hand, kernels against the reference, bad input."""

import math

import numpy as np
import pytest
from cases import awkward_boxes, layouts, same_exception
from hypothesis import given
from hypothesis import strategies as st
from test_suppression import FLOATS, box_sets, scattered

from fastgeo import reference
from fastgeo.testing import assert_same_answer


class TestSoftNMS:
    @pytest.mark.parametrize("dtype", FLOATS)
    def test_linear(self, impl, dtype):
        # the second is half of the first: IoU 1/2, so 0.75 becomes 0.375 and comes after the third
        boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]], dtype)
        scores = np.array([0.875, 0.75, 0.5], dtype)
        keep, new_scores = impl.soft_nms(boxes, scores, method="linear")
        assert_same_answer(keep, np.array([0, 2, 1]))
        assert_same_answer(new_scores, np.array([0.875, 0.5, 0.375], dtype))
        # an IoU of 1/2 does not exceed 1/2
        keep, new_scores = impl.soft_nms(boxes, scores, method="linear", iou_threshold=0.5)
        assert (keep.tolist(), new_scores.tolist()) == ([0, 1, 2], [0.875, 0.75, 0.5])
        # 0.375 is not above 0.375
        keep, _ = impl.soft_nms(boxes, scores, method="linear", score_threshold=0.375)
        assert keep.tolist() == [0, 2]

    def test_gaussian(self, impl):
        # weight exp(-(1/2)² / 0.5) = exp(-1/2)
        boxes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30]])
        keep, new_scores = impl.soft_nms(boxes, [0.9, 0.8, 0.7])
        assert keep.tolist() == [0, 2, 1]
        np.testing.assert_allclose(new_scores, [0.9, 0.7, 0.8 * math.exp(-0.5)], rtol=1e-15)

    def test_ties_and_copies(self, impl):
        # copies have IoU 1: the linear weight is 0 and they are never taken
        boxes = np.array([[0.0, 0, 1, 1]] * 3 + [[5, 5, 6, 6]] * 2)
        keep, new_scores = impl.soft_nms(boxes, np.ones(5), method="linear")
        assert (keep.tolist(), new_scores.tolist()) == ([0, 3], [1, 1])

    def test_infinite_scores(self, impl):
        boxes = np.array([[0.0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 6, 6]])
        keep, new_scores = impl.soft_nms(boxes, [np.inf, np.inf, -np.inf], method="linear", score_threshold=-np.inf)
        assert (keep.tolist(), new_scores.tolist()) == ([0, 1], [np.inf, 0])
        # a weight of 0 makes any score 0
        keep, new_scores = impl.soft_nms(boxes, [1.0, -np.inf, -np.inf], method="linear", score_threshold=-1)
        assert (keep.tolist(), new_scores.tolist()) == ([0, 1], [1, 0])

    def test_nothing(self, impl):
        assert_same_answer(impl.soft_nms([], []), (np.zeros(0, np.int64), np.zeros(0)))
        keep, _ = impl.soft_nms([[0, 0, 1, 1]], [0.0])
        assert keep.tolist() == []

    @given(box_sets(), st.sampled_from([0, 0.25, 0.5]), st.sampled_from(["xyxy", "xywh", "cxcywh"]))
    def test_linear_kernel_is_reference(self, kernels, case, threshold, fmt):
        options = {"method": "linear", "iou_threshold": threshold, "score_threshold": 0.5, "fmt": fmt}
        assert_same_answer(kernels.soft_nms(*case, **options), reference.soft_nms(*case, **options))

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 300])
    def test_clusters(self, kernels, dtype, n):
        boxes, scores, _ = scattered(n, dtype=dtype)
        scores = np.random.default_rng(1).permutation(n).astype(dtype) / n
        expected = reference.soft_nms(boxes, scores, method="linear")
        assert_same_answer(kernels.soft_nms(boxes, scores, method="linear"), expected)
        for sigma in (0.1, 0.5, 3.0):
            keep, new_scores = kernels.soft_nms(boxes, scores.astype(np.float64), sigma=sigma)
            expected = reference.soft_nms(boxes, scores.astype(np.float64), sigma=sigma)
            assert_same_answer(keep, expected[0])
            # at most one weight of 2 ulp and one product of half an ulp for each box taken before
            assert (np.abs(new_scores - expected[1]) <= 2.5 * n * np.spacing(expected[1])).all()

    def test_weights_within_two_ulp(self, kernels):
        # pairs of boxes [0,0,1,1] and [0,0,1,h] far apart: IoU h, weight exp(-h² / sigma), down to subnormal ones
        h = np.linspace(1e-3, 1, 1000)
        for sigma in (1e-4, 1.4e-3, 2e-3, 0.1, 10.0):
            row = 3.0 * np.arange(1000)
            first = np.stack([row, 0 * h, row + 1, 0 * h + 1], axis=1)
            second = np.stack([row, 0 * h, row + 1, h], axis=1)
            boxes = np.concatenate([first, second])
            scores = np.repeat([2.0, 1.0], 1000)
            keep, new_scores = kernels.soft_nms(boxes, scores, sigma=sigma, score_threshold=-1)
            weights = new_scores[np.argsort(keep)][1000:]
            expected = np.array([math.exp(-((hi / (1 + hi - hi)) ** 2) / sigma) for hi in h])
            assert (np.abs(weights - expected) <= 2 * np.spacing(expected)).all()

    def test_weights_below_the_normal_numbers(self, impl):
        # exp(-740 · 1) is subnormal: an infinite score stays infinite, one of 2**1000 becomes normal
        boxes = [[0.0, 0, 1, 1], [0, 0, 1, 1]]
        _, new_scores = impl.soft_nms(boxes, [np.inf, np.inf], sigma=1 / 740)
        assert new_scores.tolist() == [np.inf, np.inf]
        _, new_scores = impl.soft_nms(boxes, [2.0**1000, 2.0**999], sigma=1 / 740, score_threshold=0)
        assert new_scores[1] == pytest.approx(2.0**999 * math.exp(-740), rel=1e-1)
        assert new_scores[1] > 0

    @pytest.mark.parametrize("method", ["linear", "gaussian"])
    def test_same_bits_everywhere(self, kernels, method):
        boxes, scores, _ = scattered(200)
        scalar = kernels.soft_nms(boxes, scores, method=method)
        for _, other in layouts(boxes):
            wide = np.asarray(other).dtype == np.float64
            if not wide:
                assert_same_answer(kernels.soft_nms(other, scores, method=method), scalar)

    @pytest.mark.parametrize("dtype", FLOATS)
    def test_awkward_boxes(self, kernels, dtype):
        boxes = awkward_boxes(dtype)
        scores = np.arange(len(boxes)) + 1.0
        for fmt in ("xyxy", "xywh", "cxcywh"):
            expected = reference.soft_nms(boxes, scores, method="linear", fmt=fmt)
            assert_same_answer(kernels.soft_nms(boxes, scores, method="linear", fmt=fmt), expected)

    @pytest.mark.parametrize(
        ("args", "options"),
        [
            (([[0, 0, 1]], [1]), {}),
            (([[0, 0, 1, 1]], [1, 2]), {}),
            (([[0, 0, 1, np.inf]], [1]), {}),
            (([[0, 0, 1, 1]], [np.nan]), {}),
            (([[0, 0, 1, 1]], [1]), {"method": "hard"}),
            (([[0, 0, 1, 1]], [1]), {"sigma": 0}),
            (([[0, 0, 1, 1]], [1]), {"sigma": np.nan}),
            (([[0, 0, 1, 1]], [1]), {"sigma": "1"}),
            (([[0, 0, 1, 1]], [1]), {"iou_threshold": 2}),
            (([[0, 0, 1, 1]], [1]), {"score_threshold": np.nan}),
            (([[0, 0, 1, 1]], [1]), {"fmt": "x"}),
        ],
    )
    def test_bad_input(self, kernels, args, options):
        same_exception(lambda module: module.soft_nms(*args, **options), kernels)
