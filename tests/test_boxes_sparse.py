"""Overlaps found without a table of all pairs, and those of rotated boxes."""

import math

import numpy as np
import pytest
import scenes
from cases import awkward_boxes, random_boxes
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import reference
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

FLOATS = [np.float32, np.float64]
MANY, ROWS = 3000, 500  # so many that a tree pays if few overlap


def filtered(boxes1, boxes2, threshold, fmt="xyxy"):
    """What the sparse form must return, from the whole table."""
    table = fastgeo.box_iou(boxes1, boxes2, fmt=fmt)
    rows, cols = np.nonzero(table.astype(np.float64) > threshold)
    return rows, cols, table[rows, cols]


def assert_sparse(boxes1, boxes2, threshold, **options):
    """By every algorithm, and as the call decides."""
    expected = filtered(boxes1, boxes2, threshold, options.get("fmt", "xyxy"))
    assert_same_answer(fastgeo.sparse_box_iou(boxes1, boxes2, threshold, **options), expected)
    for algorithm in algorithms(fastgeo.sparse_box_iou):
        with force_algorithm(fastgeo.sparse_box_iou, algorithm):
            assert_same_answer(fastgeo.sparse_box_iou(boxes1, boxes2, threshold, **options), expected)


def test_sparse_literals(impl):
    # IoU: 1/3 with the neighbour, 1 with itself, 0 where edges touch
    boxes = [[0, 0, 2, 2], [1, 0, 3, 2], [3, 0, 5, 2]]
    rows, cols, values = impl.sparse_box_iou(boxes, boxes)
    np.testing.assert_array_equal(rows, [0, 0, 1, 1, 2])
    np.testing.assert_array_equal(cols, [0, 1, 0, 1, 2])
    np.testing.assert_array_equal(values, [1, 2 / 6, 2 / 6, 1, 1])
    assert rows.dtype == cols.dtype == np.int64
    assert [len(part) for part in impl.sparse_box_iou(boxes, boxes, 1.0)] == [0, 0, 0]


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_iou_at_the_threshold_is_not_above_it(impl, dtype):
    # [0,0,1,3] in [0,0,1,4]: 3/4 in either type. 0.3 as float32 lies above 0.3: float64(iou) > 0.3.
    quarter = [np.array([[0, 0, 1, 3]], dtype), np.array([[0, 0, 1, 4]], dtype)]
    assert len(impl.sparse_box_iou(*quarter, 0.75)[0]) == 0
    assert len(impl.sparse_box_iou(*quarter, np.nextafter(0.75, 0))[0]) == 1
    third = [np.array([[0, 0, 1, 3]], dtype), np.array([[0, 0, 1, 10]], dtype)]
    assert len(impl.sparse_box_iou(*third, 0.3)[0]) == (1 if dtype == np.float32 else 0)


def clouds(dtype):
    """Sets that break shortcuts: crowded, identical, huge among tiny, far out, on a line."""
    rng = np.random.default_rng(3)
    limit = 2.0**60 if dtype == np.float32 else 2.0**508
    spread = random_boxes(MANY, dtype, size=2000.0)
    yield "spread", spread
    yield "crowded", random_boxes(MANY, dtype, size=20.0)
    yield "identical", np.tile(np.array([[1, 2, 3, 4]], dtype), (MANY, 1))
    sizes = 10.0 ** rng.uniform(-6, 6, (MANY, 1))
    corner = rng.uniform(0, 1000, (MANY, 2))
    yield "of every size", np.concatenate([corner, corner + sizes], axis=1).astype(dtype)
    far = spread.copy()
    far[::7] = [-limit, -limit, limit, limit]
    far[1::7] *= dtype(1e12)
    yield "far out", far
    line = np.concatenate([np.zeros((MANY, 1)), corner[:, :1], np.ones((MANY, 1)), corner[:, :1] + 1], axis=1)
    yield "on a line", line.astype(dtype)
    inverted = spread.copy()
    inverted[::2] = inverted[::2, [2, 3, 0, 1]]
    yield "inverted", inverted


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("label", [label for label, _ in clouds(np.float32)])
def test_sparse_is_the_filtered_table(kernels, n_threads, dtype, label):
    boxes = dict(clouds(dtype))[label]
    for threshold in (0.0, 0.6):
        assert_sparse(boxes[:ROWS], boxes, threshold, n_threads=n_threads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("n", "m"), [(0, 5), (5, 0), (1, 1), (17, 33), (5, 64), (3, 65), (40, 127), (256, 1024), (300, 4096), (600, 1025)]
)
def test_sparse_of_any_size(kernels, dtype, n, m):
    boxes1, boxes2 = random_boxes(n, dtype, size=300.0), random_boxes(m, dtype, seed=1, size=300.0)
    for fmt in ("xyxy", "xywh", "cxcywh"):
        assert_sparse(boxes1, boxes2, 0.2, fmt=fmt)


