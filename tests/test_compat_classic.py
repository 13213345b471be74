"""fastgeo.compat.classic held to the textbook functions, written here as they are copied from project to project."""

import itertools

import cases
import numpy as np
import pytest

from fastgeo.compat import classic


def textbook_iou(box1, box2):
    left = max(box1[0] - box1[2] / 2, box2[0] - box2[2] / 2)
    right = min(box1[0] + box1[2] / 2, box2[0] + box2[2] / 2)
    top = max(box1[1] - box1[3] / 2, box2[1] - box2[3] / 2)
    bottom = min(box1[1] + box1[3] / 2, box2[1] + box2[3] / 2)
    if right <= left or bottom <= top:
        return 0.0
    intersection = (right - left) * (bottom - top)
    return intersection / (box1[2] * box1[3] + box2[2] * box2[3] - intersection)


def textbook_conv2d(inputs, kernel, bias, stride=1, padding=0):
    inputs = np.pad(inputs, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    batch, height, width, _ = inputs.shape
    kernel_height, kernel_width, _, out_channels = kernel.shape
    out_height = (height - kernel_height) // stride + 1
    out_width = (width - kernel_width) // stride + 1
    out = np.zeros((batch, out_height, out_width, out_channels))
    for n in range(batch):
        for i in range(out_height):
            for j in range(out_width):
                for c in range(out_channels):
                    y, x = i * stride, j * stride
                    patch = inputs[n, y : y + kernel_height, x : x + kernel_width]
                    out[n, i, j, c] = np.sum(patch * kernel[..., c]) + bias[c]
    return out


def textbook_lloyd(X, centroids):
    while True:
        distances = ((X[:, None] - centroids[None]) ** 2).sum(axis=2)
        labels = distances.argmin(axis=1)
        moved = np.array([X[labels == c].mean(axis=0) for c in range(len(centroids))])
        if np.allclose(moved, centroids, rtol=0, atol=1e-12):
            return centroids, labels
        centroids = moved


def textbook_py_nms(dets, thresh):
    x1, y1, x2, y2, scores = dets.T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    order = scores.argsort()[::-1]
    keep = []
    while order.size > 0:
        i = order[0]
        keep.append(int(i))
        w = np.maximum(0.0, np.minimum(x2[i], x2[order[1:]]) - np.maximum(x1[i], x1[order[1:]]) + 1)
        h = np.maximum(0.0, np.minimum(y2[i], y2[order[1:]]) - np.maximum(y1[i], y1[order[1:]]) + 1)
        inter = w * h
        overlap = inter / (areas[i] + areas[order[1:]] - inter)
        order = order[np.where(overlap <= thresh)[0] + 1]
    return keep


def textbook_auc_calculate(labels, preds, n_bins=100):
    positives = sum(labels)
    negatives = len(labels) - positives
    positive_bins, negative_bins = [0] * n_bins, [0] * n_bins
    for label, pred in zip(labels, preds, strict=True):
        nth_bin = int(pred / (1.0 / n_bins))
        if label == 1:
            positive_bins[nth_bin] += 1
        else:
            negative_bins[nth_bin] += 1
    accumulated, satisfied = 0, 0
    for i in range(n_bins):
        satisfied += positive_bins[i] * accumulated + positive_bins[i] * negative_bins[i] * 0.5
        accumulated += negative_bins[i]
    return satisfied / (positives * negatives)


def test_iou_is_the_textbooks():
    rng = np.random.default_rng(1)
    boxes = np.concatenate([rng.uniform(0, 20, (40, 2)), rng.uniform(1, 9, (40, 2))], axis=1)
    for box1, box2 in itertools.pairwise(boxes):
        assert classic.iou(box1, box2) == pytest.approx(textbook_iou(box1, box2), rel=1e-14, abs=0)


def test_iou_mends_the_textbooks_faults():
    assert classic.iou([5, 5, 0, 0], [5, 5, 0, 0]) == 0
    assert classic.iou([5, 5, -2, 2], [5, 5, 2, 2]) == 0
    assert type(classic.iou([1, 1, 2, 2], [1, 1, 2, 2])) is float
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="box"):
            classic.iou([5, 5, value, 2], [5, 5, 2, 2])
    with pytest.raises(ValueError, match=r"box2: expected shape \(4,\), got \(1, 4\)"):
        classic.iou([1, 1, 2, 2], [[1, 1, 2, 2]])


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1), (3, 2)])
def test_conv2d_is_the_textbooks(stride, padding):
    rng = np.random.default_rng(2)
    inputs = rng.integers(-9, 10, (2, 7, 8, 3)).astype(np.float64)
    kernel = rng.integers(-9, 10, (3, 2, 3, 4)).astype(np.float64)
    bias = rng.integers(-9, 10, 4).astype(np.float64)
    expected = textbook_conv2d(inputs, kernel, bias, stride, padding)
    # Integer values: every sum is exact, whatever its order.
    np.testing.assert_array_equal(classic.conv2d(inputs, kernel, bias, stride, padding), expected)
    np.testing.assert_array_equal(classic.conv2d(inputs, kernel, bias, stride=stride, padding=padding), expected)
    assert classic.conv2d(inputs.astype("f4"), kernel.astype("f4"), None, stride, padding).dtype == np.float32


