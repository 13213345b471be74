"""Distances between all pairs: literals worked by hand, kernels against the reference, accuracy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from points import FLOATS, cloud

import fastgeo
from fastgeo import reference
from fastgeo.testing import assert_same_answer

KINDS = ["euclidean", "sqeuclidean", "cosine"]


def test_pairwise_literal(impl):
    X, Y = np.array([[0.0, 0], [1, 1]]), np.array([[3.0, 4], [0, 0], [1, 0]])
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y, kind="sqeuclidean"), [[25, 0, 1], [13, 2, 1]])
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y)[0], [5, 0, 1])
    cosine = impl.pairwise_distance(X, Y, kind="cosine")
    np.testing.assert_array_equal(cosine[0], [1, 1, 1])
    np.testing.assert_allclose(cosine[1], [1 - 7 / np.sqrt(50), 1, 1 - np.sqrt(0.5)], atol=1e-15)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("d", [32, 33, 34, 67])
def test_pairwise_literal_in_many_columns(impl, dtype, d):
    # Whole numbers, exact however they are added. Rows of 2, of (3, 4, 0, …), of (…, 0, 8); two of them with 1 more
    # here and there.
    X = np.zeros((3, d), dtype)
    X[0], X[1, :2], X[2, -1] = 2, (3, 4), 8
    Y = X.copy()
    Y[0, [0, 1, 2, -1]] += 1
    Y[1, 1] += 1
    expected = [
        [4, 1 + 9 + 4 * (d - 2), 4 * (d - 1) + 36],
        [0 + 1 + 9 + 9 + 4 * (d - 4), 1, 9 + 16 + 64],
        [3 * 9 + 25 + 4 * (d - 4), 9 + 25 + 64, 0],
    ]
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y, kind="sqeuclidean"), expected)
    np.testing.assert_array_equal(impl.pairwise_distance(X, Y), np.sqrt(np.array(expected, dtype)))
    # Directions: one column against another, itself ten times as long, the opposite, none.
    axes = np.zeros((5, d), dtype)
    axes[0, 1], axes[1, 2], axes[2, 1], axes[3, 1] = 1, 1, 10, -3
    np.testing.assert_array_equal(impl.pairwise_distance(axes[:1], axes, kind="cosine")[0], [0, 1, 0, 2, 1])
    np.testing.assert_array_equal(impl.pairwise_distance(axes[4:], axes, kind="cosine")[0], [1] * 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("n", "m", "d"),
    [
        (0, 3, 2),
        (3, 0, 2),
        (1, 1, 1),
        (7, 33, 3),
        (64, 65, 5),
        (13, 1100, 20),
        # Tiles that are narrower, the wider the rows: of 64 and 32 columns, and of the fewest.
        (25, 200, 700),
        (14, 71, 3000),
        # Rows of 4096 bytes, in float32 or float64, which are copied farther apart.
        (61, 40, 512),
        (61, 40, 1024),
    ],
)
def test_pairwise_is_reference(kernels, n_threads, kind, dtype, n, m, d):
    X, Y = cloud(n, d, dtype), cloud(m, d, dtype, seed=1)
    out = np.empty((n, m), dtype)
    assert kernels.pairwise_distance(X, Y, kind=kind, out=out, n_threads=n_threads) is out
    bound = (d + 8) * np.finfo(dtype).eps
    atol = bound if kind == "cosine" else 0
    np.testing.assert_allclose(out, reference.pairwise_distance(X, Y, kind=kind), rtol=bound, atol=atol)


def mixed_rows(n, d, dtype, seed=0):
    """Rows near each other, far from each other and in between, in several groups with offsets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * 10.0 ** rng.integers(-6, 2, (n, 1)) + rng.choice([0, 0.5, 1.5, 40], (n, 1))
    X[1::3] = X[::3][: len(X[1::3])] + rng.standard_normal((len(X[1::3]), d)) * 10.0 ** rng.integers(-7, 0)
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [31, 32, 33, 100, 500])
def test_pairwise_is_accurate_at_any_distance(impl, dtype, kind, d):
    X, Y = mixed_rows(40, d, dtype), mixed_rows(90, d, dtype, seed=1)
    Y[::4] = X[:23]
    Y[1::4] = X[:23] * dtype(1.001)
    a, b = X.astype(np.longdouble), Y.astype(np.longdouble)
    if kind == "cosine":
        a, b = (rows / np.sqrt(np.square(rows).sum(axis=1, keepdims=True)) for rows in (a, b))
    exact = np.array([np.square(row - b).sum(axis=1) for row in a])
    exact = {"euclidean": np.sqrt(exact), "sqeuclidean": exact, "cosine": exact / 2}[kind]
    actual = impl.pairwise_distance(X, Y, kind=kind)
    eps = np.finfo(dtype).eps
    error = np.abs(actual - exact)
    # The least that both float types and longdouble can tell of directions.
    slack = 4 * eps * np.sqrt(exact) + (d + 4) * eps**2 if kind == "cosine" else 0
    assert (error <= 11 * (d + 9) * eps * exact + slack).all()
    assert (error <= 30 * np.sqrt(d) * eps * exact + slack).all()
    near = exact < 1e-3 * (1 if kind == "cosine" else exact.max())
    assert near.any() and (error[near] <= (d + 4) * eps * exact[near] + np.broadcast_to(slack, error.shape)[near]).all()


