"""The Dask calls against the one-machine calls: same bits where promised, errors, lost workers, threads, laziness."""

import doctest
import importlib
import multiprocessing
import os
import re
import signal
import threading
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest

da = pytest.importorskip("dask.array", reason='fastgeo.distributed needs Dask: pip install "fastgeo-kernels[dask]"')
pd = pytest.importorskip("pandas", reason="dataframes need pandas")
import dask
import dask.bag as db
import dask.dataframe as dd
from cases import random_boxes
from dask.callbacks import Callback
from dask.distributed import Client, LocalCluster
from fresh import in_fresh_process

import fastgeo
from fastgeo import distributed
from fastgeo.distributed import auc_refinement, images, key_intervals, task_spec
from fastgeo.distributed.columns import row_batches

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, about ports, memory and killed workers


@pytest.fixture(scope="module")
def cluster():
    """A real cluster of two processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def processes():
    """Dask would start new ones for every pass."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(params=["threads", "processes", "distributed"])
def scheduler(request):
    """Every scheduler in turn."""
    if request.param == "distributed":
        with Client(request.getfixturevalue("cluster")):
            yield request.param
    else:
        pool = request.getfixturevalue("processes") if request.param == "processes" else None
        with dask.config.set(scheduler=request.param, pool=pool):
            yield request.param


def predictions(n=5000, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.4
    scores = np.clip(rng.uniform(0, 1, n) + 0.2 * labels, 0, 1).round(3)  # rounding makes ties
    return labels, scores.astype(dtype)


@pytest.mark.parametrize("name", ["clustering", "images", "ranking", "suppression"])
def test_examples_of_the_docstrings(name):
    module = importlib.import_module(f"fastgeo.distributed.{name}")
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
    public = [getattr(distributed, name) for name in distributed.__all__]
    assert all(">>>" in function.__doc__ for function in public if function.__module__ == module.__name__)


def test_histogram_auc_on_every_scheduler(scheduler):
    labels, scores = predictions()
    expected = fastgeo.histogram_auc(labels, scores)
    lazy = distributed.histogram_auc(da.from_array(labels, 700), da.from_array(scores, 900), compute=False)
    assert lazy.compute() == expected


@pytest.mark.parametrize("kind", ["frame", "batches"])
def test_dataframe_and_delayed_batches(kind):
    labels, _ = predictions()
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 100, len(labels)) / 128  # every value a bin of its own, of 128
    weights = rng.random(len(labels))
    if kind == "frame":
        frame = dd.from_pandas(pd.DataFrame({"y": labels, "p": scores, "w": weights}), npartitions=4)
        columns, weighted = (frame.y, frame.p), {"labels": frame.y, "scores": frame.p, "sample_weight": frame.w}
    else:
        starts = range(0, len(labels), 999)
        cut = [[column[i : i + 999] for column in (labels, scores, weights)] for i in starts]
        columns, weighted = ([dask.delayed(batch[:2]) for batch in cut],), {"labels": list(map(dask.delayed, cut))}
    assert distributed.roc_auc(*columns) == fastgeo.roc_auc(labels, scores)
    assert distributed.histogram_auc(*columns) == fastgeo.histogram_auc(labels, scores)
    precision = distributed.average_precision(*columns, n_bins=128)
    assert precision == pytest.approx(fastgeo.average_precision(labels, scores), rel=1e-13)
    assert precision == distributed.average_precision(da.from_array(labels, -1), da.from_array(scores, -1), n_bins=128)
    expected = fastgeo.histogram_auc(labels, scores, sample_weight=weights)
    assert distributed.histogram_auc(**weighted) == pytest.approx(expected, rel=1e-13)
    expected = fastgeo.average_precision(labels, scores, sample_weight=weights)
    assert distributed.average_precision(**weighted, n_bins=128) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("chunk", [1, 333, 5000])
def test_roc_auc_is_exact(dtype, chunk):
    labels, scores = predictions(300 if chunk == 1 else 5000, dtype=dtype)
    assert distributed.roc_auc(da.from_array(labels, chunk), da.from_array(scores, chunk)) == fastgeo.roc_auc(
        labels, scores
    )


def test_roc_auc_of_awkward_scores():
    scores = np.array([-np.inf, np.inf, 0.0, -0.0, 5e-324, -5e-324, 1.0, np.nextafter(1.0, 2), 1e308, -1e308] * 3)
    labels = np.arange(30) % 7 < 3
    args = da.from_array(labels, 4), da.from_array(scores, 4)
    assert distributed.roc_auc(*args) == fastgeo.roc_auc(labels, scores)
    integers = np.array([2**62, 2**62 + 1, -(2**62), -(2**62) - 1, 0, 3])
    labels = np.array([1, 0, 0, 1, 1, 0])
    assert distributed.roc_auc(da.from_array(labels, 2), da.from_array(integers, 2)) == fastgeo.roc_auc(
        labels, integers
    )


@pytest.mark.parametrize("tol", [0.5, 1e-2, 1e-4, 1e-7])
def test_roc_auc_within_tol(tol):
    rng = np.random.default_rng(1)
    labels, scores = rng.random(20000) < 0.3, rng.random(20000)
    answer = distributed.roc_auc(da.from_array(labels, 6000), da.from_array(scores, 6000), tol=tol)
    assert abs(answer - fastgeo.roc_auc(labels, scores)) <= tol / 2 + 1e-15


def scores_of(kind, n, rng):
    """Scores that lie unlike one another among all floats."""
    uniform = rng.random(n)
    return {
        "crowded": 0.5 + 1e-13 * uniform,
        "spread": np.ldexp(uniform, rng.integers(-900, 900, n)) * rng.choice([-1, 1], n),
        "two": np.where(uniform < 0.5, 0.25, uniform),  # half of them tied
        "few": np.round(uniform, 2),
        "integers": rng.integers(-(2**63), 2**63 - 1, n),
        "float32": uniform.astype(np.float32),
        "in order": np.sort(uniform),
        "no negatives above": np.where(uniform < 0.5, uniform, np.inf),
        "extremes": np.where(uniform < 0.9, rng.normal(size=n), rng.choice([-np.inf, np.inf, -0.0, 0.0, 5e-324], n)),
    }[kind]


@pytest.mark.parametrize("kind", ["crowded", "spread", "two", "few", "integers", "float32"])
def test_roc_auc_stays_within_its_bounds(kind, monkeypatch):
    """Small limits make it cut and compare in many passes, as it does with many rows."""
    rng = np.random.default_rng(3)
    labels, scores = rng.random(6000) < 0.3, scores_of(kind, 6000, rng)
    exact = fastgeo.roc_auc(labels, scores)
    chunks = da.from_array(labels, 1500), da.from_array(scores, 1500)
    limits = {"MAX_BINS": 64, "MIN_BINS": 16, "MIN_RANGE_ROWS": 400, "MAX_RANGE_ROWS": 700, "MAX_PIECES": 8}
    for name, value in limits.items():
        monkeypatch.setattr(auc_refinement, name, value)
    monkeypatch.setattr(key_intervals, "DIGIT_BITS", 6)
    monkeypatch.setattr(key_intervals, "MAX_BINS", 64)
    steps = []
    for name in ("count", "compare"):
        own = getattr(auc_refinement.Refinement, name)

        def spy(self, found, own=own, name=name):
            own(self, found)
            pairs = 2 * self.negatives * self.positives
            low, high = self.decided / pairs, (self.decided + 2 * self.undecided) / pairs
            steps.append((name, low, high))

        monkeypatch.setattr(auc_refinement.Refinement, name, spy)
    for tol in (0.1, 1e-3, 0.0):
        with dask.config.set(scheduler="synchronous"):
            answer = distributed.roc_auc(*chunks, tol=tol)
        assert answer == exact if tol == 0 else abs(answer - exact) <= tol / 2 + 1e-15
    assert all(low - 1e-15 <= exact <= high + 1e-15 for _, low, high in steps)
    assert {name for name, *_ in steps} == {"count", "compare"}


