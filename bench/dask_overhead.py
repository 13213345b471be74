"""Rows a second of the Dask calls, and their overhead against the one-machine call on the same rows.

python bench/dask_overhead.py [--rows-per-chunk 1000000] [--chunks 8] [--seconds 15]

One worker thread against one kernel thread: on Dask's synchronous scheduler, and on its threaded one, which hands every
task to its worker thread and waits. Each Dask call follows a one-machine call at once and is divided by it; the
overhead is the median of these ratios over many rounds, with their quartiles. What slows the machine down for a while
slows both calls of a pair; the minima of either, which may come from different moments, swing more. On one core
(`taskset -c 1 python ...`) the worker thread's ratios do not measure the difference between two cores as well.
"""

import argparse
import statistics
import time

import dask
import dask.array as da
import dask.bag as db
import numpy as np

import fastgeo
from fastgeo import distributed

SCHEDULERS = [{"scheduler": "synchronous"}, {"scheduler": "threads", "num_workers": 1}]


MIN_ROUNDS = 7


def seconds_of(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def pairs_in_turn(one_machine, others, seconds):
    """For each of the others, of every round: the seconds of the one-machine call and its own right after."""
    pairs = [[] for _ in others]
    end = time.perf_counter() + seconds
    while len(pairs[0]) < MIN_ROUNDS or time.perf_counter() < end:
        for call, own in zip(others, pairs, strict=True):
            own.append((seconds_of(one_machine), seconds_of(call)))
    return pairs


def overhead(pairs):
    low, middle, high = statistics.quantiles([own / one - 1 for one, own in pairs], n=4)
    return f"{middle:+6.1%} ({low:+.0%} to {high:+.0%})"


def on(scheduler, call):
    def run():
        with dask.config.set(**scheduler):
            call()

    return run


def works(rows, chunks):
    """(name, rows, one-machine call, Dask call) over arrays in memory."""
    rng = np.random.default_rng(0)
    for n_chunks in (chunks, 8 * chunks):
        n = rows * n_chunks
        labels, scores = rng.random(n) < 0.3, rng.random(n)
        lazy = da.from_array(labels, rows), da.from_array(scores, rows)
        yield (
            f"histogram_auc, {n_chunks} chunks",
            n,
            lambda labels=labels, scores=scores: fastgeo.histogram_auc(labels, scores),
            lambda lazy=lazy: distributed.histogram_auc(*lazy),
        )
        if n_chunks == chunks:
            for tol in (1e-2, 1e-6, 0.0):
                yield (
                    f"roc_auc, tol={tol:g}",
                    n,
                    lambda labels=labels, scores=scores: fastgeo.roc_auc(labels, scores),
                    lambda lazy=lazy, tol=tol: distributed.roc_auc(*lazy, tol=tol),
                )
    n = rows * chunks
    X = rng.uniform(0, 1, (n, 8)).astype(np.float32)
    lazy_X, start = da.from_array(X, (rows, 8)), X[:16].copy()
    yield (
        "kmeans d=8 k=16, 5 iterations",
        n,
        lambda: fastgeo.kmeans(X, 16, init=start, max_iter=5),
        lambda: distributed.kmeans(lazy_X, 16, init=start, max_iter=5),
    )
    # Either side hands over the images one by one; neither stacks them.
    images = rng.uniform(0, 1, (chunks, 256, 256, 16)).astype(np.float32)
    kernel = rng.uniform(-1, 1, (3, 3, 16, 32)).astype(np.float32)
    lazy_images = da.from_array(images, (1, 256, 256, 16))
    yield (
        "conv2d 3x3 16->32 @256, an image a chunk",
        chunks * 256 * 256,
        lambda: [fastgeo.conv2d(images[i : i + 1], kernel, padding=1) for i in range(chunks)],
        lambda: dask.compute(*distributed.conv2d(lazy_images, kernel, padding=1).to_delayed().ravel()),
    )
    corners = rng.uniform(0, 900, (64 * chunks, 2000, 2))
    detections = [(np.hstack([corner, corner + 60]), rng.random(2000)) for corner in corners]
    bag = db.from_sequence(detections, npartitions=chunks)
    yield (
        "nms, 64 images of 2000 boxes a chunk",
        2000 * len(detections),
        lambda: [fastgeo.nms(*image, 0.5) for image in detections],
        lambda: dask.compute(*distributed.nms(bag, 0.5).to_delayed()),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows-per-chunk", type=int, default=1_000_000)
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15, help="for each row of the table")
    parser.add_argument("--only", default="", help="rows whose name begins so")
    options = parser.parse_args()
    print(f"chunks of {options.rows_per_chunk} rows; overhead: synchronous, one worker thread; median (quartiles)")
    with fastgeo.threads(1):
        for name, n, one_machine, on_dask in works(options.rows_per_chunk, options.chunks):
            if not name.startswith(options.only):
                continue
            many = pairs_in_turn(one_machine, [on(scheduler, on_dask) for scheduler in SCHEDULERS], options.seconds)
            one, own = map(statistics.median, zip(*many[0], strict=True))
            print(
                f"{name:42} one machine {one * 1e3:8.2f} ms, Dask {own * 1e3:8.2f} ms ({n / own:.3g} rows/s): "
                f"{', '.join(map(overhead, many))}; {len(many[0])} rounds",
                flush=True,
            )


if __name__ == "__main__":
    main()
