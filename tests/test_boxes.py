"""The IoU family on upright boxes: literals worked by hand, kernels against the reference, properties, bad input."""

import math
import sys
from functools import cache

import numpy as np
import pytest
from cases import awkward_boxes, random_boxes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastgeo
from fastgeo import reference
from fastgeo.runtime.large_arrays import LARGE_PAGE, large_array
from fastgeo.testing import assert_same_answer

SAME_BITS = ["box_iou", "generalized_box_iou", "distance_box_iou", "box_ioa"]
WITHIN_ULPS = ["complete_box_iou", "scylla_box_iou"]
PAIRWISE = SAME_BITS + WITHIN_ULPS
KINDS = {
    "iou": "box_iou",
    "giou": "generalized_box_iou",
    "diou": "distance_box_iou",
    "ciou": "complete_box_iou",
    "siou": "scylla_box_iou",
}
FLOATS = [np.float32, np.float64]
FORMATS = ["xyxy", "xywh", "cxcywh"]


def assert_as_promised(name, actual, expected):
    """To the last bit, or within the stated 8 units of epsilon; values below -1.5 come from exchanged corners alone."""
    if name in SAME_BITS:
        assert_same_answer(actual, expected)
        return
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    bounded = expected >= -1.5
    np.testing.assert_allclose(actual[bounded], expected[bounded], rtol=0, atol=8 * np.finfo(expected.dtype).eps)
    assert (actual[~bounded] < -1).all()


def box_sets(dtype, max_size=40):
    """Boxes on a coarse grid, where ties and touching edges abound, or anywhere in the legal range."""
    limit = 2.0**60 if dtype == np.float32 else 2.0**508
    width = 32 if dtype == np.float32 else 64
    number = st.one_of(st.integers(-4, 4).map(float), st.floats(-limit, limit, width=width))
    shape = st.tuples(st.integers(0, max_size), st.just(4))
    return hnp.arrays(dtype, shape, elements=number)


