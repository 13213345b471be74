"""Every algorithm of `assign` and `kmeans` on inputs of any size: the answer of the others, and what really ran."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastgeo
from fastgeo import reference
from fastgeo.runtime import core
from fastgeo.testing import algorithms, assert_same_answer, force_algorithm

pytestmark = pytest.mark.one_isa_at_a_time  # they force algorithms themselves, and count

SEARCHES = algorithms(fastgeo.assign)
RUNS = algorithms(fastgeo.kmeans)
FLOATS = [np.float32, np.float64]


def counted(call):
    """The answer of `call`, and which algorithms ran by choice; None where one that is forced cannot serve it."""
    core.count_runs(True)
    try:
        answer = call()
    except ValueError as error:
        if "cannot serve this call" not in str(error):
            raise
        return None, {}
    finally:
        core.count_runs(False)
    ran = {}
    for choice, algorithm, isa, _ in core.run_counts():
        assert isa == fastgeo.runtime.active_isa()
        ran.setdefault(choice, set()).add(algorithm)
    return answer, ran


def test_names():
    assert SEARCHES == ("exhaustive", "horizontal", "quantized")
    assert RUNS == ("lloyd", "hamerly")


def serves(search, dtype, metric):
    return search == "exhaustive" or (metric != "iou" and (search == "horizontal" or dtype == np.float32))


def points(n, d, dtype, metric, rng, kind):
    X = rng.integers(-2, 3, (n, d)) if kind == "ties" else rng.standard_normal((n, d)) + 3 * rng.integers(0, 3, (n, 1))
    if kind == "huge":
        X = X * 2.0 ** (44 if dtype == np.float32 else 230)
    if kind == "tiny":
        X = X * (1e-41 if dtype == np.float32 else 1e-312)
    if kind == "zeros":
        X[rng.random(n) < 0.5] = 0
    return (np.abs(X) if metric == "iou" else X).astype(dtype)


KINDS = ["plain", "ties", "huge", "tiny", "zeros"]


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "iou"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 50])
def test_assign_under_every_algorithm(kernels, dtype, metric, n):
    rng = np.random.default_rng(n)
    for d in [2] if metric == "iou" else [1, 2, 5, 16, 33, 150]:
        for k in (1, 2, 7, 30):
            for kind in KINDS:
                X, centroids = (points(rows, d, dtype, metric, rng, kind) for rows in (n, k))
                expected = kernels.assign(X, centroids, metric=metric)
                for search in SEARCHES:
                    with force_algorithm(fastgeo.assign, search):
                        answer, ran = counted(lambda a=(X, centroids): kernels.assign(*a, metric=metric))
                    if answer is None:
                        assert not serves(search, dtype, metric)
                        continue
                    directed = metric != "cosine" or centroids.any()
                    assert ran == ({"assign": {search}} if directed else {})
                    assert_same_answer(answer, expected)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "iou"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, 2, 3, 17, 50])
def test_kmeans_under_every_algorithm(kernels, dtype, metric, n):
    rng = np.random.default_rng(n)
    for d in [2] if metric == "iou" else [1, 3, 16, 150]:
        for k in (1, 2, 7, 17):
            for kind in KINDS:
                if k > n:
                    continue
                X = points(n, d, dtype, metric, rng, kind)
                call = lambda a=(X, k): kernels.kmeans(*a, init=a[0][: a[1]], metric=metric, max_iter=9)  # noqa: E731
                expected = call()
                assert_same_answer(expected.labels, kernels.assign(X, expected.centroids, metric=metric)[0])
                for run in RUNS:
                    for search in SEARCHES:
                        with force_algorithm(fastgeo.kmeans, run), force_algorithm(fastgeo.assign, search):
                            answer, ran = counted(call)
                        if answer is None:
                            assert not serves(search, dtype, metric) or (run, metric) == ("hamerly", "iou")
                            continue
                        assert ran.get("kmeans", {run}) == {run}
                        assert ran.get("assign", {search}) == {search}
                        assert ran or not X.any()
                        assert_same_answer(tuple(answer), tuple(expected))


@given(data=st.data())
def test_separated_groups_are_the_references_under_every_algorithm(kernels, data):
    """Labels and inertia of the specification, of any size: groups so far apart that no rounding decides."""
    dtype = data.draw(st.sampled_from(FLOATS))
    k, d = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([1, 3, 12, 40, 130]))
    n = data.draw(st.integers(k, 150))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    groups = rng.integers(k, size=n)
    groups[:k] = np.arange(k)
    X = (100 * groups[:, None] + rng.uniform(-1, 1, (n, d))).astype(dtype)
    expected = reference.kmeans(X, k, init=X[:k])
    run, search = data.draw(st.sampled_from(RUNS)), data.draw(st.sampled_from(SEARCHES))
    with force_algorithm(fastgeo.kmeans, run), force_algorithm(fastgeo.assign, search):
        answer, _ = counted(lambda: kernels.kmeans(X, k, init=X[:k]))
    if answer is None:
        assert (search, dtype) == ("quantized", np.float64)
    else:
        assert_same_answer(tuple(answer), tuple(expected))


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_values_under_every_algorithm(kernels, search, value):
    X = np.ones((40, 5), np.float32)
    for place in ((0, 0), (39, 4), (20, 2)):
        Y = X.copy()
        Y[place] = value
        with force_algorithm(fastgeo.assign, search):
            for call in (lambda Y=Y: kernels.assign(Y, X[:3]), lambda Y=Y: kernels.kmeans(Y, 3, init=X[:3])):
                with pytest.raises(ValueError, match=rf"^X\[{place[0]}, {place[1]}\]: expected"):
                    call()


def test_bounds_are_never_wrong_on_small_inputs(kernels):
    """Kept from the first iteration on, while all centroids move."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, 4, (50, 2)).astype(rng.choice(FLOATS))
        start = X[rng.choice(50, 9)]
        with force_algorithm(fastgeo.kmeans, "hamerly"):
            forced = kernels.kmeans(X, 9, init=start)
        with force_algorithm(fastgeo.kmeans, "lloyd"):
            assert_same_answer(tuple(kernels.kmeans(X, 9, init=start)), tuple(forced))


