"""fastgeo.compat.onnx beside ONNX Runtime and the reference evaluator of onnx."""

import itertools

import numpy as np
import pytest

from fastgeo.compat import onnx as ours

onnx = pytest.importorskip("onnx", reason="needs onnx")
evaluator = pytest.importorskip("onnx.reference", reason="needs onnx").ReferenceEvaluator
runtime = pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")

OPSET = 22


def run(operator, inputs, n_outputs=1, reference=False, **attributes):
    """The operator's answer in ONNX Runtime, or in onnx's own evaluator; None inputs are left out."""
    names = [f"x{i}" if value is not None else "" for i, value in enumerate(inputs)]
    outputs = [f"y{i}" for i in range(n_outputs)]
    node = onnx.helper.make_node(operator, names, outputs, **attributes)
    present = {name: value for name, value in zip(names, inputs, strict=True) if name}
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [info(n, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in present.items()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=10)
    if reference:
        answers = evaluator(model).run(None, present)
    else:
        model = onnx.shape_inference.infer_shapes(model)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        answers = session.run(None, present)
    return answers[0] if n_outputs == 1 else tuple(answers)


def images(shape=(2, 3, 9, 11), dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


WINDOWS = [
    {},
    {"strides": [2, 3]},
    {"pads": [1, 0, 1, 1]},
    {"pads": [1, 1, 1, 1], "strides": [2, 2]},
    {"pads": [0, 1, 1, 0], "strides": [3, 2]},
    {"dilations": [2, 3]},
    {"dilations": [2, 1], "pads": [1, 1, 1, 1], "strides": [2, 2]},
    *({"auto_pad": auto, "strides": s} for auto in ("SAME_UPPER", "SAME_LOWER", "VALID") for s in ([1, 1], [2, 3])),
]


def label(value):
    return "-".join(f"{name}={v}" for name, v in value.items()) or "plain" if isinstance(value, dict) else None


@pytest.mark.parametrize("window", WINDOWS, ids=label)
@pytest.mark.parametrize("group", [1, 3])
def test_conv(window, group):
    X, W, B = images(), images((6, 3 // group, 3, 2), seed=1), images((6,), seed=2)
    for bias in (None, B):
        actual = ours.Conv(X, W, bias, group=group, kernel_shape=[3, 2], **window)
        expected = run("Conv", [X, W, bias], group=group, kernel_shape=[3, 2], **window)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_conv_types(dtype):
    X, W = images(dtype=dtype), images((4, 3, 3, 3), dtype, seed=1)
    actual, expected = ours.Conv(X, W), run("Conv", [X, W], reference=True)
    assert actual.dtype == expected.dtype == dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=5e-2 if dtype == np.float16 else 1e-13)


CEILS = list(itertools.product(WINDOWS, [0, 1]))


@pytest.mark.parametrize(("window", "ceil_mode"), CEILS, ids=label)
def test_max_pool(window, ceil_mode):
    X = images()
    attributes = {"kernel_shape": [3, 2], "ceil_mode": ceil_mode, **window}
    expected = run("MaxPool", [X], **attributes)
    np.testing.assert_array_equal(ours.MaxPool(X, **attributes), expected, strict=True)
    for storage_order in (0, 1):
        Y, indices = ours.MaxPool(X, **attributes, storage_order=storage_order, return_indices=True)
        expected, expected_indices = run("MaxPool", [X], n_outputs=2, storage_order=storage_order, **attributes)
        np.testing.assert_array_equal(Y, expected, strict=True)
        np.testing.assert_array_equal(indices, expected_indices, strict=True)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_max_pool_of_whole_numbers(dtype):
    X = np.random.default_rng(0).integers(-100 if dtype == np.int8 else 0, 100, (1, 2, 7, 8)).astype(dtype)
    for attributes in ({}, {"pads": [1, 1, 1, 1]}):
        expected = run("MaxPool", [X], kernel_shape=[3, 3], **attributes)
        np.testing.assert_array_equal(ours.MaxPool(X, kernel_shape=[3, 3], **attributes), expected, strict=True)


@pytest.mark.parametrize(("window", "ceil_mode"), CEILS, ids=label)
@pytest.mark.parametrize("count_include_pad", [0, 1])
def test_average_pool(window, ceil_mode, count_include_pad):
    X = images()
    attributes = {"kernel_shape": [3, 2], "ceil_mode": ceil_mode, "count_include_pad": count_include_pad, **window}
    actual, expected = ours.AveragePool(X, **attributes), run("AveragePool", [X], **attributes)
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("window", "ceil_mode"), CEILS, ids=label)
@pytest.mark.parametrize("p", [1, 2, 3])
def test_lp_pool(window, ceil_mode, p):
    X = images()
    attributes = {"kernel_shape": [3, 2], "ceil_mode": ceil_mode, "p": p, **window}
    actual, expected = ours.LpPool(X, **attributes), run("LpPool", [X], **attributes)
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("center_point_box", [0, 1])
@pytest.mark.parametrize("count", [None, 0, 2, 100])
@pytest.mark.parametrize("iou_threshold", [None, 0.3, 0.7])
@pytest.mark.parametrize("score_threshold", [None, 0.5])
def test_non_max_suppression(center_point_box, count, iou_threshold, score_threshold):
    rng = np.random.default_rng(0)
    # corners on both diagonals; few distinct scores
    boxes = rng.uniform(0, 10, (2, 40, 4)).astype(np.float32)
    if not center_point_box:
        boxes[..., 2:] = boxes[..., :2] + rng.uniform(-5, 5, (2, 40, 2)).astype(np.float32)
    scores = (rng.integers(0, 20, (2, 3, 40)) / 20).astype(np.float32)
    inputs = [
        boxes,
        scores,
        None if count is None else np.array([count], np.int64),
        None if iou_threshold is None else np.array([iou_threshold], np.float32),
        None if score_threshold is None else np.array([score_threshold], np.float32),
    ]
    actual = ours.NonMaxSuppression(*inputs, center_point_box=center_point_box)
    assert actual.dtype == np.int64
    if count is None:  # ONNX Runtime rejects a missing input before a present one; the definition's default is 0
        assert actual.shape == (0, 3)
        return
    np.testing.assert_array_equal(actual, run("NonMaxSuppression", inputs, center_point_box=center_point_box))


def test_other_numbers_of_axes_raise():
    for shape in [(1, 1, 9), (1, 1, 3, 3, 3)]:
        with pytest.raises(ValueError, match=r"X: expected shape \(N, C, H, W\)"):
            ours.AveragePool(np.ones(shape), kernel_shape=[1] * (len(shape) - 2))


def test_half_floats_are_rounded_once():
    X, W = images(dtype=np.float16), images((4, 3, 3, 3), np.float16, seed=1)
    in_single = ours.Conv(X.astype(np.float32), W.astype(np.float32))
    np.testing.assert_array_equal(ours.Conv(X, W), in_single.astype(np.float16), strict=True)
    bfloat16 = pytest.importorskip("ml_dtypes", reason="comes with onnx").bfloat16
    with pytest.raises(TypeError, match="X"):
        ours.Conv(X.astype(bfloat16), W)


def test_a_window_beside_the_input():
    # the first window lies wholly in the padding
    X = np.ones((1, 1, 2, 2), np.float32)
    Y, indices = ours.MaxPool(X, kernel_shape=[1, 1], pads=[1, 1, 1, 1], return_indices=True)
    assert Y[0, 0, 0, 0] == -np.inf and (Y[0, 0, 1:3, 1:3] == 1).all()
    assert indices[0, 0, 1:3, 1:3].tolist() == [[0, 1], [2, 3]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_box_raises(value):
    boxes, scores = np.array([[[0, 0, 1, 1], [0, 0, 1, value]]]), np.ones((1, 1, 2))
    with pytest.raises(ValueError, match="boxes"):
        ours.NonMaxSuppression(boxes, scores, 5, 0.5)
    with pytest.raises(ValueError, match="scores"):
        ours.NonMaxSuppression(np.ones((1, 2, 4)), np.array([[[1, np.nan]]]), 5, 0.5)


def test_numbers_for_arrays():
    boxes, scores = [[[0.0, 0, 1, 1], [0.0, 0, 1, 0.9]]], [[[0.5, 0.6]]]
    assert ours.NonMaxSuppression(boxes, scores, 5, 0.5).tolist() == [[0, 0, 1]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X: ours.MaxPool(X[0], kernel_shape=[2, 2]), r"X: expected shape \(N, C, H, W\)"),
        (lambda X: ours.MaxPool(X, kernel_shape=[2]), "kernel_shape: expected two numbers"),
        (lambda X: ours.MaxPool(X, kernel_shape=[2, 2], storage_order=2), "storage_order: expected 0 or 1"),
        (lambda X: ours.MaxPool(X, kernel_shape=[2, 2], auto_pad="SAME"), "auto_pad: expected one of"),
        (lambda X: ours.MaxPool(X, kernel_shape=[2, 2], pads=[1, 1]), "pads: expected four numbers"),
        (lambda X: ours.MaxPool(X, kernel_shape=[2, 2], pads=[1] * 4, auto_pad="VALID"), "pads: expected none"),
        (lambda X: ours.Conv(X, X[:, :, :2, :2], kernel_shape=[3, 3]), "kernel_shape: expected"),
        (lambda X: ours.NonMaxSuppression(X[0], X[:, 0, :2]), "boxes: expected shape"),
        (lambda X: ours.NonMaxSuppression(X[:, 0, :, :4], X[:, 0]), "scores: expected shape"),
        (lambda X: ours.NonMaxSuppression(X[:, 0, :, :4], X[:, 0, :, :9].swapaxes(1, 2), center_point_box=2), "center"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(images())
