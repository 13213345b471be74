"""The clustering room against scikit-learn, faiss and scipy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from fastgeo.cli.bench_rows import Prepare, Row

Arrays = tuple[Any, ...]


def shapeless(n: int, d: int, k: int) -> Callable[[], Arrays]:
    """Normal points without any groups, the hardest case for bounds; start from the first k."""

    def arrays() -> Arrays:
        X = np.random.default_rng(0).standard_normal((n, d)).astype(np.float32)
        return X, X[:k].copy()

    return arrays


def clustered(n: int, d: int, k: int) -> Callable[[], Arrays]:
    """Overlapping normal groups; start from k points."""

    def arrays() -> Arrays:
        rng = np.random.default_rng(0)
        centres = rng.uniform(-5, 5, (k, d))
        X = (centres[rng.integers(k, size=n)] + rng.standard_normal((n, d))).astype(np.float32)
        return X, X[rng.choice(n, k, replace=False)]

    return arrays


# How much the inertia may exceed scikit-learn's after as many iterations from the same start.
INERTIA_SLACK = 1.001


def check_inertia(X: Any, start: Any, max_iter: int) -> None:
    """Raise if scikit-learn, where installed, ends with less inertia than ours, by more than rounding explains."""
    try:
        cluster: Any = import_module("sklearn.cluster")
    except ImportError:
        return
    fastgeo: Any = import_module("fastgeo")
    k = len(start)
    peer = cluster.KMeans(k, init=start, n_init=1, max_iter=max_iter, tol=0).fit(X).inertia_
    inertia = fastgeo.kmeans(X, k, init=start, max_iter=max_iter).inertia
    if not inertia <= INERTIA_SLACK * peer:
        raise ArithmeticError(f"kmeans, k={k}: inertia {inertia}, scikit-learn's is {peer}")


def ours(max_iter: int = 10, n_threads: int = 1, *, check: bool = False) -> Prepare:
    def prepare(X: Any, start: Any) -> Callable[[], Any]:
        fastgeo: Any = import_module("fastgeo")

        if check:
            check_inertia(X, start, max_iter)
        return partial(fastgeo.kmeans, X, len(start), init=start, max_iter=max_iter, n_threads=n_threads)

    return prepare


def specified(X: Any, start: Any) -> Callable[[], Any]:
    from fastgeo import reference

    return partial(reference.kmeans, X, len(start), init=start, max_iter=10)


def single_threaded(call: Callable[[], Any]) -> Callable[[], Any]:
    """The peers' BLAS and OpenMP on one thread, as ours."""
    threadpoolctl: Any = import_module("threadpoolctl")
    threadpoolctl.threadpool_limits(1)
    return call


def sklearn(algorithm: str, max_iter: int = 10) -> Prepare:
    def prepare(X: Any, start: Any) -> Callable[[], Any]:
        cluster: Any = import_module("sklearn.cluster")
        model = cluster.KMeans(len(start), init=start, n_init=1, max_iter=max_iter, tol=0, algorithm=algorithm)
        return single_threaded(partial(model.fit, X))

    return prepare


def faiss(X: Any, start: Any) -> Callable[[], Any]:
    module: Any = import_module("faiss")
    module.omp_set_num_threads(1)

    def call() -> Any:
        model = module.Kmeans(
            X.shape[1], len(start), niter=10, max_points_per_centroid=len(X), min_points_per_centroid=1
        )
        model.train(X, init_centroids=start)
        return model.index.search(X, 1)

    return single_threaded(call)


