"""fastgeo.compat.cv2 beside OpenCV: every sameness and every difference that its docstring states."""

import numpy as np
import pytest
from cases import random_boxes

from fastgeo.compat import cv2 as ours

cv2 = pytest.importorskip("cv2", reason="needs OpenCV")


def made(n, seed=0):
    boxes = random_boxes(n, np.float64, seed)
    boxes[:, 2:] -= boxes[:, :2] - 1
    scores = np.random.default_rng(seed).integers(0, 40, n).astype(np.float32) / 40
    return boxes, scores


def same(actual, expected):
    assert actual.dtype == np.int32
    np.testing.assert_array_equal(actual, np.asarray(expected, np.int32))


@pytest.mark.parametrize("top_k", [0, 5, 100])
@pytest.mark.parametrize("eta", [1.0, 0.9, 0.5])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.55, 0.9])
@pytest.mark.parametrize("n", [0, 1, 30, 300])
def test_nms_boxes(n, threshold, eta, top_k):
    boxes, scores = made(n)
    arguments = (0.1, threshold, eta, top_k)
    same(ours.NMSBoxes(boxes, scores, *arguments), cv2.dnn.NMSBoxes(boxes, scores, *arguments))
    ids = np.arange(n) % 3
    expected = cv2.dnn.NMSBoxesBatched(boxes, scores, ids, *arguments)
    same(ours.NMSBoxesBatched(boxes, scores, ids, *arguments), expected)


def test_lists_and_keywords():
    boxes, scores = [[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 5, 5]], [0.9, 0.8, 0.7]
    options = {"bboxes": boxes, "scores": scores, "score_threshold": 0.1, "nms_threshold": 0.4}
    same(ours.NMSBoxes(**options), cv2.dnn.NMSBoxes(**options))


def test_scores_at_the_threshold_are_left_out():
    boxes, scores = [[0, 0, 1, 1], [5, 5, 1, 1]], [0.5, 0.25]
    assert ours.NMSBoxes(boxes, scores, 0.25, 0.5).tolist() == list(cv2.dnn.NMSBoxes(boxes, scores, 0.25, 0.5)) == [0]


def test_empty_result_is_an_array():
    for arguments in [([], []), ([[0, 0, 1, 1]], [0.1])]:
        assert len(cv2.dnn.NMSBoxes(*arguments, 0.5, 0.5)) == 0
        result = ours.NMSBoxes(*arguments, 0.5, 0.5)
        assert (result.dtype, result.shape) == (np.int32, (0,))


def test_boxes_without_area_all_stay():
    boxes, scores = [[1.0, 1, 0, 0], [5.0, 5, 0, 0]], [0.9, 0.8]
    assert list(cv2.dnn.NMSBoxes(boxes, scores, 0.1, 0.5)) == [0]
    assert ours.NMSBoxes(boxes, scores, 0.1, 0.5).tolist() == [0, 1]


