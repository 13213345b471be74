"""Heads: values by hand, kernel against reference over options, layouts and types, bad input, beside Ultralytics."""

import numpy as np
import pytest

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer


def made(n_images, n_classes, n_anchors, *, extra=0, seed=0):
    """A channels-first head: few scores above a quarter, many of them equal."""
    rng = np.random.default_rng(seed)
    head = np.empty((n_images, 4 + extra + n_classes, n_anchors), np.float32)
    head[:, :2], head[:, 2:4] = rng.uniform(0, 640, (2, n_images, 1, n_anchors)).swapaxes(0, 1)[:, :, 0], 40
    head[:, 2:4] = rng.uniform(5, 80, (n_images, 2, n_anchors))
    scores = rng.uniform(0, 0.2, (n_images, extra + n_classes, n_anchors))
    high = rng.random(scores.shape) < 0.03
    scores[high] = np.round(rng.random(high.sum()) * 20) / 20
    head[:, 4:] = scores
    if extra:
        head[:, 4] = np.round(rng.random((n_images, n_anchors)), 1)
    return head


def logit(scores):
    with np.errstate(divide="ignore"):
        return np.log(scores / (1 - scores))


def hold(kernels, head, **options):
    """Kernel against reference, for every number of threads."""
    expected = reference.decode_predictions(head, **options)
    for n_threads in (1, 3):
        assert_same_answer(tuple(kernels.decode_predictions(head, n_threads=n_threads, **options)), tuple(expected))
    return expected


# Two classes, four anchors.
HEAD = np.zeros((1, 6, 4), np.float32)
HEAD[0, :4] = np.array([[20, 20, 10, 10], [21, 20, 10, 10], [60, 60, 10, 20], [20, 20, 10, 10]]).T
HEAD[0, 4:] = [[0.9, 0.8, 0.1, 0.5], [0.2, 0.1, 0.7, 0.6]]


class TestLiteral:
    def test_best_class_and_nms(self, impl):
        found = impl.decode_predictions(HEAD)
        # Anchor 1 overlaps anchor 0 (IoU 9/11); anchor 3 is of the other class, and far from anchor 2.
        assert found.anchors.tolist() == [0, 2, 3]
        assert found.classes.tolist() == [0, 1, 1]
        assert found.boxes.tolist() == [[15, 15, 25, 25], [55, 50, 65, 70], [15, 15, 25, 25]]
        np.testing.assert_array_equal(found.scores, np.float32([0.9, 0.7, 0.6]))
        assert found.images.tolist() == [0, 0, 0]
        assert [column.dtype for column in found] == [np.float32, np.float32, *[np.int64] * 3]

    def test_multi_label(self, impl):
        found = impl.decode_predictions(HEAD, multi_label=True)
        assert list(zip(found.anchors.tolist(), found.classes.tolist(), strict=True)) == [(0, 0), (2, 1), (3, 1)]
        found = impl.decode_predictions(HEAD, multi_label=True, iou_threshold=1.0)
        assert list(zip(found.anchors.tolist(), found.classes.tolist(), strict=True)) == [
            (0, 0), (1, 0), (2, 1), (3, 1), (3, 0),
        ]  # fmt: skip

    def test_class_agnostic(self, impl):
        assert impl.decode_predictions(HEAD, class_agnostic=True).anchors.tolist() == [0, 2]

    def test_classes_that_take_part(self, impl):
        found = impl.decode_predictions(HEAD, classes=[1])
        assert found.anchors.tolist() == [2, 3]
        assert found.classes.tolist() == [1, 1]

    def test_objectness_multiplies(self, impl):
        head = np.insert(HEAD, 4, [0.5, 1.0, 0.1, 0.25], axis=1)
        found = impl.decode_predictions(head, objectness=True)
        assert found.anchors.tolist() == [1]
        assert found.scores.tolist() == [np.float32(0.8)]

    def test_logits(self, impl):
        head = HEAD.copy()
        head[0, 4:] = logit(head[0, 4:])
        found = impl.decode_predictions(head, logits=True)
        assert found.anchors.tolist() == [0, 2, 3]
        np.testing.assert_allclose(found.scores, [0.9, 0.7, 0.6], rtol=3e-7)

    def test_threshold_is_exclusive(self, impl):
        assert len(impl.decode_predictions(HEAD, score_threshold=float(np.float32(0.9))).scores) == 0
        assert len(impl.decode_predictions(HEAD, score_threshold=0.0).scores) == 3

    def test_equal_scores_take_the_lowest_class(self, impl):
        head = np.full((1, 4 + 20, 33), 0.5, np.float32)
        found = impl.decode_predictions(head, iou_threshold=1.0)
        assert found.classes.tolist() == [0] * 33
        assert found.anchors.tolist() == list(range(33))

    def test_most(self, impl):
        found = impl.decode_predictions(HEAD, iou_threshold=1.0, max_output=2)
        assert found.anchors.tolist() == [0, 1]
        assert impl.decode_predictions(HEAD, max_candidates=1).anchors.tolist() == [0]
        assert impl.decode_predictions(HEAD, max_candidates=0).anchors.tolist() == []

    def test_quantised(self, impl):
        stored = np.zeros((1, 5, 1), np.uint8)
        stored[0, :, 0] = 110, 60, 20, 30, 190
        found = impl.decode_predictions(stored, scale=[2, 2, 2, 2, 0.005], zero_point=10)
        assert found.boxes.tolist() == [[190, 80, 210, 120]]
        assert found.scores.tolist() == [np.float32(180) * np.float32(0.005)]