UNIT = [[0, 0, 2, 2]]
OTHERS = [
    [0, 0, 2, 2],  # equal
    [1, 0, 3, 2],  # half over it: 2 in common
    [2, 0, 4, 2],  # touching edges
    [0, 0, 1, 1],  # contained
    [4, 0, 6, 2],  # apart by 2
    [1, 1, 0, 0],  # inverted: empty
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # areas 4 and 4, common 2: 2/6; containment 1/4
        ("box_iou", [1, 2 / 6, 0, 1 / 4, 0, 0]),
        # the hull is 3×2 (nothing wasted), 4×2 (nothing), 2×2 (nothing), 6×2 with 4 wasted, [0,0,2,2] clamped hull 0..2
        ("generalized_box_iou", [1, 2 / 6, 0, 1 / 4, -4 / 12, 0]),
        # squared centre distance / squared diagonal: 1/13, 4/20, 0.5/8, 16/40, 0.5/8
        ("distance_box_iou", [1, 2 / 6 - 1 / 13, -4 / 20, 1 / 4 - 0.5 / 8, -16 / 40, -0.5 / 8]),
        ("box_ioa", [1, 1 / 2, 0, 1 / 4, 0, 0]),
    ],
)
def test_literals(impl, dtype, name, expected):
    actual = getattr(impl, name)(np.array(UNIT, dtype), np.array(OTHERS, dtype))
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, np.array([expected], dtype), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_complete_literals(impl, dtype):
    # Equal aspects: as DIoU. 2×2 beside 2×4: IoU 1/2, centres apart by 1, diagonal² 20,
    # v = 4/π² (atan 1 - atan 1/2)², penalty v²/(1/2 + v). A point has aspect angle 0: v = 4/π² (π/4)².
    boxes = np.array([[0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 2, 4], [1, 1, 1, 1]], dtype)
    v = 4 / math.pi**2 * (math.pi / 4 - math.atan(1 / 2)) ** 2
    expected = [1, -4 / 20, 1 / 2 - 1 / 20 - v * v / (1 / 2 + v), -(0.25**2) / 1.25]
    actual = impl.complete_box_iou(np.array(UNIT, dtype), boxes)
    np.testing.assert_allclose(actual, np.array([expected], dtype), rtol=0, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_scylla_literals(impl, dtype):
    # Second box: apart along x only, so the angle cost is 0 and the distance cost 1 - exp(-2 (2/4)²).
    # Third: the centre 1 down, hull 2×4, distance cost 1 - exp(-2 (1/4)²), shape cost (1 - exp(-2/4))⁴.
    # Fourth: along the diagonal, so the angle cost is 1: distance cost 2 (1 - exp(-(2/4)²)).
    boxes = np.array([[0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 2, 4], [2, 2, 4, 4]], dtype)
    expected = [
        1,
        -(1 - math.exp(-0.5)) / 2,
        1 / 2 - (1 - math.exp(-0.125) + (1 - math.exp(-0.5)) ** 4) / 2,
        -(1 - math.exp(-0.25)),
    ]
    actual = impl.scylla_box_iou(np.array(UNIT, dtype), boxes)
    np.testing.assert_allclose(actual, np.array([expected], dtype), rtol=0, atol=4 * np.finfo(dtype).eps)


def test_inclusive_pixels(impl):
    # offset=1: [0, 0, 1, 1] covers 2×2 pixels and shares a 1×2 column with [1, 0, 2, 1]: 2 / (4 + 4 - 2)
    assert impl.box_iou([[0, 0, 1, 1]], [[1, 0, 2, 1]], offset=1)[0, 0] == 2 / 6
    assert impl.box_iou([[0, 0, 0, 0]], [[0, 0, 0, 0]], offset=1)[0, 0] == 1
    assert impl.box_ioa([[0, 0, 1, 1]], [[1, 0, 2, 1]], offset=1)[0, 0] == 1 / 2


def test_formats_describe_the_same_boxes(impl):
    # [1, 2, 5, 8] has size 4×6 and centre (3, 5)
    for fmt, box in [("xyxy", [1, 2, 5, 8]), ("xywh", [1, 2, 4, 6]), ("cxcywh", [3, 5, 4, 6])]:
        assert impl.box_iou([box], [box], fmt=fmt)[0, 0] == 1
        assert impl.box_area([box], fmt=fmt)[0] == 24
        for out_fmt, expected in [("xyxy", [1, 2, 5, 8]), ("xywh", [1, 2, 4, 6]), ("cxcywh", [3, 5, 4, 6])]:
            np.testing.assert_array_equal(impl.box_convert([box], fmt, out_fmt), [expected])


def test_crowd_column_divides_by_the_first_area(impl):
    # common area 2, first area 4, second 16
    np.testing.assert_array_equal(
        impl.box_iou([[0, 0, 2, 2]], [[1, 0, 5, 4], [1, 0, 5, 4]], iscrowd=[True, False]), [[2 / 4, 2 / 18]]
    )
    np.testing.assert_array_equal(impl.box_iou([[0, 0, 2, 2]], [[1, 0, 5, 4]], iscrowd=[1]), [[2 / 4]])
    assert impl.box_iou(np.zeros((3, 4)), [], iscrowd=[]).shape == (3, 0)


def test_nothing_over_nothing_is_zero(impl):
    point = [[1, 1, 1, 1]]
    for name in PAIRWISE:
        np.testing.assert_array_equal(getattr(impl, name)(point, point), [[0]])


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 3, 8, 17, 65, 130])
def test_kernel_is_reference(kernels, name, dtype, n):
    boxes1, boxes2 = random_boxes(n, dtype), random_boxes(2 * n + 1, dtype, seed=1)
    for fmt in FORMATS:
        for offset in (0, 1):
            actual = getattr(kernels, name)(boxes1, boxes2, fmt=fmt, offset=offset)
            assert_as_promised(name, actual, getattr(reference, name)(boxes1, boxes2, fmt=fmt, offset=offset))


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", FLOATS)
def test_awkward_boxes(kernels, name, dtype):
    boxes = awkward_boxes(dtype)
    for fmt in FORMATS:
        for offset in (0, 1):
            expected = getattr(reference, name)(boxes, boxes, fmt=fmt, offset=offset)
            assert np.isfinite(expected).all()
            assert_as_promised(name, getattr(kernels, name)(boxes, boxes, fmt=fmt, offset=offset), expected)


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", FLOATS)
def test_any_boxes(kernels, name, dtype):
    @given(box_sets(dtype), box_sets(dtype), st.sampled_from(FORMATS), st.sampled_from([0, 1]))
    def check(boxes1, boxes2, fmt, offset):
        actual = getattr(kernels, name)(boxes1, boxes2, fmt=fmt, offset=offset)
        with np.errstate(over="ignore", under="ignore"):
            assert_as_promised(name, actual, getattr(reference, name)(boxes1, boxes2, fmt=fmt, offset=offset))

    check()


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", FLOATS)
def test_same_bits_on_every_instruction_set_and_thread_count(kernels, n_threads, name, dtype):
    boxes1, boxes2 = random_boxes(530, dtype), random_boxes(1100, dtype, seed=1)
    before = fastgeo.runtime.active_isa()
    fastgeo.runtime.set_isa("scalar")
    expected = getattr(fastgeo, name)(boxes1, boxes2, n_threads=1)
    fastgeo.runtime.set_isa(before)
    assert_same_answer(getattr(kernels, name)(boxes1, boxes2, n_threads=n_threads), expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [100.0, 3000.0])
