"""multiclass_nms: literals worked by hand, kernels against the reference, bad input."""

import numpy as np
import pytest
from calls import arguments, shared_call
from cases import layouts, same_exception
from test_suppression import FLOATS, scattered

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer


def head(batch, n, n_classes, dtype=np.float32, own_boxes=False):
    rng = np.random.default_rng(n)
    shape = (batch, n, n_classes) if own_boxes else (batch, n)
    boxes, _, _ = scattered(int(np.prod(shape)), dtype=dtype)
    scores = np.round(rng.random((batch, n, n_classes)), 2)
    return boxes.reshape(*shape, 4), scores.astype(dtype)


class TestMulticlass:
    # boxes 0 and 1 overlap by 81/119; box 2 is alone
    boxes = np.array([[[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]]])
    scores = np.array([[[0.9, 0.2], [0.8, 0.3], [0.0, 0.7]]])

    def test_by_class(self, impl):
        # class 0: 0 keeps, 1 goes, 2 is not above 0; class 1: 2, then 1, which suppresses 0
        answer = impl.multiclass_nms(self.boxes, self.scores, 0.5, max_output=4)
        assert answer[0].tolist() == [[[0, 0, 10, 10], [20, 20, 30, 30], [1, 1, 11, 11], [0, 0, 0, 0]]]
        assert [part.tolist() for part in answer[1:]] == [[[0.9, 0.7, 0.3, 0]], [[0, 1, 1, -1]], [[0, 2, 1, -1]], [3]]

    def test_agnostic(self, impl):
        # in one pool: (0, class 0) suppresses all of boxes 0 and 1
        answer = impl.multiclass_nms(self.boxes, self.scores, 0.5, max_output=3, class_agnostic=True)
        assert [part.tolist() for part in answer[1:]] == [[[0.9, 0.7, 0]], [[0, 1, -1]], [[0, 2, -1]], [2]]

    @pytest.mark.parametrize("n_classes", [1, 2, 3, 8, 40])
    @pytest.mark.parametrize("max_output", [1, 7, 10_000])
    def test_classes_merge_by_score(self, kernels, n_classes, max_output):
        """Scores apart by their last bits alone, some of them equal, and classes that run out early."""
        rng = np.random.default_rng(n_classes)
        boxes, _ = head(2, 50, n_classes)
        scores = 0.5 + 2.0**-50 * rng.integers(0, 60, (2, 50, n_classes))
        scores[:, 5:, ::3] = 0
        for kind in (scores, scores.astype(np.float32) * (scores > 0.5 + 2.0**-46)):
            case = dict(boxes=boxes, scores=kind, iou_threshold=0.9, max_output=max_output)
            assert_same_answer(kernels.multiclass_nms(**case), reference.multiclass_nms(**case))

    def test_more_boxes_than_are_written_at_a_time(self, kernels):
        boxes = np.zeros((1, 20_000, 4), np.float32)
        boxes[..., 0] = boxes[..., 2] = np.arange(20_000)
        boxes[..., 2:] += 1
        scores = np.random.default_rng(0).random((1, 20_000, 2))
        _, written, classes, indices, counts = kernels.multiclass_nms(boxes, scores, 0.5, max_output=50_000)
        order = np.argsort(-scores.ravel(), kind="stable")
        assert counts.tolist() == [40_000]
        np.testing.assert_array_equal(written[0, :40_000], scores.ravel()[order])
        np.testing.assert_array_equal(indices[0, :40_000] * 2 + classes[0, :40_000], order)
        assert not written[0, 40_000:].any()

    def test_thresholds_of_each_class(self, impl):
        answer = impl.multiclass_nms(self.boxes, self.scores, [0.7, 0.5], score_threshold=[0.1, 0.5], max_output=3)
        assert [part.tolist() for part in answer[1:]] == [[[0.9, 0.8, 0.7]], [[0, 0, 1]], [[0, 1, 2]], [3]]

    def test_top_k_and_limit(self, impl):
        answer = impl.multiclass_nms(self.boxes, self.scores, 0.7, top_k=1, max_output=3)
        assert [part.tolist() for part in answer[1:]] == [[[0.9, 0.7, 0]], [[0, 1, -1]], [[0, 2, -1]], [2]]
        answer = impl.multiclass_nms(self.boxes, self.scores, 0.7, max_output=1)
        assert [part.tolist() for part in answer[1:]] == [[[0.9]], [[0]], [[0]], [1]]

    def test_nothing(self, impl):
        for batch, n, n_classes in [(0, 3, 2), (2, 0, 2), (2, 3, 0)]:
            boxes, scores = np.zeros((batch, n, 4)), np.zeros((batch, n, n_classes))
            answer = impl.multiclass_nms(boxes, scores, 0.5, max_output=2)
            assert [part.shape for part in answer] == [(batch, 2, 4), *[(batch, 2)] * 3, (batch,)]
            assert not answer[4].any()
        answer = impl.multiclass_nms([], [], 0.5, max_output=2)
        assert [part.shape for part in answer] == [(0, 2, 4), (0, 2), (0, 2), (0, 2), (0,)]
        assert impl.multiclass_nms(self.boxes, self.scores, 0.5, max_output=0)[4].tolist() == [0]

    def test_crowded_sets_go_step_by_step(self, kernels, n_threads):
        """Identical boxes at threshold 1 all stay, each compared with all before it: too long for one piece of work."""
        n = 8000
        boxes = np.zeros((2, n, 4), np.float32)
        boxes[..., 2:] = 1
        boxes[1, ::2, 0] = 0.5
        scores = np.round(np.random.default_rng(0).random((2, n, 2)), 2).astype(np.float32)
        answer = kernels.multiclass_nms(boxes, scores, 1.0, score_threshold=-1, max_output=2 * n, n_threads=n_threads)
        for image in range(2):
            flat = scores[image].reshape(-1)
            order = np.argsort(-flat, kind="stable")
            np.testing.assert_array_equal(answer[1][image], flat[order])
            np.testing.assert_array_equal(answer[2][image], order % 2)
            np.testing.assert_array_equal(answer[3][image], order // 2)

    @pytest.mark.parametrize("dtype", FLOATS)
    @pytest.mark.parametrize("own_boxes", [False, True])
    @pytest.mark.parametrize("shape", [(1, 1, 1), (2, 30, 3), (1, 300, 5), (3, 90, 7)])
    def test_kernel_is_reference(self, kernels, dtype, own_boxes, shape):
        boxes, scores = head(*shape, dtype, own_boxes)
        for options in (
            {},
            {"class_agnostic": True, "max_output": 10},
            {"score_threshold": 0.6, "top_k": 7, "max_output": 1000},
            {"score_threshold": np.linspace(0, 0.9, shape[2]), "fmt": "cxcywh"},
            {"max_output": 0},
            {"top_k": 0},
        ):
            expected = reference.multiclass_nms(boxes, scores, 0.5, **options)
            assert_same_answer(kernels.multiclass_nms(boxes, scores, 0.5, **options), expected)

    def test_threads(self, kernels, n_threads):
        boxes, scores = head(2, 2000, 12)
        expected = kernels.multiclass_nms(boxes, scores, 0.5, n_threads=1)
        assert_same_answer(kernels.multiclass_nms(boxes, scores, 0.5, n_threads=n_threads), expected)

    def test_layouts(self, kernels):
        boxes, scores = head(2, 30, 3, np.float64)
        expected = reference.multiclass_nms(boxes, scores, 0.5)
        for (_, b), (_, s) in zip(layouts(boxes), layouts(scores), strict=True):
            assert_same_answer(kernels.multiclass_nms(b, s, 0.5), expected)

    @pytest.mark.parametrize(
        ("change", "value"),
        [
            ("boxes", np.zeros((1, 2, 4))),
            ("boxes", np.zeros((1, 3, 1, 4))),
            ("boxes", np.full((1, 3, 4), np.nan)),
            ("boxes", "x"),
            ("scores", np.zeros((1, 3))),
            ("scores", np.full((1, 3, 2), np.nan)),
            ("iou_threshold", 1.5),
            ("iou_threshold", [0.5, np.nan]),
            ("iou_threshold", [0.5]),
            ("score_threshold", [0.5]),
            ("score_threshold", np.nan),
            ("top_k", -1),
            ("max_output", -1),
            ("max_output", None),
            ("class_agnostic", 2),
            ("fmt", "x"),
            ("n_threads", 0),
        ],
    )
    def test_bad_input(self, kernels, change, value):
        call = {"boxes": self.boxes, "scores": self.scores, "iou_threshold": 0.5, change: value}
        same_exception(lambda module: module.multiclass_nms(**call), kernels)

    def test_agnostic_needs_one_threshold(self, kernels):
        same_exception(
            lambda module: module.multiclass_nms(self.boxes, self.scores, [0.5, 0.6], class_agnostic=True), kernels
        )


def test_bad_box_without_classes(impl):
    boxes = np.zeros((2, 3, 4))
    boxes[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"boxes\[1, 2, 3\]"):
        impl.multiclass_nms(boxes, np.zeros((2, 3, 0)), 0.5)


def test_threads_of_the_plan():
    """Helpers are woken for large heads only."""
    small, large = arguments("multiclass_nms", 5), shared_call("multiclass_nms")
    assert fastgeo.explain(fastgeo.multiclass_nms, **small, n_threads=2).threads == 1
    assert fastgeo.explain(fastgeo.multiclass_nms, **large, n_threads=2).threads == 2