@given(data=st.data())
def test_pairwise_depends_on_two_rows_alone(kernels, data):
    """However a pair is taken, by products or differences, in whichever tile: the same bits."""
    dtype = data.draw(st.sampled_from(FLOATS))
    d, seed = data.draw(st.sampled_from([32, 35, 64])), data.draw(st.integers(0, 2**32 - 1))
    X = mixed_rows(data.draw(st.integers(1, 40)), d, dtype, seed)
    Y = mixed_rows(data.draw(st.integers(1, 80)), d, dtype, seed + 1)
    if data.draw(st.booleans()):
        # As all pairs lie at the border, some on either side.
        offset = data.draw(st.sampled_from([2.4, 2.65, 2.9]))
        X, Y = (
            np.random.default_rng(seed).standard_normal((len(rows), d)).astype(dtype) + dtype(offset) for rows in (X, Y)
        )
    kind = data.draw(st.sampled_from(KINDS))
    table = kernels.pairwise_distance(X, Y, kind=kind)
    assert_same_answer(kernels.pairwise_distance(Y, X, kind=kind).T, table)
    i, j = data.draw(st.integers(0, len(X) - 1)), data.draw(st.integers(0, len(Y) - 1))
    assert_same_answer(kernels.pairwise_distance(X[i : i + 1], Y, kind=kind), table[i : i + 1])
    assert_same_answer(kernels.pairwise_distance(X, Y[j : j + 1], kind=kind), table[:, j : j + 1].copy())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("offset", [0.0, 2.65, 30.0])
def test_pairwise_same_bits_on_every_isa_and_thread_count(dtype, offset):
    X, Y = cloud(150, 48, dtype, offset=offset), cloud(700, 48, dtype, seed=1, offset=offset)
    Y[::9] = X[:78]
    before = fastgeo.runtime.active_isa()
    try:
        for kind in KINDS:
            answers = []
            for isa in fastgeo.runtime.supported_isas():
                fastgeo.runtime.set_isa(isa)
                answers += [fastgeo.pairwise_distance(X, Y, kind=kind, n_threads=t) for t in (1, 2, 3, 8)]
            for answer in answers[1:]:
                assert_same_answer(answer, answers[0])
    finally:
        fastgeo.runtime.set_isa(before)


def test_pairwise_same_as_scipy(impl):
    distance = pytest.importorskip("scipy.spatial.distance", reason="scipy is not installed")
    X, Y = cloud(30, 6), cloud(40, 6, seed=1)
    for kind in KINDS:
        np.testing.assert_allclose(
            impl.pairwise_distance(X, Y, kind=kind), distance.cdist(X, Y, kind), rtol=1e-12, atol=1e-14
        )
