"""Prove on your own data that a kernel gives its reference's answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastgeo import reference


def assert_same(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a kernel and its reference and assert that both answers agree to the last bit.

    Parameters
    ----------
    function : callable
        A public function of fastgeo, such as ``fastgeo.nms``.
    *args, **kwargs
        Its arguments.

    Returns
    -------
    object
        The kernel's answer.

    Raises
    ------
    AssertionError
        If the two differ, in type, shape or any bit. The sign and payload of a NaN are free. Functions whose contract
        is a bound rather than equality (see the numeric contract of each) may differ legitimately.

    Examples
    --------
    >>> import fastgeo
    >>> from fastgeo.testing import assert_same
    >>> assert_same(fastgeo.box_iou, [[0.0, 0, 2, 2]], [[1.0, 0, 3, 2]])
    array([[0.33333333]])
    """
    actual = function(*args, **kwargs)
    expected = getattr(reference, function.__name__)(*args, **kwargs)
    assert_same_answer(actual, expected)
    return actual


def assert_same_answer(actual: Any, expected: Any) -> None:
    """Assert that two answers agree to the last bit, NaN to NaN."""
    if isinstance(expected, (tuple, list)):
        assert type(actual) is type(expected) and len(actual) == len(expected), (type(actual), type(expected))
        for one, other in zip(actual, expected, strict=True):
            assert_same_answer(one, other)
    elif isinstance(expected, np.ndarray):
        assert isinstance(actual, np.ndarray), type(actual)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), (actual.dtype, actual.shape)
        np.testing.assert_array_equal(actual, expected)
        np.testing.assert_array_equal(_signs(actual), _signs(expected), err_msg="signs of zeros differ")
    else:
        assert type(actual) is type(expected), (type(actual), type(expected))
        assert_same_answer(np.asarray(actual), np.asarray(expected))


def _signs(array: Any) -> Any:
    return np.signbit(array) & ~np.isnan(array) if array.dtype.kind == "f" else array