@pytest.fixture
def small_samples(monkeypatch):
    """Samples, parts and ranges of so few rows that thousands suffice to make several; what plans all of them gave."""
    limits = {"SAMPLE_ROWS": 256, "RUN_ROWS": 4}
    for name, value in limits.items():
        monkeypatch.setattr(key_intervals, name, value)
    limits = {"PART_ROWS": 300, "MIN_RANGE_ROWS": 1000, "MAX_RANGE_ROWS": 20_000}
    for name, value in limits.items():
        monkeypatch.setattr(auc_refinement, name, value)
    plans = []

    def spy(*args, own=auc_refinement.cuts_of_all):
        plans.append(own(*args))
        return plans[-1]

    monkeypatch.setattr(distributed.ranking, "cuts_of_all", spy)
    return plans


@pytest.mark.parametrize(
    ("kind", "is_compared"),
    [
        ("crowded", False),  # one digit holds too many
        ("spread", True),
        ("two", False),  # ties decide much
        ("few", False),
        ("integers", True),
        ("float32", True),
        ("in order", True),
        ("extremes", True),
    ],
)
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_roc_auc_compares_all_rows_where_a_sample_leaves_them_undecided(kind, is_compared, scheduler, small_samples):
    rng = np.random.default_rng(5)
    labels, scores = rng.random(40_000) < 0.3, scores_of(kind, 40_000, rng)
    chunks = da.from_array(labels, 5000), da.from_array(scores, 5000)
    with dask.config.set(scheduler=scheduler):
        assert distributed.roc_auc(*chunks) == fastgeo.roc_auc(labels, scores)
    (plan,) = small_samples
    assert (plan is not None) == is_compared
    if is_compared:
        assert len(plan.parts) > len(plan.ranges) > 1
        assert plan.narrow == (kind == "float32")


def test_roc_auc_of_a_sample_that_misleads(small_samples):
    """A class, the extremes and whole digits that no sampled row shows."""
    labels, scores = np.zeros(8000, bool), np.linspace(1.0, 2.0, 8000)
    labels[1::2] = True
    # Runs of four rows every 60 of a chunk of 4000 are looked at.
    hidden = np.arange(8000) % 4000 % 60 > 20
    scores[hidden] = np.random.default_rng(0).normal(size=hidden.sum()) * 1e300
    scores[[30, 4031]] = [np.inf, -np.inf]
    chunks = da.from_array(labels, 4000), da.from_array(scores, 4000)
    assert distributed.roc_auc(*chunks) == fastgeo.roc_auc(labels, scores)
    assert small_samples[-1] is not None
    labels[~hidden] = False  # nothing but negatives in the sample
    assert distributed.roc_auc(da.from_array(labels, 4000), chunks[1]) == fastgeo.roc_auc(labels, scores)
    labels[:] = False
    with pytest.raises(ValueError, match=r"^labels: expected both classes, got 0 positive and 8000 negative"):
        distributed.roc_auc(da.from_array(labels, 4000), chunks[1])


def test_roc_auc_of_float32_beside_float64_and_on_every_scheduler(scheduler):
    """With the limits as they are: a sample is taken of more than 2**14 rows a chunk."""
    rng = np.random.default_rng(6)
    labels, scores = rng.random(100_000) < 0.3, rng.random(100_000).astype(np.float32)
    expected = fastgeo.roc_auc(labels, scores)
    assert distributed.roc_auc(da.from_array(labels, 40_000), da.from_array(scores, 40_000)) == expected
    mixed = [(labels[:40_000], scores[:40_000].astype(np.float64)), ([], []), (labels[40_000:], scores[40_000:])]
    assert distributed.roc_auc([dask.delayed(batch) for batch in mixed]) == expected


def test_an_error_names_row_and_chunk_of_samples_and_words():
    labels, scores = np.arange(100_000) % 2, np.random.default_rng(0).random(100_000)
    for row in (60_000, 60_030):  # one that the sample meets, and one that it does not
        bad = scores.copy()
        bad[row] = np.nan
        with pytest.raises(ValueError, match=rf"^chunk 1: scores\[{row - 50_000}\]: expected a number, got nan"):
            distributed.roc_auc(da.from_array(labels, 50_000), da.from_array(bad, 50_000))
    labels[60_030] = 2
    with pytest.raises(ValueError, match=r"^chunk 1: labels\[10030\]: expected 0 or 1, got 2"):
        distributed.roc_auc(da.from_array(labels, 50_000), da.from_array(scores, 50_000))


def test_roc_auc_refuses_scores_that_change_between_passes():
    rng = np.random.default_rng(0)
    labels = da.from_array(np.arange(4000) % 2 == 0, 1000)
    scores = da.from_array(np.zeros(4000), 1000).map_blocks(lambda block: rng.random(len(block)), meta=np.zeros(0))
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(ValueError, match=r"^scores: expected the same values in every pass"),
    ):
        distributed.roc_auc(labels, scores)


@pytest.mark.parametrize("other", [np.float32, np.uint64])
def test_roc_auc_refuses_chunks_of_different_kinds(other):
    """Their keys are in different orders: 5 as uint64 and 5 as int64 are not the same."""
    batches = [dask.delayed(([0, 1], np.array([5, 7], kind))) for kind in (np.int64, other)]
    with pytest.raises(ValueError, match=r"^scores: expected scores of one kind in every chunk, got .*integers"):
        distributed.roc_auc(batches)
    small = [dask.delayed(([0, 1], np.array([5, 7], kind))) for kind in (np.int64, np.uint8)]
    assert distributed.roc_auc(small) == 1.0


def test_products_of_counts_are_exact():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2**62, (2, 1000))
    assert key_intervals.exact_dot(a, b) == sum(int(x) * int(y) for x, y in zip(a, b, strict=True))


def test_average_precision_of_binned_scores():
    labels, _ = predictions()
    scores = np.random.default_rng(2).integers(0, 100, len(labels)) / 128  # every value a bin of its own
    answer = distributed.average_precision(da.from_array(labels, 800), da.from_array(scores, 800), n_bins=128)
    assert answer == pytest.approx(fastgeo.average_precision(labels, scores), abs=1e-12)


def test_one_class_is_undefined():
    ones, scores = da.ones(10, chunks=3, dtype=bool), da.random.random(10, chunks=3)
    with pytest.raises(ValueError, match="both classes"):
        distributed.roc_auc(ones, scores)
    assert np.isnan(distributed.roc_auc(ones, scores, on_undefined="nan"))
    assert np.isnan(distributed.histogram_auc(ones, scores, on_undefined="nan"))