FEW_STAND_OUT = ["giant box first", "giant box last", "outlier first", "two scales", "line in y", "grid touching"]


@pytest.mark.parametrize("name", ["sparse", *FEW_STAND_OUT])
def test_plan_of_a_scene(name):
    """A few rows that overlap every column, or a few columns far away, do not make a tree of the others useless."""
    boxes = scenes.BOXES[name](np.random.default_rng(0), 4000)
    assert fastgeo.explain(fastgeo.sparse_box_iou, boxes[:1000], boxes).algorithm == "box_tree"
    assert fastgeo.explain(fastgeo.sparse_box_iou, boxes[::-4], boxes).algorithm == "box_tree"


def test_plan_of_a_crowd():
    """Where every row overlaps every column, a tree is built only if there are so many rows that it costs little."""
    crowd = np.tile([[1.0, 2, 3, 4]], (4000, 1))
    assert fastgeo.explain(fastgeo.sparse_box_iou, crowd[:1000], crowd).algorithm == "all_pairs"
    assert fastgeo.explain(fastgeo.sparse_box_iou, crowd, crowd).algorithm == "box_tree"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("m", [1, 7, 65, 200, 1041])
def test_rows_in_which_so_many_are_found(kernels, dtype, m):
    """None, one, all, and about a quarter of the columns, up to which a row is kept and not compared again."""
    quarter = m // 4
    counts = np.tile([0, 1, quarter - 1, quarter, quarter + 1, m - 1, m], 100).clip(0, m)
    left = 2.0 * np.random.default_rng(0).permutation(m)
    boxes2 = np.column_stack([left, np.zeros(m), left + 1, np.ones(m)]).astype(dtype)
    boxes1 = np.column_stack([np.zeros((700, 2)), 2.0 * counts, np.ones(700)]).astype(dtype)
    assert_sparse(boxes1, boxes2, 0.0, n_threads=2)
    np.testing.assert_array_equal(np.bincount(fastgeo.sparse_box_iou(boxes1, boxes2)[0], minlength=700), counts)


@pytest.mark.parametrize("dtype", FLOATS)
def test_sparse_is_reference(kernels, dtype):
    for boxes in (random_boxes(60, dtype), awkward_boxes(dtype)):
        for threshold in (0, 0.5, 1):
            expected = reference.sparse_box_iou(boxes, boxes, threshold)
            assert_same_answer(kernels.sparse_box_iou(boxes, boxes, threshold), expected)


def test_areas_that_do_not_fit_the_corners(kernels):
    """In float32 2**26 + 5 is 2**26 + 8: the union of such boxes may come out negative, and so may the bound."""
    corner = 2.0**26
    boxes = np.tile(np.array([[corner, corner, 5, 5], [corner, corner, 5, 20]], np.float32), (300, 1))
    assert fastgeo.box_iou(boxes[:1], boxes[:2], fmt="xywh").tolist() == [[0, np.float32(64 / 61)]]
    assert_sparse(boxes, boxes, 0.5, fmt="xywh")


def test_bad_values_are_found_in_large_sets():
    boxes = random_boxes(MANY)
    boxes[2000, 1] = np.nan
    with pytest.raises(ValueError, match=r"boxes2\[2000, 1\]"):
        fastgeo.sparse_box_iou(random_boxes(MANY), boxes)


def polygon(box):
    """Corners of a rotated box: width along (cos, -sin), height along (sin, cos)."""
    cx, cy, w, h, degrees = (float(value) for value in box)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    half = [(w / 2, h / 2), (-w / 2, h / 2), (-w / 2, -h / 2), (w / 2, -h / 2)]
    return [(cx + i * cos + j * sin, cy - i * sin + j * cos) for i, j in half]


def random_rotated(n, dtype=np.float64, seed=0, size=10.0):
    rng = np.random.default_rng(seed)
    columns = [rng.uniform(0, size, (n, 2)), rng.uniform(0.1, size, (n, 2)), rng.uniform(-400, 400, (n, 1))]
    return np.concatenate(columns, axis=1).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_rotated_literals(impl, dtype):
    box = np.array([[0, 0, 4, 2, 0]], dtype)
    others = [
        [0, 0, 4, 2, 180],  # itself
        [0, 0, 2, 4, -90],  # itself
        [0, 0, 4, 2, 90],  # a cross: 4 in common of 8 + 8 - 4
        [4, 0, 4, 2, 0],  # touching edges
        [1, 0, 2, 2, 360],  # contained: 4 of 8
        [0, 0, 4, -2, 0],  # empty
        [9, 9, 4, 2, 30],  # apart
    ]
    actual = impl.rotated_box_iou(box, np.array(others, dtype))
    np.testing.assert_array_equal(actual, np.array([[1, 1, 4 / 12, 0, 4 / 8, 0, 0]], dtype))
    # A square of side 2 and the same turned by 45°: a regular octagon of area 8 (√2 - 1).
    octagon = 8 * (math.sqrt(2) - 1)
    square = impl.rotated_box_iou(np.array([[5, 5, 2, 2, 0]], dtype), np.array([[5, 5, 2, 2, 45]], dtype))
    np.testing.assert_allclose(square, [[octagon / (8 - octagon)]], rtol=8 * np.finfo(dtype).eps)


