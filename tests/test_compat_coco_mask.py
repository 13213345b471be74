"""fastgeo.compat.pycocotools.mask beside pycocotools.mask, byte for byte."""

import subprocess
import sys

import numpy as np
import pytest
from calls import dense_masks

from fastgeo import compat
from fastgeo.compat.pycocotools import mask as ours

mask = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of its decode


def scenes():
    rng = np.random.default_rng(0)
    yield "diamonds", dense_masks(12)
    yield "large diamonds", dense_masks(5, 3, 240, 320)
    for share in (0, 0.02, 0.5, 0.98, 1):
        yield f"noise {share}", rng.random((4, 37, 23)) < share
    yield "one pixel", np.ones((2, 1, 1), bool)
    yield "one row", rng.random((3, 1, 50)) < 0.5
    yield "one column", rng.random((3, 50, 1)) < 0.5


SCENES = dict(scenes())


def shapes(rng, height, width, grid):
    """Polygons of 3 to 9 corners, in and around the image."""
    found = [rng.uniform(-8, max(height, width) + 8, (rng.integers(3, 10), 2)) for _ in range(30)]
    return [(np.round(corners * grid) / grid if grid else corners).ravel().tolist() for corners in found]


def same(actual, expected):
    assert type(actual) is type(expected)
    if isinstance(expected, (list, dict)):
        assert actual == expected
    else:
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("scene", SCENES)
def test_masks(scene):
    stack = np.asfortranarray(SCENES[scene].transpose(1, 2, 0).astype(np.uint8))
    rles = mask.encode(stack)
    same(ours.encode(stack), rles)
    same(ours.encode(np.ascontiguousarray(stack)), rles)
    same(ours.encode(stack[:, :, 0]), mask.encode(np.asfortranarray(stack[:, :, 0])))
    for function in (ours.decode, ours.area, ours.toBbox):
        theirs = getattr(mask, function.__name__)
        same(function(rles), theirs(rles))
        same(function(rles[0]), theirs(rles[0]))
    assert ours.decode(rles).flags.f_contiguous
    texts = [{**rle, "counts": rle["counts"].decode()} for rle in rles]
    same(ours.decode(texts), stack)
    for intersect in (0, 1, False, True):
        same(ours.merge(rles, intersect), mask.merge(rles, intersect))
    same(ours.merge(rles[:1]), mask.merge(rles[:1]))
    for crowd in ([0] * len(rles), [i % 2 for i in range(len(rles))]):
        same(ours.iou(rles[::-1], rles, crowd), mask.iou(rles[::-1], rles, crowd))


@pytest.mark.parametrize("grid", [0, 1, 2, 5, 10])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 30), (40, 33), (300, 200)])
def test_polygons(height, width, grid):
    polygons = shapes(np.random.default_rng(height), height, width, grid)
    polygons = [polygon for polygon in polygons if len(polygon) > 4]
    same(ours.frPyObjects(polygons, height, width), mask.frPyObjects(polygons, height, width))
    same(ours.frPyObjects(polygons[0], height, width), mask.frPyObjects(polygons[:1], height, width)[0])


def test_order_of_the_corners():
    """Turned round and begun elsewhere, a polygon may differ by pixels, as there."""
    for polygon in shapes(np.random.default_rng(1), 60, 70, 0):
        corners = np.reshape(polygon, (-1, 2))
        forms = [np.roll(corners[::step], k, axis=0).ravel().tolist() for step in (1, -1) for k in range(len(corners))]
        same(ours.frPyObjects(forms, 60, 70), mask.frPyObjects(forms, 60, 70))


def test_boxes_and_listed_counts():
    boxes = np.random.default_rng(2).uniform(-5, 40, (30, 4))
    same(ours.frPyObjects(boxes, 30, 40), mask.frPyObjects(boxes, 30, 40))
    listed = [{"size": [3, 4], "counts": [2, 3, 7]}, {"size": [3, 4], "counts": [0, 12]}]
    same(ours.frPyObjects(listed, 3, 4), mask.frPyObjects(listed, 3, 4))
    same(ours.frPyObjects(listed[0], 3, 4), mask.frPyObjects(listed[0], 3, 4))
    assert ours.frPyObjects(boxes.tolist(), 30, 40) == mask.frPyObjects(boxes, 30, 40)
    for other in (None, 3, [], [3], {"size": [3, 4]}):
        with pytest.raises(TypeError, match="pyobj: expected"):
            ours.frPyObjects(other, 3, 4)


def test_overlaps_of_boxes_and_of_different_sizes():
    boxes = np.random.default_rng(3).uniform(0, 40, (9, 4))
    same(ours.iou(boxes, boxes[:5], [0, 1, 0, 0, 1]), mask.iou(boxes, boxes[:5], [0, 1, 0, 0, 1]))
    same(ours.iou([], boxes, [0] * 9), mask.iou([], boxes, [0] * 9))
    rles = [
        rle
        for shape in ((24, 20), (20, 24), (24, 21))
        for rle in ours.encode(dense_masks(5, 1, *shape).transpose(1, 2, 0))
    ]
    same(ours.iou(rles, rles[3:11], [0, 1] * 4), mask.iou(rles, rles[3:11], [0, 1] * 4))
    with pytest.raises(AssertionError, match="same length"):
        ours.iou(rles, rles, [0])


def test_what_is_refused():
    good = {"size": [3, 3], "counts": b"134N"}
    for bad in (
        {"size": [3, 3], "counts": b"13"},
        {"size": [3, 4], "counts": b"134N"},
        {"size": [3, 3], "counts": b"1~"},
    ):
        for function in (ours.decode, ours.area, ours.toBbox, ours.merge):
            with pytest.raises(ValueError, match="rles"):
                function([good, bad])
    other = {"size": [2, 2], "counts": b"4"}
    for function in (ours.decode, ours.merge):
        with pytest.raises(ValueError, match="masks"):
            function([good, other])
    with pytest.raises(ValueError, match="rleObjs: expected encodings"):
        ours.merge([])
    with pytest.raises(ValueError, match="bimask: expected shape"):
        ours.encode(np.zeros(3, bool))


def test_patch():
    stack = np.asfortranarray(dense_masks(4).transpose(1, 2, 0).astype(np.uint8))
    expected = mask.encode(stack)
    compat.patch("pycocotools")
    try:
        rles = mask.encode(stack)
        assert rles == expected
        mask.decode(rles), mask.area(rles), mask.toBbox(rles), mask.merge(rles), mask.iou(rles, rles, [0] * 4)
        mask.frPyObjects([[1, 1, 9, 1, 9, 9]], 24, 20)
        rows = {row.function: row for row in compat.report() if row.host == "pycocotools"}
        for name in ("encode", "decode", "area", "toBbox", "merge", "iou", "frPyObjects"):
            assert (rows[f"mask.{name}"].fastgeo, rows[f"mask.{name}"].original) == (1, 0)
    finally:
        compat.unpatch("pycocotools")
    assert mask.encode(stack) == expected


def test_needs_no_pycocotools():
    code = "import sys; from fastgeo.compat.pycocotools import mask; mask.decode(mask.encode([[0, 1], [1, 0]]))"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'pycocotools' not in sys.modules"], check=True)
