"""weighted_boxes_fusion: literals worked by hand, kernels against the reference, a peer, bad input."""

import numpy as np
import pytest
from cases import same_exception
from hypothesis import given
from hypothesis import strategies as st
from test_suppression import FLOATS, box_sets

from fastgeo import reference
from fastgeo.testing import assert_same_answer


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
