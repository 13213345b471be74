"""Scalars as arguments: what is no number is a TypeError, what is too large a ValueError, in every function alike."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from fastgeo.runtime import checks

HUGE = 10**400


@pytest.mark.parametrize(
    "value", [1, True, 1.5, np.float32(0.5), np.int8(3), np.array(2.5), Fraction(1, 3), Decimal("2")]
)
def test_numbers(value):
    assert checks.real_number("x", value) == float(value)


@pytest.mark.parametrize(
    "value",
    ["1", b"1", bytearray(b"1"), memoryview(b"1"), np.str_("1"), np.bytes_(b"1"), np.array("1"), np.array(b"1"),
     np.array(1, object), np.array(1 + 0j), 1 + 0j, None, [1], np.datetime64(1, "s"), np.timedelta64(1, "s")],
    ids=lambda value: type(value).__name__,  # no address: pytest-xdist compares the names
)  # fmt: skip
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match=r"^x: expected a number, got "):
        checks.real_number("x", value)


@pytest.mark.parametrize("value", [HUGE, -HUGE, Fraction(HUGE), 10**5000], ids=lambda value: type(value).__name__)
def test_a_number_beyond_the_floats(value):
    for check in (lambda: checks.real_number("x", value), lambda: checks.in_range("x", value, 0, 1)):
        with pytest.raises(ValueError, match=r"^x: expected a number that fits a float64, got a larger one$"):
            check()


@pytest.mark.parametrize("value", [10**30, HUGE, 10**5000, -(10**5000)], ids=int.bit_length)
def test_an_integer_too_large(value):
    with pytest.raises(ValueError, match=r"^x: expected an integer from 0 to 9, got (\d+|an integer of \d+ bits)$"):
        checks.integer("x", value, 0, 9)
    assert checks.integer("x", abs(value), 0) == abs(value)


def test_through_public_functions(impl):
    boxes, scores = np.array([[0.0, 0, 1, 1]]), np.array([0.5])
    calls = [
        lambda: impl.nms(boxes, scores, HUGE),
        lambda: impl.nms(boxes, scores, 0.5, score_threshold=HUGE),
        lambda: impl.clip_boxes(boxes, (HUGE, 3)),
        lambda: impl.soft_nms(boxes, scores, sigma=HUGE),
        lambda: impl.sparse_box_iou(boxes, boxes, HUGE),
        lambda: impl.kmeans(boxes, 1, tol=HUGE),
        lambda: impl.histogram_auc([0, 1], [0.1, 0.2], range=(0, HUGE)),
        lambda: impl.lp_pool2d(np.ones((1, 2, 2, 1)), 2, p=HUGE),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="expected "):
            call()
    for text in ("0.5", b"0.5", bytearray(b"0.5"), np.array("0.5")):
        with pytest.raises(TypeError, match=r"^iou_threshold: expected a number"):
            impl.nms(boxes, scores, text)