def exact_ties():
    """Pairs of whole-pixel boxes whose IoU is a hundredth or lies within rounding of one: (threshold, boxes)."""
    for hundredths in range(1, 101):
        for width in range(1, 101):
            if width * hundredths % 100 == 0:
                yield hundredths / 100, [[0, 0, width, 1], [0, 0, width * hundredths // 100, 1]]


def test_exact_ties_are_decided_as_there():
    scores = [0.9, 0.8]
    for threshold, boxes in exact_ties():
        arguments = (0.0, threshold)
        expected = cv2.dnn.NMSBoxes(boxes, scores, *arguments)
        same(ours.NMSBoxes(boxes, scores, *arguments), expected)
        same(ours.NMSBoxes(boxes, scores, *arguments, 1.0, 2), expected)
        same(ours.NMSBoxesBatched(boxes, scores, [3, 3], *arguments), expected)
        # an eta just below 1 sends pairs on the way of adaptive thresholds
        eta = float(np.nextafter(np.float32(1), np.float32(0)))
        same(ours.NMSBoxes(boxes, scores, *arguments, eta), cv2.dnn.NMSBoxes(boxes, scores, *arguments, eta))
        lowered, keep = cv2.dnn.softNMSBoxes(boxes, scores, *arguments, 0, 0.5, 1)
        new_scores, indices = ours.softNMSBoxes(boxes, scores, *arguments, 0, 0.5, 1)
        same(indices, keep)
        np.testing.assert_allclose(new_scores, lowered, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("extent", [6, 20, 640])
def test_frames_of_whole_pixels_at_every_threshold(extent):
    rng = np.random.default_rng(extent)
    for hundredths in range(1, 101):
        boxes = rng.integers(0, extent, (60, 4)).astype(np.float64)
        boxes[:, 2:] += 1
        scores, ids = rng.permutation(60).astype(np.float32) / 60, rng.integers(0, 3, 60)
        arguments = (0.0, hundredths / 100)
        same(ours.NMSBoxes(boxes, scores, *arguments), cv2.dnn.NMSBoxes(boxes, scores, *arguments))
        expected = cv2.dnn.NMSBoxesBatched(boxes, scores, ids, *arguments)
        same(ours.NMSBoxesBatched(boxes, scores, ids, *arguments), expected)


def test_the_equivalent_threshold_decides_every_overlap():
    def overlap(iou):
        return np.float32(1) - np.float32(1 - iou)

    for limit in [0.0, *np.random.default_rng(0).random(300), *np.arange(1, 100) / 100]:
        limit = np.float32(limit)
        last = ours.suppression._equivalent(float(limit))
        assert overlap(np.float64(last)) <= limit < overlap(np.nextafter(np.float64(last), 2))
    assert ours.suppression._equivalent(1.0) == 1.0


def test_a_threshold_above_one_suppresses_nothing():
    boxes, scores = [[0, 0, 2, 2], [0, 0, 2, 2], [9, 9, 2, 2]], [0.9, 0.8, 0.7]
    for threshold in (1.5, np.inf):
        same(ours.NMSBoxes(boxes, scores, 0.1, threshold), cv2.dnn.NMSBoxes(boxes, scores, 0.1, threshold))
        expected = cv2.dnn.softNMSBoxes(boxes, scores, 0.1, threshold, method=1)[1]
        same(ours.softNMSBoxes(boxes, scores, 0.1, threshold, method=1)[1], expected)
    for threshold in (-0.1, np.nan):
        for functions in ((cv2.dnn.NMSBoxes, ours.NMSBoxes), (cv2.dnn.softNMSBoxes, ours.softNMSBoxes)):
            for function, error in zip(functions, (cv2.error, ValueError), strict=True):
                with pytest.raises(error, match="nms_threshold"):
                    function(boxes, scores, 0.1, threshold)


@pytest.mark.parametrize("cast", [list, tuple, np.array])
@pytest.mark.parametrize("kind", [int, float])
def test_lists_of_numbers_are_arrays(kind, cast):
    boxes, scores = made(40)
    boxes = np.round(boxes)
    ids = np.arange(40) % 3
    rows = cast([cast([kind(value) for value in row]) for row in boxes])
    expected = ours.NMSBoxes(boxes, scores, 0.1, 0.4), ours.NMSBoxesBatched(boxes, scores, ids, 0.1, 0.4)
    same(ours.NMSBoxes(rows, cast(scores.tolist()), 0.1, 0.4), expected[0])
    same(ours.NMSBoxesBatched(rows, cast(scores.tolist()), cast(ids.tolist()), 0.1, 0.4), expected[1])


@pytest.mark.parametrize("top_k", [0, 1])
@pytest.mark.parametrize(
    "boxes",
    [
        [["0", "0", "1", "1"]],
        [[0, 0, 1]],
        [[0, 0, 1, 1], [0, 0]],
        [[0, 0, 1, 1j]],
        [[0, 0, 1, None]],
        [[0, 0, 1, 10**400]],
    ],
)
def test_lists_of_something_else(boxes, top_k):
    with pytest.raises((TypeError, ValueError), match="boxes"):
        ours.NMSBoxes(boxes, [0.5] * len(boxes), 0.1, 0.5, top_k=top_k)


@pytest.mark.parametrize("number", [float, np.float32, np.float64, np.array], ids=lambda kind: kind.__name__)
def test_thresholds_of_every_kind(number):
    boxes, scores = made(40)
    expected = cv2.dnn.NMSBoxes(boxes, scores, 0.25, 0.5, 0.75)
    same(ours.NMSBoxes(boxes, scores, number(0.25), number(0.5), number(0.75)), expected)
    for bad in ({"score_threshold": "x"}, {"nms_threshold": None}, {"eta": [1]}):
        with pytest.raises(TypeError, match=f"{next(iter(bad))}: expected a number"):
            ours.NMSBoxes(boxes, scores, **{"score_threshold": 0.1, "nms_threshold": 0.5, **bad})


def test_class_ids_are_named_in_errors():
    with pytest.raises((TypeError, ValueError), match="class_ids"):
        ours.NMSBoxesBatched([[0, 0, 1, 1]], [0.5], ["cat"], 0.1, 0.5)
    with pytest.raises((TypeError, ValueError), match="class_ids"):
        ours.NMSBoxesBatched([[0, 0, 1, 1]], [0.5], [0.5], 0.1, 0.5)


def test_classes_are_not_rounded_by_offsets():
    # OpenCV shifts the last class by 2**31 times the largest coordinate: numbers are then 0.25 apart, 50.1 becomes 50
    boxes, scores = [[0, 0, 100, 1], [50.1, 0, 100, 1], [1e6, 0, 1, 1]], [0.9, 0.8, 0.7]  # IoU 0.3324, not 1 / 3
    ids = [2**31 - 1, 2**31 - 1, 0]
    assert list(cv2.dnn.NMSBoxesBatched(boxes, scores, ids, 0.1, 0.333)) == [0, 2]
    assert ours.NMSBoxesBatched(boxes, scores, ids, 0.1, 0.333).tolist() == [0, 1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_what_is_not_a_place_raises(value):
    boxes = [[0, 0, 1, 1], [0, value, 1, 1]]
    for function in (ours.NMSBoxes, ours.softNMSBoxes):
        with pytest.raises(ValueError, match=r"boxes\[1, 1\]"):
            function(boxes, [0.5, 0.5], 0.1, 0.5)
        with pytest.raises(ValueError, match=r"scores\[0\]"):
            function([[0, 0, 1, 1]], [np.nan], 0.1, 0.5)


def test_errors_are_not_opencvs():
    with pytest.raises(cv2.error):
        cv2.dnn.NMSBoxes([[0, 0, 1, 1]], [0.5, 0.5], 0.1, 0.5)
    for boxes, scores in [([[0, 0, 1, 1]], [0.5, 0.5]), (np.ones((1, 4)), np.ones(2, np.float32))]:
        for top_k in (0, 1):
            with pytest.raises(ValueError, match="scores: expected length 1"):
                ours.NMSBoxes(boxes, scores, 0.1, 0.5, top_k=top_k)
            with pytest.raises(ValueError, match="expected length 1"):
                ours.NMSBoxesBatched(boxes, scores[:1], [0, 1], 0.1, 0.5, top_k=top_k)


@pytest.mark.parametrize("method", [1, 2])
@pytest.mark.parametrize("top_k", [0, 7])
@pytest.mark.parametrize("n", [1, 40, 200])
def test_soft_nms(n, top_k, method):
    boxes, scores = made(n)
    boxes = np.round(boxes)
    scores = (scores + np.arange(n) / 1000).astype(np.float32)
    arguments = (0.05, 0.3, top_k, 0.5, method)
    expected_scores, expected = cv2.dnn.softNMSBoxes(boxes.astype(int).tolist(), scores, *arguments)
    new_scores, keep = ours.softNMSBoxes(boxes, scores, *arguments)
    assert new_scores.dtype == np.float32
    same(keep, expected)
    np.testing.assert_allclose(new_scores, expected_scores, rtol=1e-5)


def test_soft_nms_keeps_the_score_at_the_threshold():
    boxes, scores = [[0, 0, 1, 1], [5, 5, 1, 1]], np.array([0.5, 0.25], np.float32)
    assert list(cv2.dnn.softNMSBoxes(boxes, scores, 0.25, 0.5)[1]) == [0, 1]
    assert ours.softNMSBoxes(boxes, scores, 0.25, 0.5)[1].tolist() == [0, 1]


def test_soft_nms_of_fractions():
    with pytest.raises(TypeError):
        cv2.dnn.softNMSBoxes([[0.25, 0.25, 0.5, 0.5]], [0.9], 0.01, 0.3)
    keep = ours.softNMSBoxes([[0.25, 0.25, 0.5, 0.5], [0.26, 0.25, 0.5, 0.5]], [0.9, 0.8], 0.01, 0.3)[1]
    assert keep.tolist() == [0, 1]
    with pytest.raises(ValueError, match="method"):
        ours.softNMSBoxes([[0, 0, 1, 1]], [0.5], 0.1, 0.3, method=3)


def rotated(n, seed=0):
    rng = np.random.default_rng(seed)
    centres, angles, widths = rng.uniform(0, 60, (n, 2)), rng.uniform(-90, 180, n), rng.uniform(8, 32, n)
    sizes = np.stack([widths, 256 / widths], axis=1)  # of one area, so that none lies inside another
    boxes = [(tuple(c), tuple(s), float(a)) for c, s, a in zip(centres.tolist(), sizes.tolist(), angles, strict=True)]
    return boxes, rng.permutation(n).astype(np.float32) / max(n, 1)


@pytest.mark.parametrize("top_k", [0, 7])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n", [0, 1, 100])
def test_rotated_boxes(n, threshold, top_k):
    boxes, scores = rotated(n)
    expected = cv2.dnn.NMSBoxesRotated(boxes, scores, 0.1, threshold, top_k=top_k)
    same(ours.NMSBoxesRotated(boxes, scores, 0.1, threshold, top_k=top_k), expected)
    table = np.array([[*c, *s, a] for c, s, a in boxes]).reshape(-1, 5)
    same(ours.NMSBoxesRotated(table, scores, 0.1, threshold, top_k=top_k), expected)


def test_a_rotated_box_inside_another():
    boxes, scores = [((5, 5), (10, 10), 30), ((5, 5), (2, 2), 30)], [0.9, 0.8]
    assert list(cv2.dnn.NMSBoxesRotated(boxes, scores, 0.1, 0.5)) == [0]
    assert ours.NMSBoxesRotated(boxes, scores, 0.1, 0.5).tolist() == [0, 1]  # IoU 0.04


def test_rotated_errors():
    boxes, scores = rotated(3)
    with pytest.raises(ValueError, match="eta: expected 1"):
        ours.NMSBoxesRotated(boxes, scores, 0.1, 0.5, 0.9)
    with pytest.raises(ValueError, match="scores: expected length 3"):
        ours.NMSBoxesRotated(boxes, scores[:2], 0.1, 0.5)
    with pytest.raises(ValueError, match="bboxes: expected shape"):
        ours.NMSBoxesRotated(np.zeros((3, 4)), scores, 0.1, 0.5)


def test_constants():
    for name in ours.__all__:
        if name.isupper():
            assert getattr(ours, name) == getattr(cv2, name, None) or getattr(ours, name) == getattr(cv2.dnn, name), (
                name
            )


IMAGES = {
    "grey": np.random.default_rng(0).integers(0, 256, (23, 31)).astype(np.uint8),
    "colour": np.random.default_rng(1).integers(0, 256, (17, 40, 3)).astype(np.uint8),
    "uint16": np.random.default_rng(2).integers(0, 65536, (12, 13)).astype(np.uint16),
    "int16": np.random.default_rng(3).integers(-999, 999, (12, 13, 2)).astype(np.int16),
    "float32": np.random.default_rng(4).uniform(-1, 1, (20, 21, 3)).astype(np.float32),
    "float64": np.random.default_rng(5).uniform(-1, 1, (20, 21)),
}
BORDERS = ["BORDER_CONSTANT", "BORDER_REPLICATE", "BORDER_REFLECT", "BORDER_REFLECT_101", "BORDER_ISOLATED"]


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("name", IMAGES)
def test_filter_with_whole_numbers(name, border):
    image = IMAGES[name]
    kernel = np.array([[1, 2, 0, -1], [0, 3, 1, 1], [2, -2, 1, 0]], np.float32)
    border = getattr(cv2, border)
    for ddepth in [-1] if image.dtype == np.float32 else [-1, cv2.CV_64F]:
        expected = cv2.filter2D(image, ddepth, kernel, delta=3, borderType=border)
        actual = ours.filter2D(image, ddepth, kernel, delta=3, borderType=border)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        if image.dtype.kind in "iu":  # every sum is exact
            np.testing.assert_array_equal(actual, expected)
        else:
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 if image.dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("anchor", [(-1, -1), (0, 0), (4, 2), (1, 2)])
def test_filter_anchor(anchor):
    image, kernel = IMAGES["float32"], np.random.default_rng(6).normal(size=(3, 5)).astype(np.float32)
    expected = cv2.filter2D(image, -1, kernel, anchor=anchor)
    np.testing.assert_allclose(ours.filter2D(image, -1, kernel, anchor=anchor), expected, rtol=0, atol=1e-5)


def test_filter_fractions_round_to_a_neighbour_at_most():
    image, kernel = IMAGES["colour"], np.full((5, 5), 1 / 25, np.float32)
    difference = ours.filter2D(image, -1, kernel).astype(int) - cv2.filter2D(image, -1, kernel)
    assert np.abs(difference).max() <= 1
    assert (difference == 0).mean() > 0.95


def test_filter_by_fourier_transform_there():
    image, kernel = IMAGES["float32"], np.random.default_rng(7).normal(size=(13, 13)).astype(np.float32)
    np.testing.assert_allclose(ours.filter2D(image, -1, kernel), cv2.filter2D(image, -1, kernel), rtol=0, atol=1e-4)


def test_filter_border_wider_than_the_image():
    image, kernel = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((5, 5), np.float32)
    for border in (cv2.BORDER_REFLECT_101, cv2.BORDER_REFLECT, cv2.BORDER_REPLICATE):
        expected = cv2.filter2D(image, -1, kernel, borderType=border)
        np.testing.assert_array_equal(ours.filter2D(image, -1, kernel, borderType=border), expected)


def test_filter_drops_the_axis_of_one_channel():
    image, kernel = IMAGES["grey"][:, :, None], np.ones((3, 3), np.float32)
    expected = cv2.filter2D(image, -1, kernel)
    assert expected.shape == image.shape[:2]
    np.testing.assert_array_equal(ours.filter2D(image, -1, kernel), expected)


def destinations(result):
    height, width = result.shape[:2]
    channels = result.shape[2:] or (1,)
    yield from (np.zeros(shape, result.dtype) for shape in {result.shape, (height, width, *channels)})
    yield np.zeros(result.shape, np.float64)  # of another type
    yield np.zeros((2, 2), result.dtype)  # of another shape
    yield np.zeros((height, width, 2), result.dtype)
    yield np.zeros((width, height, *channels), result.dtype)


@pytest.mark.parametrize("name", ["grey", "one channel", "colour"])
def test_filter_depth_and_destination(name):
    image = IMAGES["grey"][:, :, None] if name == "one channel" else IMAGES[name]
    kernel = np.array([[1, -1]], np.float32)
    result = cv2.filter2D(image, cv2.CV_16S, kernel)
    for there in destinations(result):
        here = there.copy()
        expected, actual = (
            module.filter2D(image, cv2.CV_16S, kernel, dst=array) for module, array in ((cv2, there), (ours, here))
        )
        assert (actual is here) == (expected is there)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(here, there)


def test_filter_in_place():
    there, here = IMAGES["grey"].copy(), IMAGES["grey"].copy()
    kernel = np.ones((3, 3), np.float32)
    cv2.filter2D(there, -1, kernel, dst=there)
    assert ours.filter2D(here, -1, kernel, dst=here) is here
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"src": np.zeros(3)}, ValueError, "src: expected shape"),
        ({"src": np.zeros((3, 3), np.int64)}, TypeError, "src: expected uint8"),
        ({"ddepth": 4}, ValueError, "ddepth"),
        ({"kernel": np.ones(3)}, ValueError, r"kernel: .*for one row \(1, width\), got \(3,\)"),
        ({"kernel": 2.0}, ValueError, "kernel"),
        ({"kernel": np.ones((0, 3))}, ValueError, "kernel"),
        ({"dst": [1, 2]}, TypeError, "dst: expected an ndarray, got list"),
        ({"anchor": (5, 0)}, ValueError, "anchor"),
        ({"borderType": 3}, ValueError, "borderType"),
    ],
)
def test_filter_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        ours.filter2D(**{"src": IMAGES["grey"], "ddepth": -1, "kernel": np.ones((3, 3)), **arguments})