def kmeans_rows() -> list[Row]:
    rows = []
    sizes = [(100_000, 2, 9), (1_000_000, 3, 16), (100_000, 16, 64), (100_000, 64, 256), (60_000, 784, 10)]
    for n, d, k in [(1_000, 2, 9), *sizes, (50_000, 128, 1024)]:
        contestants: dict[str, Prepare] = {
            "fastgeo": ours(check=True),
            "fastgeo, two threads": ours(n_threads=2),
            "scikit-learn lloyd": sklearn("lloyd"),
            "scikit-learn elkan": sklearn("elkan"),
            "faiss": faiss,
        }
        if n == 1_000:
            contestants["reference"] = specified
        work = f"{n}×{d}, k={k}, 10 iterations"
        rows.append(Row("kmeans", work, shapeless(n, d, k), contestants, short=n == 1_000))
    to_the_end: dict[str, Prepare] = {
        "fastgeo": ours(1000, check=True),
        "fastgeo, two threads": ours(1000, 2),
        "scikit-learn lloyd": sklearn("lloyd", 1000),
        "scikit-learn elkan": sklearn("elkan", 1000),
    }
    rows.append(Row("kmeans", "200000×8, k=50, clustered, to convergence", clustered(200_000, 8, 50), to_the_end))
    return rows


