"""The input contract of the boxes family: layouts, dtypes, `out`, and the same exception from kernel and reference."""

import inspect

import numpy as np
import pytest
from cases import layouts, random_boxes

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer

PAIRWISE = [
    "box_iou",
    "generalized_box_iou",
    "distance_box_iou",
    "complete_box_iou",
    "scylla_box_iou",
    "box_ioa",
]
BOXES = random_boxes(6, np.float64)
ROTATED = np.column_stack([BOXES, np.arange(6.0)])


def with_value(boxes, index, value):
    changed = boxes.copy()
    changed[index] = value
    return changed


def assert_same_error(error, name, *args, **kwargs):
    """Kernel and reference raise the same type with the same message."""
    with pytest.raises(error) as expected:
        getattr(reference, name)(*args, **kwargs)
    with pytest.raises(error) as actual:
        getattr(fastgeo, name)(*args, **kwargs)
    assert type(actual.value) is type(expected.value)
    assert str(actual.value) == str(expected.value)
    return str(actual.value)


# name -> arguments that are good; `bad_calls` spoils them
GOOD = {
    **{name: (BOXES, BOXES) for name in [*PAIRWISE, "paired_box_iou", "sparse_box_iou"]},
    "rotated_box_iou": (ROTATED, ROTATED),
    "box_area": (BOXES,),
    "box_convert": (BOXES, "xyxy", "xywh"),
    "clip_boxes": (BOXES, (10, 10)),
}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda b: b[:, :3], ValueError, "expected shape"),
        (lambda b: b[0], ValueError, "expected shape"),
        (lambda b: b.astype(complex), TypeError, "got dtype complex128"),
        (lambda b: b.astype(object), TypeError, "got dtype object"),
        (lambda b: b.astype(str), TypeError, "got dtype <U"),
        (lambda b: None, TypeError, "got dtype object"),
        (lambda b: np.ma.masked_array(b), TypeError, "without a mask"),
        (lambda b: with_value(b, (4, 2), np.nan), ValueError, "[4, 2]: expected a finite number"),
        (lambda b: with_value(b, (0, 0), -np.inf), ValueError, "[0, 0]: expected a finite number"),
        (lambda b: with_value(b, (5, 3), 2.0**509), ValueError, "at most 2**508"),
        (lambda b: with_value(b, (5, 3), 2.0**61).astype(np.float32), ValueError, "at most 2**60"),
    ],
)
def test_bad_boxes(name, spoil, error, message):
    good = GOOD[name]
    for position in range(2 if good[1:2] and good[1] is good[0] else 1):
        bad = [*good]
        bad[position] = spoil(bad[position])
        if "2**60" in message and position == 0 and len(good) > 1 and good[1] is good[0]:
            bad[1] = good[1].astype(np.float32)
        elif "2**60" in message and position == 1:
            bad[0] = good[0].astype(np.float32)
        assert message in assert_same_error(error, name, *bad)


@pytest.mark.parametrize("name", [*PAIRWISE, "paired_box_iou"])
def test_bad_scalars(name):
    for fmt in ("yxyx", "", None, 1):
        assert "fmt: expected one of" in assert_same_error(ValueError, name, BOXES, BOXES, fmt=fmt)
    for offset in (2, -1):
        assert "offset: expected an integer from 0 to 1" in assert_same_error(
            ValueError, name, BOXES, BOXES, offset=offset
        )
    for offset in (0.5, "1", True, None):
        assert "offset: expected an integer" in assert_same_error(TypeError, name, BOXES, BOXES, offset=offset)
    assert "n_threads" in assert_same_error(ValueError, name, BOXES, BOXES, n_threads=0)
    assert "n_threads" in assert_same_error(TypeError, name, BOXES, BOXES, n_threads=1.5)


def test_bad_scalars_of_the_others():
    assert "kind: expected one of" in assert_same_error(ValueError, "paired_box_iou", BOXES, BOXES, kind="eiou")
    assert "boxes2: expected length 6" in assert_same_error(ValueError, "paired_box_iou", BOXES, BOXES[:5])
    for threshold in (-0.1, 1.1, np.nan):
        assert_same_error(ValueError, "sparse_box_iou", BOXES, BOXES, threshold)
    assert_same_error(TypeError, "sparse_box_iou", BOXES, BOXES, "0.5")
    assert_same_error(ValueError, "sparse_box_iou", BOXES, BOXES, fmt="tlbr")
    assert_same_error(ValueError, "rotated_box_iou", ROTATED, ROTATED, n_threads=0)
    assert_same_error(ValueError, "box_area", BOXES, fmt="tlbr")
    assert_same_error(ValueError, "box_area", BOXES, offset=3)
    assert "in_fmt" in assert_same_error(ValueError, "box_convert", BOXES, "tlbr", "xyxy")
    assert "out_fmt" in assert_same_error(ValueError, "box_convert", BOXES, "xyxy", "tlbr")
    for size in (5, (5,), (5, 5, 5), "ab", (-1, 5), (5, np.nan), None):
        assert "size: expected" in assert_same_error(ValueError, "clip_boxes", BOXES, size)
    for size in ([None, 5], ["5", 5]):
        assert "size: expected" in assert_same_error(TypeError, "clip_boxes", BOXES, size)


def test_bad_crowds():
    for crowd in ([True] * 5, [[True] * 6], True):
        assert "iscrowd: expected shape" in assert_same_error(ValueError, "box_iou", BOXES, BOXES, iscrowd=crowd)
    assert "iscrowd[2]" in assert_same_error(ValueError, "box_iou", BOXES, BOXES, iscrowd=[0, 1, 2, 0, 0, 0])
    assert "of bool" in assert_same_error(TypeError, "box_iou", BOXES, BOXES, iscrowd=np.zeros(6))


