"""The boxes room: literals worked by hand, kernels against the reference, properties, bad input."""

import numpy as np
import pytest
from cases import random_boxes

from fastgeo import reference
from fastgeo.testing import assert_same_answer

PAIRWISE = ["box_iou", "generalized_box_iou"]
FLOATS = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", FLOATS)
def test_literals(impl, dtype):
    unit = np.array([[0, 0, 2, 2]], dtype)
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [0, 0, 1, 1], [3, 0, 4, 2], [1, 1, 0, 0]], dtype)
    # areas 4 and 4, common 2: 2/6; touching edges share nothing; containment 1/4; an inverted box is empty
    np.testing.assert_array_equal(impl.box_iou(unit, others)[0], np.array([1, 2 / 6, 0, 1 / 4, 0, 0], dtype))


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 3, 8, 16, 17, 65, 130])
def test_kernel_is_reference(kernels, n_threads, name, dtype, n):
    boxes1, boxes2 = random_boxes(n, dtype), random_boxes(2 * n + 1, dtype, seed=1)
    for fmt in ("xyxy", "xywh", "cxcywh"):
        for offset in (0, 1):
            actual = getattr(kernels, name)(boxes1, boxes2, fmt=fmt, offset=offset, n_threads=n_threads)
            assert_same_answer(actual, getattr(reference, name)(boxes1, boxes2, fmt=fmt, offset=offset))
