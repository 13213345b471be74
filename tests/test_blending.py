"""soft_nms and weighted_boxes_fusion: literals worked by hand, kernels against the reference, peers, bad input."""

import math

import numpy as np
import pytest
from cases import awkward_boxes, layouts
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


def same_exception(call, kernels):
    with pytest.raises((TypeError, ValueError)) as expected:
        call(reference)
    with pytest.raises(type(expected.value)) as actual:
        call(kernels)
    assert str(actual.value) == str(expected.value)


def models(n, dtype=np.float64, n_models=3, n_labels=3):
    """The same objects seen by several models."""
    rng = np.random.default_rng(n)
    corner = rng.uniform(0, 0.7, (n, 2))
    size = rng.uniform(0.05, 0.3, (n, 2))
    truth = np.concatenate([corner, corner + size], axis=1)
    kind = rng.integers(0, n_labels, n)
    boxes = [np.clip(truth + rng.normal(0, 0.01, (n, 4)), 0, 1).astype(dtype) for _ in range(n_models)]
    scores = [rng.permutation(np.arange(1, n + 1) / (n + 1)).astype(dtype) for _ in range(n_models)]
    return boxes, scores, [kind] * n_models


class TestWeightedBoxesFusion:
    def test_mean(self, impl):
        # scores 3 and 1: the mean is (3·4 + 1·8) / 4 = 5; score (3 + 1)/2 · min(2, 2)/2 = 2
        boxes, scores, labels = impl.weighted_boxes_fusion(
            [[[0, 0, 4, 4]], [[0, 0, 4, 8]]], [[3.0], [1.0]], [[7], [7]], iou_threshold=0.4
        )
        assert_same_answer((boxes, scores, labels), (np.array([[0.0, 0, 4, 5]]), np.array([2.0]), np.array([7])))

    def test_single_box_is_halved(self, impl):
        # one of two models saw it: 0.5 · min(2, 1)/2
        boxes, scores, labels = impl.weighted_boxes_fusion([[[0, 0, 4, 4]], []], [[0.5], []], [[7], []])
        assert_same_answer((boxes, scores, labels), (np.array([[0.0, 0, 4, 4]]), np.array([0.25]), np.array([7])))

    def test_weights_labels_and_thresholds(self, impl):
        # weights 3 and 1: 3·0.5 and 1·0.5, mean (1.5·4 + 0.5·8) / 2 = 5, score (1.5 + 0.5)/2 · 2/4 = 0.5
        pair = [[[0, 0, 4, 4]], [[0, 0, 4, 8]]]
        boxes, scores, _ = impl.weighted_boxes_fusion(pair, [[0.5]] * 2, [[1]] * 2, weights=[3, 1], iou_threshold=0.4)
        assert (boxes.tolist(), scores.tolist()) == ([[0, 0, 4, 5]], [0.5])
        # their IoU is 16 / 32, which does not exceed 0.5; and different labels never meet
        assert len(impl.weighted_boxes_fusion(pair, [[0.5]] * 2, [[1]] * 2, iou_threshold=0.5)[0]) == 2
        assert len(impl.weighted_boxes_fusion(pair, [[0.5]] * 2, [[1], [2]], iou_threshold=0.4)[0]) == 2
        # at the threshold a box takes part, below it does not
        fused = impl.weighted_boxes_fusion(pair, [[0.5], [0.4]], [[1]] * 2, skip_box_threshold=0.5)
        assert fused[0].tolist() == [[0, 0, 4, 4]]

    def test_degenerate_boxes(self, impl):
        # crossed corners are swapped, boxes without area left out, coordinates not clipped
        boxes, scores, _ = impl.weighted_boxes_fusion([[[4, 4, -1, 0], [1, 1, 1, 5]]], [[0.5, 0.9]], [[0, 0]])
        assert (boxes.tolist(), scores.tolist()) == ([[-1, 0, 4, 4]], [0.5])

    def test_labels_of_every_integer_type(self, impl):
        one = [[0.0, 0, 4, 4]]
        large = np.uint64([2**63 + 1, 2**63])
        _, _, labels = impl.weighted_boxes_fusion([one * 2], [[0.5, 0.4]], [large])
        assert_same_answer(labels, large)
        # equal numbers meet whatever their types are
        _, _, labels = impl.weighted_boxes_fusion([one] * 3, [[0.5]] * 3, [np.int8([7]), np.uint64([7]), [7.0]])
        assert_same_answer(labels, np.array([7]))
        _, _, labels = impl.weighted_boxes_fusion([one] * 2, [[0.5], [0.4]], [np.uint64([2**64 - 1]), [3]])
        assert_same_answer(labels, np.uint64([2**64 - 1, 3]))
        with pytest.raises(ValueError, match=r"labels_list\[1\]\[0\]: expected a label of at least 0"):
            impl.weighted_boxes_fusion([one] * 2, [[0.5], [0.4]], [np.uint64([2**63]), [-1]])

    def test_at_the_limits_nothing_overflows(self, impl):
        one = np.array([[-(2.0**508), -(2.0**508), 2.0**508, 2.0**508]])
        boxes, scores, _ = impl.weighted_boxes_fusion(
            [one] * 2, [[2.0**240]] * 2, [[0]] * 2, weights=[2.0**240, 2.0**240]
        )
        assert (boxes.tolist(), scores.tolist()) == (one.tolist(), [2.0**240])

    def test_scores_of_zero(self, impl):
        boxes, scores, _ = impl.weighted_boxes_fusion([[[0, 0, 4, 4], [0, 0, 4, 5]]], [[0.0, 0.0]], [[0, 0]])
        assert (boxes.tolist(), scores.tolist()) == ([[0, 0, 4, 4]], [0])

    def test_nothing(self, impl):
        for empty in ([], [[]], [[], []]):
            answer = impl.weighted_boxes_fusion(empty, empty, empty)
            assert_same_answer(answer, (np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64)))

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("n", [1, 10, 60, 300])
    def test_kernel_is_reference(self, kernels, dtype, n):
        case = models(n, dtype)
        for options in ({}, {"weights": [2, 1, 0.5], "iou_threshold": 0.3}, {"skip_box_threshold": 0.4}):
            expected = reference.weighted_boxes_fusion(*case, **options)
            assert_same_answer(kernels.weighted_boxes_fusion(*case, **options), expected)

    @given(st.lists(box_sets(), max_size=3))
    def test_small(self, kernels, cases):
        boxes, scores = [boxes for boxes, _ in cases], [scores for _, scores in cases]
        labels = [np.arange(len(b)) % 2 for b in boxes]
        expected = reference.weighted_boxes_fusion(boxes, scores, labels, iou_threshold=0.25)
        assert_same_answer(kernels.weighted_boxes_fusion(boxes, scores, labels, iou_threshold=0.25), expected)

    def test_figures_of_the_authors(self, kernels):
        peer = pytest.importorskip("ensemble_boxes", reason="ensemble_boxes is not installed").weighted_boxes_fusion
        for n in (20, 100):
            for weights, threshold in ((None, 0.0), ([2, 1, 0.5], 0.1)):
                case = models(n)
                boxes, scores, labels = kernels.weighted_boxes_fusion(
                    *case, weights=weights, iou_threshold=0.55, skip_box_threshold=threshold
                )
                expected = peer(*case, weights=weights, iou_thr=0.55, skip_box_thr=threshold)
                np.testing.assert_allclose(scores, expected[1], atol=1e-6)
                # equal scores may come in any order
                own, theirs = (np.lexsort([b[:, 0], np.round(s, 5)]) for b, s in ((boxes, scores), expected[:2]))
                np.testing.assert_allclose(boxes[own], expected[0][theirs], atol=1e-6)
                np.testing.assert_array_equal(labels[own], expected[2][theirs])

    @pytest.mark.parametrize(
        ("args", "options"),
        [
            (([[[0, 0, 1, 1]]], [], [[0]]), {}),
            (([[[0, 0, 1, 1]]], [[1]], []), {}),
            (([[[0, 0, 1, 1]]], [[1, 2]], [[0]]), {}),
            (([[[0, 0, 1, 1]]], [[1]], [[0, 1]]), {}),
            (([[[0, 0, 1]]], [[1]], [[0]]), {}),
            (([[[0, 0, 1, np.nan]]], [[1]], [[0]]), {}),
            (([[[0, 0, 1, 1]]], [[np.inf]], [[0]]), {}),
            (([[[0, 0, 1, 1]]], [[1]], [[0.5]]), {}),
            (([[[0, 0, 1, 1]]], [[1]], [["a"]]), {}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"weights": [-1]}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"weights": [np.nan]}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"weights": [0]}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"weights": [1e308]}),
            (([[[0, 0, 1, 1]]], [[1e308]], [[0]]), {}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"weights": [1, 2]}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"iou_threshold": 2}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"skip_box_threshold": np.nan}),
            (([[[0, 0, 1, 1]]], [[1]], [[0]]), {"n_threads": 0}),
        ],
    )
    def test_bad_input(self, kernels, args, options):
        same_exception(lambda module: module.weighted_boxes_fusion(*args, **options), kernels)