def test_tables_larger_than_the_caches(kernels, dtype, size):
    # Several tiles, crowded and spread, written past the caches; the table starts at an odd address.
    boxes1, boxes2 = random_boxes(515, dtype, size=size), random_boxes(8201, dtype, seed=1, size=size)
    out = np.zeros(515 * 8201 + 2, dtype)[1:-1].reshape(515, 8201)
    kernels.box_iou(boxes1, boxes2, out=out, n_threads=2)
    assert_same_answer(out, reference.box_iou(boxes1, boxes2))
    assert out.base[0] == out.base[-1] == 0


@cache
def mostly_empty(dtype, shape):
    """Two sets far too large for their overlaps, among them what a search by place must not miss or trip over; calls of
    box_iou and box_ioa, and what the reference makes of them."""
    boxes1, boxes2 = random_boxes(2100, dtype, seed=1, size=5000.0), random_boxes(2003, dtype, seed=2, size=5000.0)
    boxes1[:1000] -= 1e6  # bands of rows with nothing in reach, but for a few
    boxes2[:50] -= 1e6
    boxes1[1000] = boxes2[7]  # equal
    boxes1[1001] = [boxes2[8, 2], boxes2[8, 1], boxes2[8, 2] + 9, boxes2[8, 3]]  # touching
    boxes1[1002] = boxes1[1003][[2, 3, 0, 1]]  # inverted
    boxes1[1004] = [-3e7, -3e7, 3e7, 3e7]
    boxes2[-1] = [4990, 4990, 5400, 5700]  # the last, widest and tallest
    boxes2[60, 2:] = boxes2[60, :2]  # a point
    if shape == "crowded in part":
        boxes1[1500:] = random_boxes(600, dtype, size=50.0)
        boxes2[:1200] = random_boxes(1200, dtype, seed=3, size=50.0)
    elif shape == "one place":
        boxes2[:] = boxes2[5]
    elif shape == "far out":
        boxes2[3] += dtype(2.0**59)
        boxes2[4] -= dtype(2.0**59)
    calls = [("box_iou", {}), ("box_ioa", {}), ("box_iou", {"iscrowd": np.arange(len(boxes2)) % 3 == 0})]
    return boxes1, boxes2, [(*call, getattr(reference, call[0])(boxes1, boxes2, **call[1])) for call in calls]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", ["spread", "crowded in part", "one place", "far out"])
def test_mostly_empty_tables(kernels, n_threads, dtype, shape):
    boxes1, boxes2, calls = mostly_empty(dtype, shape)
    out = np.full((len(boxes1), len(boxes2)), 7, dtype)
    for name, more, expected in calls:
        getattr(kernels, name)(boxes1, boxes2, out=out, n_threads=n_threads, **more)
        assert_same_answer(out, expected)
    twice = np.concatenate([boxes1, boxes1])  # large enough for fresh memory, which is zero
    table = kernels.box_iou(twice, boxes2, n_threads=n_threads)
    assert_same_answer(table[:2100], calls[0][2])
    assert_same_answer(table[2100:], calls[0][2])


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no large pages for the asking")


