"""The Dask calls against the one-machine calls: same bits where promised, errors, faults, threads, laziness."""

import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

da = pytest.importorskip("dask.array", reason='fastgeo.distributed needs Dask: pip install "fastgeo[dask]"')
pd = pytest.importorskip("pandas", reason="dataframes need pandas")
import dask
import dask.bag as db
import dask.dataframe as dd
from cases import random_boxes
from dask.distributed import Client, LocalCluster

import fastgeo
from fastgeo import distributed

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own, about ports, memory and killed workers


@pytest.fixture(scope="module")
def cluster():
    """A real cluster of two processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture(params=["threads", "processes", "distributed"])
def scheduler(request):
    """Every scheduler in turn."""
    if request.param == "distributed":
        with Client(request.getfixturevalue("cluster")):
            yield request.param
    else:
        with dask.config.set(scheduler=request.param):
            yield request.param


def predictions(n=5000, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < 0.4
    scores = np.clip(rng.uniform(0, 1, n) + 0.2 * labels, 0, 1).round(3)  # rounding makes ties
    return labels, scores.astype(dtype)


def test_histogram_auc_on_every_scheduler(scheduler):
    labels, scores = predictions()
    expected = fastgeo.histogram_auc(labels, scores)
    lazy = distributed.histogram_auc(da.from_array(labels, 700), da.from_array(scores, 900), compute=False)
    assert lazy.compute() == expected


def test_dataframe_and_delayed_batches():
    labels, scores = predictions()
    frame = dd.from_pandas(pd.DataFrame({"y": labels, "p": scores}), npartitions=4)
    expected = fastgeo.roc_auc(labels, scores)
    assert distributed.roc_auc(frame.y, frame.p) == expected
    batches = [dask.delayed((labels[i : i + 999], scores[i : i + 999])) for i in range(0, len(labels), 999)]
    assert distributed.roc_auc(batches) == expected
    assert distributed.histogram_auc(batches) == fastgeo.histogram_auc(labels, scores)


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


def _slow_batch(i):
    time.sleep(0.2)
    return predictions(1000, seed=i)


def test_a_killed_worker_changes_nothing():
    """The nanny restarts what is killed; lost chunks are made again."""
    batches = [dask.delayed(_slow_batch)(i) for i in range(30)]
    parts = [predictions(1000, seed=i) for i in range(30)]
    expected = fastgeo.histogram_auc(*map(np.concatenate, zip(*parts, strict=True)))
    own_cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with own_cluster as cluster, Client(cluster) as client:
        future = client.compute(distributed.histogram_auc(batches, compute=False))
        time.sleep(1.0)
        os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
        assert future.result(timeout=120) == expected


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads through Linux's /proc")
def test_kernels_start_no_threads_of_their_own():
    code = """
import os, dask.array as da, numpy as np, fastgeo
from fastgeo import distributed
images = np.random.default_rng(0).uniform(size=(2, 256, 256, 16))
kernel = np.ones((3, 3, 16, 32))
lazy = distributed.conv2d(da.from_array(images, (1, 256, 256, 16)), kernel)
before = len(os.listdir("/proc/self/task"))
lazy.compute(scheduler="synchronous")
inside = len(os.listdir("/proc/self/task"))
fastgeo.conv2d(images, kernel, n_threads=3)
print(inside - before, len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["0", "2"], done.stderr  # none from tasks; two from the call that asks for them


def test_the_client_needs_no_more_memory_for_longer_chunks(cluster):
    """Eight times the rows in as many chunks: the client holds graphs and answers only."""

    def peak(rows):
        X = da.random.default_rng(0).random((8 * rows, 4), chunks=(rows, 4))
        tracemalloc.start()
        distributed.histogram_auc(X[:, 0] < 0.5, X[:, 1])
        distributed.kmeans(X, 4, init=np.eye(4), max_iter=2)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    with Client(cluster):
        peak(10)  # imports
        small, large = peak(20_000), peak(160_000)
    assert large < 1.5 * small
    assert large < 160_000 * 4 * 8  # one chunk


def test_nothing_is_computed_early():
    made = []

    def make(block):
        made.append(1)
        return block

    images = da.zeros((1, 32, 32, 1), chunks=(1, 16, 16, 1)).map_blocks(make, meta=np.zeros((0, 0, 0, 0)))
    lazy = distributed.conv2d(images, np.ones((3, 3, 1, 1)))
    labels = da.zeros(10, chunks=5).map_blocks(make, meta=np.zeros(0))
    distributed.histogram_auc(labels, labels, compute=False)
    assert not made
    lazy.compute(scheduler="synchronous")
    assert len(made) == 4