@pytest.mark.parametrize("name", [*PAIRWISE, "rotated_box_iou", "paired_box_iou"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out(impl, name, dtype):
    function = getattr(impl, name)
    boxes1, boxes2 = (np.array(boxes, dtype) for boxes in GOOD[name])
    expected = function(boxes1, boxes2)
    out = np.full_like(expected, np.nan)
    assert function(boxes1, boxes2, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", [*PAIRWISE, "rotated_box_iou", "paired_box_iou"])
def test_bad_out(name):
    shape = (6,) if name == "paired_box_iou" else (6, 6)
    good = GOOD[name]
    read_only = np.empty(shape)
    read_only.flags.writeable = False
    assert "out: expected shape" in assert_same_error(ValueError, name, *good, out=np.empty((7, 6)))
    assert "out: expected dtype float64" in assert_same_error(TypeError, name, *good, out=np.empty(shape, np.float32))
    assert "out: expected dtype" in assert_same_error(TypeError, name, *good, out=np.empty(shape, ">f8"))
    assert "out: expected a writeable" in assert_same_error(ValueError, name, *good, out=read_only)
    assert "out: expected a writeable" in assert_same_error(
        ValueError, name, *good, out=np.empty((12, *shape[1:]))[::2]
    )
    assert "out: expected an ndarray" in assert_same_error(TypeError, name, *good, out=[[0.0]])
    room = np.zeros(6 * 6 + good[0].size)
    boxes = room[: good[0].size].reshape(good[0].shape)
    out = room[good[0].size - 1 :][: np.prod(shape)].reshape(shape)
    assert "overlaps an input" in assert_same_error(ValueError, name, boxes, good[1], out=out)
    assert "overlaps an input" in assert_same_error(ValueError, name, good[0], boxes, out=out)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.uint8])
def test_layouts(impl, name, dtype):
    boxes, *rest = GOOD[name]
    boxes = np.round(boxes).astype(dtype)
    expected = getattr(impl, name)(boxes, *rest)
    first = expected[2] if isinstance(expected, tuple) else expected
    if len(rest) != 1 or isinstance(rest[0], tuple):
        assert first.dtype == (np.float32 if dtype in (np.float16, np.float32) else np.float64)
    for label, other in layouts(boxes):
        if label == "list" and dtype in (np.float32, np.float16):
            continue  # a list holds float64
        assert_same_answer(getattr(impl, name)(other, *rest), expected)


@pytest.mark.parametrize("name", GOOD)
def test_empty(impl, name):
    boxes, *rest = GOOD[name]
    for empty in ([], np.zeros((0, boxes.shape[1]))):
        others = [empty if other is boxes else other for other in rest]
        answer = getattr(impl, name)(empty, *others)
        for array in answer if isinstance(answer, tuple) else (answer,):
            assert array.size == 0
    if name in PAIRWISE:
        assert getattr(impl, name)(boxes, []).shape == (6, 0)
        assert getattr(impl, name)(np.zeros((0, 4), np.float32), boxes.astype(np.float32)).dtype == np.float32


def test_mixed_float_types(impl):
    answer = impl.box_iou(BOXES.astype(np.float32), BOXES)
    assert answer.dtype == np.float64
    np.testing.assert_array_equal(answer, impl.box_iou(BOXES.astype(np.float32).astype(np.float64), BOXES))


def test_integers_are_promoted_before_they_are_subtracted(impl):
    # uint8 differences would wrap around
    assert impl.box_iou(np.array([[250, 0, 255, 10]], np.uint8), np.array([[0, 0, 10, 10]], np.uint8))[0, 0] == 0


def test_inputs_stay_as_they_are(impl):
    for name, (boxes, *rest) in GOOD.items():
        before = boxes.copy()
        getattr(impl, name)(boxes, *rest)
        np.testing.assert_array_equal(boxes, before)


# Parameter -> a value that is wrong for it, whatever the function.
WRONG = {
    "boxes1": with_value(BOXES, (1, 2), np.nan),
    "boxes2": with_value(BOXES, (3, 0), np.inf),
    "boxes": with_value(BOXES, (1, 2), np.nan),
    "kind": "ious",
    "fmt": "tlbr",
    "in_fmt": "tlbr",
    "out_fmt": "tlbr",
    "offset": 0.5,
    "iscrowd": [0, 1, 2, 0, 0, 0],
    "size": (10**400, 3),
    "threshold": 10**400,
    "out": np.empty(7),
    "n_threads": 0,
}


@pytest.mark.parametrize("name", GOOD)
def test_of_two_wrong_arguments_the_first_is_named(impl, name):
    function = getattr(impl, name)
    names = list(inspect.signature(getattr(reference, name)).parameters)
    good = dict(zip(names, GOOD[name], strict=False))
    wrong = {**WRONG, **({"boxes1": with_value(ROTATED, (1, 2), np.nan)} if name == "rotated_box_iou" else {})}
    wrong["boxes2"] = wrong["boxes1"] if name == "rotated_box_iou" else wrong["boxes2"]
    for i, first in enumerate(names):
        for second in names[i:]:
            with pytest.raises((TypeError, ValueError), match=rf"^{first}(\[\d, \d\]|\[\d\])?: expected "):
                function(**{**good, first: wrong[first], second: wrong[second]})
