"""Rows a second of the Dask calls, and their overhead against the one-machine call on the same rows.

python bench/distributed.py [--rows-per-chunk 1000000] [--chunks 8]

One worker thread against one kernel thread, in turn, the minimum of several rounds.
"""

import argparse
import time

import dask
import dask.array as da
import numpy as np

import fastgeo
from fastgeo import distributed

ROUNDS = 5


def best_of_both(one_machine, on_dask):
    """Seconds of either, measured in turn."""
    times = []
    for _ in range(ROUNDS):
        for call in (one_machine, on_dask):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
    return min(times[0::2]), min(times[1::2])


def works(rows, chunks):
    """(name, one-machine call, Dask call) over arrays in memory."""
    rng = np.random.default_rng(0)
    n = rows * chunks
    labels, scores = rng.random(n) < 0.3, rng.random(n)
    lazy_labels, lazy_scores = da.from_array(labels, rows), da.from_array(scores, rows)
    yield (
        "histogram_auc",
        lambda: fastgeo.histogram_auc(labels, scores),
        lambda: distributed.histogram_auc(lazy_labels, lazy_scores),
    )
    X = rng.uniform(0, 1, (n, 8)).astype(np.float32)
    lazy_X, start = da.from_array(X, (rows, 8)), X[:16].copy()
    yield (
        "kmeans d=8 k=16, 5 iterations",
        lambda: fastgeo.kmeans(X, 16, init=start, max_iter=5),
        lambda: distributed.kmeans(lazy_X, 16, init=start, max_iter=5),
    )
    # Either side hands over the images one by one; neither stacks them.
    images = rng.uniform(0, 1, (chunks, 256, 256, 16)).astype(np.float32)
    kernel = rng.uniform(-1, 1, (3, 3, 16, 32)).astype(np.float32)
    lazy_images = da.from_array(images, (1, 256, 256, 16))
    yield (
        "conv2d 3x3 16->32 @256, an image a chunk",
        lambda: [fastgeo.conv2d(images[i : i + 1], kernel, padding=1) for i in range(chunks)],
        lambda: dask.compute(*distributed.conv2d(lazy_images, kernel, padding=1).to_delayed().ravel()),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows-per-chunk", type=int, default=1_000_000)
    parser.add_argument("--chunks", type=int, default=8)
    options = parser.parse_args()
    n = options.rows_per_chunk * options.chunks
    print(f"{options.chunks} chunks of {options.rows_per_chunk} rows")
    with dask.config.set(scheduler="synchronous"), fastgeo.threads(1):
        for name, one_machine, on_dask in works(options.rows_per_chunk, options.chunks):
            one, many = best_of_both(one_machine, on_dask)
            print(
                f"{name:44} one machine {one:8.4f} s, Dask {many:8.4f} s ({n / many:.3g} rows/s): {many / one - 1:+.1%}"
            )


if __name__ == "__main__":
    main()
