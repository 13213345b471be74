"""Hold a kernel to its reference on your own data, with every algorithm it has."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastgeo import reference
from fastgeo.masks.run_lengths import RunLengths
from fastgeo.plans import choice_of, public_name
from fastgeo.runtime import core


def algorithms(function: Callable[..., Any]) -> tuple[str, ...]:
    """Name the algorithms that a function chooses among.

    Parameters
    ----------
    function : callable
        A public function of fastgeo, such as ``fastgeo.nms``.

    Returns
    -------
    tuple of str
        At least one name.

    Raises
    ------
    TypeError
        If `function` is not a public function of fastgeo.

    See Also
    --------
    force_algorithm, fastgeo.explain

    Examples
    --------
    >>> import fastgeo
    >>> from fastgeo.testing import algorithms
    >>> algorithms(fastgeo.box_area)
    ('direct',)
    """
    return choice_of(function)[1]


@contextlib.contextmanager
def force_algorithm(function: Callable[..., Any], name: str) -> Iterator[None]:
    """Let the calls of this Python thread use one algorithm where they would choose.

    Parameters
    ----------
    function : callable
        The function whose choice is forced. Functions that share it (`nms` and `batched_nms`) are forced together, also
        where another function calls them.
    name : str
        One of :func:`algorithms`.

    Raises
    ------
    ValueError
        If the function has no such algorithm; and, in the calls themselves, where the algorithm cannot serve the call.

    Notes
    -----
    Every algorithm gives the same bits. This is for tests and for measuring, not for use in production.

    Examples
    --------
    >>> import fastgeo
    >>> from fastgeo.testing import algorithms, force_algorithm
    >>> for name in algorithms(fastgeo.box_area):
    ...     with force_algorithm(fastgeo.box_area, name):
    ...         print(fastgeo.box_area([[0.0, 0, 2, 3]]))
    [6.]
    """
    choice, names = choice_of(function)
    if name not in names:
        raise ValueError(f"{public_name(function)}: expected one of the algorithms {names}, got {name!r}")
    if choice is None:
        yield
        return
    core.push_forced(choice, name)
    try:
        yield
    finally:
        core.pop_forced()


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
    if isinstance(expected, RunLengths):
        assert isinstance(actual, RunLengths), type(actual)
        assert_same_answer(*((masks.counts, masks.offsets, masks.sizes) for masks in (actual, expected)))
    elif isinstance(expected, (tuple, list)):
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