# A process of its own, since the peak of memory never falls: what a second call, of full size, adds to it.
MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
n, d, k, contestant = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
X = np.random.default_rng(0).random((n, d), np.float32)
start = X[:k].copy()
def cluster(points):
    if contestant == "fastgeo":
        import fastgeo
        fastgeo.kmeans(points, k, init=start, max_iter=3, n_threads=1)
    else:
        from sklearn.cluster import KMeans
        KMeans(k, init=start, n_init=1, max_iter=3, tol=0).fit(points)
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
cluster(X[: 2 * k])
before = peak()
cluster(X)
print(peak() - before)
"""


def memory_beyond(n: int, d: int, k: int, contestant: str) -> int:
    """Bytes that one call needs beyond its input, by the peak of the process; Linux."""
    command = [sys.executable, "-c", MEMORY, str(n), str(d), str(k), contestant]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def memory_limit(n: int, d: int, k: int) -> int:
    """O(n + k·d): labels, bounds and distances; sums in 64 blocks; and what the process itself needs."""
    return 64 * n + 64 * 16 * k * (d + 8) + (4 << 20)


def memory_rows() -> list[Row]:
    n, d, k = 60_000, 784, 10

    def prepare(contestant: str, call: Prepare) -> Prepare:
        def bound(X: Any, start: Any) -> Callable[[], Any]:
            if sys.platform == "linux":
                used = memory_beyond(n, d, k, contestant)
                print(f"memory of {contestant} beyond {X.nbytes / 1e6:.0f} MB: {used / 1e6:.1f} MB", file=sys.stderr)
                if contestant == "fastgeo" and used > memory_limit(n, d, k):
                    raise MemoryError(
                        f"kmeans: {used} bytes beyond its input, expected {memory_limit(n, d, k)} at most"
                    )
            return call(X, start)

        return bound

    contestants = {
        "fastgeo": prepare("fastgeo", ours(3)),
        "scikit-learn lloyd": prepare("sklearn", sklearn("lloyd", 3)),
    }
    return [Row("kmeans", f"{n}×{d}, k={k}, memory beyond the input", shapeless(n, d, k), contestants)]


def assign_rows() -> list[Row]:
    def prepare(X: Any, centroids: Any) -> Callable[[], Any]:
        fastgeo: Any = import_module("fastgeo")

        return partial(fastgeo.assign, X, centroids, n_threads=1)

    def search(X: Any, centroids: Any) -> Callable[[], Any]:
        module: Any = import_module("faiss")
        module.omp_set_num_threads(1)
        index = module.IndexFlatL2(X.shape[1])
        index.add(centroids)
        return single_threaded(partial(index.search, X, 1))

    def argmin(X: Any, centroids: Any) -> Callable[[], Any]:
        metrics: Any = import_module("sklearn.metrics")
        return single_threaded(partial(metrics.pairwise_distances_argmin_min, X, centroids))

    contestants: dict[str, Prepare] = {"fastgeo": prepare, "faiss": search, "scikit-learn": argmin}
    return [
        Row("assign", f"{n}×{d}, k={k}", shapeless(n, d, k), contestants, short=n == 1_000)
        for n, d, k in [(1_000, 8, 16), (100_000, 16, 64)]
    ]


def plusplus_rows() -> list[Row]:
    def prepare(n_threads: int) -> Prepare:
        def bound(X: Any, start: Any) -> Callable[[], Any]:
            fastgeo: Any = import_module("fastgeo")

            return partial(fastgeo.kmeans_plusplus, X, len(start), seed=0, n_threads=n_threads)

        return bound

    def peer(X: Any, start: Any) -> Callable[[], Any]:
        cluster: Any = import_module("sklearn.cluster")
        return single_threaded(partial(cluster.kmeans_plusplus, X, len(start), random_state=0))

    contestants = {"fastgeo": prepare(1), "fastgeo, two threads": prepare(2), "scikit-learn": peer}
    return [
        Row("kmeans_plusplus", f"{n}×{d}, k={k}", shapeless(n, d, k), contestants, short=n == 1_000)
        for n, d, k in [(1_000, 8, 16), (100_000, 16, 64)]
    ]


def pairwise_rows() -> list[Row]:
    def prepare(kind: str, n_threads: int) -> Prepare:
        def bound(X: Any, Y: Any) -> Callable[[], Any]:
            fastgeo: Any = import_module("fastgeo")

            return partial(fastgeo.pairwise_distance, X, Y, kind=kind, n_threads=n_threads)

        return bound

    def scipy(kind: str) -> Prepare:
        def bound(X: Any, Y: Any) -> Callable[[], Any]:
            distance: Any = import_module("scipy.spatial.distance")
            return partial(distance.cdist, X, Y, kind)

        return bound

    def peer(kind: str) -> Prepare:
        def bound(X: Any, Y: Any) -> Callable[[], Any]:
            metrics: Any = import_module("sklearn.metrics")
            return single_threaded(partial(metrics.pairwise_distances, X, Y, metric=kind))

        return bound

    return [
        Row(
            "pairwise_distance",
            f"{n}×{m}, d={d}, {kind}",
            lambda n=n, m=m, d=d: (shapeless(n, d, 1)()[0], shapeless(n + m, d, 1)()[0][n:]),  # type: ignore[misc]
            {
                "fastgeo": prepare(kind, 1),
                "fastgeo, two threads": prepare(kind, 2),
                "scipy": scipy(kind),
                "scikit-learn": peer(kind),
            },
            short=n == 200,
        )
        for n, m, d in [(200, 200, 16), (2_000, 2_000, 16), (2_000, 2_000, 128)]
        for kind in ("euclidean", "sqeuclidean", "cosine")
    ]


def streaming_rows() -> list[Row]:
    def prepare(X: Any, start: Any) -> Callable[[], Any]:
        fastgeo: Any = import_module("fastgeo")

        def call() -> Any:
            model = fastgeo.StreamingKMeans(len(start), seed=0)
            for first in range(0, len(X), 1000):
                model.partial_fit(X[first : first + 1000])
            return model.centroids

        return call

    def peer(X: Any, start: Any) -> Callable[[], Any]:
        cluster: Any = import_module("sklearn.cluster")

        def call() -> Any:
            model = cluster.MiniBatchKMeans(len(start), random_state=0, n_init=1)
            for first in range(0, len(X), 1000):
                model.partial_fit(X[first : first + 1000])
            return model.cluster_centers_

        return single_threaded(call)

    contestants: dict[str, Prepare] = {"fastgeo": prepare, "scikit-learn MiniBatchKMeans": peer}
    work = "100 batches of 1000×16, k=64"
    return [Row("StreamingKMeans", work, shapeless(100_000, 16, 64), contestants)]


ROWS = [*kmeans_rows(), *memory_rows(), *assign_rows(), *plusplus_rows(), *pairwise_rows(), *streaming_rows()]