@only_linux
def test_large_arrays_lie_in_large_pages():
    array = large_array((3001, 2999), np.dtype(np.float64))
    assert array.ctypes.data % LARGE_PAGE == 0
    assert array.shape == (3001, 2999) and array.flags.carray
    pages_end = -(-array.nbytes // LARGE_PAGE) * LARGE_PAGE
    assert array.ctypes.data + pages_end <= array.base.ctypes.data + array.base.nbytes
    assert not array.any()


@only_linux
def test_large_arrays_where_the_system_gives_no_mapping(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError

    monkeypatch.setattr("mmap.mmap", refuse)
    array = large_array((3001, 2999), np.dtype(np.float32))
    assert array.shape == (3001, 2999) and array.flags.owndata and array.flags.carray and not array.any()


@only_linux
def test_large_tables_are_large_arrays(kernels):
    boxes = random_boxes(3000, np.float32)
    for name in ("box_iou", "generalized_box_iou"):  # one begins as zeros, the other does not
        assert getattr(kernels, name)(boxes, boxes).base is not None
        assert getattr(kernels, name)(boxes[:9], boxes).base is None


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("offset", [0, 1])
def test_corners_in_cells_miss_no_overlap(kernels, name, dtype, offset):
    # Rows share a grid: far-out rows make its cells wide, far-out columns lie beside it, rows at one point have none.
    for far in (0, 1e4, 1e12):
        boxes1, boxes2 = random_boxes(200, dtype, size=1500.0), random_boxes(150, dtype, seed=1, size=1500.0)
        boxes1[3] += dtype(far)
        boxes2[4:6] -= dtype(far)
        boxes1[7, 2:] = boxes1[7, :2]
        boxes1[8] = boxes1[8][[2, 3, 0, 1]]
        boxes1[9] = boxes2[9]
        boxes1[10, 0], boxes1[10, 2] = boxes2[10, 2], boxes2[10, 2] + 5
        for rows in (boxes1, np.repeat(boxes1[7:8], 200, axis=0)):
            expected = getattr(reference, name)(rows, boxes2, offset=offset)
            assert_as_promised(name, getattr(kernels, name)(rows, boxes2, offset=offset), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 7, 64, 65, 9000])
def test_pairs_are_the_diagonal(kernels, n_threads, kind, dtype, n):
    boxes1, boxes2 = random_boxes(n, dtype), random_boxes(n, dtype, seed=1)
    for fmt in FORMATS if n < 100 else FORMATS[:1]:
        actual = kernels.paired_box_iou(boxes1, boxes2, kind=kind, fmt=fmt, offset=1, n_threads=n_threads)
        expected = reference.paired_box_iou(boxes1, boxes2, kind=kind, fmt=fmt, offset=1)
        assert_as_promised(KINDS[kind], actual, expected)
        if n < 100:
            table = getattr(kernels, KINDS[kind])(boxes1, boxes2, fmt=fmt, offset=1)
            assert_same_answer(actual, np.ascontiguousarray(np.diagonal(table)))


def test_pair_literals(impl):
    np.testing.assert_array_equal(impl.paired_box_iou([[0, 0, 2, 2]] * 2, [[1, 0, 3, 2], [0, 0, 1, 1]]), [2 / 6, 1 / 4])
    assert impl.paired_box_iou([], []).shape == (0,)


@pytest.mark.parametrize("dtype", FLOATS)
def test_crowd_is_reference(kernels, n_threads, dtype):
    boxes1, boxes2 = random_boxes(300, dtype), random_boxes(1500, dtype, seed=1)
    crowd = np.arange(1500) % 3 == 0
    actual = kernels.box_iou(boxes1, boxes2, fmt="xywh", iscrowd=crowd, n_threads=n_threads)
    assert_same_answer(actual, reference.box_iou(boxes1, boxes2, fmt="xywh", iscrowd=crowd))


@given(box_sets(np.float64))
def test_properties(boxes):
    iou, giou, diou, ciou, siou = (getattr(fastgeo, name)(boxes, boxes) for name in KINDS.values())
    assert ((iou >= 0) & (iou <= 1)).all()
    for table in (iou, giou, diou, ciou, siou):
        np.testing.assert_array_equal(table, table.T)
    tolerance = 4 * np.finfo(np.float64).eps
    assert (diou <= iou).all() and (ciou <= diou).all() and (siou <= iou + tolerance).all()
    upright = (boxes[:, 2:] >= boxes[:, :2]).all(axis=1)
    assert (giou <= iou + tolerance)[upright][:, upright].all()
    assert (np.diagonal(iou) == (fastgeo.box_area(boxes) > 0)).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 5, 64, 65, 200])
def test_areas_and_formats_are_reference(kernels, dtype, n):
    for boxes in (random_boxes(n, dtype), awkward_boxes(dtype)):
        for fmt in FORMATS:
            for offset in (0, 1):
                expected = reference.box_area(boxes, fmt=fmt, offset=offset)
                assert_same_answer(kernels.box_area(boxes, fmt=fmt, offset=offset), expected)
            for out_fmt in FORMATS:
                expected = reference.box_convert(boxes, fmt, out_fmt)
                assert_same_answer(kernels.box_convert(boxes, fmt, out_fmt), expected)
        for size in [(50, 30), (0, 0), (0.5, 2.0**59)]:
            assert_same_answer(kernels.clip_boxes(boxes, size), reference.clip_boxes(boxes, size))


def test_convert_copies(impl):
    boxes = random_boxes(3)
    converted = impl.box_convert(boxes, "xywh", "xywh")
    assert not np.may_share_memory(converted, boxes)
    np.testing.assert_array_equal(converted, boxes)


def test_clip_literals(impl):
    # the size is (height, width): x is clipped to 40, y to 5
    np.testing.assert_array_equal(
        impl.clip_boxes([[-3, 1, 50, 7], [-9, -9, -1, -1]], (5, 40)), [[0, 1, 40, 5], [0] * 4]
    )


def test_area_literals(impl):
    # 2×3; inverted: 0; offset=1 makes a point one pixel
    np.testing.assert_array_equal(impl.box_area([[0, 0, 2, 3], [5, 5, 4, 6]]), [6, 0])
    np.testing.assert_array_equal(impl.box_area([[7, 7, 7, 7]], offset=1), [1])