def test_rotation_is_counter_clockwise_on_a_screen(impl):
    # Turned by 45°, the long side points up and to the right: over (1, -1), not over (1, 1), as y points down.
    turned = [[0, 0, 4, 0.1, 45]]
    overlap = impl.rotated_box_iou(turned, [[1, -1, 0.2, 0.2, 0], [1, 1, 0.2, 0.2, 0]])
    assert overlap[0, 0] > 0
    assert overlap[0, 1] == 0


@pytest.mark.parametrize("dtype", FLOATS)
def test_self_overlap_far_out(impl, dtype):
    boxes = random_rotated(20, dtype)
    boxes[:, :2] += dtype(1e6)
    np.testing.assert_allclose(np.diagonal(impl.rotated_box_iou(boxes, boxes)), 1, rtol=0, atol=1e-6)


def test_crossed_long_thin_boxes(impl):
    # 1000 × 0.01, at right angles: 0.01² in common
    crossed = impl.rotated_box_iou([[1e6, -1e6, 1000, 0.01, 45]], [[1e6, -1e6, 1000, 0.01, -45]])
    np.testing.assert_allclose(crossed, [[1e-4 / (20 - 1e-4)]], rtol=1e-9)


@pytest.mark.parametrize("dtype", FLOATS)
def test_rotated_is_reference(kernels, dtype):
    long = st.floats(1 / 64, 100, width=32)
    box = st.tuples(
        st.floats(-50, 50, width=32), st.floats(-50, 50, width=32), long, long, st.floats(-1000, 1000, width=32)
    )

    @given(st.lists(box, min_size=1, max_size=4), st.lists(box, min_size=1, max_size=4))
    def check(boxes1, boxes2):
        boxes1, boxes2 = np.array(boxes1, dtype), np.array(boxes2, dtype)
        sides = np.concatenate([boxes1[:, 2:4], boxes2[:, 2:4]]).astype(np.float64)
        bound = 8 * sides.max() / sides.min() * np.finfo(np.float64).eps + (dtype == np.float32) * 2.0**-24
        actual = kernels.rotated_box_iou(boxes1, boxes2)
        assert ((actual >= 0) & (actual <= 1)).all()
        np.testing.assert_allclose(actual, reference.rotated_box_iou(boxes1, boxes2), rtol=0, atol=bound)

    check()


@pytest.mark.parametrize("dtype", FLOATS)
def test_rotated_same_bits_everywhere(kernels, n_threads, dtype):
    boxes1, boxes2 = random_rotated(120, dtype), random_rotated(201, dtype, seed=1)
    before = fastgeo.runtime.active_isa()
    fastgeo.runtime.set_isa("scalar")
    expected = fastgeo.rotated_box_iou(boxes1, boxes2, n_threads=1)
    fastgeo.runtime.set_isa(before)
    assert_same_answer(kernels.rotated_box_iou(boxes1, boxes2, n_threads=n_threads), expected)


def test_upright_rotated_boxes_are_boxes(impl):
    boxes = np.round(random_boxes(25, np.float64))
    centred = fastgeo.box_convert(boxes, "xyxy", "cxcywh")
    upright = np.column_stack([centred, np.zeros(len(boxes))])
    np.testing.assert_allclose(impl.rotated_box_iou(upright, upright), fastgeo.box_iou(boxes, boxes), rtol=1e-14)


def test_rotated_agrees_with_shapely():
    shapely = pytest.importorskip("shapely", reason="shapely is not installed")
    boxes1, boxes2 = random_rotated(100), random_rotated(100, seed=1)
    first, second = ([shapely.Polygon(polygon(box)) for box in boxes] for boxes in (boxes1, boxes2))
    common = shapely.area(shapely.intersection(np.array(first)[:, None], np.array(second)[None, :]))
    union = shapely.area(first)[:, None] + shapely.area(second)[None, :] - common
    np.testing.assert_allclose(fastgeo.rotated_box_iou(boxes1, boxes2), common / union, rtol=0, atol=1e-9)