def test_error_names_the_chunk():
    labels, scores = predictions()
    scores[1234] = np.nan
    with pytest.raises(ValueError, match=r"^chunk 2: scores\[234\]"):
        distributed.roc_auc(da.from_array(labels, 500), da.from_array(scores, 500))
    scores[1234] = 7.0
    with pytest.raises(ValueError, match=r"^chunk 2: scores\[234\]"):
        distributed.histogram_auc(da.from_array(labels, 500), da.from_array(scores, 500))
    X = np.zeros((100, 2))
    X[60, 1] = np.inf
    with pytest.raises(ValueError, match=r"^chunk 3: X\[0, 1\]"):
        distributed.kmeans(da.from_array(X, (20, 2)), 3)


def clusters(n=3000, k=5, d=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-100, 100, (k, d))[rng.integers(0, k, n)] + rng.uniform(-1, 1, (n, d))


def test_kmeans_is_the_one_machine_answer(scheduler):
    X = clusters()
    start = X[:5] + 0.5
    expected = fastgeo.kmeans(X, 5, init=start)
    found = distributed.kmeans(da.from_array(X, (700, 3)), 5, init=start)
    np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-12)
    np.testing.assert_array_equal(np.concatenate(dask.compute(*found.labels)), expected.labels)
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-12)
    assert found.converged


def test_kmeans_start_finds_separated_clusters_and_ignores_the_chunking():
    X = clusters(k=8)
    answers = [distributed.kmeans(da.from_array(X, (chunk, 3)), 8, seed=3) for chunk in (3000, 1000, 77)]
    for answer in answers:
        np.testing.assert_allclose(answer.centroids, answers[0].centroids, rtol=1e-10)
        assert answer.inertia / len(X) < 1.1  # d/3 within a cluster of half-width 1


def test_kmeans_same_bits_on_any_number_of_workers():
    X = da.from_array(clusters(), (400, 3))
    with dask.config.set(scheduler="synchronous"):
        one = distributed.kmeans(X, 5, seed=1)
    with dask.config.set(scheduler="threads", num_workers=4):
        four = distributed.kmeans(X, 5, seed=1)
    assert one.centroids.tobytes() == four.centroids.tobytes()
    assert one.inertia == four.inertia


def test_kmeans_weights_empty_clusters_and_float32():
    X = clusters(400, 3).astype(np.float32)
    far = np.array([[1e4, 1e4, 1e4]] * 2 + X[:2].tolist(), np.float32)  # two centroids that get nothing
    weights = np.ones(400)
    weights[:100] = 2
    found = distributed.kmeans(da.from_array(X, (150, 3)), 4, init=far, sample_weight=da.from_array(weights, 150))
    expected = fastgeo.kmeans(X, 4, init=far, sample_weight=weights)
    assert found.centroids.dtype == np.float32
    np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-6)
    np.testing.assert_array_equal(np.concatenate(dask.compute(*found.labels)), expected.labels)


def test_kmeans_refills_empty_clusters_as_one_machine_does():
    """Each takes the farthest row out of another cluster, so that one must lose it; after one iteration."""
    X = np.array([[0.0], [1], [2], [50], [100], [101], [300]])
    weights = np.array([1.0, 2, 1, 0, 1, 1, 1])  # the row at 50 lies far, but weighs nothing
    start = [[1.0], [101], [5000], [6000]]
    options = {"init": start, "max_iter": 1}
    for chunk in (1, 3, 7):
        for w in (None, weights):
            lazy = None if w is None else da.from_array(w, chunk)
            found = distributed.kmeans(da.from_array(X, (chunk, 1)), 4, sample_weight=lazy, **options)
            expected = fastgeo.kmeans(X, 4, sample_weight=w, **options)
            np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-14)
            assert found.inertia == pytest.approx(expected.inertia)


def test_kmeans_of_unknown_empty_and_mixed_chunks():
    X = clusters(600)
    expected = fastgeo.kmeans(X, 5, init=X[:5])
    frame = dd.from_pandas(pd.DataFrame(X), npartitions=3)
    mixed = [X[:200], np.zeros((0, 3)), [], X[200:450], (X[450:], np.ones(150))]
    lazy = frame.to_dask_array()
    for rows in (lazy, frame.to_dask_array(lengths=True), lazy[lazy[:, 0] > -1e9], [dask.delayed(m) for m in mixed]):
        found = distributed.kmeans(rows, 5, init=X[:5].tolist())
        np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-12)
        np.testing.assert_array_equal(np.concatenate(dask.compute(*found.labels)), expected.labels)
    start = distributed.kmeans([dask.delayed(m) for m in mixed], 5, seed=0)
    assert start.inertia == pytest.approx(distributed.kmeans(da.from_array(X, (600, 3)), 5, seed=0).inertia)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16])
def test_kmeans_gives_the_float_type_of_one_machine(dtype):
    X = clusters(300).astype(dtype)
    expected = fastgeo.kmeans(X, 3, init=X[:3])
    for rows in (da.from_array(X, (100, 3)), [dask.delayed(X[:100]), dask.delayed(X[100:])]):
        found = distributed.kmeans(rows, 3, init=X[:3].tolist())
        assert found.centroids.dtype == expected.centroids.dtype
        np.testing.assert_allclose(found.centroids, expected.centroids, rtol=1e-6)


def test_kmeans_refuses_what_one_machine_refuses():
    X = np.arange(12.0).reshape(6, 2)
    lazy = da.from_array(X, (3, 2))
    cases = [
        ({"k": 7}, {}),
        ({"k": 2, "tol": -1}, {}),
        ({"k": 2, "max_iter": 0}, {}),
        ({"k": 2, "init": [[0.0, np.nan], [1, 1]]}, {}),
        ({"k": 2, "init": [[0.0], [1]]}, {}),
        ({"k": 2, "init": X[:2]}, {"sample_weight": np.zeros(6)}),
    ]
    for options, weights in cases:
        with pytest.raises(ValueError, match=": expected ") as expected:
            fastgeo.kmeans(X, **options, **weights)
        lazy_weights = {name: da.from_array(value, 3) for name, value in weights.items()}
        with pytest.raises(ValueError, match=f"^{re.escape(str(expected.value))}$"):
            distributed.kmeans(lazy, **options, **lazy_weights)
    with pytest.raises(ValueError, match=r"^chunk 1: sample_weight\[0\]: expected a weight"):
        distributed.kmeans(lazy, 2, init=X[:2], sample_weight=da.from_array(np.array([0, 0, 0, -1, 1, 1]), 3))


def columns_of(n=20):
    rng = np.random.default_rng(0)
    return np.arange(n) % 2, rng.random(n), rng.random(n) + 0.5


def test_a_column_in_memory_is_cut_like_the_dask_column():
    y, s, w = columns_of()
    labels, scores, weights = (da.from_array(column, 6) for column in (y, s, w))
    expected = fastgeo.roc_auc(y, s)
    for pair in ((y, scores), (labels, s), (y.tolist(), scores), (labels, pd.Series(s)), (labels, s.tolist())):
        assert distributed.roc_auc(*pair) == expected
    expected = distributed.histogram_auc(labels, scores, sample_weight=weights)
    for triple in ((labels, scores, w), (y, s, weights), (labels, s, w.tolist()), (y, scores, w)):
        assert distributed.histogram_auc(*triple[:2], sample_weight=triple[2]) == expected
        found = distributed.average_precision(*triple[:2], sample_weight=triple[2])
        assert found == distributed.average_precision(labels, scores, sample_weight=weights)
    X = np.random.default_rng(1).random((20, 2))
    chunked = da.from_array(X, (6, 2))
    expected = distributed.kmeans(chunked, 2, init=X[:2], sample_weight=weights)
    for found in (
        distributed.kmeans(chunked, 2, init=X[:2], sample_weight=w),
        distributed.kmeans(X, 2, init=X[:2], sample_weight=weights),
    ):
        np.testing.assert_array_equal(found.centroids, expected.centroids)