SIZES = [0, 1, 16, 17, 513]


class TestKernelAgainstReference:
    @pytest.mark.parametrize("n_anchors", SIZES)
    @pytest.mark.parametrize("n_classes", [0, 1, 8, 9, 80])
    def test_sizes(self, kernels, n_anchors, n_classes):
        head = made(2, n_classes, n_anchors)
        found = hold(kernels, head)
        assert len(found.scores) > 0 or n_anchors < 17 or n_classes == 0
        hold(kernels, head.transpose(0, 2, 1), layout="channels_last")
        hold(kernels, np.ascontiguousarray(head.transpose(0, 2, 1)), layout="channels_last")

    @pytest.mark.parametrize("objectness", [False, True])
    @pytest.mark.parametrize("logits", [False, True])
    @pytest.mark.parametrize("multi_label", [False, True])
    def test_options(self, kernels, objectness, logits, multi_label):
        head = made(2, 11, 530, extra=int(objectness))
        if logits:
            head[:, 4:] = logit(head[:, 4:])
        options = {"objectness": objectness, "logits": logits, "multi_label": multi_label}
        last = np.ascontiguousarray(head.transpose(0, 2, 1))
        for threshold in (0.25, 0.5, 1.0):
            hold(kernels, head, score_threshold=threshold, **options)
            hold(kernels, last, layout="channels_last", score_threshold=threshold, **options)
        hold(kernels, head, classes=[9, 2, 2], class_agnostic=True, **options)
        hold(kernels, last, classes=[9, 2, 2], layout="channels_last", **options)
        hold(kernels, head, n_classes=5, max_candidates=30, max_output=7, fmt="xyxy" if logits else "xywh", **options)

    @pytest.mark.parametrize("objectness", [False, True])
    @pytest.mark.parametrize("dtype", [np.float16, np.uint8, np.int8])
    def test_types(self, kernels, dtype, objectness):
        rng = np.random.default_rng(0)
        options = {"objectness": objectness}
        if dtype == np.float16:
            head = made(2, 9, 600, extra=int(objectness)).astype(dtype)
        else:
            head = rng.integers(-100 if dtype == np.int8 else 0, 120, (2, 14, 600)).astype(dtype)
            options |= {"zero_point": 5, "scale": rng.uniform(0.004, 0.009, 14), "score_threshold": 0.6}
        hold(kernels, head, **options)
        hold(kernels, np.ascontiguousarray(head.transpose(0, 2, 1)), layout="channels_last", **options)

    def test_bit_patterns_of_float16(self, kernels):
        """As the scores of anchors: subnormal, infinite and NaN ones, and both ends of each kind."""
        ends = [edge + sign for edge in (0, 1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x7C01, 0x7FFF) for sign in (0, 0x8000)]
        patterns = np.unique(np.concatenate([np.arange(0, 2**16, 131), ends])).astype(np.uint16)
        head = np.full((1, 5, len(patterns)), 1, np.float16)
        head[0, 4] = patterns.view(np.float16)
        found = hold(kernels, head, score_threshold=0.0, iou_threshold=1.0)
        assert len(found.scores) == ((patterns > 0) & (patterns <= 0x7C00)).sum()  # above zero, infinity among them
        assert found.scores[0] == np.inf

    def test_strides(self, kernels):
        head = made(2, 9, 500)
        wide = np.zeros((4, 26, 1500), np.float32)
        wide[::2, ::2, ::3] = head
        for view in (wide[::2, ::2, ::3], wide[::2, ::2, ::3][:, :, ::-1], np.asfortranarray(head)):
            hold(kernels, view)
        view = made(2, 26, 500)[:, ::2]
        hold(kernels, view)

    def test_nan_scores_are_no_scores(self, kernels):
        head = made(1, 20, 300)
        rng = np.random.default_rng(1)
        head[:, 4:][rng.random((1, 20, 300)) < 0.2] = np.nan
        found = hold(kernels, head)
        assert len(found.scores) > 20
        hold(kernels, head, multi_label=True)
        hold(kernels, np.ascontiguousarray(head.transpose(0, 2, 1)), layout="channels_last")