def test_conv2d_mends_the_textbooks_faults():
    with pytest.raises(ValueError, match="kernel"):
        classic.conv2d(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1)), [0.0])
    assert classic.conv2d(np.ones((1, 2, 2, 1), int), np.ones((1, 1, 1, 1), int), [1]).dtype == np.float64


def test_kmeans_starts_the_same_at_each_call():
    X = np.random.default_rng(0).uniform(size=(200, 2))
    first = classic.kmeans(X, 9)
    np.random.default_rng().random()
    again = classic.kmeans(X, 9)
    assert first[0].tobytes() == again[0].tobytes() and first[1].tobytes() == again[1].tobytes()


def test_kmeans_ends_where_lloyd_ends():
    rng = np.random.default_rng(3)
    middles = np.array([[0.0, 0, 0], [30, 0, 0], [0, 30, 0], [0, 0, 30]])
    X = np.repeat(middles, 25, axis=0) + rng.normal(size=(100, 3))
    centroids, labels = classic.kmeans(X, 4)
    expected_centroids, expected_labels = textbook_lloyd(X, np.asarray(centroids, np.float64))
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_allclose(centroids, expected_centroids, rtol=0, atol=1e-12)
    # The four groups, whatever their numbers.
    assert [len(set(labels[i : i + 25])) for i in range(0, 100, 25)] == [1, 1, 1, 1]
    assert len(set(labels)) == 4


def test_kmeans_mends_the_empty_cluster():
    centroids, labels = classic.kmeans([[0.0], [0.0], [0.0], [5.0]], 3)
    assert np.isfinite(centroids).all()
    assert len(labels) == 4


@pytest.mark.parametrize("thresh", [0.0, 0.3, 0.5, 1.0])
def test_py_nms_is_the_textbooks(thresh):
    boxes = cases.random_boxes(300, np.float64, seed=4)
    scores = np.random.default_rng(4).permutation(300) / 300  # no ties: their order is a listed difference
    dets = np.concatenate([boxes, scores[:, None]], axis=1)
    keep = classic.py_nms(dets, thresh)
    assert keep == textbook_py_nms(dets, thresh)
    assert type(keep) is list and all(type(i) is int for i in keep)


def test_py_nms_mends_the_textbooks_faults():
    assert classic.py_nms(np.empty((0, 5)), 0.5) == []
    assert classic.py_nms([], 0.5) == []
    same = [[0, 0, 9, 9, 0.5], [40, 40, 49, 49, 0.5], [80, 80, 89, 89, 0.5]]
    assert classic.py_nms(same, 0.5) == [0, 1, 2]
    crossed = [[10, 10, 0, 0, 0.9], [0, 0, 9, 9, 0.8]]  # its area is (0 - 10 + 1)**2 in the textbook
    assert classic.py_nms(crossed, 0.1) == [0, 1]
    with pytest.raises(ValueError, match="dets"):
        classic.py_nms(np.zeros((3, 4)), 0.5)
    with pytest.raises(ValueError, match="nan"):
        classic.py_nms([[0, 0, 9, np.nan, 0.5]], 0.5)
    for threshold in (-0.1, 1.1):
        with pytest.raises(ValueError, match="threshold"):
            classic.py_nms(same, threshold)


@pytest.mark.parametrize("n_bins", [1, 2, 100, 1000])
def test_auc_calculate_is_the_textbooks(n_bins):
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 500)
    preds = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 0.999)
    expected = textbook_auc_calculate(labels.tolist(), preds.tolist(), n_bins)
    # Counts of this size are exact in the textbook's floats too.
    assert classic.auc_calculate(labels, preds, n_bins) == expected
    assert classic.auc_calculate(labels.tolist(), preds.tolist(), n_bins=n_bins) == expected


def test_auc_calculate_mends_the_textbooks_faults():
    assert classic.auc_calculate([0, 1], [0.2, 1.0]) == 1.0
    with pytest.raises(ValueError, match=r"scores\[1\]"):
        classic.auc_calculate([0, 1], [0.2, 1.5])
    with pytest.raises(ValueError, match="labels"):
        classic.auc_calculate([1, 1], [0.2, 0.5])