def unusable_columns():
    """Calls, the error and what it must name: the parameter, and what to do."""
    y, s, w = columns_of()
    labels, scores, weights = (da.from_array(column, 6) for column in (y, s, w))
    batches = [dask.delayed((y, s)), dask.delayed((y, s))]
    points = [dask.delayed((s.reshape(10, 2),))]
    text = ["cat", "dog"] * 10
    frame = dd.from_pandas(pd.DataFrame({"y": y, "p": s, "t": text, "n": [0, 1.0, np.nan, 1] * 5}), npartitions=4)
    auc, histogram, precision = distributed.roc_auc, distributed.histogram_auc, distributed.average_precision
    held = r"None beside delayed batches, which hold \(labels, scores, sample_weight\) each"
    for column in (w, weights, w.tolist()):
        for function in (histogram, precision):
            yield partial(function, batches, sample_weight=column), TypeError, f"sample_weight: expected {held}"
        kmeans = partial(distributed.kmeans, points, 2, sample_weight=column)
        yield kmeans, TypeError, r"sample_weight: expected None beside delayed batches, which hold \(X, sample_weight\)"
    yield partial(histogram, iter(batches), scores), TypeError, f"scores: expected {held}"
    yield partial(histogram, batches[0]), TypeError, "labels: expected an iterable of .* put it in a list"
    yield partial(histogram, [*batches, 3]), TypeError, "labels: expected dask.delayed batches, got one of int"
    for pair in ((y, s), (y.tolist(), s), (5, None)):
        yield partial(auc, *pair), TypeError, "labels: expected a Dask array or series, .*for data in memory use"
    yield (
        partial(distributed.kmeans, s.reshape(10, 2), 2),
        TypeError,
        "X: expected a Dask array or series, .*for data in",
    )
    yield partial(auc, labels), TypeError, "scores: expected a Dask array or series, as labels, got None"
    yield partial(auc, frame[["y", "p"]]), TypeError, "scores: expected a Dask array or series, as labels, got None"
    yield partial(auc, labels, 5), TypeError, "scores: expected an array as long as labels, got int"
    yield partial(auc, labels, db.from_sequence([1])), TypeError, "scores: expected a Dask array or series, .* got Bag"
    yield partial(auc, labels, s[:3]), ValueError, "scores: expected length 20, as labels, got 3"
    yield partial(auc, labels, scores[:3]), ValueError, "scores: expected length 20, as labels, got 3"
    yield partial(histogram, labels, scores, sample_weight=w[:3]), ValueError, "sample_weight: expected length 20"
    yield partial(auc, frame.y, s), TypeError, r"scores: .* take labels.to_dask_array\(lengths=True\)"
    yield partial(auc, y, frame.p), TypeError, r"labels: .* take scores.to_dask_array\(lengths=True\)"
    yield (
        partial(auc, frame.y, frame.p.repartition(npartitions=2)),
        ValueError,
        "scores: expected 4 partitions, .*repart",
    )
    yield partial(auc, frame.t, frame.p), TypeError, r"labels: expected numbers, .* by \(labels == 'yes'\)"
    yield partial(histogram, da.from_array(np.array(text), 5), s), TypeError, r"labels: .* by \(labels == 'yes'\)"
    yield partial(auc, frame.y, frame.t), TypeError, r"scores: expected numbers, .* by scores.astype\(float\)"
    yield partial(auc, labels, text), TypeError, r"scores: expected numbers, .* by scores.astype\(float\)"
    yield partial(distributed.kmeans, frame[["p", "t"]], 2), TypeError, r"X: expected numbers, .* by X.astype\(float\)"
    yield partial(auc, frame.n, frame.p), ValueError, r"chunk \d: labels.*got nan; drop or fill missing values first"
    yield partial(histogram, frame.n, frame.p), ValueError, r"chunk 0: labels.*got nan; drop or fill missing"


def test_an_unusable_column_is_named_with_its_remedy():
    with dask.config.set(scheduler="synchronous"):
        for call, error, message in unusable_columns():
            with pytest.raises(error, match=message):
                call()


def test_kmeans_makes_a_chunk_once_a_pass():
    X = np.random.default_rng(0).random((40, 2))
    made = []

    def load(i):
        made.append(i)
        return X[10 * i : 10 * i + 10]

    lazy = da.concatenate([da.from_delayed(dask.delayed(load)(i), (10, 2), float) for i in range(4)])
    with dask.config.set(scheduler="synchronous"):
        distributed.kmeans(lazy, 3, max_iter=2, seed=0)
    # five rounds, the weights of the candidates, two iterations, the inertia; and the first row of all
    assert sorted(made) == sorted([*range(4)] * 9 + [made[0]])


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_chunk_keeps_its_number_where_few_are_read(in_memory):
    columns = [da.from_array(np.arange(20.0), 5), da.from_array(np.arange(20), 5)]
    if not in_memory:
        columns = [column.map_blocks(np.negative) for column in columns]
    batches = row_batches(labels=columns[0], scores=columns[1]).only([1, 3])

    def refuse(batch):
        if abs(batch[0][0]) == 15:
            raise ValueError("no")
        return 0

    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler), pytest.raises(ValueError, match=r"^chunk 3: no$"):
            batches.reduced(refuse, sum)


def test_the_tested_range_of_dask_is_that_of_the_extra():
    project = Path(__file__).parents[1] / "pyproject.toml"
    if not project.exists():
        pytest.skip("pyproject.toml is in the checkout only")
    first, last = task_spec.TESTED
    year, month = map(int, last.split("."))
    assert f'"dask[array,dataframe,distributed]>={first},<{year}.{month + 1}"' in project.read_text(encoding="utf-8")


def test_another_dask_is_refused_with_the_tested_range():
    message = in_fresh_process(
        """if True:
        import sys
        import dask.array, dask.bag, dask.delayed
        sys.modules["dask._task_spec"] = None
        try:
            import fastgeo.distributed
        except ImportError as error:
            print(error)
        """
    )
    assert f"tested with Dask {task_spec.TESTED[0]} to {task_spec.TESTED[1]}" in message
    assert f"Dask {dask.__version__}: pip install" in message


def test_auc_of_unknown_and_empty_chunks():
    labels, scores = predictions(1000)
    frame = dd.from_pandas(pd.DataFrame({"y": labels, "p": scores}), npartitions=4)
    some = frame[frame.p > 0.7]  # keeps none of a partition of low scores
    low = dd.concat([frame[frame.p < 0], some])
    expected = fastgeo.roc_auc(labels[scores > 0.7], scores[scores > 0.7])
    assert distributed.roc_auc(low.y, low.p) == expected
    assert distributed.roc_auc(low.y.values, low.p.values) == expected
    integers = [dask.delayed(([], [])), dask.delayed(([0, 1], [2**62, 2**62 + 1]))]
    assert distributed.roc_auc(integers) == 1.0
    assert np.isnan(distributed.histogram_auc([], on_undefined="nan"))
    assert np.isnan(distributed.roc_auc([], on_undefined="nan"))