class TestBadInput:
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_box_of_a_survivor(self, impl, bad):
        head = made(2, 3, 40)
        head[:, 4:] = 0
        head[1, 5, 17] = 0.9
        head[1, 2, 17] = bad
        with pytest.raises(ValueError, match=rf"finite boxes.*, got {bad} \(image 1, class 1, anchor 17\)"):
            impl.decode_predictions(head)
        head[1, 5, 17] = 0
        assert len(impl.decode_predictions(head).scores) == 0

    @pytest.mark.parametrize(
        ("shape", "options", "message"),
        [
            ((84, 8400), {}, r"predictions: expected shape .* got \(84, 8400\)"),
            ((1, 3, 5), {}, "predictions: expected at least 4 channels, got 3"),
            ((1, 4, 5), {"objectness": True}, "predictions: expected at least 5 channels, got 4"),
            ((1, 9, 5), {"n_classes": 6}, "n_classes: expected at most 5, as the head has, got 6"),
            ((1, 9, 5), {"score_threshold": 1.5}, "score_threshold"),
            ((1, 9, 5), {"layout": "NCHW"}, "layout"),
            ((1, 9, 5), {"classes": [5]}, r"classes\[0\]: expected a class from 0 to 4, got 5"),
            ((1, 9, 5), {"scale": 0.5}, "scale: expected None for a head of float32"),
        ],
    )
    def test_arguments(self, impl, shape, options, message):
        with pytest.raises(ValueError, match=message):
            impl.decode_predictions(np.zeros(shape, np.float32), **options)

    @pytest.mark.parametrize("scale", [None, 0, -1.0, np.nan, np.inf, [0.5, 0.5]])
    def test_scale(self, impl, scale):
        with pytest.raises(ValueError, match="scale"):
            impl.decode_predictions(np.zeros((1, 9, 5), np.uint8), scale=scale)


def test_beside_ultralytics():
    """The same detections on a head without ties."""
    nms = pytest.importorskip("ultralytics.utils.nms", reason="beside Ultralytics")
    torch = pytest.importorskip("torch", reason="beside Ultralytics")
    head = made(2, 80, 2000)
    head[:, 4:] += np.random.default_rng(3).uniform(0, 1e-3, head[:, 4:].shape).astype(np.float32)
    theirs = nms.non_max_suppression(torch.from_numpy(head.copy()), 0.25, 0.45)
    ours = fastgeo.decode_predictions(head)
    for image, rows in enumerate(theirs):
        mine = ours.images == image
        assert len(rows) == mine.sum()
        np.testing.assert_allclose(ours.boxes[mine], rows[:, :4].numpy(), atol=1e-3)
        assert ours.classes[mine].tolist() == rows[:, 5].int().tolist()
