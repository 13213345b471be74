"""fastgeo.compat.torchvision beside torchvision.ops: every sameness and every difference that its docstring states."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from cases import random_boxes

import fastgeo
from fastgeo.compat import torchvision as ours

torch = pytest.importorskip("torch", reason="needs PyTorch")
theirs = pytest.importorskip("torchvision.ops", reason="needs torchvision")

PAIRWISE = ["box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"]


def boxes(n, dtype=np.float32, seed=0):
    return torch.from_numpy(random_boxes(n, dtype, seed) + dtype([0, 0, 1, 1]))


def same(actual, expected):
    assert isinstance(actual, torch.Tensor)
    assert (actual.dtype, actual.shape, actual.device) == (expected.dtype, expected.shape, expected.device)
    assert torch.equal(actual, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["box_iou", "generalized_box_iou"])
def test_same_bits(name, dtype):
    a, b = boxes(60, dtype), boxes(70, dtype, seed=1)
    same(getattr(ours, name)(a, b), getattr(theirs, name)(a, b))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["distance_box_iou", "complete_box_iou"])
def test_same_but_for_eps(name, dtype):
    a, b = boxes(60, dtype), boxes(70, dtype, seed=1)
    actual, expected = getattr(ours, name)(a, b), getattr(theirs, name)(a, b)
    assert actual.dtype is expected.dtype
    # the diagonals are at least 1, so 1e-7 added to their squares changes a ratio by at most 1e-7
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6 if dtype == np.float32 else 2e-7)


@pytest.mark.parametrize("fmt", ["xywh", "cxcywh"])
def test_formats(fmt):
    a, b = boxes(30), boxes(40, seed=1)
    torch.testing.assert_close(ours.box_iou(a, b, fmt), theirs.box_iou(a, b, fmt), rtol=1e-5, atol=1e-6)
    same(ours.box_area(a, fmt), theirs.box_area(a, fmt))


def test_rotated():
    rng = np.random.default_rng(0)
    a, b = (
        torch.from_numpy(
            np.column_stack([rng.uniform(0, 20, (n, 2)), rng.uniform(2, 9, (n, 2)), rng.uniform(-180, 180, n)])
        )
        for n in (20, 30)
    )
    actual, expected = ours.box_iou(a, b, "cxcywhr"), theirs.box_iou(a, b, "cxcywhr")
    assert actual.dtype is torch.float64
    assert expected.dtype is torch.float32
    torch.testing.assert_close(actual, expected.double(), rtol=0, atol=1e-5)
    assert ours.box_iou(a.float(), b.float(), "cxcywhr").dtype is torch.float32
    with pytest.raises(ValueError, match="fmt: expected one of"):
        ours.box_iou(boxes(2), boxes(2), "xyxyxyxy")
    with pytest.raises(ValueError, match="boxes: expected shape"):
        ours.box_convert(a, "xywhr", "cxcywhr")


@pytest.mark.parametrize("shape1", [(2, 3, 5), (1, 3, 5), (5,)])
def test_leading_axes(shape1):
    a = boxes(int(np.prod(shape1))).reshape(*shape1, 4)
    b = boxes(42, seed=1).reshape(2, 3, 7, 4)
    for name in ("box_iou", "generalized_box_iou"):
        same(getattr(ours, name)(a, b), getattr(theirs, name)(a, b))
    same(ours.box_area(b), theirs.box_area(b))
    same(ours.box_convert(b, "xyxy", "cxcywh"), theirs.box_convert(b, "xyxy", "cxcywh"))
    same(ours.clip_boxes_to_image(b, (50, 60)), theirs.clip_boxes_to_image(b, (50, 60)))


def test_empty_leading_axis():
    a = torch.zeros(0, 3, 4)
    same(ours.box_iou(a, a), theirs.box_iou(a, a))


@pytest.mark.parametrize("n", [0, 1, 20, 300, 1500])
def test_nms(n):
    b = boxes(n)
    # few distinct scores: ties are kept in the order of their indices
    scores = torch.from_numpy(np.random.default_rng(n).integers(0, 50, n).astype(np.float32))
    idxs = torch.arange(n) % 3
    for threshold in (0.0, 0.3, 0.5, 1.0):
        same(ours.nms(b, scores, threshold), theirs.nms(b, scores, threshold))
    by_class = sorted(
        (int(i) for c in range(3) for i in torch.where(idxs == c)[0][theirs.nms(b[idxs == c], scores[idxs == c], 0.4)]),
        key=lambda i: (-float(scores[i]), i),
    )
    assert ours.batched_nms(b, scores, idxs, 0.4).tolist() == by_class


def test_batched_nms_many_boxes():
    # above 1000 boxes torchvision leaves its offsets, so both compare the boxes themselves
    b, scores, idxs = boxes(1200), torch.rand(1200), torch.arange(1200) % 7
    same(ours.batched_nms(b, scores, idxs, 0.5), theirs.batched_nms(b, scores, idxs, 0.5))


def test_batched_nms_is_not_rounded_by_offsets():
    # IoU 0.496; torchvision shifts class 10**5 by 1.01e7, where float32 holds whole numbers only: 49.6 becomes 50
    boxes_of_class = torch.tensor([[0.0, 0, 100, 1], [0.0, 0, 49.6, 1]])
    scores, idxs = torch.tensor([0.9, 0.8]), torch.tensor([10**5, 10**5])
    assert theirs.batched_nms(boxes_of_class, scores, idxs, 0.498).tolist() == [0]
    assert ours.batched_nms(boxes_of_class, scores, idxs, 0.498).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.int64, torch.int8])
def test_types_of_small_functions(dtype):
    b = boxes(40).round().clamp(max=60).to(dtype)  # sums fit into int8
    same(ours.box_area(b), theirs.box_area(b))
    same(ours.clip_boxes_to_image(b, (50, 60)), theirs.clip_boxes_to_image(b, (50, 60)))
    for pair in [("xyxy", "xywh"), ("xyxy", "cxcywh"), ("xyxy", "xyxy")]:
        same(ours.box_convert(b, *pair), theirs.box_convert(b, *pair))
    for in_fmt, out_fmt in [("xywh", "xyxy"), ("cxcywh", "xyxy"), ("xywh", "cxcywh"), ("cxcywh", "xywh")]:
        narrow = b.clamp(max=40)
        same(ours.box_convert(narrow, in_fmt, out_fmt), theirs.box_convert(narrow, in_fmt, out_fmt))
    same(ours.remove_small_boxes(b, 10), theirs.remove_small_boxes(b, 10))


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64])
@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_integer_tensors_give_the_default_type(dtype, default):
    a, b = boxes(30).round().clamp(max=200).to(dtype), boxes(20, seed=1).round().clamp(max=200).to(dtype)
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        for name in ("box_iou", "generalized_box_iou"):
            actual, expected = getattr(ours, name)(a, b), getattr(theirs, name)(a, b)
            assert actual.dtype is expected.dtype is default
            torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)
    finally:
        torch.set_default_dtype(before)


def test_integers_do_not_wrap():
    a, b = torch.tensor([[0, 0, 2, 2]], dtype=torch.uint8), torch.tensor([[4, 4, 6, 6]], dtype=torch.uint8)
    assert theirs.box_iou(a, b).item() != 0  # 2 - 4 is 254 there
    assert ours.box_iou(a, b).item() == 0


def test_integer_and_float():
    a, b = boxes(30).round().long(), boxes(20, seed=1)
    actual, expected = ours.box_iou(a, b), theirs.box_iou(a, b)
    assert actual.dtype is expected.dtype is torch.float32
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_floats(dtype):
    a = torch.tensor([[0, 0, 2, 2], [1, 1, 3, 4]], dtype=dtype)
    same(ours.box_iou(a, a), theirs.box_iou(a, a))
    same(ours.box_area(a), theirs.box_area(a))
    same(ours.box_convert(a, "xyxy", "cxcywh"), theirs.box_convert(a, "xyxy", "cxcywh"))
    assert ours.nms(a, torch.ones(2), 0.5).tolist() == [0, 1]


def test_half_floats_are_not_rounded_in_between():
    a, b = torch.tensor([[0.1, 0, 1000, 10]]).half(), torch.tensor([[0.3, 0, 999, 10]]).half()
    exact = theirs.box_iou(a.double(), b.double()).item()
    # torchvision subtracts in float16
    assert abs(theirs.box_iou(a, b).item() - exact) > 1e-4
    assert abs(ours.box_iou(a, b).item() - exact) < 1e-6


@pytest.mark.parametrize("name", ["distance_box_iou", "complete_box_iou"])
def test_eps_has_no_effect(name):
    a, tiny = boxes(9), boxes(9) * 1e-4
    same(getattr(ours, name)(a, a, 1.0), getattr(ours, name)(a, a))
    assert not torch.allclose(getattr(theirs, name)(tiny, tiny.flip(0)), getattr(ours, name)(tiny, tiny.flip(0)))


@pytest.mark.parametrize("name", PAIRWISE)
def test_memory_is_shared_both_ways(monkeypatch, name):
    kernel = getattr(fastgeo, name)
    seen = []

    def spy(*arrays, **options):
        result = kernel(*arrays, **options)
        seen.extend([*(array.ctypes.data for array in arrays), result.ctypes.data])
        return result

    monkeypatch.setattr(fastgeo, name, spy)
    a, b = boxes(5), boxes(6, seed=1)
    result = getattr(ours, name)(a, b)
    assert seen == [a.data_ptr(), b.data_ptr(), result.data_ptr()]


def test_nms_shares_memory(monkeypatch):
    kernel, seen = fastgeo.nms, []

    def spy(b, scores, threshold):
        keep = kernel(b, scores, threshold)
        seen.extend(array.ctypes.data for array in (b, scores, keep))
        return keep

    monkeypatch.setattr(fastgeo, "nms", spy)
    b, scores = boxes(5), torch.rand(5)
    keep = ours.nms(b, scores, 0.5)
    assert seen == [b.data_ptr(), scores.data_ptr(), keep.data_ptr()]


def test_strided_tensors():
    a = boxes(20)
    transposed = a.T.contiguous().T
    same(ours.box_iou(transposed, a[::2]), theirs.box_iou(transposed, a[::2]))


def test_numpy_in_numpy_out():
    a = random_boxes(10)
    for name in PAIRWISE:
        result = getattr(ours, name)(a, a)
        assert type(result) is np.ndarray
        assert result.dtype == np.float32
    assert type(ours.nms(a, np.ones(10), 0.5)) is np.ndarray
    assert type(ours.batched_nms(a, np.ones(10), np.zeros(10, int), 0.5)) is np.ndarray
    assert type(ours.remove_small_boxes(a, 1)) is np.ndarray
    assert type(ours.box_area(a)) is type(ours.clip_boxes_to_image(a, (9, 9))) is np.ndarray
    assert type(ours.box_convert(a, "xyxy", "xywh")) is np.ndarray
    assert type(ours.box_iou([[0, 0, 1, 1]], [[0, 0, 1, 1]])) is np.ndarray
    assert ours.box_iou(np.array([[0, 0, 1, 1]]), np.array([[0, 0, 1, 1]])).dtype == np.float64


def test_torch_is_not_imported():
    code = "import sys, fastgeo.compat.torchvision as t; t.box_iou([[0, 0, 1, 1]], [[0, 0, 1, 1]])"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


CALLS = {
    **{name: (lambda b, name=name: getattr(ours, name)(b, b)) for name in PAIRWISE},
    "box_area": ours.box_area,
    "box_convert": lambda b: ours.box_convert(b, "xyxy", "xywh"),
    "clip_boxes_to_image": lambda b: ours.clip_boxes_to_image(b, (9, 9)),
}
INDEX_CALLS = {
    "nms": lambda b: ours.nms(b, b[:, 0], 0.5),
    "batched_nms": lambda b: ours.batched_nms(b, b[:, 0], torch.zeros(len(b), dtype=torch.int64, device=b.device), 0.5),
    "remove_small_boxes": lambda b: ours.remove_small_boxes(b, 1),
}


@pytest.mark.parametrize("name", [*CALLS, "nms", "batched_nms", "remove_small_boxes"])
def test_cuda_tensors_raise(name):
    # A fake tensor says that it lies on a GPU, which no machine that tests needs to have.
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        b, scores, idxs = (torch.empty(shape, device="cuda") for shape in [(3, 4), (3,), (3,)])
    calls = {
        **CALLS,
        "nms": lambda b: ours.nms(b, scores, 0.5),
        "batched_nms": lambda b: ours.batched_nms(b, scores, idxs, 0.5),
        "remove_small_boxes": lambda b: ours.remove_small_boxes(b, 1),
    }
    with pytest.raises(TypeError, match=r"expected a tensor on the CPU, got one on cuda:0; call \.cpu\(\) first"):
        calls[name](b)


@pytest.mark.parametrize("name", [*CALLS, *INDEX_CALLS])
def test_other_devices_raise(name):
    call = {**CALLS, **INDEX_CALLS}[name]
    with pytest.raises(TypeError, match=r"expected a tensor on the CPU, got one on meta; call \.cpu\(\) first"):
        call(torch.zeros(3, 4, device="meta"))


@pytest.mark.parametrize("name", CALLS)
def test_gradients_raise(name):
    b = boxes(3)
    expected = CALLS[name](b)
    b.requires_grad_()
    with pytest.raises(ValueError, match=r"got requires_grad; call \.detach\(\) first"):
        CALLS[name](b)
    same(CALLS[name](b.detach()), expected)
    with torch.no_grad():
        same(CALLS[name](b), expected)


@pytest.mark.parametrize("name", INDEX_CALLS)
def test_indices_need_no_gradient(name):
    b = boxes(9)
    expected = INDEX_CALLS[name](b)
    same(INDEX_CALLS[name](b.requires_grad_()), expected)


@pytest.mark.parametrize("name", ours.__all__)
def test_same_signature(name):
    actual, expected = (inspect.signature(getattr(module, name)).parameters for module in (ours, theirs))
    # an older torchvision has no `fmt` yet
    assert [p for p in actual if p != "fmt" or "fmt" in expected] == list(expected)
    for parameter, other in expected.items():
        assert (actual[parameter].default, actual[parameter].kind) == (other.default, other.kind)


def test_subclasses_of_tensor():
    from torchvision.tv_tensors import BoundingBoxes

    a = BoundingBoxes(boxes(9), format="XYXY", canvas_size=(50, 50))
    for call in (lambda module: module.box_iou(a, a), lambda module: module.clip_boxes_to_image(a, (9, 9))):
        assert type(call(ours)) is type(call(theirs)) is torch.Tensor
        same(call(ours), call(theirs))


@pytest.mark.filterwarnings("ignore")  # both are deprecated
def test_no_script_and_no_trace():
    a = boxes(3)
    with pytest.raises(torch.jit.frontend.NotSupportedError):
        torch.jit.script(ours.box_iou)
    with pytest.raises(RuntimeError, match="cannot be traced"):
        torch.jit.trace(ours.box_iou, (a, a))

    class Module(torch.nn.Module):
        def forward(self, x):
            return ours.box_area(x)

    with pytest.raises(RuntimeError, match="numpy"):
        torch.export.export(Module(), (a,))


@pytest.mark.filterwarnings("ignore")
def test_compiled_functions_call_it():
    compiled = torch.compile(lambda x, y: ours.box_iou(x * 2, y * 2) + 1, backend="eager")
    for n in (3, 4):  # nothing of the first call stays in the second
        a, b = boxes(n), boxes(5, seed=1)
        same(compiled(a, b), theirs.box_iou(a * 2, b * 2) + 1)


def test_lists_beside_a_tensor():
    a = boxes(4)
    same(ours.box_iou(a, a.tolist()), theirs.box_iou(a, a))
    assert isinstance(ours.nms(a.tolist(), torch.rand(4), 0.5), torch.Tensor)


def test_sparse_tensors_raise():
    with pytest.raises(TypeError, match="expected a dense tensor"):
        ours.box_area(torch.zeros(3, 4).to_sparse())


def test_not_a_number_raises():
    with pytest.raises(ValueError, match=r"boxes1\[0, 0\]"):
        ours.box_iou(torch.full((1, 4), torch.nan), boxes(1))
    for value in (torch.inf, 2.0**61):
        with pytest.raises(ValueError, match=r"boxes\[0, 0\]"):
            ours.nms(torch.full((1, 4), value), torch.ones(1), 0.5)
    with pytest.raises(ValueError, match=r"scores\[0\]"):
        ours.nms(boxes(1), torch.tensor([torch.nan]), 0.5)


def test_degenerate_boxes():
    crossed, empty = torch.tensor([[3.0, 3, 1, 1]]), torch.tensor([[1.0, 1, 1, 1]])
    assert theirs.box_area(crossed).item() == 4
    assert ours.box_area(crossed).item() == 0
    whole = torch.tensor([[0.0, 0, 4, 4]])
    assert theirs.box_iou(crossed, whole).item() == theirs.box_iou(crossed, crossed).item() == 0
    assert ours.box_iou(crossed, whole).item() == ours.box_iou(crossed, crossed).item() == 0
    assert torch.isnan(theirs.box_iou(empty, empty)).item()
    assert ours.box_iou(empty, empty).item() == 0


def test_nms_of_mixed_types():
    b, scores = boxes(50), torch.rand(50)
    with pytest.raises(RuntimeError):
        theirs.nms(b, scores.double(), 0.5)
    same(ours.nms(b, scores.double(), 0.5), theirs.nms(b, scores, 0.5))
    for other in (b.long(), b.half()):
        with pytest.raises(RuntimeError):
            theirs.nms(other, scores.to(other.dtype), 0.5)
        same(ours.nms(other, scores, 0.5), theirs.nms(other.float(), scores, 0.5))


def test_whole_numbers_clipped_to_a_fraction():
    b = torch.tensor([[0, 0, 20, 30]])
    clipped = ours.clip_boxes_to_image(b, (9.5, 7.5))
    assert clipped.dtype is torch.int64
    assert clipped.tolist() == [[0, 0, 7, 9]]


def test_classes_must_be_integers():
    assert len(theirs.batched_nms(boxes(2), torch.rand(2), torch.zeros(2), 0.5)) > 0
    with pytest.raises(TypeError, match="idxs"):
        ours.batched_nms(boxes(2), torch.rand(2), torch.zeros(2), 0.5)


def boxes_of(*shape):
    return torch.zeros(shape)


SHAPES = {
    "nms, boxes of one axis": lambda m: m.nms(boxes_of(4), boxes_of(4), 0.5),
    "nms, five columns": lambda m: m.nms(boxes_of(3, 5), boxes_of(3), 0.5),
    "nms, scores of two axes": lambda m: m.nms(boxes_of(3, 4), boxes_of(3, 1), 0.5),
    "nms, lengths": lambda m: m.nms(boxes_of(3, 4), boxes_of(2), 0.5),
    "batched_nms, lengths": lambda m: m.batched_nms(
        boxes_of(3, 4), boxes_of(3), torch.zeros(2, dtype=torch.int64), 0.5
    ),
    "batched_nms, five columns": lambda m: m.batched_nms(boxes_of(3, 5), boxes_of(3), torch.zeros(3).long(), 0.5),
    "box_iou, five columns": lambda m: m.box_iou(boxes_of(2, 5), boxes_of(3, 4)),
    "box_iou, leading axes": lambda m: m.box_iou(boxes_of(2, 1, 4), boxes_of(3, 1, 4)),
    "generalized_box_iou, five columns": lambda m: m.generalized_box_iou(boxes_of(2, 5), boxes_of(3, 4)),
    "distance_box_iou, leading axes": lambda m: m.distance_box_iou(boxes_of(2, 1, 4), boxes_of(3, 1, 4)),
    "complete_box_iou, five columns": lambda m: m.complete_box_iou(boxes_of(2, 5), boxes_of(3, 4)),
    "clip_boxes_to_image, three columns": lambda m: m.clip_boxes_to_image(boxes_of(2, 3), (5, 5)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_handler_of_torchs_errors_sees_wrong_shapes(name):
    with pytest.raises(RuntimeError):
        SHAPES[name](theirs)
    with pytest.raises(RuntimeError, match="expected ") as raised:
        SHAPES[name](ours)
    assert isinstance(raised.value, ValueError)  # and a handler of fastgeo's


def test_arrays_keep_fastgeos_errors():
    with pytest.raises(ValueError, match="boxes: expected shape") as raised:
        ours.nms(np.zeros((3, 5)), np.zeros(3), 0.5)
    assert type(raised.value) is ValueError


@pytest.mark.parametrize("threshold", [1.0, 1.5, 2, float("inf")])
def test_thresholds_above_one(threshold):
    boxes, scores = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 8.9]]), torch.tensor([0.7, 0.9, 0.8])
    idxs = torch.zeros(3, dtype=torch.int64)
    assert ours.nms(boxes, scores, threshold).tolist() == theirs.nms(boxes, scores, threshold).tolist()
    expected = theirs.batched_nms(boxes, scores, idxs, threshold).tolist()
    assert ours.batched_nms(boxes, scores, idxs, threshold).tolist() == expected
    for bad in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="iou_threshold: expected a number from 0 to inf"):
            ours.nms(boxes, scores, bad)


@pytest.mark.parametrize("shape", [(0, 4), (0,), (0, 5)])
def test_batched_nms_of_nothing_asks_for_nothing(shape):
    expected = theirs.batched_nms(torch.zeros(shape), None, None, None)
    actual = ours.batched_nms(torch.zeros(shape), None, None, None)
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert ours.batched_nms([], None, None, None).shape == (0,)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # it is on its way out
def test_tensors_that_are_not_plain_are_named_with_the_remedy():
    boxes, scores = torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([0.5])
    quantized = torch.quantize_per_tensor(boxes, 0.1, 0, torch.quint8)
    for function in (lambda b: ours.nms(b, scores, 0.5), ours.box_area, lambda b: ours.box_iou(b, boxes)):
        with pytest.raises(
            TypeError, match=r"boxes1?: expected a tensor that is not quantized, .*call \.dequantize\(\)"
        ):
            function(quantized)
        with pytest.raises(TypeError, match=r"boxes1?: expected a dense tensor, .*call \.to_dense\(\) first"):
            function(boxes.to_sparse())


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_of_eight_bits(name):
    dtype = getattr(torch, name, None)
    if dtype is None:
        pytest.skip(f"this PyTorch has no {name}")
    boxes = torch.tensor([[0.0, 0, 8, 8], [2, 0, 8, 4]]).to(dtype)
    assert ours.box_area(boxes).tolist() == theirs.box_area(boxes).tolist() == [64, 24]