def test_an_error_names_its_chunk_on_every_scheduler(scheduler):
    labels, scores = predictions(400)
    scores[250] = 2.0
    with pytest.raises(ValueError, match=r"^chunk 2: scores\[50\]: expected a number from 0 to 1, got 2.0"):
        distributed.histogram_auc(da.from_array(labels, 100), da.from_array(scores, 100))


def test_large_arguments_are_sent_once():
    """Centroids and kernel weights lie in the graph once, not in every task."""
    import cloudpickle

    X = clusters(3000, d=50)
    result = distributed.kmeans(da.random.random((1000, 50), chunks=(10, 50)), 20, init=X[:20], max_iter=1)
    graph = dict(result.labels[0].dask)
    assert len(cloudpickle.dumps(graph)) < 100 * 50 * 8 * 10
    kernel = np.ones((3, 3, 64, 64))
    lazy = distributed.conv2d(da.zeros((64, 8, 8, 64), chunks=(1, 8, 8, 64)), kernel)
    assert len(cloudpickle.dumps(dict(lazy.dask))) < 3 * kernel.nbytes


def detections(n_images=6, n=200):
    frames = []
    for image in range(n_images):
        boxes = random_boxes(n, np.float64, seed=image)
        scores = np.random.default_rng(image).random(n)
        category = np.arange(n) % 3
        frame = pd.DataFrame(boxes, columns=["x1", "y1", "x2", "y2"])
        frames.append(frame.assign(image_id=image, score=scores, category_id=category))
    return frames


def test_nms_of_dataframes_and_bags(scheduler):
    frames = detections()
    whole = dd.from_delayed([dask.delayed(pd.concat)(frames[i : i + 2]) for i in range(0, 6, 2)], meta=frames[0])
    expected, expected_batched = [], []
    for frame in frames:
        boxes, scores, ids = frame[["x1", "y1", "x2", "y2"]].to_numpy(), frame.score.to_numpy(), frame.category_id
        expected.append(frame.iloc[fastgeo.nms(boxes, scores, 0.4)])
        expected_batched.append(frame.iloc[fastgeo.batched_nms(boxes, scores, ids.to_numpy(), 0.4)])
    pd.testing.assert_frame_equal(distributed.nms(whole, 0.4).compute(), pd.concat(expected))
    pd.testing.assert_frame_equal(distributed.batched_nms(whole, 0.4).compute(), pd.concat(expected_batched))

    images = [(f[["x1", "y1", "x2", "y2"]].to_numpy(), f.score.to_numpy()) for f in frames]
    kept = distributed.nms(db.from_sequence(images, npartitions=3), 0.4).compute()
    for image, keep in zip(images, kept, strict=True):
        np.testing.assert_array_equal(keep, fastgeo.nms(*image, 0.4))


def test_an_image_cut_across_partitions_raises():
    frames = detections()
    rows = pd.concat(frames)
    cut = len(frames[0]) + 2  # within the second image
    cases = {
        "neighbours": ([rows[:cut], rows[cut:]], [0, 1]),
        "not neighbours": ([frames[0], frames[1], frames[0]], [0, 2]),
        "text": ([frame.assign(image_id=frame.image_id.astype(str)) for frame in (frames[0], frames[0])], [0, 1]),
    }
    for parts, partitions in cases.values():
        lazy = dd.from_delayed([dask.delayed(part) for part in parts], meta=parts[0][:0], verify_meta=False)
        for function in (distributed.nms, distributed.batched_nms):
            with pytest.raises(
                ValueError, match=r"image_id: expected each image whole in one partition, got "
            ) as error:
                function(lazy, 0.4).compute(scheduler="synchronous")
            assert f"in partitions {partitions}; bring images together by detections.shuffle('image_id')" in str(
                error.value
            )
    whole = dd.from_delayed([dask.delayed(frame) for frame in frames[:3]], meta=frames[0][:0], verify_meta=False)
    assert len(distributed.nms(whole, 0.4).compute(scheduler="synchronous"))


def test_detections_of_another_kind_are_refused_at_once():
    frame = detections()[0]
    for value in (frame, [frame], da.zeros((3, 4))):
        with pytest.raises(TypeError, match=r"detections: expected a Dask bag or dataframe, got .*from_pandas"):
            distributed.batched_nms(value, 0.4)
    lazy = dd.from_pandas(frame, npartitions=1)
    for options in ({"image": "no"}, {"score": "no"}, {"category": "no"}, {"boxes": ("x1", "y1", "x2", "no")}):
        with pytest.raises(ValueError, match="detections: expected a column 'no', got "):
            distributed.batched_nms(lazy, 0.4, **options)


def test_bad_detections_name_their_chunk():
    frames = detections()
    frames[3].loc[5, "x2"] = np.nan
    with pytest.raises(ValueError, match=r"^boxes\[") as expected:
        fastgeo.nms(frames[3][["x1", "y1", "x2", "y2"]].to_numpy(), frames[3].score.to_numpy(), 0.4)
    whole = dd.from_delayed([dask.delayed(frame) for frame in frames], meta=frames[0], verify_meta=False)
    with pytest.raises(
        ValueError, match=f"^{re.escape(f'chunk 3: {expected.value}; drop or fill missing values first')}$"
    ):
        distributed.nms(whole, 0.4).compute(scheduler="threads")
    bag = db.from_sequence(
        [(f[["x1", "y1", "x2", "y2"]].to_numpy(), f.score.to_numpy()) for f in frames], npartitions=6
    )
    with pytest.raises(
        ValueError, match=f"^{re.escape(f'chunk 3: {expected.value}; drop or fill missing values first')}$"
    ):
        distributed.nms(bag, 0.4).compute(scheduler="threads")


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate"])
@pytest.mark.parametrize(
    ("stride", "dilation", "padding"), [(1, 1, "same"), (2, 1, 1), (3, 2, ((2, 1), (0, 3))), (5, 1, 0)]
)
def test_conv2d_same_bits(layout, padding_mode, stride, dilation, padding):
    rng = np.random.default_rng(0)
    inputs, kernel = rng.uniform(-1, 1, (3, 23, 31, 4)), rng.uniform(-1, 1, (3, 3, 4, 5))
    chunks = (2, 7, 10, 3)
    if layout == "NCHW":
        inputs, kernel, chunks = inputs.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), (2, 3, 7, 10)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "padding_mode": padding_mode}
    lazy = distributed.conv2d(da.from_array(inputs, chunks), kernel, layout=layout, **options)
    expected = fastgeo.conv2d(inputs, kernel, layout=layout, **options)
    assert lazy.shape == expected.shape
    assert lazy.compute(scheduler="threads").tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d", "lp_pool2d"])
@pytest.mark.parametrize(
    ("size", "stride", "padding", "ceil_mode"), [(2, None, 0, False), (3, 2, 1, True), (3, 1, 1, False)]
)
def test_pooling_same_bits(name, size, stride, padding, ceil_mode):
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, 24, 17, 3)).astype(np.float32)
    options = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    lazy = getattr(distributed, name)(da.from_array(inputs, (1, 5, 6, 3)), size, **options)
    expected = getattr(fastgeo, name)(inputs, size, **options)
    assert lazy.compute(scheduler="threads").tobytes() == expected.tobytes()