@pytest.mark.skipif(core.active_isa() == "scalar", reason="without vectors nothing is screened")
def test_plans():
    def planned(function, n, d, k, dtype=np.float32, **keywords):
        X = np.ones((n, d), dtype)
        arguments = (X, X[:k]) if function is fastgeo.assign else (X, k)
        return fastgeo.explain(function, *arguments, **keywords).algorithm

    assert planned(fastgeo.assign, 1000, 2, 9) == "exhaustive"
    assert planned(fastgeo.assign, 1000, 64, 5) == "exhaustive"
    assert planned(fastgeo.assign, 1000, 64, 200) == "quantized"
    assert planned(fastgeo.assign, 1000, 64, 200, np.float64) == "exhaustive"
    assert planned(fastgeo.assign, 1000, 2, 64, metric="iou") == "exhaustive"
    assert planned(fastgeo.kmeans, 1000, 2, 9) == "lloyd"
    assert planned(fastgeo.kmeans, 1000, 16, 64) == "hamerly"
    assert planned(fastgeo.kmeans, 1000, 2, 64, metric="iou") == "lloyd"

    def searched(n, d, k, dtype=np.float32):
        X = np.random.default_rng(0).standard_normal((n, d)).astype(dtype)
        return counted(lambda: fastgeo.kmeans(X, k, init=X[:k], max_iter=2))[1]["assign"]

    assert searched(1000, 64, 5) == {"horizontal"}
    assert searched(1000, 64, 5, np.float64) == {"horizontal"}
    assert searched(1000, 16, 64) == {"quantized"}
    assert searched(1000, 16, 64, np.float64) == {"exhaustive"}
    plan = fastgeo.explain(fastgeo.kmeans, np.ones((50_000, 16), np.float32), 64, n_threads=2)
    assert plan.threads == 2 and plan.chunks > 1 and plan.scratch_bytes > 8 * 50_000