def test_images_cut_anywhere_same_bits():
    """Random pictures, windows, paddings and chunks, among them windows that see nothing but padding."""
    rng = np.random.default_rng(0)
    compared = 0
    for _ in range(60):
        inputs = rng.uniform(-1, 1, (rng.integers(0, 3), *rng.integers(1, 14, 2), rng.integers(1, 4)))
        chunks = tuple(int(rng.integers(1, max(2, length + 1))) for length in inputs.shape)
        size, stride, dilation = (tuple(rng.integers(1, high, 2).tolist()) for high in (4, 8, 3))
        kernel = rng.uniform(-1, 1, (*size, inputs.shape[3], 2))
        padding = tuple(map(tuple, rng.integers(0, 6, (2, 2)).tolist()))
        mode = str(rng.choice(["zeros", "reflect", "replicate"]))
        options = {"stride": stride, "dilation": dilation}
        pooling = {**options, "padding": min(size) // 2, "ceil_mode": bool(rng.integers(2))}
        calls = [("conv2d", kernel, {**options, "padding": padding, "padding_mode": mode})]
        calls += [(name, size, pooling) for name in ("max_pool2d", "avg_pool2d", "lp_pool2d")]
        for name, argument, keywords in calls:
            lazy_inputs = da.from_array(inputs, chunks)
            try:
                expected = getattr(fastgeo, name)(inputs, argument, **keywords)
            except ValueError as error:
                with pytest.raises(ValueError, match=f"^{re.escape(str(error))}$"):
                    getattr(distributed, name)(lazy_inputs, argument, **keywords)
                continue
            lazy = getattr(distributed, name)(lazy_inputs, argument, **keywords)
            found = lazy.compute(scheduler="synchronous")
            assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
            assert found.tobytes() == expected.tobytes(), (name, inputs.shape, chunks, argument, keywords)
            compared += 1
    assert compared > 150


def test_images_are_refused_at_once():
    inputs = np.zeros((1, 8, 8, 2))
    lazy = da.from_array(inputs, (1, 4, 4, 2))
    kernel = np.zeros((3, 3, 2, 1))
    for options in ({"padding_mode": "mirror"}, {"activation": "gelu"}, {"stride": 0}, {"layout": "HW"}, {"groups": 3}):
        with pytest.raises(ValueError, match=": expected ") as expected:
            fastgeo.conv2d(inputs, kernel, **options)
        with pytest.raises(ValueError, match=f"^{re.escape(str(expected.value))}$"):
            distributed.conv2d(lazy, kernel, **options)
    with pytest.raises(TypeError, match=r"^inputs: expected a dask array, got ndarray$"):
        distributed.conv2d(inputs, kernel)
    with pytest.raises(ValueError, match=r"^inputs: expected chunks of known sizes"):
        distributed.max_pool2d(lazy[lazy[:, 0, 0, 0] >= 0], 2)
    with pytest.raises(ValueError, match=r"^return_indices: expected False"):
        distributed.max_pool2d(lazy, 2, return_indices=True)


@pytest.mark.parametrize(("name", "argument"), [("conv2d", np.ones((3, 3, 2, 1))), ("max_pool2d", 3)])
@pytest.mark.parametrize("bad_type", [complex, str, object])
@pytest.mark.parametrize(("height", "readers"), [(8, "5"), (4, "10|11")])
def test_a_bad_chunk_of_images_is_named(name, argument, bad_type, height, readers):
    """One that its task reads alone, and one that is put together with rows of its neighbour."""
    pictures = np.ones((8, 8, 6, 2))

    def spoil(block, block_id):
        return block.astype(bad_type) if block_id[:2] == (5, 0) else block

    lazy = da.from_array(pictures, (1, height, 6, 2)).map_blocks(spoil, meta=pictures[:0])
    with pytest.raises(TypeError, match=r"^inputs: expected an array of numbers") as expected:
        getattr(fastgeo, name)(pictures.astype(bad_type), argument, stride=1, padding=1)
    later = getattr(distributed, name)(lazy, argument, stride=1, padding=1)
    with pytest.raises(TypeError, match=f"^chunk ({readers}): {re.escape(str(expected.value))}$"):
        later.compute(scheduler="threads")


@pytest.mark.parametrize(("height", "readers"), [(8, "5"), (4, "10|11")])
def test_a_chunk_of_another_shape_is_named(height, readers):
    """It would be spread over the channels that it lacks."""
    pictures = np.ones((8, 8, 6, 2))

    def spoil(block, block_id):
        return block[..., :1] if block_id[:2] == (5, 0) else block

    lazy = da.from_array(pictures, (1, height, 6, 2)).map_blocks(spoil, meta=pictures[:0])
    with pytest.raises(ValueError, match=rf"^chunk ({readers}): inputs: expected shape .* 6, 2\), got .* 6, 1\)$"):
        distributed.max_pool2d(lazy, 3, stride=1, padding=1).compute(scheduler="threads")


def tasks_run(lazy_or_call):
    """Names of the functions' layers of all tasks that ran."""
    names = []
    with dask.config.set(scheduler="synchronous"), Callback(pretask=lambda key, *_: names.append(key)):
        lazy_or_call()
    return names


def tables_of_rows(n_chunks):
    """The same labels and scores in memory, made by tasks, as delayed batches, and in partitions of a frame."""
    labels, scores = predictions(100 * n_chunks)
    lazy = da.from_array(labels, 100), da.from_array(scores, 100)
    made = tuple(array.map_blocks(np.copy, meta=array._meta) for array in lazy)
    frame = dd.from_pandas(pd.DataFrame({"y": labels, "p": scores}), npartitions=n_chunks)
    batches = [dask.delayed(predictions)(100, seed=i) for i in range(n_chunks)]
    return {"memory": lazy, "made": made, "delayed": (batches,), "frame": (frame.y, frame.p)}


def test_one_task_a_chunk():
    """Labels and scores are read, made and counted in one task; 16 chunks take two joins and one more."""
    for name, columns in tables_of_rows(16).items():
        later = distributed.histogram_auc(*columns, compute=False)
        assert len(tasks_run(later.compute)) == 16 + 2 + 1, name


def test_one_task_for_several_chunks_within_a_machine():
    """A call that computes at once hands over the joins alone."""
    for name, columns in tables_of_rows(16).items():
        assert len(tasks_run(lambda columns=columns: distributed.histogram_auc(*columns))) == 2 + 1, name


def test_no_task_holds_what_others_made_for_several_chunks():
    """A partition that several tasks need is made by its own; a join of eight chunks would hold eight partitions."""
    labels, scores = predictions(1600)
    both = da.from_array(np.stack([labels, scores]), (2, 100)).map_blocks(np.copy, meta=np.zeros((0, 0)))
    assert len(tasks_run(lambda: distributed.histogram_auc(both[0], both[1]))) == 16 * 2 + 2 + 1


@pytest.mark.parametrize(
    ("workers", "n_tasks"),
    [(1, 9 + 2 + 1), (2, 9 + 2 + 1), (3, 72 + 9 + 2 + 1)],
)
def test_several_chunks_share_a_task_only_where_enough_tasks_remain(workers, n_tasks):
    labels, scores = predictions(720)
    weights = np.random.default_rng(1).random(720)
    lazy = [da.from_array(column, 10) for column in (labels, scores, weights)]
    names = []
    with dask.config.set(scheduler="threads", num_workers=workers):
        with Callback(pretask=lambda key, *_: names.append(key)):
            answer = distributed.histogram_auc(lazy[0], lazy[1], sample_weight=lazy[2])
        assert len(names) == n_tasks
        # Sums of weights depend on their order, which is the same.
        later = distributed.histogram_auc(lazy[0], lazy[1], sample_weight=lazy[2], compute=False)
        assert later.compute() == answer


def test_an_error_names_the_chunk_where_several_share_a_task():
    labels, scores = predictions(160)
    scores[133] = np.nan
    with dask.config.set(scheduler="synchronous"), pytest.raises(ValueError, match=r"^chunk 13: scores\[3\]: expected"):
        distributed.histogram_auc(da.from_array(labels, 10), da.from_array(scores, 10))


def test_what_two_answers_share_is_made_once():
    made = []

    def make(block):
        made.append(1)
        return block

    labels, scores = predictions(1000)
    lazy = da.from_array(labels, 250), da.from_array(scores, 250).map_blocks(make, meta=np.zeros(0))
    auc = distributed.histogram_auc(*lazy, compute=False)
    precision = distributed.average_precision(*lazy, compute=False)
    answers = dask.compute(auc, precision, scheduler="synchronous")
    assert len(made) == 4
    assert answers == (distributed.histogram_auc(*lazy), distributed.average_precision(*lazy))


def test_what_one_task_takes_twice_is_made_once():
    """A column that is labels, scores or weights at once, and a batch of one delayed value twice."""
    made = []

    def make(block):
        made.append(1)
        return block

    labels = np.arange(1000) % 3 == 0
    scores = np.random.default_rng(0).random(1000)
    held = da.from_array(scores, 250)
    lazy = held.map_blocks(make, meta=np.zeros(0))
    pairs = [dask.delayed(lambda a, b: (a > 0.5, b))(block, block) for block in lazy.to_delayed()]
    weighted = fastgeo.histogram_auc(labels, scores, sample_weight=scores)
    calls = [
        (weighted, da.from_array(labels, 250), lazy, {"sample_weight": lazy}),
        (weighted, da.from_array(labels, 250), held, {"sample_weight": held}),
        (1.0, pairs, None, {}),
    ]
    with dask.config.set(scheduler="synchronous"):
        for expected, *columns, options in calls:
            for compute in (True, False):
                made.clear()
                answer = distributed.histogram_auc(*columns, compute=compute, **options)
                assert (answer if compute else answer.compute()) == pytest.approx(expected, rel=1e-13)
                assert len(made) == (0 if columns[1] is held else 4)


def test_chunks_reach_the_kernels_uncopied():
    """As they were made; a piece of an image with neighbours is put together once."""
    made = [predictions(100, seed=i) for i in range(3)]
    seen = []

    def look(batch):
        seen.append(batch)
        return 0

    with dask.config.set(scheduler="synchronous"):
        row_batches(labels=[dask.delayed(lambda i: made[i])(i) for i in range(3)]).reduced(look, sum)
        columns = [
            da.concatenate(
                [
                    da.from_delayed(dask.delayed(lambda i, c: made[i][c])(i, c), (100,), made[0][c].dtype)
                    for i in range(3)
                ]
            )
            for c in (0, 1)
        ]
        row_batches(**dict(zip(("labels", "scores"), columns, strict=True))).reduced(look, sum)
    assert len(seen) == 6
    assert {tuple(map(id, batch)) for batch in seen} == {tuple(map(id, batch)) for batch in made}

    pictures = np.random.default_rng(0).random((2, 8, 8, 1))
    pieces = []

    def call(piece, stride, pads):
        pieces.append(piece)
        return fastgeo.max_pool2d(piece, 3, stride, pads)

    for chunk in ((1, 8, 8, 1), (1, 4, 8, 1)):
        lazy = da.map_blocks(
            lambda block_info: pictures[tuple(slice(*ends) for ends in block_info[None]["array-location"])],
            chunks=da.zeros(pictures.shape, chunks=chunk).chunks,
            meta=np.zeros((0,) * 4),
        )
        window = images.geometry.window(pictures.shape, "NHWC", (3, 3), 1, 1, 1)
        cuts = images._image_chunks(lazy, "NHWC")
        images._slide(images.Call(call, (), 1, {}), lazy, window, "NHWC", cuts, float).compute(scheduler="synchronous")
    assert all(np.shares_memory(piece, pictures) for piece in pieces[:2])
    assert len(pieces) == 2 + 4
    assert all(piece.base is None for piece in pieces[2:])  # made by one allocation, no view of another


def _slow_batch(i, n=1000):
    time.sleep(0.2)
    return predictions(n, seed=i)


@pytest.fixture(scope="module")
def mortal_cluster():
    """A cluster whose workers tests may kill."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


def test_a_killed_worker_changes_nothing(mortal_cluster):
    """The nanny restarts what is killed; lost chunks are made again."""
    batches = [dask.delayed(_slow_batch)(i) for i in range(30)]
    parts = [predictions(1000, seed=i) for i in range(30)]
    expected = fastgeo.histogram_auc(*map(np.concatenate, zip(*parts, strict=True)))
    with Client(mortal_cluster) as client:
        future = client.compute(distributed.histogram_auc(batches, compute=False))
        time.sleep(1.0)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        assert future.result(timeout=120) == expected

        many = [dask.delayed(_slow_batch)(i, 20_000) for i in range(10)]  # each is sampled first, then cut into words
        victim = next(iter(client.run(os.getpid).values()))
        timer = threading.Timer(1.7, os.kill, (victim, signal.SIGKILL))
        timer.start()
        auc = distributed.roc_auc(many)
        timer.join()
        assert victim not in client.run(os.getpid).values()
        parts = [predictions(20_000, seed=i) for i in range(10)]
        assert auc == fastgeo.roc_auc(*map(np.concatenate, zip(*parts, strict=True)))

        X = clusters(2000)
        lazy = da.from_array(X, (100, 3)).map_blocks(np.copy)
        killed = []

        def kill_once(n_iter, *_):
            if not killed:
                killed.extend(client.run(os.getpid).values())
                os.kill(killed[0], signal.SIGKILL)

        found = distributed.kmeans(lazy, 5, init=X[:5] + 50, progress=kill_once)
        with dask.config.set(scheduler="synchronous"):
            alone = distributed.kmeans(lazy, 5, init=X[:5] + 50)
        assert killed and found.n_iter > 1
        assert (found.centroids.tobytes(), found.inertia) == (alone.centroids.tobytes(), alone.inertia)


def _slowly(chunk):
    time.sleep(0.15)
    return chunk


@pytest.mark.parametrize("name", ["conv2d", "max_pool2d", "nms of a bag", "nms of a dataframe"])
def test_a_killed_worker_loses_no_image(name, mortal_cluster):
    """One that holds results which the answer still needs is killed: they are made again."""
    if name in ("conv2d", "max_pool2d"):
        images = np.random.default_rng(0).uniform(-1, 1, (6, 12, 9, 2))  # in bands, which need their neighbours' edges
        slow = da.from_array(images, (1, 6, 9, 2)).map_blocks(_slowly, meta=images[:0])
        argument = 3 if name == "max_pool2d" else np.random.default_rng(1).uniform(-1, 1, (3, 3, 2, 4))
        later = getattr(distributed, name)(slow, argument, stride=1, padding=1)
        expected = getattr(fastgeo, name)(images, argument, stride=1, padding=1)
    else:
        frames = detections(12, 50)
        images = [(f[["x1", "y1", "x2", "y2"]].to_numpy(), f.score.to_numpy()) for f in frames]
        kept = [fastgeo.nms(*image, 0.4) for image in images]
        if name == "nms of a bag":
            later, expected = distributed.nms(db.from_sequence(images, npartitions=12).map(_slowly), 0.4), kept
        else:
            frame = dd.from_delayed([dask.delayed(_slowly)(f) for f in frames], meta=frames[0])
            later = distributed.nms(frame, 0.4)
            expected = pd.concat([f.iloc[keep] for f, keep in zip(frames, kept, strict=True)])
    with Client(mortal_cluster) as client:
        client.wait_for_workers(2)
        pids = client.run(os.getpid)
        future = client.compute(later)
        while not (holding := [worker for worker, keys in client.has_what().items() if keys]):
            time.sleep(0.01)
        os.kill(pids[holding[0]], signal.SIGKILL)
        assert not future.done()
        answer = future.result(timeout=120)
        assert pids[holding[0]] not in client.run(os.getpid).values()
    if name == "nms of a dataframe":
        pd.testing.assert_frame_equal(answer, expected)
    else:
        assert len(answer) == len(expected)
        assert all(one.tobytes() == other.tobytes() for one, other in zip(answer, expected, strict=True))


def _native_threads():
    """Threads of this process that Python has not started."""
    return len(os.listdir("/proc/self/task")) - threading.active_count()


def _call_all(size, rows, **config):
    """Calls that would take all cores if they were let, of two chunks each, made by the workers."""
    with dask.config.set(**config):
        images = da.random.default_rng(0).random((2, size, size, 16), chunks=(1, -1, -1, -1))
        distributed.conv2d(images, np.ones((3, 3, 16, 32)))[:, 0, 0].compute()
        distributed.max_pool2d(images, 3, 1)[:, 0, 0].compute()
        X = da.random.default_rng(0).random((rows, 8), chunks=(rows // 2, 8))
        distributed.kmeans(X, 16, init=np.eye(16, 8), max_iter=2)
        distributed.histogram_auc(X[:, 0] < 0.5, X[:, 1])


def _conv2d_on_three_threads():
    fastgeo.conv2d(np.ones((2, 256, 256, 16)), np.ones((3, 3, 16, 32)), n_threads=3)


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through Linux's /proc")
@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes", "distributed"])
def test_kernels_keep_to_the_workers_threads(scheduler, request):
    """In a fresh process, where no earlier call has left threads, or in the workers of a cluster."""
    with ExitStack() as stack:
        if scheduler == "distributed":
            client = stack.enter_context(Client(request.getfixturevalue("cluster")))
            call_all, in_workers = _call_all, client.run
        else:
            pool = stack.enter_context(ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")))

            def in_workers(function, *args, **config):
                return {0: pool.submit(function, *args, **config).result()}

            call_all = partial(in_workers, _call_all, scheduler=scheduler, num_workers=2)
            if scheduler == "processes":
                call_all = partial(_call_all, scheduler=scheduler, pool=pool)
        call_all(8, 100)  # imports
        before = in_workers(_native_threads)
        call_all(256, 2_000_000)
        assert in_workers(_native_threads) == before
        in_workers(_conv2d_on_three_threads)  # two more: the count would have shown them
        assert in_workers(_native_threads) == {worker: count + 2 for worker, count in before.items()}


def _image(n, seed):
    """Boxes and scores of one image."""
    return random_boxes(n, np.float64, seed=seed), np.random.default_rng(seed).random(n)


@pytest.mark.parametrize("name", ["histogram_auc", "average_precision", "roc_auc", "kmeans", "conv2d", "nms"])
def test_the_client_needs_no_more_memory_for_longer_chunks(name, cluster):
    """Eight times the rows in as many chunks: the client holds graphs and answers only."""

    def peak(rows):
        X = da.random.default_rng(0).random((8 * rows, 4), chunks=(rows, 4))
        images = X.reshape((8, rows // 20, 20, 4))
        bag = db.from_delayed([dask.delayed(lambda i: [_image(rows // 10, i)])(i) for i in range(8)])
        call = {
            "histogram_auc": lambda: distributed.histogram_auc(X[:, 0] < 0.5, X[:, 1]),
            "average_precision": lambda: distributed.average_precision(X[:, 0] < 0.5, X[:, 1]),
            "roc_auc": lambda: distributed.roc_auc(X[:, 0] < 0.5, X[:, 1]),
            "kmeans": lambda: distributed.kmeans(X, 4, init=np.eye(4), max_iter=2),
            "conv2d": lambda: distributed.conv2d(images, np.ones((3, 3, 4, 4)), padding=1).sum().compute(),
            "nms": lambda: distributed.nms(bag, 0.5).map(len).sum().compute(),
        }[name]
        tracemalloc.start()
        call()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    with Client(cluster):
        peak(100)  # imports
        small, large = peak(20_000), peak(160_000)
    assert large < 1.5 * small
    assert large < 8 * 16_000 * 5 * 8  # all detections; rows and images are eight times more


def chunked(kind, watch):
    """Labels, images or detections in two chunks, which `watch` sees when they are made."""
    if kind == "labels":
        return da.from_array(np.arange(10) % 2, 5).map_blocks(watch, meta=np.zeros(0, int))
    if kind == "images":
        return da.ones((1, 8, 6, 1), chunks=(1, 4, 6, 1)).map_blocks(watch, meta=np.zeros((0,) * 4))
    frames = detections(2, 10)
    if kind == "frame":
        return dd.from_delayed([dask.delayed(f) for f in frames], meta=frames[0]).map_partitions(watch, meta=frames[0])
    columns = [["x1", "y1", "x2", "y2"], "score", "category_id"]
    return db.from_sequence([[f[c].to_numpy() for c in columns] for f in frames], npartitions=2).map(watch)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("labels", lambda labels: distributed.histogram_auc(labels, labels, compute=False)),
        ("labels", lambda labels: distributed.average_precision(labels, labels, compute=False)),
        ("images", lambda images: distributed.conv2d(images, np.ones((3, 3, 1, 1)), padding=1, padding_mode="reflect")),
        ("images", lambda images: distributed.max_pool2d(images, 2)),
        ("images", lambda images: distributed.avg_pool2d(images, 3, 1, 1)),
        ("images", lambda images: distributed.lp_pool2d(images, 2)),
        ("frame", lambda frame: distributed.nms(frame, 0.5)),
        ("frame", lambda frame: distributed.batched_nms(frame, 0.5)),
        ("bag", lambda bag: distributed.nms(bag.map(lambda image: image[:2]), 0.5)),
        ("bag", lambda bag: distributed.batched_nms(bag, 0.5)),
    ],
)
def test_nothing_is_computed_early(kind, call):
    made = []

    def watch(chunk):
        made.append(1)
        return chunk

    with dask.config.set(scheduler="synchronous"):
        later = call(chunked(kind, watch))
        assert not made
        later.compute()
    assert len(made) == 2
